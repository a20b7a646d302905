"""Records as batches: each row once a pass, orders that can be repeated, fresh masks."""

import json
import sys
import types

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import masking
import pretraining_input
import pretraining_records
from tests import toy
from tests import toy_pretraining

COUNT = 40


@pytest.fixture
def found(tmp_path):
    for name in ("a", "b"):
        toy_pretraining.records(tmp_path / (name + ".tfrecord"), COUNT // 2, ord(name))
    opened = pretraining_records.open_records("%s/*.tfrecord" % tmp_path, "input_file")
    return opened._replace(num_rows=COUNT)


def batches(input_fn, count=None, params=None):
    with tf.Graph().as_default(), tf.Session() as session:
        batch = tf.data.make_one_shot_iterator(input_fn(params)).get_next()
        result = []
        while count is None or len(result) < count:
            try:
                result.append(session.run(batch))
            except tf.errors.OutOfRangeError:
                return result
        return result


def keys(some):
    """Rows as texts, in order; what pads them left out."""
    return [" ".join(map(str, row[:int(mask.sum())]))
            for batch in some for row, mask in zip(batch["input_ids"],
                                                   batch["input_mask"])]


def training(found, size=1, **options):
    return pretraining_input.training_input_fn(found, size, seed=7, **options)


def test_a_pass_gives_every_record_once_and_the_next_another_order(found):
    seen = keys(batches(training(found), 2 * COUNT))
    everything = sorted(keys(batches(pretraining_input.evaluation_input_fn(found, 8))))
    assert sorted(seen[:COUNT]) == sorted(seen[COUNT:]) == everything
    assert seen[:COUNT] != seen[COUNT:]
    assert keys(batches(training(found), COUNT)) == seen[:COUNT]


def test_a_resumed_run_goes_on_where_it_was(found):
    seen = keys(batches(training(found), 60))
    assert keys(batches(training(found, start_row=43), 17)) == seen[43:]


def test_without_a_known_number_a_resumed_run_begins_a_pass_in_another_order(found):
    found = found._replace(num_rows=None)
    first = keys(batches(training(found), COUNT))
    resumed = keys(batches(training(found, start_row=10), COUNT))
    assert sorted(first) == sorted(resumed) and first != resumed


def test_workers_share_the_rows_that_one_would_take(found):
    alone = keys(batches(training(found), COUNT))
    shares = [keys(batches(training(found, workers=(2, w)), COUNT // 2)) for w in (0, 1)]
    assert shares[0] == alone[0::2] and shares[1] == alone[1::2]
    pod = [keys(batches(training(found, fixed_length=True), COUNT // 2, {
        "batch_size": 1, "context": types.SimpleNamespace(num_hosts=2, current_host=w)}))
        for w in (0, 1)]
    assert pod == shares


def test_batches_are_padded_to_their_own_longest_row(found):
    for batch in batches(training(found, 4), 8):
        lengths = batch["input_mask"].sum(1)
        assert batch["input_ids"].shape == (4, lengths.max())
        assert batch["masked_lm_ids"].shape == (4, toy_pretraining.PREDICTIONS)


def test_a_tpu_gets_full_batches_of_fixed_length_and_knows_what_fills_them(found):
    some = batches(pretraining_input.evaluation_input_fn(found, 16, fixed_length=True))
    assert [b["input_ids"].shape for b in some] == [(16, toy_pretraining.LENGTH)] * 3
    assert [b["is_real_example"].sum() for b in some] == [16, 16, 8]
    assert some[-1]["masked_lm_weights"][8:].sum() == 0


@pytest.fixture
def unmasked(tmp_path):
    """Records of our own program, to be masked while they are read."""
    vocab = toy.vocabulary(tmp_path)
    text = "\n".join("".join(toy.CHARACTERS[(i * 5 + j) % 24] for j in range(9))
                     for i in range(60))
    words = " ".join(text.replace("\n", "\n ")[i:i + 2] for i in range(0, len(text), 2))
    toy.write(tmp_path / "text.txt", words)
    code, said = toy.run([
        sys.executable, toy.ROOT + "/create_pretraining_data.py",
        "--input_file=%s/text.txt" % tmp_path, "--output_file=%s/u.tfrecord" % tmp_path,
        "--vocab_file=" + vocab, "--max_seq_length=24", "--max_predictions_per_seq=4",
        "--segmented_input", "--dynamic_masking", "--dupe_factor=3"])
    assert code == 0, said
    with open(vocab, encoding="utf-8") as source:
        tokens = source.read().split("\n")
    vocabulary = masking.describe_vocabulary({t: i for i, t in enumerate(tokens) if t})
    meta = json.loads((tmp_path / "u.meta.json").read_text())
    assert meta["settings"]["max_predictions_per_seq"] == 4
    return (pretraining_records.open_records(str(tmp_path / "u.tfrecord"), "input_file"),
            pretraining_input.DynamicMasking(vocabulary, 3, 0.15, 4))


def test_frequencies_of_rows_without_masks_are_those_of_all_but_cls_and_sep(unmasked):
    counts = np.ones([29])
    for data in tf.io.tf_record_iterator(unmasked[0].paths[0]):
        held = tf.train.Example.FromString(data).features.feature
        size = sum(held["input_mask"].int64_list.value)
        for token in held["input_ids"].int64_list.value[:size]:
            counts[token] += token not in (2, 3)
    np.testing.assert_allclose(
        pretraining_records.log_frequencies(unmasked[0], 29, 10000),
        np.log(counts / counts.sum()), rtol=1e-6)


def plain(found):
    with tf.Graph().as_default():
        rows = tf.data.TFRecordDataset(found.paths)
        spec = {n: tf.io.FixedLenFeature([24], tf.int64)
                for n in ("input_ids", "token_boundary", "input_mask")}
        row = tf.data.make_one_shot_iterator(
            rows.map(lambda r: tf.io.parse_single_example(r, spec))).get_next()
        result = {}
        with tf.Session() as session:
            for _ in range(found.num_rows):
                value = session.run(row)
                size = value["input_mask"].sum()
                result[tuple(value["input_ids"][:size])] = value["token_boundary"]
        return result


def test_dynamic_masks_cover_whole_words_and_their_labels_are_what_stood_there(unmasked):
    found, dynamic = unmasked
    originals = plain(found)
    for batch in batches(pretraining_input.evaluation_input_fn(found, 1, dynamic=dynamic)):
        size = int(batch["input_mask"].sum())
        count = int(batch["masked_lm_weights"].sum())
        places = batch["masked_lm_positions"][0][:count]
        restored = batch["input_ids"][0][:size].copy()
        restored[places] = batch["masked_lm_ids"][0][:count]
        starts = originals[tuple(restored)]
        masked = set(places.tolist())
        assert 1 <= count <= 4 and not masked & {0, size - 1}
        for place in places:
            follows = place + 1 < size and not starts[place + 1]
            assert starts[place] or place - 1 in masked
            assert not follows or place + 1 in masked


def test_dynamic_masks_differ_between_passes_and_not_between_evaluations(unmasked):
    found, dynamic = unmasked
    evaluation = pretraining_input.evaluation_input_fn(found, 4, dynamic=dynamic)
    assert keys(batches(evaluation)) == keys(batches(evaluation))
    count = found.num_rows
    seen = keys(batches(training(found, dynamic=dynamic), 2 * count))
    assert keys(batches(training(found, dynamic=dynamic), count)) == seen[:count]
    assert np.mean([row in seen[:count] for row in seen[count:]]) < 0.5


def test_records_that_have_their_masks_keep_them_beside_ones_that_do_not(found, unmasked):
    _, dynamic = unmasked
    plain_batches = batches(pretraining_input.evaluation_input_fn(found, 8))
    assert keys(batches(pretraining_input.evaluation_input_fn(found, 8, dynamic=dynamic))
                ) == keys(plain_batches)
