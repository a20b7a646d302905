"""Writes tests/golden/variables.json: `python -m tests.golden_variables`.

What a checkpoint of each config file holds. Run it only when a config file is added; a
change in an existing entry breaks everybody's checkpoints.
"""

import glob
import json
import os

import tensorflow.compat.v1 as tf

import modeling
import modeling_google
import pretraining
import training

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PATH = os.path.join(ROOT, "tests", "golden", "variables.json")


def config_files():
    return sorted(os.path.basename(path) for path in glob.glob(
        os.path.join(ROOT, "albert_config", "*.json")))


def variables_of(name):
    """{variable: shape} of the encoder and both pre-training heads."""
    if name.endswith("_google.json"):
        config_class, model_class = modeling_google.AlbertConfig, modeling_google.AlbertModel
    else:
        config_class, model_class = modeling.BertConfig, modeling.BertModel
    config = config_class.from_json_file(os.path.join(ROOT, "albert_config", name))

    def build():
        ids = tf.placeholder(tf.int32, [None, None])
        model = model_class(config, False, ids)
        pretraining.masked_lm_logits(model, ids)
        pretraining.sentence_order_logits(model)

    return training.model_shapes(build)


if __name__ == "__main__":
    golden = {name: variables_of(name) for name in config_files()}
    with open(PATH, "w") as out:
        json.dump(golden, out, indent=0, sort_keys=True)
