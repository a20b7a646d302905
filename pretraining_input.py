"""Pre-training records as batches: in which order they are read, and masks drawn afresh.

The order of an epoch depends on the seed and the epoch alone, whatever the number of
workers: each worker takes its share of the rows after they are shuffled.
"""

import collections
import random

import numpy as np
import tensorflow.compat.v1 as tf

import features
import masking
import records

SHUFFLE_BUFFER = 10000
FILES_AT_ONCE = 4
ROWS_FROM_A_FILE = 16
LONGEST_SKIP = 1000000  # records: reading more than that again is not worth it
_TYPES = {records.INT64: tf.int64, records.FLOAT: tf.float32}
_BY_TOKEN = ("input_ids", "input_mask", "segment_ids", "token_boundary")

# How masks are drawn while reading; `vocabulary` is a masking.Vocabulary.
DynamicMasking = collections.namedtuple(
    "DynamicMasking", ["vocabulary", "ngram", "masked_lm_prob", "max_predictions_per_seq"])


def training_input_fn(found, batch_size, seed, start_row=0, workers=(1, 0),
                      fixed_length=False, dynamic=None):
    """An input_fn of endless batches, each padded to its own longest row.

    Args:
      found: pretraining_records.Records.
      batch_size: rows of one device; a TPU's `params` know better.
      seed: of the order, and of the masks.
      start_row: rows of all workers that the run has seen; a pass that was broken off
        goes on there if the number of records is known, else a new one begins.
      workers: (how many share the rows, which one this is).
      fixed_length: every row keeps the record's length, as a TPU needs.
      dynamic: a DynamicMasking for records without masks.
    """
    def input_fn(params=None):
        num_workers, worker = workers
        params = params or {}
        if "context" in params:  # a TPU pod calls this once a host
            num_workers = params["context"].num_hosts
            worker = params["context"].current_host
        rows = _shuffled_epochs(found, seed, start_row).shard(num_workers, worker)
        rows = _examples(rows, found, dynamic, seed + start_row)
        size = features.device_rows(params, batch_size)
        if fixed_length:
            return rows.batch(size, drop_remainder=True).prefetch(4)
        rows = rows.map(_trim)
        batches = rows.apply(tf.data.experimental.bucket_by_sequence_length(
            lambda row: tf.size(row["input_ids"]), features.BUCKETS,
            [size] * (len(features.BUCKETS) + 1),
            padded_shapes=tf.data.get_output_shapes(rows), drop_remainder=True))
        return batches.prefetch(4)
    return input_fn


def evaluation_input_fn(found, batch_size, fixed_length=False, dynamic=None):
    """An input_fn that gives every record once; masks, if drawn, are always the same.

    `is_real_example` is 0 in the rows that fill up a TPU's last batch.
    """
    def input_fn(params=None):
        size = features.device_rows(params, batch_size)
        rows = tf.data.TFRecordDataset(found.paths, found.compression)
        rows = _examples(rows, found, dynamic, 0).map(
            lambda row: dict(row, is_real_example=tf.constant(1.0)))
        if fixed_length:
            return rows.batch(size).map(lambda batch: _fill_up(batch, size)).prefetch(4)
        rows = rows.map(_trim)
        return rows.padded_batch(size, tf.data.get_output_shapes(rows)).prefetch(4)
    return input_fn


def _shuffled_epochs(found, seed, start_row):
    def epoch_records(epoch):
        paths = tf.data.Dataset.from_tensor_slices(found.paths).shuffle(
            len(found.paths), seed=seed + epoch)
        rows = paths.interleave(
            lambda path: tf.data.TFRecordDataset(path, found.compression),
            cycle_length=FILES_AT_ONCE, block_length=ROWS_FROM_A_FILE)
        return rows.shuffle(SHUFFLE_BUFFER, seed=seed + epoch)

    if not found.num_rows or start_row % found.num_rows > LONGEST_SKIP:
        return tf.data.Dataset.range(start_row, 2 ** 40).flat_map(epoch_records)
    epoch, skip = divmod(start_row, found.num_rows)
    return tf.data.Dataset.range(epoch, 2 ** 40).flat_map(epoch_records).skip(skip)


