"""The client for TensorFlow Serving, against a stand-in that loads the SavedModel."""

import http.server
import json
import os
import sys
import threading

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import encoding
import inference
import model_files
import predictor
import tokenization
from tests import toy
from tests import toy_models
from tools import serving_client

PAIRS = [tuple(line.split("\t")[:2]) for line in toy.pairs(20, 3).splitlines()]


def write_saved_model(weights, folder):
    """As export_model.py names inputs and outputs."""
    files = model_files.find(weights)
    with tf.Graph().as_default():
        inputs = {name: tf.placeholder(tf.int32, [None, None], name)
                  for name in encoding.INPUTS}
        model = files.model_class(
            files.config, False, *[inputs[name] for name in encoding.INPUTS])
        logits = inference.classification.class_logits(model, len(files.labels), False)
        with tf.Session() as session:
            tf.train.Saver().restore(session, files.prefix)
            tf.saved_model.simple_save(
                session, folder, inputs, {"probabilities": tf.nn.softmax(logits)})


class StandIn(http.server.BaseHTTPRequestHandler):
    """Answers as TensorFlow Serving's REST form does for rows and one output."""
    run = None

    def do_POST(self):
        size = int(self.headers["Content-Length"])
        rows = json.loads(self.rfile.read(size).decode("utf-8"))["instances"]
        assert self.path == "/v1/models/toy:predict"
        scores = self.run({name: [row[name] for row in rows] for name in rows[0]})
        body = json.dumps({"predictions": scores.tolist()}).encode("utf-8")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture(scope="module", params=["b", "g"])
def served(request, tmp_path_factory):
    """(url, folder of the weights)"""
    folder = tmp_path_factory.mktemp("served")
    weights = toy_models.fine_tuned(folder / "weights", request.param)
    write_saved_model(weights, str(folder / "saved"))
    session = tf.Session(graph=tf.Graph())
    with session.graph.as_default():
        signature = tf.saved_model.load(
            session, ["serve"], str(folder / "saved")).signature_def["serving_default"]

    def run(_, batch):
        return session.run(signature.outputs["probabilities"].name, {
            signature.inputs[name].name: rows for name, rows in batch.items()})
    handler = type("Handler", (StandIn,), {"run": run})
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "http://127.0.0.1:%d/v1/models/toy" % server.server_port, weights
    server.shutdown()
    server.server_close()
    session.close()


def test_it_gets_the_predictors_answers(served):
    url, weights = served
    tokenizer = tokenization.FullTokenizer(os.path.join(weights, "vocab.txt"))
    with predictor.Predictor(weights) as model:
        np.testing.assert_allclose(serving_client.ask(url, tokenizer, PAIRS),
                                   model.probabilities(PAIRS), atol=1e-5)


def test_it_prints_the_answer_to_two_texts(served):
    url, weights = served
    status, said = toy.run([sys.executable, "-m", "tools.serving_client", url,
                            os.path.join(weights, "vocab.txt"), "天地", "玄黄"],
                           cwd=toy.ROOT)
    assert status == 0, said
    assert abs(sum(json.loads(said)[0]) - 1.0) < 1e-5


def test_texts_of_any_length_fit(served):
    url, weights = served
    tokenizer = tokenization.FullTokenizer(os.path.join(weights, "vocab.txt"))
    assert len(serving_client.ask(url, tokenizer, [("", ""), ("天" * 25, "地" * 25)])) == 2
