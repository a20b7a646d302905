"""Reading comprehension through the real script: both layouts, resume, bad input."""

import json
import os
import signal
import subprocess
import time

import pytest

import checkpoints
from tests import forked
from tests import toy
from tests import toy_reading

EVERYTHING = dict(do_train=True, do_eval=True, do_predict=True)


@pytest.fixture(scope="module", name="scripts")
def fixture_scripts():
    with forked.Scripts() as scripts:
        yield scripts


def run(scripts, folder, layout="b", **flags):
    command = toy_reading.command(folder, layout, **flags)
    return scripts.run(command[command.index("ignore") + 1:])


def read(*parts):
    with open(os.path.join(*map(str, parts)), encoding="utf-8") as source:
        return json.load(source)


def listing(folder):
    return sorted(os.listdir(str(folder)))


@pytest.mark.parametrize("layout", ["b", "g"])
def test_a_model_learns_to_cut_the_answer_out(scripts, tmp_path, layout):
    toy_reading.setup(tmp_path, layout)
    code, said = run(scripts, tmp_path, layout, **EVERYTHING)
    assert code == 0, said
    output = tmp_path / "output"
    results = read(output, "eval_results.json")
    assert results["dev"]["eval_em"] > 80 and results["test"]["eval_em"] > 80, said
    assert results["train"] == {
        "rows": 96, "windows": 96, "left_out": [], "widened": []}
    gold = read(tmp_path, "data", "test.json")["data"][0]["paragraphs"]
    answers = read(output, "predictions.json")
    assert set(answers) == {p["qas"][0]["id"] for p in gold}
    assert answers == read(output, "cmrc2018_predict.json")
    right = [answers[p["qas"][0]["id"]] == p["qas"][0]["answers"][0]["text"] for p in gold]
    assert 100.0 * sum(right) / len(right) == results["test"]["eval_em"]
    best = read(output, "nbest_predictions.json")[gold[0]["qas"][0]["id"]]
    assert best[0]["text"] == answers[gold[0]["qas"][0]["id"]]
    assert [c["probability"] for c in best] == sorted(
        (c["probability"] for c in best), reverse=True)
    assert {"albert_config.json", "vocab.txt", "reading_comprehension.json",
            "best.json"} <= set(listing(output / "best"))
    assert "exact match" in (output / "report.html").read_text(encoding="utf-8")
    assert "eval_f1 = " in (output / "eval_results.txt").read_text()
    code, said = run(scripts, tmp_path, layout, do_predict=True, init_checkpoint=(
        output / "best"), output_dir=tmp_path / "again", predict_batch_size=3)
    assert code == 0, said
    assert read(tmp_path, "again", "predictions.json") == answers


def test_long_passages_are_answered_from_their_windows(scripts, tmp_path):
    toy_reading.setup(tmp_path, passage_length=(20, 40))
    code, said = run(scripts, tmp_path, do_train=True, do_eval=True, num_train_epochs=2)
    assert code == 0, said
    dev = read(tmp_path, "output", "eval_results.json")["dev"]
    assert dev["windows"] > 2 * dev["rows"] and dev["eval_em"] > 80, said


def test_questions_without_an_answer_get_a_threshold_from_dev(scripts, tmp_path):
    toy_reading.setup(tmp_path, impossible=0.5)
    code, said = run(scripts, tmp_path, task_name="squad", **EVERYTHING)
    assert code == 0, said
    output = tmp_path / "output"
    results = read(output, "eval_results.json")
    assert results["dev"]["has_answer"]["em"] > 70, said
    assert results["dev"]["no_answer"]["em"] > 70, said
    kept = read(output, "best", "reading_comprehension.json")["no_answer_threshold"]
    assert kept == results["dev"]["no_answer_threshold"]
    odds, answers = read(output, "null_odds.json"), read(output, "predictions.json")
    assert {id_ for id_, odd in odds.items() if odd > kept} == {
        id_ for id_, text in answers.items() if not text}
    assert "cmrc2018_predict.json" not in listing(output)


def test_a_killed_run_goes_on_and_its_features_are_kept(tmp_path):
    toy_reading.setup(tmp_path)
    command = toy_reading.command(
        tmp_path, num_train_epochs=25, save_checkpoints_steps=150, **EVERYTHING)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for _ in range(600):
        if (tmp_path / "output" / "model.ckpt-150.index").exists() or (
                process.poll() is not None):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -9
    records = {name: os.stat(str(tmp_path / "output" / name)).st_mtime_ns
               for name in listing(tmp_path / "output") if name.endswith(".tfrecord")}
    assert len(records) == 3
    code, said = toy.run(command)
    assert code == 2 and "--resume" in said and "unfinished" in said
    code, said = toy.run(command + ["--resume"])
    assert code == 0 and "Resuming" in said, said
    assert checkpoints.all_checkpoints(str(tmp_path / "output"))[-1][0] == 300
    assert records == {name: os.stat(str(tmp_path / "output" / name)).st_mtime_ns
                       for name in records}


