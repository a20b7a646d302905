"""Cross-validation deals passages, answers every question once and says what it cost."""

import json
import sys

import reading_comprehension_data as data
from benchmarks import reading_comprehension_folds as folds
from tests import toy
from tests import toy_reading


def test_folds_share_no_passage_and_hold_every_question(tmp_path):
    content = toy_reading.content(20, seed=3)
    paragraphs = content["data"][0]["paragraphs"]
    again = dict(paragraphs[0]["qas"][0], id="again")
    paragraphs[0]["qas"].append(again)
    questions = data.read_questions(
        toy.write(tmp_path / "all.json", json.dumps(content)))
    dealt = folds.deal(questions, 3, seed=1)
    assert sorted(q.id for fold in dealt for q in fold) == sorted(q.id for q in questions)
    passages = [{q.passage for q in fold} for fold in dealt]
    assert sum(map(len, passages)) == len(set().union(*passages)) == 20
    assert dealt == folds.deal(questions, 3, seed=1) != folds.deal(questions, 3, seed=2)
    path = toy.write(tmp_path / "fold.json", json.dumps(folds.as_file(dealt[0])))
    assert data.read_questions(path) == dealt[0]


def test_each_fold_is_answered_by_the_others(tmp_path, monkeypatch, capsys):
    toy_reading.setup(tmp_path, rows=40)
    flags = toy_reading.command(
        tmp_path, output_dir=None, data_dir=None, num_train_epochs=1)[4:]
    path = str(tmp_path / "data" / "train.json")
    monkeypatch.setattr(sys, "argv", [
        "folds", path, "--output_dir", str(tmp_path / "folds"), "--"] + flags)
    folds.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" {")[0].strip() for line in lines[:4]] == [
        "fold 0 (20 questions)", "fold 1 (20 questions)", "all folds",
        "sentence that overlaps most"]
    assert json.loads(lines[2][lines[2].index("{"):])["SKIP"] == 0
    assert lines[4].endswith("MiB")
