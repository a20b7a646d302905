"""Files of one's own: their format, columns and labels, given or guessed."""

import logging

import pytest

import errors
import tasks
from tests import toy


def fields(examples):
    return [tuple(example[1:4]) for example in examples]


@pytest.mark.parametrize("name, text, columns, expected", [
    ("a.tsv", "好\t正\n坏\t负\n", {}, [("好", None, "正"), ("坏", None, "负")]),
    ("a.txt", "a\tb\tx\n", {}, [("a", "b", "x")]),
    ("a.tsv", "a\tb\tx\n", {"label": "0"}, [("b", "x", "a")]),
    ("a.tsv", "x\ta\tb\n", {"text_a": 1, "text_b": 2}, [("a", "b", "x")]),
    ("a.tsv", "9\ta\tx\tz\n", {"text_a": "1", "label": "2"}, [("a", None, "x")]),
    ("a.tsv", "a\tx\n", {"text_a": "0"}, [("a", None, "x")]),
    ("a.tsv", "a\tx\n", {"label": "1"}, [("a", None, "x")]),
    ("a.tsv", "Label\tSentence2\tSentence1\nx\tb\ta\n", {}, [("a", "b", "x")]),
    ("a.tsv", "dialogue\tlabel\na\tx\n", {}, [("a", None, "x")]),
    ("a.tsv", "stars\tsaid\tnote\n-\ta\tn\n", {"text_a": "said", "label": "stars"},
     [("a", None, "-")]),
    ("a.tsv", "question1\tquestion2\tlabel\na\tb\tx\n", {"text_a": "question2"},
     [("b", None, "x")]),
    ("a.csv", '"a, ""b""\nc",x\n,y\n', {}, [('a, "b"\nc', None, "x"), ("", None, "y")]),
    ("a.csv", "\ufefftext,label\r\n好,1\r\n\r\n", {}, [("好", None, "1")]),
    ("a.jsonl", '{"text": "a", "label": 3, "x": []}\n', {}, [("a", None, "3")]),
    ("a.json", '{"q": "a", "p": 5, "y": true}\n',
     {"text_a": "q", "text_b": "p", "label": "y"}, [("a", "5", "true")]),
])
def test_own_files_are_read_by_name_by_number_or_by_guess(
        tmp_path, name, text, columns, expected):
    path = toy.write(tmp_path / name, text)
    examples, _ = tasks.read_examples(tasks.custom_task(**columns), path)
    assert fields(examples) == expected


