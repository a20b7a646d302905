"""What a tf.Example holds, said once for its writer and its reader.

A specification maps each feature's name to its type and length. Records keep a fixed
length, so that other programs can read them; our own reader trims the padding again.
"""

import collections
import hashlib
import json
import os

import tensorflow.compat.v1 as tf

import errors
import storage

Feature = collections.namedtuple("Feature", ["dtype", "length"])  # length None: a scalar

# Padded to these lengths a batch wastes little, and each length gets enough examples.
BUCKETS = list(range(8, 64, 4)) + list(range(64, 128, 8)) + list(range(128, 512, 32))


def classification_spec(max_seq_length):
    """One example of a classification task; `example_index` is its row in the data."""
    ids = Feature(tf.int64, max_seq_length)
    scalar = Feature(tf.int64, None)
    return collections.OrderedDict([
        ("input_ids", ids), ("input_mask", ids), ("segment_ids", ids),
        ("label_ids", scalar), ("is_real_example", scalar), ("example_index", scalar)])


def span_spec(max_seq_length):
    """One window of a passage; the positions are 0 where the answer is not in it.
    `example_index` is its number."""
    ids = Feature(tf.int64, max_seq_length)
    scalar = Feature(tf.int64, None)
    return collections.OrderedDict([
        ("input_ids", ids), ("input_mask", ids), ("segment_ids", ids),
        ("start_positions", scalar), ("end_positions", scalar),
        ("is_real_example", scalar), ("example_index", scalar)])


def to_tf_example(values, spec):
    """{name: int or list} -> tf.train.Example; lists are padded with 0 to their length."""
    example = tf.train.Example()
    for name, feature in spec.items():
        value = values[name]
        row = [value] if feature.length is None else list(value)
        row += [0] * ((feature.length or 1) - len(row))
        target = example.features.feature[name]
        numbers = target.int64_list if feature.dtype == tf.int64 else target.float_list
        numbers.value.extend(row)
    return example


def parse(record, spec):
    """A serialised example -> {name: int32 or float32 tensor}."""
    parsed = tf.io.parse_single_example(record, {
        name: tf.io.FixedLenFeature([] if f.length is None else [f.length], f.dtype)
        for name, f in spec.items()})
    return {name: tf.cast(value, tf.int32) if value.dtype == tf.int64 else value
            for name, value in parsed.items()}


def fingerprint(*parts):
    """Twelve hexadecimal digits that change when any part does; parts go through JSON."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


def write_records(path, rows, spec, notes):
    """Writes rows (dicts) to `path` and `notes` (for JSON) beside it, or nothing."""
    temporary = path + ".tmp-%d" % os.getpid()
    try:
        with tf.io.TFRecordWriter(temporary) as writer:
            for row in rows:
                writer.write(to_tf_example(row, spec).SerializeToString())
        with storage.open_file(path + ".json", "w") as out:
            json.dump(notes, out, indent=1, sort_keys=True)
        storage.replace(temporary, path)
    finally:
        if storage.exists(temporary):
            storage.remove(temporary)


def read_notes(path):
    """The notes of a finished record file, or None where there is none to reuse."""
    if not storage.exists(path) or not storage.exists(path + ".json"):
        return None
    with storage.open_file(path + ".json") as source:
        return json.load(source)


def trim(features):
    """Drops the padding of one example: lists as long as the mask lose its zeros."""
    length = tf.reduce_sum(features["input_mask"])
    full = features["input_mask"].shape.as_list()
    return {name: value[:length] if value.shape.as_list() == full else value
            for name, value in features.items()}


def device_rows(params, batch_size):
    """The rows that one device takes at a time: TPUEstimator's `params` know a TPU's."""
    return (params or {}).get("batch_size", batch_size)


def shuffled_epochs(path, num_rows, seed, start_row):
    """Records for ever; each epoch has an order of its own, made of seed and epoch.

    Begins `start_row` records after the start of epoch 0, as a resumed run must.
    """
    def epoch_records(epoch):
        return tf.data.TFRecordDataset(path).shuffle(num_rows, seed=seed + epoch)

    epochs = tf.data.Dataset.range(start_row // num_rows, 2 ** 40)
    return epochs.flat_map(epoch_records).skip(start_row % num_rows)


def training_input_fn(path, spec, num_rows, batch_size, seed, start_row=0,
                      fixed_length=False):
    """An input_fn of endless batches, each padded to its own longest row.

    Rows of like length share a batch; neither loss nor predictions depend on it.
    `fixed_length` keeps every row at the record's length, as a TPU needs.
    """
    if num_rows < 1:
        raise errors.InputError("%s holds no rows to train on." % path)

    def input_fn(params=None):
        size = device_rows(params, batch_size)
        records = shuffled_epochs(path, num_rows, seed, start_row)
        rows = records.map(lambda r: parse(r, spec), num_parallel_calls=2)
        if fixed_length:
            batches = rows.batch(size, drop_remainder=True)
        else:
            rows = rows.map(trim)
            batches = rows.apply(tf.data.experimental.bucket_by_sequence_length(
                lambda row: tf.size(row["input_ids"]), BUCKETS,
                [size] * (len(BUCKETS) + 1),
                padded_shapes=tf.data.get_output_shapes(rows), drop_remainder=True))
        return batches.prefetch(4)

    return input_fn


def inference_input_fn(path, spec, batch_size, fixed_length=False):
    """An input_fn that gives every record once, in the file's order.

    The writer sorts rows by length, so padding a batch to its longest row costs little.
    """
    def input_fn(params=None):
        size = device_rows(params, batch_size)
        rows = tf.data.TFRecordDataset(path).map(
            lambda r: parse(r, spec), num_parallel_calls=2)
        if fixed_length:
            return rows.batch(size, drop_remainder=True).prefetch(4)
        rows = rows.map(trim)
        shapes = tf.data.get_output_shapes(rows)
        return rows.padded_batch(size, shapes).prefetch(4)

    return input_fn
