"""Which records a run reads, and what it refuses."""

import gzip
import json
import os
import shutil

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import errors
import pretraining_records as records
from tests import toy_pretraining


def test_globs_and_comma_lists_are_taken_and_lengths_read_from_the_first_record(tmp_path):
    for name in ("a1", "a2", "b"):
        toy_pretraining.records(tmp_path / name, 3)
    found = records.open_records("%s/a*,%s/b" % (tmp_path, tmp_path), "input_file")
    assert [os.path.basename(path) for path in found.paths] == ["a1", "a2", "b"]
    assert (found.max_seq_length, found.max_predictions_per_seq) == (24, 4)
    assert found.num_rows is None and found.meta is None


def test_a_pattern_without_a_file_is_named(tmp_path):
    toy_pretraining.records(tmp_path / "a", 1)
    with pytest.raises(errors.InputError, match="--input_file: no file matches .*none"):
        records.open_records("%s/a,%s/none*" % (tmp_path, tmp_path), "input_file")


def test_files_of_different_lengths_are_refused_by_name(tmp_path):
    toy_pretraining.records(tmp_path / "a", 2)
    toy_pretraining.records(tmp_path / "b", 2, length=20, predictions=3)
    with pytest.raises(errors.InputError) as caught:
        records.open_records("%s/*" % tmp_path, "input_file")
    for part in ("/a", "24 tokens with 4", "/b", "20 tokens with 3"):
        assert part in str(caught.value)


@pytest.mark.parametrize("content, reason", [
    (b"text, no records at all", "is no TFRecord file"), (b"", "holds no record")])
def test_what_is_no_record_file_is_refused(tmp_path, content, reason):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(errors.InputError, match=reason):
        records.open_records(str(tmp_path / "a"), "input_file")


def test_records_of_another_kind_are_refused(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "a")) as writer:
        example = tf.train.Example()
        example.features.feature["input_ids"].int64_list.value.append(1)
        writer.write(example.SerializeToString())
    with pytest.raises(errors.InputError, match="no .*masked_lm_ids.*no pre-training"):
        records.open_records(str(tmp_path / "a"), "input_file")


def open_with_meta(tmp_path, **changes):
    toy_pretraining.records(tmp_path / "a.tfrecord", 5)
    meta = dict({"files": ["a.tfrecord"], "summary": {"instances": 5},
                 "vocab_sha256": "f" * 64}, **changes)
    (tmp_path / "a.meta.json").write_text(json.dumps(meta))
    return records.open_records(str(tmp_path / "a.tfrecord"), "input_file")


def test_the_meta_file_says_how_many_records_there_are(tmp_path):
    assert open_with_meta(tmp_path).num_rows == 5
    toy_pretraining.records(tmp_path / "other.tfrecord", 5)
    both = records.open_records("%s/*.tfrecord" % tmp_path, "input_file")
    assert both.num_rows is None  # the other file is not in the meta file


@pytest.mark.parametrize("length, predictions, message", [
    (128, None, "--max_seq_length=128, but the records of .*a.tfrecord .* have 24"),
    (None, 20, "--max_predictions_per_seq=20, but .*a.tfrecord .* have 4")])
def test_flags_that_contradict_the_records_are_refused(
        tmp_path, length, predictions, message):
    found = open_with_meta(tmp_path)
    records.check(found, "input_file", 24, 4, 29, None)
    with pytest.raises(errors.InputError, match=message):
        records.check(found, "input_file", length, predictions, 29, None)


def test_another_vocabulary_is_refused_by_hash_and_by_its_ids(tmp_path):
    found = open_with_meta(tmp_path)
    with pytest.raises(errors.InputError, match="a.tfrecord was made with another voc"):
        records.check(found, "input_file", None, None, 29, "e" * 64)
    with pytest.raises(errors.InputError, match="a.tfrecord has the token id .* is 6"):
        records.check(found, "input_file", None, None, 6, None)


def test_compressed_files_are_recognised(tmp_path):
    plain = toy_pretraining.records(tmp_path / "a", 3)
    with open(plain, "rb") as source, gzip.open(str(tmp_path / "b"), "wb") as out:
        shutil.copyfileobj(source, out)
    found = records.open_records(str(tmp_path / "b"), "input_file")
    assert found.compression == "GZIP" and found.max_seq_length == 24


def test_words_have_the_logarithms_of_their_shares_each_file_giving_equally_many_rows(
        tmp_path):
    toy_pretraining.records(tmp_path / "a1", 50, seed=1)
    toy_pretraining.records(tmp_path / "a2", 50, seed=2)
    found = records.open_records(str(tmp_path / "a*"), "input_file")
    labels = [i for seed in (1, 2) for row in toy_pretraining.rows(50, seed)[:10]
              for i in row["masked_lm_ids"]]
    counts = np.bincount(labels, minlength=29) + 1.0
    np.testing.assert_allclose(records.log_frequencies(found, 29, 20),
                               np.log(counts / counts.sum()), rtol=1e-6)


def test_frequencies_of_a_damaged_file_name_it(tmp_path):
    path = toy_pretraining.records(tmp_path / "a", 30)
    found = records.open_records(path, "input_file")
    with open(path, "rb") as source:
        content = source.read()
    with open(path, "wb") as out:
        out.write(content[:-100])
    with pytest.raises(errors.InputError, match="/a, after record 29"):
        records.log_frequencies(found, 29, 1000)


def damaged(tmp_path, change):
    path = toy_pretraining.records(tmp_path / "a", 30)
    found = records.open_records(path, "input_file")
    assert records.describe_damage(found, 29) is None
    with open(path, "rb") as source:
        content = bytearray(source.read())
    with open(path, "wb") as out:
        out.write(change(content))
    return records.describe_damage(found, 29)


def test_a_corrupt_record_in_the_middle_is_found(tmp_path):
    def change(content):
        content[len(content) // 2] ^= 255
        return content
    said = damaged(tmp_path, change)
    assert "/a, after record 1" in said


def test_a_truncated_file_is_found(tmp_path):
    said = damaged(tmp_path, lambda content: content[:-100])
    assert "/a, after record 29" in said


def test_a_record_of_another_length_or_vocabulary_is_found(tmp_path):
    path = toy_pretraining.records(tmp_path / "a", 3)
    longer = toy_pretraining.records(tmp_path / "b", 3, length=30)
    found = records.open_records(path, "input_file")
    with open(path, "ab") as out, open(longer, "rb") as source:
        out.write(source.read())
    assert "/a, record 4: input_ids has 30 values, not 24" in (
        records.describe_damage(found, 29))
    assert "record 1: a token id is not in the vocabulary of 6" in (
        records.describe_damage(found, 6))
