"""Our models equal the ancestors' recorded outputs and gradients."""

import pytest

from tests import golden_models

FOLDERS = sorted(golden_models.MODELS)


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("dynamic", [True, False])
def test_activations_losses_and_gradients_equal_the_recorded_ones(folder, dynamic):
    activations, gradients = golden_models.pretraining_differences(folder, dynamic)
    assert activations <= 1e-5
    assert gradients <= 1e-4


@pytest.mark.parametrize("folder", ["brightmart_postln", "google_groups"])
def test_one_hot_look_ups_give_the_same(folder):
    activations, gradients = golden_models.pretraining_differences(
        folder, use_one_hot=True)
    assert activations <= 1e-5
    assert gradients <= 1e-4


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_fine_tuned_classifier_gives_the_recorded_probabilities(folder):
    assert golden_models.classifier_difference(folder) <= 1e-5
