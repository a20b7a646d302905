"""Files of questions: their shapes, answers that stand elsewhere, and what is refused."""

import json
import os

import pytest

import errors
import reading_comprehension_data as data
from tests import toy

PASSAGE = "该镇建于1902年，1902年前是村庄。"


def squad(*qas, **changes):
    paragraph = dict({"context": PASSAGE, "qas": list(qas)}, **changes)
    return {"version": "v1.0", "data": [{"title": "某地", "paragraphs": [paragraph]}]}


def qa(id_="Q0", question="建于哪一年？", answers=(("1902年", 4),), **more):
    return dict({"id": id_, "question": question, "answers": [
        {"text": text, "answer_start": start} for text, start in answers]}, **more)


def write(tmp_path, content):
    return toy.write(tmp_path / "data.json", json.dumps(content, ensure_ascii=False))


def read(tmp_path, content):
    return data.read_questions(write(tmp_path, content))


def test_both_shapes_of_cmrc2018_hold_the_same_question(tmp_path):
    old = [{"context_id": "D0", "context_text": PASSAGE, "title": "某地", "qas": [
        {"query_id": "Q0", "query_text": "建于哪一年？", "answers": ["1902年"]}]}]
    assert read(tmp_path, old) == read(tmp_path, squad(qa())) == [data.Question(
        "Q0", "建于哪一年？", PASSAGE, [data.Answer("1902年", 4)], False)]


def test_drcd_ids_and_squad_questions_without_an_answer_are_read(tmp_path):
    drcd = qa(id_=17)
    drcd["answers"][0]["id"] = "1"
    impossible = qa("Q1", answers=(), is_impossible=True)
    found = read(tmp_path, squad(drcd, impossible))
    assert [(q.id, q.is_impossible) for q in found] == [("17", False), ("Q1", True)]


@pytest.mark.parametrize("text, start, place", [
    ("1902年", 4, 4), ("1902年", 10, 10), ("1902年", 8, 10), ("1902年", 5, 4),
    ("1902年", 999, 10), ("1902年", -1, 4), ("1903年", 4, None), (" ", 0, None)])
def test_an_answer_that_sits_elsewhere_is_searched_the_nearest_first(text, start, place):
    assert data.locate(text, PASSAGE, start) == place


def test_a_question_with_no_answer_in_the_passage_is_told_apart(tmp_path):
    found = read(tmp_path, squad(
        qa("one", answers=(("没有", 0),)), qa("two", answers=(("没有", 0), ("村庄", 0))),
        qa("three", answers=(), is_impossible=True), qa("four", answers=())))
    assert data.unanswerable(found) == ["one"]
    assert data.is_labelled(found[:3]) and not data.is_labelled(found)


def test_placeholders_for_answers_are_no_labels(tmp_path):
    found = read(tmp_path, squad(qa(answers=(("FAKE_ANSWER_1", -1),))))
    assert not data.is_labelled(found)


@pytest.mark.parametrize("content, phrases", [
    (squad(qa(), qa()), ["the id Q0", "qas[0]", "qas[1]"]),
    (squad(qa(), context=" \n"), ["data[0].paragraphs[0]", "the passage is empty"]),
    (squad(qa(), context=None), ["has no context (a text)"]),
    (squad("text"), ["data[0].paragraphs[0].qas[0]", "question"]),
    (squad(qa(id_=None)), ["has no id"]),
    (squad(qa(answers=((5, 0),))), ["answers[0]", "text"]),
    ({"data": {"paragraphs": []}}, ["the file has no data (a list)"]),
    ([{"context": PASSAGE}], ["[0] has no context_text"]),
    ("text", ["the file has no data"]), ({"data": []}, ["holds no question"])])
def test_a_file_of_another_shape_is_one_message(tmp_path, content, phrases):
    path = write(tmp_path, content)
    with pytest.raises(errors.InputError) as refused:
        data.read_questions(path)
    assert all(phrase in str(refused.value) for phrase in phrases + [path])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content, phrase", [
    (b"{", "is no JSON"), ("题".encode("gbk"), "is not UTF-8"), (None, "cannot be read")])
def test_a_file_that_is_no_json_is_one_message(tmp_path, content, phrase):
    path = tmp_path / "data.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.InputError, match=phrase):
        data.read_questions(str(path))


def test_only_the_first_questions_are_read_on_wish(tmp_path):
    path = write(tmp_path, squad(qa("a"), qa("b"), qa("c")))
    assert [q.id for q in data.read_questions(path, 2)] == ["a", "b"]


def test_a_split_is_found_by_any_of_its_names_but_not_by_two(tmp_path):
    inside = tmp_path / "cmrc2018_public"
    inside.mkdir()
    toy.write(inside / "cmrc2018_dev.json", "{}")
    task = data.TASKS["cmrc2018"]
    assert data.find_file(task, "dev", str(tmp_path)) == str(inside / "cmrc2018_dev.json")
    with pytest.raises(errors.InputError, match="--train_file"):
        data.find_file(task, "train", str(tmp_path))
    toy.write(inside / "dev.json", "{}")
    with pytest.raises(errors.InputError, match="dev.json and cmrc2018_dev.json"):
        data.find_file(task, "dev", str(tmp_path))


def test_the_embedded_sample_is_whole():
    for split in data.SPLITS:
        questions = data.read_questions(
            os.path.join(toy.ROOT, "data", "cmrc_sample", split + ".json"))
        assert len(questions) == 4 * len({q.passage for q in questions})
        assert all(q.answers[0].start is not None for q in questions)