def test_other_data_in_the_same_folder_is_another_run(scripts, tmp_path):
    toy_reading.setup(tmp_path, rows=16)
    assert run(scripts, tmp_path, do_train=True, num_train_epochs=1)[0] == 0
    data = read(tmp_path, "data", "train.json")
    data["data"][0]["paragraphs"][0]["qas"][0]["question"] = "玄黄"
    toy_reading.write(tmp_path, "train", data)
    code, said = run(scripts, tmp_path, do_train=True, num_train_epochs=1, resume=True)
    assert code == 2 and "train data: was 16 questions" in said


def test_answers_that_are_not_there_are_counted_listed_and_left_out(scripts, tmp_path):
    toy_reading.setup(tmp_path, rows=16)
    for split in ("train", "dev"):
        data = read(tmp_path, "data", split + ".json")
        for paragraph in data["data"][0]["paragraphs"][:2]:
            paragraph["qas"][0]["answers"][0]["text"] = "没有"
        data["data"][0]["paragraphs"][2]["qas"][0]["question"] = ""
        toy_reading.write(tmp_path, split, data)
    code, said = run(scripts, tmp_path, do_train=True, do_eval=True, num_train_epochs=1)
    assert code == 0, said
    assert said.count("the answers of 2 questions do not stand in their passages") == 2
    assert "left out: Q0_0, Q0_1." in said and "1 questions are empty: Q1_2" in said
    results = read(tmp_path, "output", "eval_results.json")
    assert results["train"]["rows"] == 14 and results["train"]["left_out"] == [
        "Q0_0", "Q0_1"]
    assert results["dev"]["rows"] == 40  # still asked and scored
    assert results["dev"]["not_in_passage"] == ["Q1_0", "Q1_1"]


def test_a_passage_of_100000_characters_is_answered_and_mentioned(scripts, tmp_path):
    toy_reading.setup(tmp_path, rows=8)
    long = toy_reading.content(1, seed=9, passage_length=(100000, 100000))
    path = toy_reading.write(tmp_path, "long", long)
    code, said = run(scripts, tmp_path, do_train=True, num_train_epochs=1)
    assert code == 0, said
    code, said = run(scripts, tmp_path, do_predict=True, test_file=path, doc_stride=17,
                     predict_batch_size=512)
    assert code == 0 and "passage of 100000 characters" in said, said
    answer, = read(tmp_path, "output", "predictions.json").values()
    assert answer and answer in long["data"][0]["paragraphs"][0]["context"]


def edit(folder, split, change):
    data = read(folder, "data", split + ".json")
    change(data["data"][0]["paragraphs"])
    toy_reading.write(folder, split, data)


BAD = {
    "a misspelt flag": (dict(doc_strid=6), None, ["doc_strid"]),
    "both layouts": (dict(albert_config_file="{}/config_b.json"), None,
                     ["--bert_config_file", "not both"]),
    "no config": (dict(bert_config_file=None), None, ["--bert_config_file", "layout G"]),
    "nothing to do": (dict(do_train=None, do_eval=None), None, ["--do_train"]),
    "a stride that skips": (dict(doc_stride=18), None, ["--doc_stride=18", "17 tokens"]),
    "too long for the model": (dict(max_seq_length=65), None, ["65", "64 positions"]),
    "no dev data": (dict(data_dir=None, train_file="{}/data/train.json"), None,
                    ["No dev data", "--dev_file"]),
    "no such file": (dict(train_file="{}/nothing.json"), None, ["nothing.json"]),
    "no answers at all in dev": ({}, ("dev", lambda rows: [
        row["qas"][0].update(answers=[]) for row in rows]), ["dev.json", "--test_file"]),
    "nothing to learn": ({}, ("train", lambda rows: [
        row["qas"][0]["answers"][0].update(text="没有") for row in rows]),
        ["train.json", "no question has an answer"]),
    "the same id twice": ({}, ("train", lambda rows: rows.append(rows[0])),
                          ["train.json", "Q0_0 stands there twice"]),
    "an empty passage": ({}, ("train", lambda rows: rows[3].update(context="")),
                         ["train.json", "paragraphs[3]", "empty"]),
    "pre-trained weights scored": (dict(do_train=None, init_checkpoint="{}/none"), None,
                                   ["No checkpoint"]),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_a_mistake_is_one_message_and_leaves_no_trace(scripts, tmp_path, case):
    flags, change, phrases = BAD[case]
    toy_reading.setup(tmp_path, rows=8)
    if change:
        edit(tmp_path, *change)
    flags = {name: value.format(tmp_path) if isinstance(value, str) else value
             for name, value in flags.items()}
    code, said = run(scripts, tmp_path, **dict(dict(do_train=True, do_eval=True), **flags))
    assert code == 2, said
    assert "Traceback" not in said and said.count("error: ") == 1
    assert all(phrase in said for phrase in phrases), said
    assert not (tmp_path / "output").exists()
