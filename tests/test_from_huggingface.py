"""Folders of Hugging Face as models of ours: what is read, and what is refused."""

import json
import os
import shutil

import numpy as np
import pytest

import errors
import huggingface
from tests import converted
from tools import convert
from tools import weights


def change_config(folder, **changes):
    path = os.path.join(folder, "config.json")
    with open(path, encoding="utf-8") as stream:
        values = json.load(stream)
    with open(path, "w", encoding="utf-8") as out:
        json.dump(dict(values, **changes), out)


def change_tensors(folder, change):
    path = os.path.join(folder, "model.safetensors")
    tensors = huggingface.read_tensors(path)
    change(tensors)
    huggingface.write_tensors(path, tensors)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pristine")
    source = converted.golden_folder(folder / "source", "google_shared")
    convert.main(["huggingface", source, "--to", str(folder / "hf")])
    return str(folder / "hf")


@pytest.fixture
def folder(pristine, tmp_path):
    return shutil.copytree(pristine, str(tmp_path / "hf"))


@pytest.mark.parametrize("changes, message", [
    (dict(model_type="bert"), 'not "albert"'),
    (dict(layer_norm_eps=1e-5), "layer_norm_eps"),
    (dict(hidden_act="swish"), "hidden_act"),
    (dict(position_embedding_type="relative_key"), "position_embedding_type"),
    (dict(hidden_size=48), "shape"),
    (dict(num_hidden_groups=3), "group"),
    (dict(num_hidden_layers=18, num_hidden_groups=14), "divides the layers")])
def test_a_hugging_face_config_that_does_not_fit_is_refused(
        folder, changes, message, tmp_path):
    change_config(folder, **changes)
    said = converted.refused("tensorflow", folder, "--to", str(tmp_path / "b"))
    assert message in said


def test_a_tensor_too_many_or_too_few_is_refused(folder, tmp_path):
    target = str(tmp_path / "b")
    change_tensors(folder, lambda t: t.update(extra=np.zeros([2], np.float32)))
    assert "extra" in converted.refused("tensorflow", folder, "--to", target)
    change_tensors(folder, lambda t: t.pop("extra"))
    change_tensors(folder, lambda t: t.pop("albert.pooler.bias"))
    assert "lacks bert/pooler/dense/bias" in converted.refused(
        "tensorflow", folder, "--to", target)


def test_a_head_of_its_own_words_is_refused_and_a_tied_one_is_not(
        folder, tmp_path):
    words = "albert.embeddings.word_embeddings.weight"
    change_tensors(folder, lambda t: t.update(
        {"predictions.decoder.weight": t[words] + 1}))
    said = converted.refused("tensorflow", folder, "--to", str(tmp_path / "b"))
    assert "predictions.decoder.weight" in said
    change_tensors(folder, lambda t: t.update({
        "predictions.decoder.weight": t[words],
        "predictions.decoder.bias": t.pop("predictions.bias")}))
    convert.main(["tensorflow", folder, "--to", str(tmp_path / "b")])


def test_an_encoder_alone_has_other_names_and_is_read(folder, tmp_path):
    def leave_encoder(tensors):
        for name in list(tensors):
            value = tensors.pop(name)
            if name.startswith("albert."):
                tensors[name[len("albert."):]] = value

    change_tensors(folder, leave_encoder)
    convert.main(["tensorflow", folder, "--to", str(tmp_path / "b")])
    _, model = weights.read(str(tmp_path / "b"))
    assert all(name.startswith("bert/") for name in model.variables)


def test_the_erf_form_is_taken_for_ours_with_a_warning(folder, tmp_path, caplog):
    change_config(folder, hidden_act="gelu")
    convert.main(["tensorflow", folder, "--to", str(tmp_path / "b")])
    assert "erf form" in caplog.text


@pytest.mark.parametrize("layout_of", ["google_shared", "another table"])
def test_what_is_no_layout_b_model_is_refused(layout_of, tmp_path):
    name = "google_shared" if layout_of == "google_shared" else "brightmart_postln"
    source = converted.golden_folder(tmp_path / "source", name)
    folder = str(tmp_path / "hf")
    convert.main(["huggingface", source, "--to", folder])
    if name != "google_shared":
        words = "albert.embeddings.word_embeddings.weight"
        noise = np.random.RandomState(0).randn(converted.SIZE, 24).astype(np.float32)
        change_tensors(folder, lambda t: t.update({words: t[words] + 0.01 * noise}))
    said = converted.refused("tensorflow", folder, "--layout", "B", "--to",
                   str(tmp_path / "b"))
    assert "layout G" in said


def test_a_mapping_that_changes_vectors_is_refused(tmp_path):
    source = converted.golden_folder(tmp_path / "source", "brightmart_postln")
    folder = str(tmp_path / "hf")
    convert.main(["huggingface", source, "--to", folder])
    name = "albert.encoder.embedding_hidden_mapping_in.weight"
    change_tensors(folder, lambda t: t.update({name: 2 * t[name]}))
    said = converted.refused("tensorflow", folder, "--to", str(tmp_path / "b"))
    assert "embedding_hidden_mapping_in" in said


# The format of the tensors.

def test_half_precision_is_read_as_float32(tmp_path):
    values = np.array([[1.0, -2.5], [0.15625, 3.0]], np.float32)
    halves = {"F16": values.astype("<f2"),
              "BF16": (values.view("<u4") >> 16).astype("<u2")}
    for kind, half in halves.items():
        header = json.dumps({"x": {"dtype": kind, "shape": [2, 2],
                                   "data_offsets": [0, 8]}}).encode()
        path = tmp_path / kind
        path.write_bytes(len(header).to_bytes(8, "little") + header + half.tobytes())
        np.testing.assert_array_equal(huggingface.read_tensors(str(path))["x"], values)


@pytest.mark.parametrize("content", [b"", b"not a file of tensors at all", None])
def test_what_is_no_file_of_tensors_is_refused(content, tmp_path):
    path = tmp_path / "model.safetensors"
    if content is None:
        huggingface.write_tensors(str(path), {"x": np.zeros([100], np.float32)})
        content = path.read_bytes()[:-50]
    path.write_bytes(content)
    with pytest.raises(errors.InputError, match="cannot be read as safetensors"):
        huggingface.read_tensors(str(path))
