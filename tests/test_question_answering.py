"""Answers of the predictor and of the service are those of the program that trained."""

import json
import os

import pytest

import errors
import predictor
from benchmarks import service_load
from tests import chromium
from tests import forked
from tests import toy
from tests import toy_models
from tests import toy_reading

SCREENSHOTS = os.environ.get("ALBERT_SCREENSHOTS")


@pytest.fixture(scope="module", params=["b", "g"], name="trained")
def fixture_trained(request, tmp_path_factory):
    """(the folder of a run, {id: (question, passage)} of its test set)"""
    folder = tmp_path_factory.mktemp("run")
    toy_reading.setup(folder, request.param, rows=16, passage_length=(8, 40))
    command = toy_reading.command(
        folder, request.param, do_train=True, do_eval=True, do_predict=True,
        num_train_epochs=1, n_best_size=3)
    with forked.Scripts() as scripts:
        code, said = scripts.run(command[command.index("ignore") + 1:])
    assert code == 0, said
    with open(str(folder / "data" / "test.json"), encoding="utf-8") as source:
        paragraphs = json.load(source)["data"][0]["paragraphs"]
    return str(folder / "output"), {
        p["qas"][0]["id"]: (p["qas"][0]["question"], p["context"]) for p in paragraphs}


def test_the_predictor_answers_as_the_script_did(trained):
    folder, asked = trained
    with open(os.path.join(folder, "nbest_predictions.json"), encoding="utf-8") as source:
        expected = json.load(source)
    with predictor.Predictor(folder, batch_size=7) as model:
        assert model.finds_answers
        model.warm_up()
        answers = model.answer(list(asked.values()))
        with pytest.raises(errors.InputError, match="no classifier head"):
            model.predict([("天", "地")])
    for (id_, (_, passage)), answer in zip(asked.items(), answers):
        assert answer["answer"] == passage[answer["start"]:answer["end"]]
        assert [(c["answer"], c["start"]) for c in answer["candidates"]] == [
            (c["text"], c["start"]) for c in expected[id_]]
        assert answer["probability"] == pytest.approx(
            expected[id_][0]["probability"], rel=1e-4)


def test_what_cannot_be_answered_is_one_message(trained, tmp_path):
    with predictor.Predictor(trained[0]) as model:
        for rows, phrase in (([("天", "")], "Question 0.*nothing that can be read"),
                             (["天"], "give a pair of texts")):
            with pytest.raises(errors.InputError, match=phrase):
                model.answer(rows)
        assert model.answer([]) == []
    classifier = toy_models.fine_tuned(tmp_path / "classifier", "b")
    with predictor.Predictor(classifier) as model:
        assert not model.finds_answers
        with pytest.raises(errors.InputError, match="no span head"):
            model.answer([("天", "地")])


def test_a_model_that_may_say_there_is_none_does_so(trained):
    folder, asked = trained
    path = os.path.join(folder, "best", "reading_comprehension.json")
    with open(path, encoding="utf-8") as source:
        settings = source.read()
    rows = list(asked.values())[:5]
    try:
        toy.write(path, json.dumps(dict(json.loads(settings), no_answer_threshold=-1e9)))
        with predictor.Predictor(folder) as model:
            answers = model.answer(rows)
    finally:
        toy.write(path, settings)
    assert [(a["answer"], a["start"], a["end"]) for a in answers] == [("", 0, 0)] * 5
    assert all(a["candidates"][0]["answer"] for a in answers)


# The service.

def test_the_page_of_a_model_that_reads_marks_the_answer(trained, tmp_path):
    pytest.importorskip("falcon", reason="needs requirements-server.txt")
    if chromium.BINARY is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    folder, asked = trained
    question, passage = next(iter(asked.values()))
    with predictor.Predictor(folder) as model:
        expected, = model.answer([(question, "😀" + passage)])
    with service_load.Server(folder) as server, chromium.Browser(tmp_path) as browser:
        browser.open("http://127.0.0.1:%d/" % server.port, 1280, 800)
        assert browser.wait("document.getElementById('tab-pair').hidden")
        browser.run("document.getElementById('passage').focus()")
        browser.type("😀" + passage)
        browser.press("Tab", 9)
        browser.type(question)
        browser.press("Enter", 13, modifiers=2)
        said = browser.wait("document.getElementById('answer').textContent")
        assert said == expected["answer"]
        assert browser.run("document.querySelector('#marked mark').textContent") == said
        assert browser.run(
            "document.getElementById('marked').textContent") == "😀" + passage
        if SCREENSHOTS:
            browser.screenshot(os.path.join(SCREENSHOTS, "reading_desktop.png"))
