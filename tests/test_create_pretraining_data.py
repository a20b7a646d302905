"""The program that makes pre-training records: text in, shards out, come what may."""

import glob
import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import tensorflow.compat.v1 as tf

import features
import records
from tests import toy_pretraining

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(ROOT, "create_pretraining_data.py")
VOCAB = "--vocab_file=" + os.path.join(ROOT, "albert_config", "vocab.txt")
WORDS = "今天 天气 很好 我们 一起 去 公园 散步 孩子 喜欢 放 风筝 老人 在 树下 下棋 水 清 见底".split()


def write_text(path, num_documents=40, sentences=6):
    """Documents whose words are separated by blanks; no two are alike."""
    lines = []
    for document in range(num_documents):
        for sentence in range(sentences):
            start = document * 7 + sentence * 3
            words = [WORDS[(start + step * step) % len(WORDS)] for step in range(9)]
            lines.append(" ".join([str(document)] + words + ["。"]))
        lines.append("")
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def command(source, target, *flags):
    return [sys.executable, PROGRAM, VOCAB, "--segmented_input", "--max_seq_length=64",
            "--max_predictions_per_seq=10", "--dupe_factor=3",
            "--input_file=%s" % source, "--output_file=%s" % target] + list(flags)


def run(*arguments):
    """-> (exit code, what it said)"""
    process = subprocess.run(command(*arguments), stderr=subprocess.PIPE,
                             universal_newlines=True)
    return process.returncode, process.stderr


def hashes(folder, pattern="*.tfrecord"):
    return {os.path.basename(path): hashlib.sha256(open(path, "rb").read()).hexdigest()
            for path in glob.glob(os.path.join(str(folder), pattern))}


def frames(path, opener=open):
    with opener(str(path), "rb") as stream:
        return list(iter(lambda: records.read_frame(stream), b""))


def test_records_report_and_meta_file(tmp_path):
    source = write_text(tmp_path / "text.txt")
    code, said = run(source, tmp_path / "out" / "news.tfrecord")
    assert code == 0, said
    assert sorted(os.listdir(str(tmp_path / "out"))) == [
        "news.meta.json", "news.report.png", "news.report.txt", "news.tfrecord"]
    spec = toy_pretraining.spec(64, 10)
    number = 0
    with tf.Graph().as_default(), tf.Session() as session:
        rows = tf.data.TFRecordDataset(str(tmp_path / "out" / "news.tfrecord")).map(
            lambda record: features.parse(record, spec))
        row = tf.data.make_one_shot_iterator(rows).get_next()
        while True:
            try:
                values = session.run(row)
            except tf.errors.OutOfRangeError:
                break
            number += 1
            assert values["next_sentence_labels"][0] in (0, 1)
            assert 0 < values["masked_lm_weights"].sum() <= 10
    meta = json.loads((tmp_path / "out" / "news.meta.json").read_text())
    assert meta["files"] == ["news.tfrecord"]
    assert meta["summary"]["instances"] == number > 100
    assert meta["settings"]["max_seq_length"] == 64
    assert meta["settings"]["label_style"] == "plain"
    assert meta["vocab_sha256"].startswith("45bbac6b")
    report = (tmp_path / "out" / "news.report.txt").read_text(encoding="utf-8")
    for word in ("documents", "swapped", "padding", "masked tokens"):
        assert word in report and word in said
    assert (tmp_path / "out" / "news.report.png").read_bytes().startswith(b"\x89PNG")


def test_shards_do_not_depend_on_the_number_of_workers(tmp_path):
    source = write_text(tmp_path / "text.txt")
    for name, workers in (("one", 1), ("two", 2)):
        code, said = run(source, tmp_path / name / "r.tfrecord", "--num_shards=3",
                         "--num_workers=%d" % workers)
        assert code == 0, said
    one = hashes(tmp_path / "one")
    assert sorted(one) == ["r-%05d-of-00003.tfrecord" % shard for shard in range(3)]
    assert one == hashes(tmp_path / "two")


def test_the_number_of_shards_changes_the_order_only(tmp_path):
    source = write_text(tmp_path / "text.txt")
    run(source, tmp_path / "a.tfrecord")
    run(source, "%s,%s" % (tmp_path / "b.tfrecord", tmp_path / "c.tfrecord"))
    whole, parts = frames(tmp_path / "a.tfrecord"), (
        frames(tmp_path / "b.tfrecord") + frames(tmp_path / "c.tfrecord"))
    assert sorted(whole) == sorted(parts) and whole != parts


def test_compressed_records_are_the_same(tmp_path):
    source = write_text(tmp_path / "text.txt")
    run(source, tmp_path / "a.tfrecord")
    code, said = run(source, tmp_path / "b.tfrecord", "--compression=GZIP")
    assert code == 0, said
    assert sorted(frames(tmp_path / "a.tfrecord")) == sorted(
        frames(tmp_path / "b.tfrecord", gzip.open))


def start_and_kill(arguments, is_time):
    process = subprocess.Popen(command(*arguments), stderr=subprocess.DEVNULL,
                               start_new_session=True)
    while not is_time() and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    return process.wait()


