"""What a checkpoint sees does not change: names, shapes and counts of every config."""

import json

import numpy as np
import pytest

from tests import golden_variables

# Parameters with both pre-training heads, as published (43.8 MiB for base, and so on).
PUBLISHED_COUNTS = {
    "albert_config_tiny.json": 4295186, "albert_config_base.json": 11492234,
    "albert_config_large.json": 18084490, "albert_config_xlarge.json": 62803594,
    "albert_config_xxlarge.json": 240322186, "albert_config_tiny_google.json": 4142594,
    "albert_config_small_google.json": 4813706, "albert_config_base_google.json": 10669322,
    "albert_config_large_google.json": 16702986,
    "albert_config_xlarge_google.json": 57877002,
    "albert_config_xxlarge_google.json": 222013962,
}
with open(golden_variables.PATH) as source:
    GOLDEN = json.load(source)


@pytest.mark.parametrize("name", golden_variables.config_files())
def test_variables_equal_the_stored_list(name):
    assert name in GOLDEN, "no stored list: run python -m tests.golden_variables"
    assert golden_variables.variables_of(name) == GOLDEN[name]


@pytest.mark.parametrize("name", sorted(PUBLISHED_COUNTS))
def test_parameters_are_as_many_as_published(name):
    count = sum(int(np.prod(shape)) for shape in GOLDEN[name].values())
    assert count == PUBLISHED_COUNTS[name]
