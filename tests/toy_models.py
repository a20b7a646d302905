"""Folders with toy weights, as fine-tuning and pre-training leave them."""

import json
import os

import tensorflow.compat.v1 as tf

import classification
import modeling
import modeling_google
import pretraining
import reading_comprehension_model
from tests import toy

MODELS = {"b": (modeling.BertConfig, modeling.BertModel),
          "g": (modeling_google.AlbertConfig, modeling_google.AlbertModel)}


def _write(folder, layout, add_heads, **changes):
    os.makedirs(str(folder), exist_ok=True)
    toy.vocabulary(folder)
    config_class, model_class = MODELS[layout]
    path = os.path.join(str(folder), "albert_config.json")
    os.replace(toy.config(folder, layout, **changes), path)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(5)
        ids = tf.zeros([1, 4], tf.int32)
        add_heads(model_class(config_class.from_json_file(path), False, ids))
        session.run(tf.global_variables_initializer())
        tf.train.Saver(tf.trainable_variables()).save(
            session, os.path.join(str(folder), "model.ckpt"), write_meta_graph=False)
    return str(folder)


def fine_tuned(folder, layout="b", labels=("0", "1"), **changes):
    """A classifier; labels None leaves labels.txt out, of two classes."""
    def add_head(model):
        classification.class_logits(model, len(labels or "01"), False)
    folder = _write(folder, layout, add_head, **changes)
    if labels is not None:
        toy.write(os.path.join(folder, "labels.txt"), "\n".join(labels) + "\n")
    return folder


def pretrained(folder, layout="b", **changes):
    """An encoder with both pre-training heads."""
    def add_heads(model):
        pretraining.word_logits(model, [0])
        pretraining.sentence_order_logits(model)
    return _write(folder, layout, add_heads, **changes)


def reader(folder, layout="b", **changes):
    """A model that finds answers in passages."""
    def add_head(model):
        ids = tf.zeros([1, 4], tf.int32)
        reading_comprehension_model.span_logits(model, ids, ids)
    folder = _write(folder, layout, add_head, **changes)
    toy.write(os.path.join(folder, reading_comprehension_model.SETTINGS_FILE), json.dumps({
        "max_seq_length": 32, "doc_stride": 8, "max_query_length": 12,
        "max_answer_length": 6, "no_answer_threshold": None}))
    return folder
