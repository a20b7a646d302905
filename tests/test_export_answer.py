"""A model that finds answers, exported: the same places with the same probabilities."""

import json
import os

import numpy as np
import pytest

import errors
import export_formats
import export_model
import inference
import model_files
import tflite_file
from tests import exported
from tests import toy_models

LENGTH = 24


def export(model, target, to, **flags):
    settings = dict({"model_dir": model, "output_dir": target, "to": to, "head": "answer",
                     "max_seq_length": LENGTH, "verify": 20,
                     "verify_file": exported.write_rows(target.parent)}, **flags)
    export_model.main(["--%s=%s" % pair for pair in settings.items()])
    return str(target)


@pytest.mark.parametrize("layout, to", [
    ("b", "savedmodel"), ("b", "tflite"), ("g", "tflite"), ("g", "frozen")])
def test_an_export_finds_what_the_checkpoint_finds(tmp_path, layout, to):
    model = toy_models.reader(tmp_path / "model", layout)
    folder = export(model, tmp_path / "out", to)
    ids = np.random.RandomState(1).randint(5, 29, [1, LENGTH]).astype(np.int32)
    arrays = {"input_ids": ids,
              "input_mask": (np.arange(LENGTH) < 18)[None].astype(np.int32),
              "segment_ids": np.array([[0] * 6 + [1] * 12 + [0] * 6], np.int32)}
    network = inference.Network(model_files.find(model))
    expected = network.span_scores(arrays)
    network.close()
    found = export_formats.FORMATS[to].open(folder)(arrays)
    for name, scores in zip(("start_probabilities", "end_probabilities"), expected):
        np.testing.assert_allclose(found[name], np.exp(scores), atol=1e-5)
        assert not found[name][0, 1:6].any() and not found[name][0, 17:].any()
    if to == "tflite":
        operations = tflite_file.count_operations(os.path.join(folder, "model.tflite"))
        assert not [name for name in operations if name.startswith("custom")]


def test_how_to_read_comes_along_and_another_model_is_refused(tmp_path):
    model = toy_models.reader(tmp_path / "model", "b")
    folder = export(model, tmp_path / "out", "frozen")
    with open(os.path.join(folder, "reading_comprehension.json")) as source:
        assert json.load(source)["doc_stride"] == 8
    with open(os.path.join(folder, "export.json")) as source:
        assert json.load(source)["head"] == "answer"
    classifier = toy_models.fine_tuned(tmp_path / "classifier", "b", ("不同", "相同"))
    with pytest.raises(errors.InputError, match="cls/squad.*finds no answers"):
        export(classifier, tmp_path / "other", "frozen")
