"""Holds an exported model against its checkpoint, on real sentences."""

import collections

import numpy as np

import encoding
import errors
import export_graph

# The largest difference allowed, of the largest value where that is above 1.
LIMITS = {"float32": 1e-4, "float16": 1e-2}
# What int8 may cost: the share of rows that become wrong (or, without labels, other).
LARGEST_LOSS = 0.005
# Vectors that point the same way.
SAME_DIRECTION = 0.99
BATCH_SIZE = 8

# inputs: {input: array}; counted: which choices count, [B] or [B, P]; answers: the
# right ones in the same shape, None where they are not known.
Batch = collections.namedtuple("Batch", ["inputs", "counted", "answers"])

# rows, or masked words, that were compared; difference: the largest; agreement: the
# share of equal choices; accuracies: of the source and of the export, None without
# labels.
Result = collections.namedtuple(
    "Result", ["rows", "difference", "agreement", "accuracies"])


def make_batches(examples, labels, tokenizer, head, num_tokens, length=None, rows=None):
    """[tasks.Example] -> [Batch].

    Args:
      examples: with a label each, or their labels are not used.
      labels: those of the model in the order of their ids; None to use none.
      tokenizer: the model's.
      head: one of export_graph.HEADS.
      num_tokens: longer rows are cut.
      length: every row is padded to it; to the longest of its batch where None.
      rows: in a batch.
    """
    rows = rows or BATCH_SIZE
    if labels and any(example.label not in labels for example in examples):
        labels = None
    encoded = [encoding.convert_example(example, tokenizer, num_tokens)[:2]
               for example in examples]
    batches = []
    for start in range(0, len(encoded), rows):
        some = encoded[start:start + rows]
        inputs = encoding.pad(some, length)
        if export_graph.POSITIONS in export_graph.HEADS[head].inputs:
            batches.append(_mask(inputs, tokenizer))
        else:
            answers = labels and np.array(
                [labels.index(e.label) for e in examples[start:start + rows]])
            batches.append(Batch(inputs, np.ones([len(some)], bool), answers))
    return batches


def _mask(inputs, tokenizer):
    """Hides words spread over each row, whose answers are therefore known."""
    ids, lengths = inputs["input_ids"], inputs["input_mask"].sum(1)
    shape = [len(ids), export_graph.FIXED_POSITIONS]
    positions, counted = np.zeros(shape, np.int32), np.zeros(shape, bool)
    for row, length in enumerate(lengths):
        number = min(shape[1], max(1, int(length) // 7))
        # Between [CLS] and the last [SEP].
        chosen = np.unique(np.linspace(1, length - 2, number + 2).astype(int)[1:-1])
        positions[row, :len(chosen)], counted[row, :len(chosen)] = chosen, True
    rows = np.arange(len(ids))[:, np.newaxis]
    answers, hidden = ids[rows, positions], ids.copy()
    mask_id, = tokenizer.convert_tokens_to_ids(["[MASK]"])
    hidden[np.broadcast_to(rows, shape)[counted], positions[counted]] = mask_id
    return Batch(dict(inputs, input_ids=hidden, **{export_graph.POSITIONS: positions}),
                 counted, answers)


def compare(source, exported, batches, head):
    """Two functions {input: array} -> {output: array} -> Result."""
    choose = export_graph.HEADS[head].choose
    differences, same, right = [], [], []
    for batch in batches:
        expected, actual = source(batch.inputs), exported(batch.inputs)
        for name, values in expected.items():
            differences.append(_difference(values, actual[name]))
        if choose is None:
            same.append(_cosines(expected, actual) >= SAME_DIRECTION)
            continue
        choices = [choose(outputs)[batch.counted] for outputs in (expected, actual)]
        same.append(choices[0] == choices[1])
        if batch.answers is not None:
            right.append([choice == batch.answers[batch.counted] for choice in choices])
    same = np.concatenate(same)
    accuracies = [float(np.mean(np.concatenate(each))) for each in zip(*right)] or None
    return Result(len(same), max(differences), float(same.mean()), accuracies)


def _difference(expected, actual):
    if not np.isfinite(actual).all():
        return float("inf")
    return float(np.max(np.abs(expected - actual)) / max(1.0, np.max(np.abs(expected))))


def _cosines(expected, actual):
    """The least similarity of any output, by row."""
    def of(a, b):
        return (a * b).sum(-1) / np.maximum(
            np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1), 1e-12)
    return np.min([of(expected[name], actual[name]) for name in expected], 0)


def describe(result):
    """One line."""
    line = ("%d compared with the checkpoint: largest difference %.1e, "
            "agreement %.2f %%") % (result.rows, result.difference, 100 * result.agreement)
    if result.accuracies:
        line += ", accuracy %.4f (checkpoint %.4f)" % (
            result.accuracies[1], result.accuracies[0])
    return line


def require(result, dtype):
    """Raises errors.InputError where an export differs by more than its type allows."""
    limit = LIMITS.get(dtype)
    if limit is not None:
        if not result.difference <= limit:
            raise errors.InputError(
                "The %s export differs from its checkpoint by %.1e; %.0e is allowed. "
                "Nothing was written." % (dtype, result.difference, limit))
        return
    loss = 1.0 - result.agreement
    if result.accuracies:
        loss = result.accuracies[0] - result.accuracies[1]
    if loss > LARGEST_LOSS or not np.isfinite(result.difference):
        raise errors.InputError(
            "%s costs this model %.1f points of %s; 0.5 are allowed. Nothing was "
            "written. Try --dtype=float16." % (
                dtype, 100 * loss, "accuracy" if result.accuracies else "agreement"))