@pytest.mark.parametrize("workers, num_shards, num_documents",
                         [(1, 4, 400), (2, 1, 1300)])
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path, workers, num_shards,
                                                num_documents):
    source = write_text(tmp_path / "text.txt", num_documents)
    flags = ("--num_shards=%d" % num_shards, "--num_workers=%d" % workers)
    assert run(source, tmp_path / "whole" / "r.tfrecord", *flags)[0] == 0
    broken = tmp_path / "broken"
    target = broken / "r.tfrecord"
    code = start_and_kill((source, target) + flags, lambda: glob.glob(
        str(broken / "r.partial" / "part-*.json")))
    assert code == -signal.SIGKILL
    assert not hashes(broken)
    code, said = run(source, target, *flags)
    assert code == 2 and "unfinished run; go on with it by --resume" in said
    code, said = run(source, target, "--resume", "--masked_lm_prob=0.2", *flags)
    assert code == 2 and "differs in masked_lm_prob" in said
    code, said = run(source, target, "--resume", *flags)
    assert code == 0, said
    assert hashes(broken) == hashes(tmp_path / "whole")
    assert set(os.listdir(str(broken))) == set(os.listdir(str(tmp_path / "whole")))
    code, said = run(source, target, "--resume", *flags)
    assert code == 0 and "complete already" in said


def test_a_run_killed_between_renames_resumes(tmp_path):
    source = write_text(tmp_path / "text.txt")
    target = tmp_path / "r.tfrecord"
    assert run(source, target, "--num_shards=2")[0] == 0
    whole = hashes(tmp_path)
    meta = json.loads((tmp_path / "r.meta.json").read_text())
    # The folder as it is after the first of two renames.
    work = tmp_path / "r.partial"
    work.mkdir()
    (work / "run.json").write_text(json.dumps(meta["fingerprint"]))
    (work / "complete.json").write_text(json.dumps(meta["summary"]))
    (tmp_path / "r.meta.json").unlink()
    last = tmp_path / "r-00001-of-00002.tfrecord"
    last.rename(str(last) + ".complete")
    code, said = run(source, target, "--num_shards=2", "--resume")
    assert code == 0, said
    assert hashes(tmp_path) == whole
    assert json.loads((tmp_path / "r.meta.json").read_text()) == meta
    assert not work.exists()


LONE = "只有一句没有逗号的话\n\n"
BAD_INPUT = [
    ("no file", None, (), "no file matches"),
    ("empty", b"", (), "all empty"),
    ("blank", b"\n \n\n", (), "only blank lines"),
    ("lone sentences", (LONE * 3).encode("utf-8"), (), "no instance came of 3"),
    ("GB18030", "第一句。\n第二句。\n".encode("gb18030"), (), "byte 0 is not UTF-8"),
    ("binary", b"\x7fELF\x00\x01\n", (), "byte 4 is 0"),
    ("plain argument", b"x\n", ("stray",), "'stray' is no flag"),
    ("other documents", b"x\n", ("--random_next_sentence",), "not available"),
    ("permutation", b"x\n", ("--do_permutation",), "not available"),
    ("contradiction", b"x\n", ("--nodo_whole_word_mask", "--mask_strategy=wwm"),
     "contradict"),
    ("unwritable", b"x\n", ("--output_file=/dev/null/r.tfrecord",), "cannot be made"),
    ("no vocabulary", b"x\n", ("--vocab_file=",), "--vocab_file is missing"),
    ("number of shards", b"x\n", ("--output_file=a,b", "--num_shards=3"),
     "--num_shards=3"),
]


@pytest.mark.parametrize("data, flags, message", [row[1:] for row in BAD_INPUT],
                         ids=[row[0] for row in BAD_INPUT])
def test_bad_input_is_one_message_and_leaves_nothing(tmp_path, data, flags, message):
    source = tmp_path / "text.txt"
    if data is not None:
        source.write_bytes(data)
    code, said = run(source, tmp_path / "out" / "r.tfrecord", *flags)
    assert code == 2
    assert message in said and said.count("error: ") == 1 and "Traceback" not in said
    assert not glob.glob(str(tmp_path / "out" / "*"))


def test_a_misspelt_flag_is_refused(tmp_path):
    code, said = run(write_text(tmp_path / "t.txt"), tmp_path / "r", "--dupe_facto=3")
    assert code != 0 and "dupe_factor" in said


def test_a_full_disk_is_one_message_and_no_shard(tmp_path):
    source = write_text(tmp_path / "text.txt", num_documents=400)
    arguments = command(source, tmp_path / "r.tfrecord")
    limited = ["bash", "-c", 'ulimit -f 100; exec "$@"', "bash"] + arguments
    process = subprocess.run(limited, stderr=subprocess.PIPE, universal_newlines=True)
    assert process.returncode == 2
    assert "cannot be written: File too large" in process.stderr
    assert "Traceback" not in process.stderr and not hashes(tmp_path)
    code, said = run(source, tmp_path / "r.tfrecord", "--resume")
    assert code == 0, said
    assert len(hashes(tmp_path)) == 1


def test_a_line_of_a_megabyte_is_cut_and_used(tmp_path):
    source = tmp_path / "text.txt"
    source.write_text("今天天气很好，我们去公园。" * 30000, encoding="utf-8")
    code, said = run(source, tmp_path / "r.tfrecord", "--dupe_factor=1",
                     "--nosegmented_input")
    assert code == 0, said
    meta = json.loads((tmp_path / "r.meta.json").read_text())
    assert meta["summary"]["unused_text_share"] < 0.5
    assert meta["summary"]["instances"] > 4000


def test_an_input_is_not_overwritten(tmp_path):
    source = write_text(tmp_path / "text.txt")
    code, said = run(source, source)
    assert code == 2 and "both input and output" in said
    assert os.path.getsize(source) > 1000


def test_unmasked_records_have_boundaries(tmp_path):
    code, said = run(write_text(tmp_path / "t.txt"), tmp_path / "r.tfrecord",
                     "--dynamic_masking")
    assert code == 0, said
    example = tf.train.Example.FromString(frames(tmp_path / "r.tfrecord")[0][12:-4])
    assert sorted(example.features.feature) == [
        "input_ids", "input_mask", "next_sentence_labels", "segment_ids",
        "token_boundary"]
