"""Toy models with every head, as folders that the exporter takes."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

import classification
import model_files
import pretraining
from tests import toy

LABELS = ["不同", "相同"]


def write_model(folder, layout, heads=("classifier", "masked_lm")):
    """A folder with config, vocabulary, labels and random weights; returns its path."""
    folder.mkdir()
    toy.vocabulary(folder)
    path = toy.config(folder, layout, max_position_embeddings=128)
    config_class, model_class = model_files.MODELS[layout.upper()]
    config = config_class.from_json_file(path)
    os.rename(path, str(folder / "albert_config.json"))
    toy.write(folder / "labels.txt", "".join(label + "\n" for label in LABELS))
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        model = model_class(config, False, tf.zeros([1, 4], tf.int32))
        if "classifier" in heads:
            classification.class_logits(model, len(LABELS), False)
        if "masked_lm" in heads:
            pretraining.word_logits(model, [0])
        session.run(tf.global_variables_initializer())
        tf.train.Saver(tf.trainable_variables()).save(
            session, str(folder / "model.ckpt-1"), write_meta_graph=False)
    return str(folder)


def write_rows(folder, rows=6):
    """Pairs with the model's labels in the third column; returns the file's path."""
    lines = toy.pairs(rows, 3).splitlines()
    return toy.write(folder / "rows.tsv", "".join(
        line[:-1] + LABELS[int(line[-1])] + "\n" for line in lines))


def inputs(batch, length, seed=0):
    """{input: [batch, length]} with padding and both segments."""
    rng = np.random.RandomState(seed)
    lengths = rng.randint(length // 2, length + 1, [batch, 1])
    places = np.arange(length)[np.newaxis]
    mask = (places < lengths).astype(np.int32)
    ids = rng.randint(5, 5 + len(toy.CHARACTERS), [batch, length]) * mask
    return {"input_ids": ids.astype(np.int32), "input_mask": mask,
            "segment_ids": ((places >= lengths // 2) * mask).astype(np.int32)}
