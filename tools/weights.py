"""Models as values: read from a checkpoint, computed, and written as a folder.

Reading checks every name and shape against the config, so what is read is whole.
"""

import contextlib
import os
import shutil
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

import checkpoints
import classification
import conversion
import errors
import model_files
import pretraining
import run_record
import tasks
from tools import model_variables

_HEADS = ("cls/predictions/", "cls/seq_relationship/")
# Google's published folders are called so, and other programs tell them by it.
GOOGLE_CHECKPOINT, CHECKPOINT = "model.ckpt-best", "albert_model.ckpt"
SENTENCES = ("我喜欢妈妈做的汤。", "妈妈做的汤我很喜欢喝!",
             "TensorFlow 2.15 和 Python 3.11 发布于 2023 年,很多人在用。",
             "Ａ股收盘：上证指数涨１.２％，“量能”放大……", "café 里的猫😀睡着了")


def read(path, config_file=None, vocab_file=None):
    """-> (model_files.ModelFiles, conversion.Model) of a checkpoint.

    Raises errors.InputError as model_files.find does, where the config is of another
    size or layout, and for a head of which only a part is there.
    """
    files = model_files.find(path, config_file, vocab_file)
    variables = checkpoints.read_model(files.prefix)
    for name in conversion.identity_mapping(files.config):
        if name in variables and checkpoints.is_identity(name, variables[name]):
            del variables[name]
    model = conversion.Model(files.config, variables)
    check_whole(model, files.prefix, files.config_file)
    return files, model


def check_whole(model, origin, config_file):
    """Raises errors.InputError unless a Model has the encoder of its config, and all or
    nothing of each head. What is no part of a model is not looked at."""
    held = {name: list(value.shape) for name, value in model.variables.items()}
    shapes = model_variables.variables_of(
        model.config, model_files.MODELS[model.config.layout][1])
    if conversion.CLASSIFIER in held:
        shapes["output_bias"] = held[conversion.CLASSIFIER][:1]
        shapes[conversion.CLASSIFIER] = shapes["output_bias"] + [model.config.hidden_size]
    wanted = {name: shape for name, shape in shapes.items()
              if not name.startswith(_HEADS) or _head_of(name, held)}
    for problem, names in (
            ("lacks", set(wanted) - set(held)),
            ("has what %s does not describe:" % config_file,
             {name for name in held if name.startswith("bert/")} - set(wanted))):
        if names:
            raise errors.InputError("%s %s %s%s. Use the config that came with it." % (
                origin, problem, ", ".join(sorted(names)[:5]),
                " ..." if len(names) > 5 else ""))
    for name, shape in sorted(wanted.items()):
        if held[name] != shape:
            raise errors.InputError(
                "%s: %s has shape %s, but %s asks for %s. Use the config that came with "
                "it." % (origin, name, held[name], config_file, shape))


def _head_of(name, variables):
    """Whether `variables` has something of the head that `name` belongs to."""
    head = next(head for head in _HEADS if name.startswith(head))
    return any(each.startswith(head) for each in variables)


@contextlib.contextmanager
def new_folder(path):
    """Gives a folder to fill, which becomes `path` if nothing goes wrong.

    Raises errors.InputError where something is there already.
    """
    path = os.path.abspath(path)
    if os.path.exists(path) and not (os.path.isdir(path) and not os.listdir(path)):
        raise errors.InputError(
            "--to=%s is there already. It was left as it is: choose another name." % path)
    temporary = None
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = tempfile.mkdtemp(prefix=".writing-", dir=os.path.dirname(path))
        inside = os.path.join(temporary, "folder")
        os.mkdir(inside)
        yield inside
        os.replace(inside, path)
    except (OSError, tf.errors.ResourceExhaustedError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no space left"
        raise errors.InputError("--to=%s cannot be written: %s." % (path, reason))
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)


def bytes_of(path):
    with open(path, "rb") as source:
        return source.read()


def write(folder, model, vocabulary, labels, name=CHECKPOINT):
    """Fills a folder with a Model's checkpoint, config, vocabulary (bytes) and labels,
    if any."""
    prefix = os.path.join(folder, name)
    variables = dict(model.variables, **conversion.identity_mapping(model.config))
    checkpoints.write(variables, prefix)
    _write_meta_graph(prefix, variables)
    run_record.write_text(os.path.join(folder, "albert_config.json"),
                          model.config.to_json_string())
    run_record.write_bytes(os.path.join(folder, "vocab.txt"), vocabulary)
    if labels:
        tasks.write_labels(os.path.join(folder, "labels.txt"), labels)


def _write_meta_graph(prefix, variables):
    """The variables alone; bert-for-tf2 takes no folder of layout G without this file."""
    with tf.Graph().as_default():
        for name, value in variables.items():
            tf.get_variable(name, value.shape, tf.as_dtype(value.dtype))
        tf.train.Saver().export_meta_graph(prefix + ".meta")


class Network(object):
    """A Model, ready to compute."""

    def __init__(self, model):
        names = ("input_ids", "input_mask", "segment_ids")
        with tf.Graph().as_default() as graph:
            self._inputs = {name: tf.placeholder(tf.int32, [None, None]) for name in names}
            self._outputs = self._build(model)
            self._session = tf.Session(
                graph=graph, config=tf.ConfigProto(device_count={"GPU": 0}))
            # Fed: a graph holds no more than 2 GB.
            starts = {each.op.name: each.initializer for each in tf.global_variables()}
            self._session.run(list(starts.values()), {
                start.inputs[1]: model.variables[name] for name, start in starts.items()})

    def _build(self, model):
        network = model_files.MODELS[model.config.layout][1](
            model.config, False, *[self._inputs[name] for name in (
                "input_ids", "input_mask", "segment_ids")])
        outputs = {"layers": tf.stack(network.get_all_encoder_layers()),
                   "pooled": network.get_pooled_output()}
        if "cls/predictions/output_bias" in model.variables:
            places = tf.range(tf.size(self._inputs["input_ids"]))
            outputs["masked_lm"] = tf.nn.log_softmax(
                pretraining.word_logits(network, places))
        if "cls/seq_relationship/output_bias" in model.variables:
            outputs["order"] = pretraining.sentence_order_logits(network)
        if conversion.CLASSIFIER in model.variables:
            outputs["classifier"] = classification.class_logits(
                network, len(model.variables["output_bias"]), False)
        return outputs

    def compute(self, batch, names=None):
        """{input: int32 [B, S]} -> {output: array}, of `names` or all that there are.

        layers [L, B, S, H], pooled [B, H], and of the heads that the model has: masked_lm
        [B * S, V] log-probabilities, order [B, 2] and classifier [B, labels] logits.
        """
        wanted = {name: value for name, value in self._outputs.items()
                  if names is None or name in names}
        return self._session.run(
            wanted, {self._inputs[name]: batch[name] for name in self._inputs})


def batch_of(texts, tokenizer, length):
    """The inputs of single texts, cut at `length`, and of the first two as a pair."""
    tokens = [tokenizer.convert_tokens_to_ids(
        ["[CLS]"] + tokenizer.tokenize(text)[:length - 2] + ["[SEP]"]) for text in texts]
    width = max(map(len, tokens))
    batch = {name: np.zeros([len(tokens), width], np.int32)
             for name in ("input_ids", "input_mask", "segment_ids")}
    for row, ids in enumerate(tokens):
        batch["input_ids"][row, :len(ids)] = ids
        batch["input_mask"][row, :len(ids)] = 1
    # Both kinds of segments, though these are single texts.
    batch["segment_ids"][::2, width // 2:] = 1
    return batch
