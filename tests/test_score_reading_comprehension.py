"""The scorer, the check of a file's answers, and the sample's generator, as commands."""

import json
import os

import pytest

import reading_comprehension_data as data
from tests import toy
from tests import toy_reading
from tools import check_answers
from tools import download
from tools import make_cmrc_sample
from tools import score_reading_comprehension as scorer

SAMPLE = os.path.join(toy.ROOT, "data", "cmrc_sample")
PASSAGE = "天桥建于1902年。地桥由玄黄设计。"


@pytest.fixture(name="gold")
def fixture_gold(tmp_path):
    return toy.write(tmp_path / "gold.json", json.dumps({"data": [{"paragraphs": [{
        "context": PASSAGE, "qas": [
            {"id": "a", "question": "天桥建于哪年？", "answers": [
                {"text": "1902年", "answer_start": 4}]},
            {"id": "b", "question": "地桥由谁设计？", "answers": [
                {"text": "玄黄", "answer_start": 99}]}]}]}]}))


def score(gold, predictions, *flags):
    path = toy.write(gold + ".predictions", json.dumps(predictions))
    return scorer.main([gold, path] + list(flags))


def test_the_scores_are_one_line_of_json(gold, capsys):
    assert score(gold, {"a": "1902年。", "b": "玄"}) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"AVERAGE": "66.667", "F1": "83.333", "EM": "50.000", "TOTAL": 2,
                       "SKIP": 0}


def test_a_missing_prediction_is_named_and_counted(gold, capsys):
    assert score(gold, {"a": "1902年"}, "--metric=squad") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["SKIP"] == 1 and "No prediction for b" in err


def test_the_baseline_is_the_sentence_that_overlaps_most(gold, capsys):
    assert scorer.overlap_answers(data.read_questions(gold)) == {
        "a": "天桥建于1902年。", "b": "地桥由玄黄设计。"}
    assert scorer.main([gold, "--baseline"]) == 0
    assert json.loads(capsys.readouterr().out)["EM"] == "0.000"


@pytest.mark.parametrize("text, phrase", [
    ("[]", "one JSON object"), ('{"a": 1}', "one JSON object"), ("{", "is no JSON")])
def test_predictions_of_another_shape_are_one_message(gold, capsys, text, phrase):
    path = toy.write(gold + ".predictions", text)
    assert scorer.main([gold, path]) == 2
    err = capsys.readouterr().err
    assert phrase in err and path in err and err.count("\n") == 1


def test_either_predictions_or_the_baseline(gold):
    for arguments in ([gold], [gold, gold, "--baseline"]):
        with pytest.raises(SystemExit) as end:
            scorer.main(arguments)
        assert end.value.code == 2


def test_what_a_file_becomes_is_told(tmp_path, capsys):
    content = toy_reading.content(3, seed=1, passage_length=(30, 30))
    first, second, _ = content["data"][0]["paragraphs"]
    first["qas"][0]["answers"][0]["text"] = "没有"
    second["qas"][0]["answers"] = [{"text": second["context"], "answer_start": 0}]
    path = toy.write(tmp_path / "data.json", json.dumps(content))
    arguments = [path, "--vocab_file", toy.vocabulary(tmp_path)] + [
        "--%s=%d" % (name, value) for name, value in toy_reading.SMALL.items()
        if name != "max_answer_length"]
    assert check_answers.main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == [
        "3 questions, 9 windows, 2 answers that stand in their passages, 1 that do not.",
        "not in the passage: Q1_0", "whole in no window: Q1_1",
        "1 of 1 answers that are whole in a window come back as they were."]
    assert check_answers.main([path, "--doc_stride=400"]) == 2
    assert "--doc_stride=400" in capsys.readouterr().err


def test_an_answer_that_comes_back_changed_fails_the_check(tmp_path, capsys):
    content = toy_reading.content(1, seed=1)
    qa = content["data"][0]["paragraphs"][0]["qas"][0]
    content["data"][0]["paragraphs"][0]["context"] = "天abc地"
    qa["answers"] = [{"text": "b", "answer_start": 2}]
    path = toy.write(tmp_path / "data.json", json.dumps(content))
    assert check_answers.main([path, "--vocab_file", toy.vocabulary(tmp_path)]) == 1
    assert "'b' comes back as 'abc'" in capsys.readouterr().out


def test_the_generator_writes_the_committed_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["make", "--output_dir", str(tmp_path)])
    make_cmrc_sample.main()
    for split, _ in make_cmrc_sample.SIZES:
        with open(os.path.join(SAMPLE, split + ".json"), "rb") as source:
            assert source.read() == (tmp_path / (split + ".json")).read_bytes()


def test_the_sample_has_its_size_and_no_passage_in_two_splits():
    found = {}
    for split, size in make_cmrc_sample.SIZES:
        questions = data.read_questions(os.path.join(SAMPLE, split + ".json"))
        passages = {q.passage for q in questions}
        assert len(questions) == size * make_cmrc_sample.QUESTIONS
        assert len(passages) == size
        assert all(q.passage.startswith(a.text, a.start)
                   for q in questions for a in q.answers)
        assert not any(passages & others for others in found.values())
        found[split] = passages


def test_every_topic_has_five_facts_with_wordings_and_questions():
    topics = make_cmrc_sample.read_topics(
        os.path.join(make_cmrc_sample.FOLDER, "cmrc_sample_texts.txt"))
    assert len(topics) == 10
    for endings, pronouns, facts in topics:
        assert len(endings) == 4 and len(pronouns) == 2 and len(facts) == 5
        for _, clauses, questions in facts:
            assert len(clauses) == 2 and len(questions) in (2, 3)
            assert all(clause.count("{}") == 1 for clause in clauses)


def test_published_sets_are_fetched_by_the_names_of_their_files(monkeypatch):
    asked = []
    monkeypatch.setattr(
        download, "fetch_archive", lambda *arguments: asked.append(arguments))
    for name in ("cmrc2018", "drcd"):
        assert download.main(["reading", name, "--to", "folder"]) == 0
    assert [url.rsplit("/", 1)[1] for url, _, _, _ in asked] == [
        "cmrc2018_public.zip", "drcd_public.zip"]
    assert all("train.json" in wanted[0] and "dev.json" in wanted[1]
               for _, _, wanted, _ in asked)
    assert "DRCD_training.json" in asked[1][2][0]