def _examples(rows, found, dynamic, seed):
    """Serialised records -> {name: tensor} with the features of static masks."""
    spec = {name: features.Feature(_TYPES[kind], length)
            for name, (kind, length) in found.fields.items()}
    rows = rows.map(lambda record: features.parse(record, spec), num_parallel_calls=2)
    if "token_boundary" not in found.fields:
        return rows
    mask = _make_masking(dynamic, found.max_seq_length)
    numbers = tf.data.Dataset.range(seed, 2 ** 62)
    return tf.data.Dataset.zip((rows, numbers)).map(mask)


def _make_masking(dynamic, max_seq_length):
    """(a row with token_boundary, its number) -> the row with freshly drawn masks."""
    masker = masking.Masker(dynamic.vocabulary, dynamic.ngram, dynamic.masked_lm_prob,
                            dynamic.max_predictions_per_seq)
    num_predictions = dynamic.max_predictions_per_seq

    def draw(input_ids, input_mask, segment_ids, boundaries, number):
        length = int(input_mask.sum())
        document, pair = as_document(
            input_ids[:length].tolist(), segment_ids[:length], boundaries[:length],
            dynamic.vocabulary)
        instance = masker.mask(document, pair, random.Random(int(number)).random)
        ids = input_ids.copy()
        ids[:length] = instance.token_ids
        positions = np.zeros([num_predictions], np.int32)
        labels, weights = np.zeros_like(positions), np.zeros([num_predictions], np.float32)
        count = len(instance.masked_positions)
        positions[:count] = instance.masked_positions
        labels[:count] = instance.masked_labels
        weights[:count] = 1.0
        return ids, positions, labels, weights

    def mask(row, number):
        row = dict(row)
        inputs = [row["input_ids"], row["input_mask"], row["segment_ids"],
                  row.pop("token_boundary"), number]
        outputs = tf.numpy_function(
            draw, inputs, [tf.int32, tf.int32, tf.int32, tf.float32])
        names = ("input_ids", "masked_lm_positions", "masked_lm_ids", "masked_lm_weights")
        for name, value in zip(names, outputs):
            value.set_shape([max_seq_length if name == "input_ids" else num_predictions])
            row[name] = value
        return row
    return mask


def as_document(token_ids, segment_ids, boundaries, vocabulary):
    """[CLS] A [SEP] B [SEP] with its word starts -> (masking.Document, masking.Pair)."""
    first_length = int((segment_ids == 0).sum())
    kept = [i for i in range(1, len(token_ids) - 1) if i != first_length - 1]
    tokens = [token_ids[i] for i in kept]
    word_starts = [place for place, i in enumerate(kept) if boundaries[i]]
    cut = word_starts.index(first_length - 2)
    num_words = len(word_starts)
    word_starts.append(len(tokens))
    special = vocabulary.special_ids
    is_maskable = bytes(special.isdisjoint(tokens[begin:end])
                        for begin, end in zip(word_starts, word_starts[1:]))
    document = masking.Document(tokens, tokens, word_starts, is_maskable, [num_words])
    return document, masking.Pair([0, cut], [cut, num_words], masking.IN_ORDER)


def _trim(row):
    """Drops the padding of one row."""
    length = tf.reduce_sum(row["input_mask"])
    return {name: value[:length] if name in _BY_TOKEN else value
            for name, value in row.items()}


def _fill_up(batch, size):
    missing = size - tf.shape(batch["is_real_example"])[0]
    filled = {}
    for name, value in batch.items():
        paddings = [[0, missing]] + [[0, 0]] * (value.shape.ndims - 1)
        filled[name] = tf.pad(value, paddings)
        filled[name].set_shape([size] + value.shape.as_list()[1:])
    return filled
