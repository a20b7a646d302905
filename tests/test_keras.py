"""bert4keras and bert-for-tf2 load what we write and compute the same.

Needs the packages of requirements-keras.txt, in an environment of their own.
"""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests import converted
from tests import golden_models
from tools import convert

TOLERANCE = 1e-4


@pytest.fixture
def session():
    """A graph and a session of Keras' own."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.keras.backend.set_session(session)
        yield session


def google_folder(tmp_path, name):
    """The golden model under Google's names."""
    source = converted.golden_folder(tmp_path / "source", name)
    target = str(tmp_path / "google")
    convert.main(["layout_g", source, "--to", target])
    return target


def whole_rows(name):
    """The golden inputs without padding, and the rows that they are."""
    inputs = golden_models.load(name, "inputs.npz")
    rows = inputs["input_mask"].all(axis=1)
    assert rows.any()
    return rows, {key: inputs[key][rows] for key in ("input_ids", "segment_ids")}


@pytest.mark.parametrize("name", ["brightmart_postln", "google_shared"])
@pytest.mark.parametrize("kind", ["albert", "albert_unshared"])
def test_bert4keras_computes_the_same(name, kind, tmp_path, session):
    pytest.importorskip("bert4keras", reason="requirements-keras.txt is not installed")
    from bert4keras import backend
    from bert4keras import models
    backend.set_gelu("tanh")  # its default is the erf form
    backend.K.set_session(session)
    folder = google_folder(tmp_path, name)
    arguments = (os.path.join(folder, "albert_config.json"),
                 os.path.join(folder, "model.ckpt-best"))
    rows, inputs = whole_rows(name)
    expected = golden_models.load(name, "outputs.npz")
    feed = [inputs["input_ids"], inputs["segment_ids"]]
    encoder = models.build_transformer_model(*arguments, model=kind)
    np.testing.assert_allclose(encoder.predict(feed), expected["sequence_output"][rows],
                               atol=TOLERANCE)
    pooled = models.build_transformer_model(*arguments, model=kind, with_pool=True)
    np.testing.assert_allclose(pooled.predict(feed), expected["pooled_output"][rows],
                               atol=TOLERANCE)
    words = models.build_transformer_model(*arguments, model=kind, with_mlm=True)
    positions = golden_models.load(name, "inputs.npz")["masked_lm_positions"]
    places = np.zeros([len(rows), positions.shape[1]], bool)
    places[rows] = True
    found = np.log(words.predict(feed))
    chosen = np.concatenate([row[place] for row, place in zip(found, positions[rows])])
    held = expected["masked_lm_log_probs"].reshape(positions.shape + (-1,))
    np.testing.assert_allclose(chosen, held[rows].reshape(chosen.shape), atol=TOLERANCE)


@pytest.mark.parametrize("name, is_converted", [
    ("brightmart_postln", False), ("brightmart_postln", True), ("google_shared", True)])
def test_bert_for_tf2_computes_the_same(name, is_converted, tmp_path, session):
    bert = pytest.importorskip("bert", reason="requirements-keras.txt is not installed")
    if is_converted:
        folder, checkpoint = google_folder(tmp_path, name), "model.ckpt-best"
    else:  # it reads layout B by itself, told by ln_type in the config
        folder = converted.golden_folder(tmp_path / "source", name)
        checkpoint = "albert_model.ckpt"
    parameters = bert.params_from_pretrained_ckpt(folder)
    encoder = bert.BertModelLayer.from_params(parameters, name="albert")
    rows, inputs = whole_rows(name)
    length = inputs["input_ids"].shape[1]
    ids, segments = [tf.keras.layers.Input([length], dtype="int32") for _ in range(2)]
    model = tf.keras.Model([ids, segments], encoder([ids, segments]))
    model.build([(None, length)] * 2)
    skipped = bert.load_albert_weights(encoder, os.path.join(folder, checkpoint))
    assert not skipped
    found = model.predict([inputs["input_ids"], inputs["segment_ids"]])
    expected = golden_models.load(name, "outputs.npz")["sequence_output"]
    np.testing.assert_allclose(found, expected[rows], atol=TOLERANCE)
