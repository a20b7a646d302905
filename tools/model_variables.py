"""The variables of the models that config files describe, and how they are counted.

Names and shapes are those of the real graph, in which nothing is run.
"""

import collections
import copy
import glob
import json
import os

import tensorflow.compat.v1 as tf

import modeling
import modeling_google
import pretraining
import training

CONFIG_FOLDER = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "albert_config")
# Beginnings of names, and what stands there; the first that fits counts.
_GROUPS = [("bert/embeddings/", "embeddings"),
           ("bert/encoder/embedding_hidden_mapping_in/", "embeddings"),
           ("bert/encoder/", "encoder"), ("bert/pooler/", "pooler"), ("", "heads")]


def config_files():
    """Paths of the configs of this model family."""
    return sorted(glob.glob(os.path.join(CONFIG_FOLDER, "albert_config_*.json")))


def read_config(path):
    """-> (config, model class) of a file of either layout.

    Raises errors.InputError for a file that is no config.
    """
    if _is_layout_g(path):
        return (modeling_google.AlbertConfig.from_json_file(path),
                modeling_google.AlbertModel)
    return modeling.BertConfig.from_json_file(path), modeling.BertModel


def _is_layout_g(path):
    try:
        with open(path, encoding="utf-8") as source:
            return modeling.BertConfig.FOREIGN_KEY in json.load(source)
    except (OSError, ValueError):
        return False  # reading it as a config says what is wrong


def variables_of(config, model_class):
    """{variable: shape} of the encoder and both pre-training heads."""
    # Layers that share weights add no variable; one of each kind is quicker to build.
    if getattr(config, "share_parameter_across_layers", True):
        config = copy.copy(config)
        config.num_hidden_layers = getattr(config, "num_hidden_groups", 1)

    def build():
        ids = tf.placeholder(tf.int32, [None, None])
        model = model_class(config, False, ids)
        pretraining.masked_lm_logits(model, ids)
        pretraining.sentence_order_logits(model)

    return training.model_shapes(build)


def variables_of_file(path):
    """{variable: shape} of a config file's model, both pre-training heads included."""
    return variables_of(*read_config(path))


def count(shape):
    """The values in a variable of this shape."""
    number = 1
    for size in shape:
        number *= size
    return number


def group_of(name):
    """"embeddings", "encoder", "pooler" or "heads", in which the variable counts."""
    return next(group for beginning, group in _GROUPS if name.startswith(beginning))


def count_groups(variables):
    """{variable: shape} -> {group: parameters}, in the order of the data."""
    totals = collections.OrderedDict((group, 0) for _, group in _GROUPS)
    for name, shape in variables.items():
        totals[group_of(name)] += count(shape)
    return totals


def mebibytes(parameters):
    """The size of so many fp32 values."""
    return parameters * 4 / 2.0 ** 20
