"""What the service answers, request by request, over a stand-in for the model."""

import asyncio
import json
import logging
import threading
import time

import pytest

falcon = pytest.importorskip("falcon", reason="needs requirements-server.txt")

from falcon import testing

import batching
import errors
import service

LIMITS = service.Limits(2000, 5, 50, 2.0)


class Model(object):
    """Scores a row by the length of its texts."""
    batch_size, hidden_size = 8, 2
    finds_answers = True

    def __init__(self, labels=("0", "1"), similar_label="1"):
        self.labels, self.similar_label = list(labels), similar_label
        self.seconds, self.error = 0.0, None

    def probabilities(self, rows):
        time.sleep(self.seconds)
        if self.error:
            raise self.error
        return [[1.0 - len("".join(row)) / 64.0, len("".join(row)) / 64.0]
                for row in rows]

    def describe(self, scores):
        return {"label": self.labels[1], "probabilities": dict(zip(self.labels, scores)),
                "similarity": scores[1]}

    def answer(self, rows):
        if not all(passage for _, passage in rows):
            raise errors.InputError("nothing that can be read")
        return [{"answer": passage[:1], "start": 0, "end": 1, "probability": 0.5,
                 "candidates": []} for _, passage in rows]

    def embed(self, rows, pooling, layers):
        if layers != (-1,):
            raise errors.InputError("this model has 1 layer")
        return [[len(row), len(pooling)] for row in rows]


@pytest.fixture
def model():
    return Model()


def client(model, limits=LIMITS, **settings):
    return testing.TestClient(service.make_app(service.Service(
        model, limits, **settings), access_log=True))


def ask(app, path, value, **headers):
    answer = app.simulate_post(path, body=json.dumps(value), headers=dict(
        {"Content-Type": "application/json"}, **headers))
    return answer.status_code, answer.json


def test_pairs_texts_and_vectors_are_answered_in_order(model):
    app = client(model)
    status, answer = ask(app, "/v1/similarity", {"pairs": [["ab", "c"], ["", ""]]})
    assert status == 200
    assert [each["similarity"] for each in answer["results"]] == [3 / 64.0, 0.0]
    assert answer["results"][0]["probabilities"] == {"0": 61 / 64.0, "1": 3 / 64.0}
    status, answer = ask(app, "/v1/classify", {"texts": ["abcd", ["a", "b"]]})
    assert [each["similarity"] for each in answer["results"]] == [4 / 64.0, 2 / 64.0]
    status, answer = ask(app, "/v1/embed", {"texts": ["abc"], "pooling": "cls"})
    assert (status, answer) == (200, {"dimension": 2, "vectors": [[3.0, 3.0]]})
    assert ask(app, "/v1/classify", {"texts": []}) == (200, {"results": []})


@pytest.mark.parametrize("path, value, status, message", [
    ("/v1/similarity", {"pairs": [["a", "b"]] * 6}, 413, "at most 5 items"),
    ("/v1/similarity", {"pairs": [["a" * 51, "b"]]}, 413, "at most 50 characters"),
    ("/v1/similarity", {"pairs": "a"}, 422, "must be a list"),
    ("/v1/similarity", {"pairs": ["a"]}, 422, "pairs[0] must be a list of two texts"),
    ("/v1/similarity", {"pairs": [["a", "b"], ["a"]]}, 422, "pairs[1]"),
    ("/v1/similarity", {"texts": [["a", "b"]]}, 422, "known: pairs"),
    ("/v1/classify", {"texts": [{"a": 1}]}, 422, "a text, or a list of two"),
    ("/v1/classify", [], 422, "must be a JSON object"),
    ("/v1/embed", {"texts": ["a"], "pooling": "sum"}, 422, "cls, max, mean"),
    ("/v1/embed", {"texts": ["a"], "pooling": ["cls"]}, 422, "cls, max, mean"),
    ("/v1/embed", {"texts": ["a"], "layers": [True]}, 422, "whole numbers"),
    ("/v1/embed", {"texts": ["a"], "layers": [5]}, 422, "this model has 1 layer"),
    ("/v1/classify", {"texts": ["a" * 3000]}, 413, "at most 2000 bytes"),
    ("/v1/none", {}, 404, "")])
