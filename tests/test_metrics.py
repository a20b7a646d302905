"""The measures, each against a value worked out by hand."""

import json
import math

import numpy
import pytest

import metrics

# Gold 0 0 0 1 1 2, predicted 0 0 1 1 0 2; a fourth class that never occurs.
PREDICTED = [0, 0, 1, 1, 0, 2]
GOLD = [0, 0, 0, 1, 1, 2]


def sure_of(predicted, num_classes, confidence=0.7):
    rest = (1.0 - confidence) / (num_classes - 1)
    rows = numpy.full([len(predicted), num_classes], rest)
    rows[numpy.arange(len(predicted)), predicted] = confidence
    return rows


def test_accuracy_and_majority_share_count_rows():
    result = metrics.evaluate(sure_of(PREDICTED, 4), GOLD)
    assert result["accuracy"] == pytest.approx(4 / 6)
    assert result["majority"] == pytest.approx(3 / 6)


def test_the_rows_of_the_confusion_matrix_are_gold():
    result = metrics.evaluate(sure_of(PREDICTED, 4), GOLD)
    assert result["confusion"] == [
        [2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_precision_and_recall_of_each_class():
    result = metrics.evaluate(sure_of([0, 0, 0, 1], 3), [0, 1, 1, 1])
    assert result["precision"] == pytest.approx([1 / 3, 1.0, 0.0])
    assert result["recall"] == pytest.approx([1.0, 1 / 3, 0.0])


def test_macro_f1_leaves_out_a_class_that_neither_side_contains():
    result = metrics.evaluate(sure_of(PREDICTED, 4), GOLD)
    assert result["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)


def test_macro_f1_counts_a_class_that_is_only_predicted_as_zero():
    result = metrics.evaluate(sure_of([0, 0, 2], 3), [0, 0, 0])
    assert result["macro_f1"] == pytest.approx(0.8 / 2)


def test_loss_is_the_mean_cross_entropy_of_the_gold_label():
    result = metrics.evaluate([[0.5, 0.5], [0.9, 0.1]], [0, 1])
    assert result["loss"] == pytest.approx((math.log(2) + math.log(10)) / 2)


def test_a_probability_of_zero_costs_a_finite_loss():
    result = metrics.evaluate(numpy.array([[1, 0]], numpy.float32), [1])
    assert result["loss"] == pytest.approx(-math.log(1e-12))


def test_float32_probabilities_are_summed_in_float64():
    rows = numpy.tile(numpy.array([[0.9, 0.1]], numpy.float32), [200000, 1])
    result = metrics.evaluate(rows, numpy.zeros(200000, int))
    assert result["loss"] == pytest.approx(-math.log(numpy.float32(0.9)), rel=1e-12)


def test_the_result_can_be_written_as_json():
    result = metrics.evaluate(sure_of(PREDICTED, 4), GOLD)
    assert json.loads(json.dumps(result)) == result


@pytest.mark.parametrize("probabilities, labels, message", [
    (numpy.zeros([0, 2]), [], "no rows"),
    ([[0.5, 0.5]], [0, 1], "do not fit"),
    ([[0.5, 0.5]], [2], "2 classes"),
    ([[0.5, 0.5]], [-1], "from -1"),
    ([[0.5, 0.5], [float("nan"), 0.5]], [0, 1], "Row 1"),
])
def test_input_that_cannot_be_measured_is_refused(probabilities, labels, message):
    with pytest.raises(ValueError) as error:
        metrics.evaluate(probabilities, numpy.array(labels, int))
    assert message in str(error.value)


def test_a_summary_is_the_mean_and_the_deviation_of_a_sample():
    mean, deviation = metrics.summarize([0.8, 0.9, 0.7])
    assert mean == pytest.approx(0.8)
    assert deviation == pytest.approx(0.1)


def test_one_value_deviates_by_nothing():
    assert metrics.summarize([0.8]) == (0.8, 0.0)
