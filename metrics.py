"""How good predictions are: accuracy, cross-entropy, macro F1, the confusion matrix."""

import numpy as np


def evaluate(probabilities, label_ids):
    """Metrics of a classifier.

    Args:
      probabilities: [N, C], rows sum to 1.
      label_ids: [N], the right class of each row.

    Returns:
      A dict: accuracy; loss (mean cross-entropy, probabilities not below 1e-12);
      macro_f1 (mean over the classes that occur in gold or prediction); majority (the
      share of the most frequent right class); confusion, [C][C] with a row a right class.
    """
    probabilities = np.asarray(probabilities, np.float64)
    label_ids = np.asarray(label_ids)
    num_classes = probabilities.shape[1]
    predicted = probabilities.argmax(1)
    confusion = np.zeros([num_classes, num_classes], np.int64)
    np.add.at(confusion, (label_ids, predicted), 1)
    right = np.diag(confusion).astype(np.float64)
    sizes = confusion.sum(0) + confusion.sum(1)
    occurs = sizes > 0
    chosen = probabilities[np.arange(len(label_ids)), label_ids]
    return {
        "accuracy": float(right.sum() / len(label_ids)),
        "loss": float(-np.log(np.maximum(chosen, 1e-12)).mean()),
        "macro_f1": float((2.0 * right[occurs] / sizes[occurs]).mean()),
        "majority": float(confusion.sum(1).max() / float(len(label_ids))),
        "confusion": confusion.tolist(),
    }


def summarize(values):
    """(mean, standard deviation with n - 1) of some numbers; one number deviates by 0."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return float(np.mean(values)), deviation
