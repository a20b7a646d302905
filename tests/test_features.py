"""Records: what they hold, and in which batches they come back."""

import os
import random

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import errors
import features
from tests import toy_pretraining

LENGTH = 24
SPEC = features.classification_spec(LENGTH)
LISTS = ("input_ids", "input_mask", "segment_ids")


def make_rows(count, seed=0):
    rng = random.Random(seed)
    rows = []
    for index in range(count):
        length = rng.randint(3, LENGTH)
        first = rng.randint(1, length)
        rows.append({
            "input_ids": [rng.randint(1, 99) for _ in range(length)],
            "input_mask": [1] * length,
            "segment_ids": [0] * first + [1] * (length - first),
            "label_ids": index % 3, "is_real_example": 1, "example_index": index})
    return rows


def write(folder, count):
    """(path, rows)"""
    rows = make_rows(count)
    path = os.path.join(str(folder), "rows.tfrecord")
    features.write_records(path, rows, SPEC, {"rows": count})
    return path, rows


def batches(input_fn, most=None):
    """What an input_fn gives: all of it, or the first `most` batches."""
    found = []
    with tf.Graph().as_default(), tf.Session() as session:
        following = tf.data.make_one_shot_iterator(input_fn()).get_next()
        while most is None or len(found) < most:
            try:
                found.append(session.run(following))
            except tf.errors.OutOfRangeError:
                break
    return found


def order(input_fn, most=None):
    return [int(i) for batch in batches(input_fn, most) for i in batch["example_index"]]


def assert_same_row(batch, i, row):
    length = len(row["input_ids"])
    for name in LISTS:
        assert batch[name][i][:length].tolist() == row[name]
        assert not batch[name][i][length:].any()
    assert batch["label_ids"][i] == row["label_ids"]


def test_a_record_reads_as_the_fixed_lengths_that_other_programs_expect():
    row = make_rows(1)[0]
    record = features.to_tf_example(row, SPEC).SerializeToString()
    fixed = {name: tf.io.FixedLenFeature([LENGTH], tf.int64) for name in LISTS}
    scalar = tf.io.FixedLenFeature([], tf.int64)
    with tf.Graph().as_default(), tf.Session() as session:
        read = session.run(tf.io.parse_single_example(
            record, dict(fixed, label_ids=scalar, is_real_example=scalar)))
    assert read["label_ids"] == row["label_ids"] and read["is_real_example"] == 1
    for name in LISTS:
        padded = row[name] + [0] * (LENGTH - len(row[name]))
        assert read[name].tolist() == padded


def test_a_pretraining_record_holds_the_published_features():
    kinds = {name: (feature.dtype.name, feature.length)
             for name, feature in toy_pretraining.spec(128, 20).items()}
    assert kinds == {
        "input_ids": ("int64", 128), "input_mask": ("int64", 128),
        "segment_ids": ("int64", 128), "masked_lm_positions": ("int64", 20),
        "masked_lm_ids": ("int64", 20), "masked_lm_weights": ("float32", 20),
        "next_sentence_labels": ("int64", 1)}


@pytest.mark.parametrize("fixed_length", [False, True])
def test_inference_gives_every_row_once_and_in_order(tmp_path, fixed_length):
    path, rows = write(tmp_path, 21)
    found = batches(features.inference_input_fn(path, SPEC, 7, fixed_length))
    assert [len(batch["label_ids"]) for batch in found] == [7, 7, 7]
    seen = 0
    for batch in found:
        longest = max(len(rows[i]["input_ids"]) for i in batch["example_index"])
        assert batch["input_ids"].shape[1] == (LENGTH if fixed_length else longest)
        for i, index in enumerate(batch["example_index"]):
            assert index == seen
            assert_same_row(batch, i, rows[index])
            seen += 1
    assert seen == len(rows)


def test_the_last_inference_batch_may_be_smaller(tmp_path):
    path, _ = write(tmp_path, 10)
    assert order(features.inference_input_fn(path, SPEC, 4)) == list(range(10))


def test_training_batches_hold_whole_rows_of_like_length(tmp_path):
    path, rows = write(tmp_path, 60)
    edges = [0] + features.BUCKETS
    for batch in batches(features.training_input_fn(path, SPEC, 60, 4, seed=1), 40):
        lengths = batch["input_mask"].sum(axis=1)
        assert len(lengths) == 4
        assert batch["input_ids"].shape[1] == lengths.max()
        bucket = max(edge for edge in edges if edge <= lengths.max())
        assert lengths.min() >= bucket
        for i, index in enumerate(batch["example_index"]):
            assert_same_row(batch, i, rows[index])


def test_bucketed_training_gives_every_row_about_as_often_as_any_other(tmp_path):
    path, _ = write(tmp_path, 60)
    seen = order(features.training_input_fn(path, SPEC, 60, 4, seed=1), 150)
    counts = np.bincount(seen, minlength=60)
    # Ten epochs, less the rows that wait in buckets that are not full yet.
    assert counts.min() >= 9 and counts.max() <= 12


def epochs_of(path, seed, start_row=0, count=3):
    input_fn = features.training_input_fn(
        path, SPEC, 20, 5, seed, start_row, fixed_length=True)
    seen = order(input_fn, 4 * count)
    return [seen[i:i + 20] for i in range(0, 20 * count, 20)]


def test_an_epoch_has_every_row_once_and_an_order_of_its_own(tmp_path):
    path, _ = write(tmp_path, 20)
    epochs = epochs_of(path, seed=3)
    for epoch in epochs:
        assert sorted(epoch) == list(range(20))
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_the_order_is_a_matter_of_the_seed_alone(tmp_path):
    path, _ = write(tmp_path, 20)
    assert epochs_of(path, seed=3) == epochs_of(path, seed=3)
    assert epochs_of(path, seed=3) != epochs_of(path, seed=4)


@pytest.mark.parametrize("start_row", [5, 20, 35])
def test_a_resumed_run_goes_on_where_the_rows_were_left(tmp_path, start_row):
    path, _ = write(tmp_path, 20)
    whole = sum(epochs_of(path, seed=3), [])
    rest = sum(epochs_of(path, seed=3, start_row=start_row), [])
    left = len(whole) - start_row
    assert rest[:left] == whole[start_row:]


def test_no_rows_cannot_be_trained_on(tmp_path):
    path, _ = write(tmp_path, 0)
    with pytest.raises(errors.InputError, match="no rows"):
        features.training_input_fn(path, SPEC, 0, 4, seed=1)


def test_a_conversion_that_fails_leaves_nothing_to_reuse(tmp_path):
    path = str(tmp_path / "rows.tfrecord")

    def rows():
        yield make_rows(1)[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features.write_records(path, rows(), SPEC, {"rows": 2})
    assert os.listdir(str(tmp_path)) == []
    assert features.read_notes(path) is None


def test_notes_without_records_are_not_taken_for_finished_records(tmp_path):
    path, _ = write(tmp_path, 2)
    assert features.read_notes(path) == {"rows": 2}
    os.remove(path)
    assert features.read_notes(path) is None


def test_a_fingerprint_changes_with_any_part_and_not_with_the_order_of_keys():
    one = features.fingerprint({"a": 1, "b": "字"}, [1, 2])
    assert one == features.fingerprint({"b": "字", "a": 1}, [1, 2])
    others = [features.fingerprint({"a": 1, "b": "子"}, [1, 2]),
              features.fingerprint({"a": 1, "b": "字"}, [2, 1]),
              features.fingerprint({"a": 1, "b": "字", "c": None}, [1, 2])]
    assert len(set([one] + others)) == 4