def test_what_cannot_be_answered_is_refused_and_said(model, path, value, status, message):
    found, answer = ask(client(model), path, value)
    assert found == status == answer["error"]["status"]
    assert message in answer["error"]["message"]


@pytest.mark.parametrize("body, kind, status", [
    (b"{", "application/json", 400), (b"\xff\xfe", "application/json", 400),
    (b"[" * 1900, "application/json", 400), (b"", "application/json", 400),
    (b"{}", "text/plain", 415), (b"{}", None, 415),
    (b"{}", "application/json; charset=utf-8", 422)])
def test_bodies_that_are_no_json_are_refused(model, body, kind, status):
    headers = {"Content-Type": kind} if kind else {}
    answer = client(model).simulate_post("/v1/classify", body=body, headers=headers)
    assert answer.status_code == status == answer.json["error"]["status"]


def test_lone_surrogates_are_texts_like_others(model):
    answer = client(model).simulate_post(
        "/v1/classify", body=b'{"texts": ["\\ud800"]}',
        headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


def test_a_model_without_a_label_for_the_same_meaning_says_so():
    app = client(Model(labels=("a", "b", "c"), similar_label=None))
    status, answer = ask(app, "/v1/similarity", {"pairs": []})
    assert status == 422 and "use /v1/classify" in answer["error"]["message"]


def test_with_a_key_nothing_is_answered_without_it(model):
    app = client(model, api_key="秘密")
    pairs = {"pairs": [["a", "b"]]}
    assert ask(app, "/v1/similarity", pairs)[0] == 401
    assert ask(app, "/v1/similarity", pairs, Authorization="Bearer no")[0] == 401
    assert app.simulate_get("/metrics").status_code == 401
    for path in ("/healthz", "/", "/openapi.json"):
        assert app.simulate_get(path).status_code == 200
    app = client(model, api_key="secret")
    assert ask(app, "/v1/similarity", pairs, Authorization="Bearer secret")[0] == 200


def test_too_slow_and_too_many_are_503(model):
    model.seconds = 0.4
    app = client(model, LIMITS._replace(timeout_seconds=0.1))
    status, answer = ask(app, "/v1/classify", {"texts": ["a"]})
    assert status == 503 and "within 0.1 seconds" in answer["error"]["message"]
    model.seconds = 0.0
    app = client(model, max_waiting=2)
    status, answer = ask(app, "/v1/classify", {"texts": ["a"] * 3})
    assert status == 503 and "Too many requests" in answer["error"]["message"]


def test_a_defect_tells_the_client_nothing_and_the_log_no_content(model, caplog):
    model.error = RuntimeError("about 天地")
    with caplog.at_level(logging.INFO):
        status, answer = ask(client(model), "/v1/classify", {"texts": ["天地"]})
    assert status == 500 and set(answer["error"]) == {"status", "message"}
    assert "天地" not in str(answer) and "天地" not in caplog.text
    assert "RuntimeError in /v1/classify" in caplog.text
    assert "POST /v1/classify 500" in caplog.text


def test_health_and_metrics_tell_what_is_going_on(model):
    shared = service.Service(model, LIMITS)
    app = testing.TestClient(service.make_app(shared))
    for _ in range(3):
        ask(app, "/v1/classify", {"texts": ["a", "b"]})
    ask(app, "/v1/classify", {})
    assert app.simulate_get("/healthz").json["limits"]["max_rows"] == 5
    text = app.simulate_get("/metrics").text
    for line in ('albert_requests_total{path="/v1/classify",status="200"} 3',
                 'albert_requests_total{path="/v1/classify",status="422"} 1',
                 'albert_request_seconds_count{path="/v1/classify"} 4',
                 'albert_batch_rows_bucket{le="2"} 3', "albert_batch_rows_sum 6.000000",
                 "albert_waiting_rows 0"):
        assert line in text.splitlines(), text
    shared.is_stopping = True
    assert app.simulate_get("/healthz").status_code == 503
    answer = app.simulate_post("/v1/classify", json={"texts": ["a"]})
    assert answer.status_code == 200 and answer.headers["connection"] == "close"


def test_questions_on_passages_are_answered_in_order(model):
    app = client(model)
    status, value = ask(app, "/v1/answer", {"questions": [["谁？", "天地"], ["谁？", "玄黄"]]})
    assert status == 200 and [a["answer"] for a in value["answers"]] == ["天", "玄"]
    for wrong, phrase in (({"questions": ["谁？"]}, "questions[0]"), ({"pairs": []}, "pairs"),
                          ({"questions": [["谁？", ""]]}, "nothing that can be read")):
        status, value = ask(app, "/v1/answer", wrong)
        assert status == 422 and phrase in value["error"]["message"]
    model.finds_answers = False
    assert ask(app, "/v1/answer", {"questions": []})[0] == 422
    assert app.simulate_get("/healthz").json["finds_answers"] is False


def test_a_model_without_a_classifier_refuses_pairs(model):
    model.labels = model.similar_label = None
    for path, value in (("/v1/similarity", {"pairs": []}), ("/v1/classify", {"texts": []})):
        status, said = ask(client(model), path, value)
        assert status == 422 and "no classifier" in said["error"]["message"]


def test_the_openapi_document_describes_what_there_is(model):
    app = client(model)
    document = app.simulate_get("/openapi.json").json
    for path, methods in document["paths"].items():
        for method in methods:
            assert app.simulate_request(method.upper(), path).status_code != 404
            wrong = app.simulate_request("DELETE", path)
            assert wrong.status_code == 405 and wrong.json["error"]["status"] == 405
    described = set(document["paths"]["/v1/similarity"]["post"]["responses"])
    assert described == {"200", "400", "401", "408", "413", "415", "422", "503"}


# Batches.

def gather(model, requests, **settings):
    """The answers, or what was raised, to requests that come at the same time."""
    sizes = []

    def compute(kind, rows):
        sizes.append((kind, len(rows)))
        if kind == "bad":
            raise errors.InputError("bad")
        return [(kind, row) for row in rows]
    batcher = batching.Batcher(compute, **dict(
        dict(max_rows=4, window=0.01, max_waiting=100), **settings))

    async def run():
        return await asyncio.gather(*[batcher.submit(*request) for request in requests],
                                    return_exceptions=True)
    loop = asyncio.new_event_loop()
    try:
        answers = loop.run_until_complete(run())
    finally:
        loop.close()
        batcher.close()
    assert batcher.num_waiting == 0
    return answers, sizes


def test_requests_of_a_kind_share_batches_and_get_their_own_answers(model):
    requests = [("a", [1]), ("a", [2, 3]), ("b", [4]), ("a", [5]), ("a", [6] * 7),
                ("b", [])]
    answers, sizes = gather(model, requests)
    assert answers == [[(kind, row) for row in rows] for kind, rows in requests]
    assert sizes == [("a", 4), ("b", 1), ("a", 7)]


def test_an_error_reaches_those_it_concerns(model):
    answers, _ = gather(model, [("a", [1]), ("bad", [2]), ("bad", [3])])
    assert answers[0] == [("a", 1)]
    assert [str(error) for error in answers[1:]] == ["bad", "bad"]


def test_who_would_wait_too_long_is_sent_away(model):
    answers, _ = gather(model, [("a", [1, 2]), ("a", [3, 4])], max_waiting=3)
    assert answers[0] == [("a", 1), ("a", 2)]
    assert isinstance(answers[1], batching.Busy)


def test_what_nobody_waits_for_any_more_is_not_computed():
    computed, gate = [], threading.Event()

    def compute(kind, rows):
        gate.wait(10)
        computed.append(rows)
        return rows
    batcher = batching.Batcher(compute, 1, 0.0, 10)

    async def run():
        first = asyncio.ensure_future(batcher.submit("a", [1]))
        await asyncio.sleep(0.05)
        second = asyncio.ensure_future(batcher.submit("a", [2]))
        await asyncio.sleep(0.01)
        second.cancel()
        third = asyncio.ensure_future(batcher.submit("a", [3]))
        gate.set()
        return await first, await third
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(run()) == ([1], [3])
    loop.close()
    batcher.close()
    assert computed == [[1], [3]] and batcher.num_waiting == 0
