"""How good a classifier's probabilities are: accuracy, loss, F1, confusion matrix."""

import numpy

# A probability of 0 for the right label costs -log(1e-12) = 27.6, not infinity.
SMALLEST_PROBABILITY = 1e-12


def evaluate(probabilities, label_ids):
    """Measures predictions against the gold labels; all sums are in float64.

    Args:
      probabilities: [N, C], a row per example, each summing to 1.
      label_ids: [N] integers of 0..C-1, the gold labels.

    Returns a dict of plain numbers and lists, ready for JSON:
      accuracy: the share of rows whose most probable label is the gold one (the first
        of equals counts as the most probable).
      loss: mean cross-entropy, with probabilities raised to at least 1e-12.
      macro_f1: mean F1 of the classes; those that neither gold nor predictions contain
        are left out, as they say nothing about the model.
      majority: the share of the most frequent gold label, what a constant answer gets.
      confusion: [C][C] counts, rows gold, columns predicted.
      precision, recall: [C] per class; 0 where nothing was predicted, or none is gold.

    Raises ValueError for no rows, and for shapes, labels or numbers that cannot be.
    """
    probabilities = numpy.asarray(probabilities, numpy.float64)
    label_ids = numpy.asarray(label_ids)
    _check(probabilities, label_ids)
    num_rows, num_classes = probabilities.shape
    confusion = numpy.zeros([num_classes, num_classes], numpy.int64)
    numpy.add.at(confusion, (label_ids, probabilities.argmax(axis=1)), 1)
    gold, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    correct = confusion.diagonal()
    # 2PR / (P + R) is 2 * correct / (gold + predicted), without its divisions by 0.
    f1 = 2.0 * correct / numpy.maximum(gold + predicted, 1)
    of_gold = probabilities[numpy.arange(num_rows), label_ids]
    losses = -numpy.log(numpy.maximum(of_gold, SMALLEST_PROBABILITY))
    return {
        "accuracy": float(correct.sum() / float(num_rows)),
        "loss": float(losses.mean()),
        "macro_f1": float(f1[gold + predicted > 0].mean()),
        "majority": float(gold.max() / float(num_rows)),
        "confusion": confusion.tolist(),
        "precision": (correct / numpy.maximum(predicted, 1)).tolist(),
        "recall": (correct / numpy.maximum(gold, 1)).tolist(),
    }


def _check(probabilities, label_ids):
    if probabilities.ndim != 2 or label_ids.shape != probabilities.shape[:1]:
        raise ValueError("Probabilities of shape %s do not fit labels of shape %s." % (
            probabilities.shape, label_ids.shape))
    num_rows, num_classes = probabilities.shape
    if not num_rows:
        raise ValueError("There are no rows to evaluate.")
    if label_ids.min() < 0 or label_ids.max() >= num_classes:
        raise ValueError("Labels run from %d to %d, but there are %d classes." % (
            label_ids.min(), label_ids.max(), num_classes))
    if not numpy.isfinite(probabilities).all():
        raise ValueError("Row %d has a probability that is not a number." % (
            numpy.where(~numpy.isfinite(probabilities).all(axis=1))[0][0]))


def summarize(values):
    """A list of floats -> (mean, standard deviation with n - 1; 0.0 for one value)."""
    values = numpy.asarray(values, numpy.float64)
    deviation = values.std(ddof=1) if len(values) > 1 else 0.0
    return float(values.mean()), float(deviation)