def test_own_files_use_their_id_column_and_report_the_columns(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path = toy.write(tmp_path / "a.tsv", "id\ttext\tlabel\nq7\t好\t1\nq9\t坏\t0\n")
    examples, _ = tasks.read_examples(tasks.custom_task(), path)
    assert [(row.id, row.line) for row in examples] == [("q7", 2), ("q9", 3)]
    assert "header ['id', 'text', 'label']; columns text_a=1, label=2" in caplog.text
    path = toy.write(tmp_path / "b.tsv", "好\t1\n")
    tasks.read_examples(tasks.custom_task(), path)
    assert "b.tsv: no header; columns text_a=0, label=1" in caplog.text


@pytest.mark.parametrize("train, test, expected", [
    ("a\tb\tx\nc\td\ty\n", "e\tf\n", [("e", "f", None)]),
    ("a\tb\tx\nc\td\ty\n", "e\tf\tx\n", [("e", "f", "x")]),
    ("a\tx\nb\ty\n", "e\n", [("e", None, None)]),
    ("a\tx\nb\ty\n", "e\ty\n", [("e", None, "y")]),
    ("text\tlabel\na\tx\nb\ty\n", "id\ttext\n4\te\n", [("e", None, None)]),
])
def test_a_test_file_is_read_as_train_was(tmp_path, train, test, expected):
    path = toy.write(tmp_path / "train.tsv", train)
    examples, _ = tasks.read_examples(tasks.custom_task(), path)
    task = tasks.learn(tasks.custom_task(), examples)
    assert task.labels == ["x", "y"]
    path = toy.write(tmp_path / "test.tsv", test)
    examples, _ = tasks.read_examples(task, path, needs_labels=False)
    assert fields(examples) == expected


def test_known_labels_tell_a_second_text_from_a_label(tmp_path):
    task = tasks.custom_task()._replace(labels=["x", "y"])
    path = toy.write(tmp_path / "test.tsv", "e\tf\n")
    examples, _ = tasks.read_examples(task, path, needs_labels=False)
    assert fields(examples) == [("e", "f", None)]
    path = toy.write(tmp_path / "test.tsv", "e\ty\n")
    examples, _ = tasks.read_examples(task, path, needs_labels=False)
    assert fields(examples) == [("e", None, "y")]


@pytest.mark.parametrize("name, text, columns, message", [
    ("a.xls", "a\tx\n", {}, "ends in .tsv"),
    ("a.tsv", "a\n", {}, "no column of labels"),
    ("a.tsv", "1\ta\tb\tx\n", {}, "4 columns and no header"),
    ("a.tsv", "a\tx\n", {"label": "5"}, "--label=5, but there are 2 columns"),
    ("a.tsv", "text\tlabel\na\tx\n", {"text_a": "texts"},
     "no column 'texts' for --text_a; there are: text, label"),
    ("a.tsv", "p\tq\tlabel\tid\na\tb\tx\t1\n", {}, "which column is the text"),
    ("a.tsv", "text\tlabel\na\tx\tz\n", {}, "a.tsv:2: expected 2 columns, found 3"),
    ("a.tsv", "a\tx\nb\t \n", {}, "a.tsv:2: no label"),
    ("a.csv", 'a,x\n"b,y\n', {}, "a.csv:2: not CSV"),
    ("a.csv", "a,x\n\nb,y\n", {}, "a.csv:2: blank line"),
    ("a.csv", '"a\nb",x\nc\n', {}, "a.csv:3: expected 2 columns, found 1"),
    ("a.jsonl", "[\n]\n", {}, "no line is a JSON object"),
    ("a.jsonl", '{"text": "a"}\n', {}, "no column of labels"),
    ("a.jsonl", '{"text": "a", "label": 1}\n{"label": 1}\n', {},
     "a.jsonl:2: no field 'text'"),
])
def test_own_files_that_cannot_be_understood_say_why(
        tmp_path, name, text, columns, message):
    path = toy.write(tmp_path / name, text)
    with pytest.raises(errors.InputError, match=message):
        tasks.read_examples(tasks.custom_task(**columns), path)


def test_dev_must_have_the_labels_and_the_kind_of_train(tmp_path):
    path = toy.write(tmp_path / "train.tsv", "a\tx\nb\ty\n")
    train, _ = tasks.read_examples(tasks.custom_task(), path)
    task = tasks.learn(tasks.custom_task(), train)
    with pytest.raises(errors.InputError, match="dev.tsv:2: label 'z' .* known: x, y"):
        tasks.read_examples(task, toy.write(tmp_path / "dev.tsv", "a\tx\nb\tz\n"))
    with pytest.raises(errors.InputError, match="training had single texts"):
        tasks.read_examples(task, toy.write(tmp_path / "dev.tsv", "a\tb\tx\n"))


def test_skipping_bad_rows_of_ones_own_file_starts_with_the_first_good_one(tmp_path):
    path = toy.write(tmp_path / "a.jsonl", '{"text"\n{"text": "a", "label": "x"}\n')
    examples, skipped = tasks.read_examples(
        tasks.custom_task(), path, skip_bad_rows=True)
    assert fields(examples) == [("a", None, "x")]
    assert len(skipped) == 1 and "a.jsonl:1: not JSON" in skipped[0]
