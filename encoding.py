"""From texts to the ids that a classifier reads, in training and when it is asked.

No TensorFlow here.

Shapes: B batch, S sequence.
"""

import numpy as np

import tasks

INPUTS = ("input_ids", "input_mask", "segment_ids")


def truncate_pair(tokens_a, tokens_b, limit):
    """Cuts single tokens off the end of the longer text, of b on a tie, down to `limit`."""
    a, b = len(tokens_a), len(tokens_b)
    while a + b > limit:
        if a > b:
            a -= 1
        else:
            b -= 1
    return tokens_a[:a], tokens_b[:b]


def truncate_around(tokens, is_kept, limit):
    """The `limit` tokens that are nearest to those that are kept, in their order."""
    kept = [i for i, keep in enumerate(is_kept) if keep]
    by_distance = sorted(
        range(len(tokens)), key=lambda i: min(abs(i - k) for k in kept))
    return [tokens[i] for i in sorted(by_distance[:limit])]


def _truncate_single(example, tokens, tokenizer, limit):
    if len(tokens) <= limit or not example.keep:
        return tokens[:limit]
    bounds = sorted({0, len(example.text_a)}.union(*example.keep))
    tokens, is_kept = [], []
    for begin, end in zip(bounds, bounds[1:]):
        piece = tokenizer.tokenize(example.text_a[begin:end])
        tokens += piece
        is_kept += [any(a <= begin < b for a, b in example.keep)] * len(piece)
    return truncate_around(tokens, is_kept, limit)


def convert_example(example, tokenizer, max_seq_length):
    """[CLS] a [SEP] or [CLS] a [SEP] b [SEP] -> (input_ids, segment_ids, was_truncated).

    A single text is cut at its end, or farthest from what the example says to keep.
    """
    tokens_a = tokenizer.tokenize(example.text_a)
    tokens_b = tokenizer.tokenize(example.text_b) if example.text_b is not None else None
    if tokens_b is None:
        whole = len(tokens_a) + 2
        tokens_a = _truncate_single(example, tokens_a, tokenizer, max_seq_length - 2)
        tokens = ["[CLS]"] + tokens_a + ["[SEP]"]
        segment_ids = [0] * len(tokens)
    else:
        whole = len(tokens_a) + len(tokens_b) + 3
        tokens_a, tokens_b = truncate_pair(tokens_a, tokens_b, max_seq_length - 3)
        tokens = ["[CLS]"] + tokens_a + ["[SEP]"] + tokens_b + ["[SEP]"]
        segment_ids = [0] * (len(tokens_a) + 2) + [1] * (len(tokens_b) + 1)
    return tokenizer.convert_tokens_to_ids(tokens), segment_ids, whole > max_seq_length


def encode(row, tokenizer, max_seq_length):
    """A text or a pair (a, b) -> (input_ids, segment_ids), as in fine-tuning."""
    text_a, text_b = (row, None) if isinstance(row, str) else row
    example = tasks.Example(None, text_a, text_b, None, 0)
    return convert_example(example, tokenizer, max_seq_length)[:2]


def pad(encoded, length=None):
    """[(input_ids, segment_ids)] -> {input: [B, S]}: `length`, or the longest row's."""
    shape = len(encoded), length or max(len(ids) for ids, _ in encoded)
    batch = {name: np.zeros(shape, np.int32) for name in INPUTS}
    for row, (ids, segments) in enumerate(encoded):
        for name, values in zip(INPUTS, (ids, 1, segments)):
            batch[name][row, :len(ids)] = values
    return batch
