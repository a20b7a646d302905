"""Writes tests/golden/variables.json: `python -m tests.golden_variables`.

What a checkpoint of each config file holds. Run it only when a config file is added; a
change in an existing entry breaks everybody's checkpoints.
"""

import json
import os

from tools import model_variables

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "variables.json")


def config_files():
    return sorted(name for name in os.listdir(model_variables.CONFIG_FOLDER)
                  if name.endswith(".json"))


def variables_of(name):
    """{variable: shape} of the encoder and both pre-training heads."""
    return model_variables.variables_of(*model_variables.read_config(
        os.path.join(model_variables.CONFIG_FOLDER, name)))


if __name__ == "__main__":
    golden = {name: variables_of(name) for name in config_files()}
    with open(PATH, "w") as out:
        json.dump(golden, out, indent=0, sort_keys=True)
