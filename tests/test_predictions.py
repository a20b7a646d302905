"""The files of predicted test sets: rows in order, ids of the records, CLUE's names."""

import json
import logging
import os

import numpy as np

import classification
import predictions
import tasks
from tests import toy

LABELS = ["100", "101", "102"]
EXAMPLES = [tasks.Example(7, "天\t地", None, None, 1),
            tasks.Example("x", "玄\n", "黄", None, 2)]
SCORES = np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]])


def read(*parts):
    with open(os.path.join(*map(str, parts)), encoding="utf-8") as source:
        return source.read()


def test_a_submission_has_the_records_ids_and_labels_as_texts():
    lines = predictions.submission_text(EXAMPLES, LABELS, SCORES).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": 7, "label": "102"}, {"id": "x", "label": "100"}]


def test_every_test_set_has_the_files_of_its_names(tmp_path):
    predictions.write_test_sets(
        str(tmp_path), {"test": EXAMPLES, "test1.0": EXAMPLES[:1]}, LABELS,
        {"test": SCORES, "test1.0": SCORES[:1], "dev": SCORES},
        {"test": ["a_predict.json", "b_predict.json"], "test1.0": ["c_predict.json"]})
    assert sorted(os.listdir(str(tmp_path))) == [
        "a_predict.json", "b_predict.json", "c_predict.json", "predictions.tsv",
        "test_results.tsv"]
    assert read(tmp_path, "a_predict.json") == read(tmp_path, "b_predict.json")
    assert read(tmp_path, "c_predict.json") == '{"id": 7, "label": "102"}\n'
    rows = [line.split("\t") for line in read(
        tmp_path, "predictions.tsv").splitlines()]
    assert rows[1] == ["7", "102", "0.100000", "0.200000", "0.700000", "天 地", ""]
    assert [row[:2] for row in rows[2:]] == [["x", "100"]] and len(rows) == 3


def test_the_older_test_set_is_read_where_it_stands_beside_the_newer(tmp_path):
    folder = tmp_path / "tnews" / "tnews_public"
    folder.mkdir(parents=True)
    toy.write(folder / "test.json", '{"id": 5, "sentence": "新"}\n')
    options = classification.Options(
        output_dir="unused", data_dir=str(tmp_path), do_predict=True)
    _, splits = classification.read_splits(tasks.TASKS["tnews"], options)
    assert sorted(splits) == ["test"]
    toy.write(folder / "test1.0.json", '{"sentence": "旧"}\n{"sentence": "老"}\n')
    task, splits = classification.read_splits(tasks.TASKS["tnews"], options)
    assert [example.text_a for example in splits["test1.0"]] == ["旧", "老"]
    assert [example.id for example in splits["test1.0"]] == [0, 1]
    assert task.submissions(splits) == {
        "test": ["tnews_predict.json", "tnews11_predict.json"],
        "test1.0": ["tnews10_predict.json"]}


def test_rows_without_agreement_are_counted_in_the_log(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    row = '{"sentence1": "天", "sentence2": "%d", "label": "%s"}\n'
    toy.write(tmp_path / "dev.json", "".join(
        row % (i, label) for i, label in enumerate(["-", "neutral", "-", "-"])))
    options = classification.Options(
        output_dir="unused", data_dir=str(tmp_path), do_eval=True)
    _, splits = classification.read_splits(tasks.TASKS["cmnli"], options)
    assert len(splits["dev"]) == 1
    assert "1 rows, 3 left out" in caplog.text and "3 rows labelled '-'" in caplog.text
