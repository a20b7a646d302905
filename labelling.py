"""What a fine-tuned model says of texts and pairs, whatever computes it.

No TensorFlow here. Shapes: R rows, B batch, S sequence, L labels.
"""

import numpy as np

import encoding
import errors

MAX_BATCH_TOKENS = 8192  # what attention keeps grows with rows and with their length
# What the label of a pair that means the same is called; else it is the last of two.
SIMILAR_LABELS = ("1", "相同", "相似", "是", "yes", "true", "same", "similar", "duplicate",
                  "equivalent", "paraphrase", "entailment")


class Labeller(object):
    """Answers about texts and pairs, in their order, whatever their number.

    A row is a text, or a pair (a, b) of texts. The answers do not depend on what else is
    in a batch. Use it as a context, or `close` it. A kind of model adds `close` and
    `_score`: {input: [B, S]} -> [B, L].

    Args:
      path: what it was made from.
      labels: in the order of the scores; None where it has no classifier.
      tokenizer: a tokenization.FullTokenizer.
      max_seq_length: tokens of a row, beyond which it is cut.
      batch_size: rows that are computed together, at most.
      fixed_length: what every row is padded to; the longest of its batch without it.
    """

    def __init__(self, path, labels, tokenizer, max_seq_length, batch_size,
                 fixed_length=None):
        self.path = path
        self.labels = labels
        self.similar_label = similar_label(labels)
        self.max_seq_length = max_seq_length
        self.batch_size = batch_size
        self._tokenizer = tokenizer
        self._fixed_length = fixed_length

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def predict(self, rows):
        """[row] -> [{"label", "probabilities": {label: p}, "similarity"}].

        `similarity` is the probability of the label for the same meaning, `similar_label`;
        models that have none leave it out.
        """
        return list(map(self.describe, self.probabilities(rows)))

    def describe(self, scores):
        """What `predict` says of a row with these probabilities, [L]."""
        scores = [float(p) for p in scores]
        answer = {"label": self.labels[int(np.argmax(scores))],
                  "probabilities": dict(zip(self.labels, scores))}
        if self.similar_label is not None:
            answer["similarity"] = answer["probabilities"][self.similar_label]
        return answer

    def probabilities(self, rows):
        """[row] -> [R, L], the columns in the order of `labels`."""
        return self._map(rows, self._score, len(self.labels or ()))

    def _map(self, rows, compute, width):
        """Computes rows of like length together; the result is in the rows' order."""
        check_rows(rows)
        encoded = [encoding.encode(row, self._tokenizer, self.max_seq_length)
                   for row in rows]
        result = np.zeros([len(encoded), width], np.float32)
        for places, batch in self._batches(encoded):
            result[places] = compute(batch)
        return result

    def _batches(self, encoded):
        """[(input_ids, segment_ids)] -> (their places, {input: [B, S]}) of each batch."""
        lengths = [self._fixed_length or len(ids) for ids, _ in encoded]
        for places in _batches(lengths, self.batch_size):
            yield places, encoding.pad(
                [encoded[place] for place in places], self._fixed_length)


def check_rows(rows, may_be_single=True):
    """Raises errors.InputError for what is no list of pairs, or of texts and pairs."""
    if isinstance(rows, (str, bytes)):
        raise errors.InputError("Give a list of texts or pairs, not a single text.")
    for number, row in enumerate(rows):
        texts = [row] if may_be_single and isinstance(row, str) else row
        if (not isinstance(texts, (list, tuple)) or len(texts) != 1 + (texts is row)
                or not all(isinstance(text, str) for text in texts)):
            raise errors.InputError(
                "row %d is %.80r; give %sa pair of texts." % (
                    number, row, "a text or " * may_be_single))


def similar_label(labels):
    """The label of pairs that mean the same, or None."""
    known = [label for label in labels or () if label.lower() in SIMILAR_LABELS]
    if len(known) == 1:
        return known[0]
    return labels[-1] if labels and len(labels) == 2 else None


def _batches(lengths, batch_size):
    """Places of rows, those of like length together, longest first: what does not fit
    into memory fails at once."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    start = 0
    while start < len(order):
        rows = max(1, min(batch_size, MAX_BATCH_TOKENS // lengths[order[start]]))
        yield order[start:start + rows]
        start += rows
