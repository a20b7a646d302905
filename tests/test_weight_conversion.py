"""Weights for Hugging Face and back, and layout B as layout G, on the golden models."""

import errno
import json
import os

import numpy as np
import pytest

import checkpoints
import conversion
import convert_albert_tf_checkpoint_to_pytorch
import errors
import huggingface
import modeling
from tests import albert_numpy
from tests import converted
from tests import golden_models
from tools import convert
from tools import model_variables
from tools import weights

POST_LN = ("brightmart_postln", "google_shared", "google_groups")


def golden_outputs(name):
    """What the ancestors' programs computed, under the names of weights.Network."""
    inputs, held = [golden_models.load(name, each)
                    for each in ("inputs.npz", "outputs.npz")]
    numbers = sorted(int(key.rsplit("_", 1)[1]) for key in held
                     if key.startswith("encoder_layer_"))
    layers = np.stack([held["encoder_layer_%d" % i] for i in numbers])
    return inputs, {"layers": layers, "pooled": held["pooled_output"],
                    "order": held["sentence_order_log_probs"]}, held


def assert_golden(outputs, name):
    inputs, expected, held = golden_outputs(name)
    for key in ("layers", "pooled"):
        np.testing.assert_allclose(outputs[key], expected[key], atol=1e-5)
    order = np.log(albert_numpy.softmax(outputs["order"]))
    np.testing.assert_allclose(order, expected["order"], atol=1e-5)
    length = inputs["input_ids"].shape[1]
    places = inputs["masked_lm_positions"] + length * np.arange(
        len(inputs["input_ids"]))[:, None]
    np.testing.assert_allclose(
        outputs["masked_lm"][places.reshape(-1)],
        held["masked_lm_log_probs"].reshape([places.size, -1]), atol=1e-4)


@pytest.fixture(scope="module", params=POST_LN)
def exported(request, tmp_path_factory):
    """(name of the golden model, its folder, the Hugging Face folder made of it)."""
    folder = tmp_path_factory.mktemp("converted")
    source = converted.golden_folder(folder / "source", request.param)
    convert.main(["huggingface", source, "--to", str(folder / "hf")])
    return request.param, source, str(folder / "hf")


def test_the_folder_computes_what_the_ancestors_did(exported):
    name, _, folder = exported
    inputs = golden_models.load(name, "inputs.npz")
    assert_golden(albert_numpy.outputs_of(folder, inputs), name)


def test_the_folder_holds_what_transformers_asks_for(exported):
    _, source, folder = exported
    assert sorted(os.listdir(folder)) == [
        "config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"]
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as stream:
        config = json.load(stream)
    assert config["model_type"] == "albert"
    assert config["architectures"] == ["AlbertForPreTraining"]
    assert config["tokenizer_class"] == "BertTokenizer"
    assert [config[key] for key in ("pad_token_id", "bos_token_id", "eos_token_id")] == [
        0, 2, 3]
    assert weights.bytes_of(os.path.join(folder, "vocab.txt")) == weights.bytes_of(
        os.path.join(source, "vocab.txt"))


def test_the_way_back_is_bit_equal_in_layout_g_and_equal_in_function_in_b(
        exported, tmp_path):
    name, source, folder = exported
    layout = "B" if name.startswith("brightmart") else "G"
    target = str(tmp_path / "back")
    convert.main(["tensorflow", folder, "--layout", layout, "--to", target])
    _, before = weights.read(source)
    _, after = weights.read(target)
    assert after.config.layout == layout
    assert set(after.variables) == set(before.variables)
    if layout == "G":
        for variable, value in before.variables.items():
            assert value.tobytes() == after.variables[variable].tobytes(), variable
    assert after.config.embedding_size == before.config.embedding_size
    inputs = golden_models.load(name, "inputs.npz")
    assert_golden(weights.Network(after).compute(inputs), name)


def test_layout_b_as_layout_g_computes_what_the_ancestors_did(tmp_path, capsys):
    source = converted.golden_folder(tmp_path / "source", "brightmart_postln")
    target = str(tmp_path / "google")
    convert.main(["layout_g", source, "--to", target, "--verify"])
    assert sorted(os.listdir(target)) == [
        "albert_config.json", "checkpoint", "model.ckpt-best.data-00000-of-00001",
        "model.ckpt-best.index", "model.ckpt-best.meta", "vocab.txt"]
    files, model = weights.read(target)
    assert checkpoints.detect_layout(files.variables) == "G"
    mapping = [name for name in files.variables if "mapping_in" in name]
    assert len(mapping) == 2 and not set(mapping) & set(model.variables)
    inputs = golden_models.load("brightmart_postln", "inputs.npz")
    assert_golden(weights.Network(model).compute(inputs), "brightmart_postln")
    assert capsys.readouterr().out.count("largest difference") == 4


@pytest.mark.parametrize("name", ["brightmart_postln", "google_shared"])
def test_a_classifier_goes_with_its_labels_and_comes_back(name, tmp_path):
    labels = ["天气", "体育", "财经"]
    source = converted.golden_folder(tmp_path / "a", name, "classifier.ckpt", labels)
    folder, back = str(tmp_path / "hf"), str(tmp_path / "back")
    convert_albert_tf_checkpoint_to_pytorch.main([
        "--tf_checkpoint_path", os.path.join(source, "classifier.ckpt"),
        "--bert_config_file", os.path.join(source, "albert_config.json"),
        "--pytorch_dump_path", folder])
    values, _ = huggingface.read_config(folder)
    assert values["architectures"] == ["AlbertForSequenceClassification"]
    assert huggingface.labels_of(values) == labels
    inputs = golden_models.load(name, "inputs.npz")
    outputs = albert_numpy.outputs_of(folder, inputs)
    held = golden_models.load(name, "classifier_outputs.npz")
    np.testing.assert_allclose(albert_numpy.softmax(outputs["classifier"]),
                               held["probabilities"], atol=1e-5)
    convert.main(["tensorflow", folder, "--to", back])
    files, _ = weights.read(back)
    assert files.labels == labels


def test_layers_that_share_nothing_are_groups_of_their_own(tmp_path):
    config = modeling.BertConfig(
        vocab_size=converted.SIZE, embedding_size=4, hidden_size=8, num_hidden_layers=3,
        num_attention_heads=2, intermediate_size=16, max_position_embeddings=32,
        type_vocab_size=2, share_parameter_across_layers=False)
    model = random_model(config)
    folded = conversion.to_layout_g(model)
    assert folded.config.num_hidden_groups == 3
    again = conversion.to_layout_b(folded)
    assert again.config.share_parameter_across_layers is False
    batch = golden_models.load("google_shared", "inputs.npz")
    first, second, third = [weights.Network(each).compute(batch)["layers"]
                            for each in (model, folded, again)]
    assert np.abs(first[0] - first[2]).max() > 0.1
    np.testing.assert_allclose(second, first, atol=1e-5)
    np.testing.assert_allclose(third, first, atol=1e-5)


def random_model(config):
    rng = np.random.RandomState(0)
    shapes = model_variables.variables_of(config, modeling.BertModel)
    return conversion.Model(config, {
        name: (rng.randn(*shape) * 0.3 + name.endswith("gamma")).astype(np.float32)
        for name, shape in shapes.items()})


# What cannot be.

@pytest.mark.parametrize("what", ["huggingface", "layout_g"])
def test_pre_ln_weights_are_refused_with_the_reason(what, tmp_path):
    source = converted.golden_folder(tmp_path / "a", "brightmart_preln")
    said = converted.refused(what, source, "--to", str(tmp_path / "b"))
    assert "pre-LN" in said and "cannot be converted" in said


def test_labels_without_a_classifier_are_refused(tmp_path):
    source = converted.golden_folder(tmp_path / "a", "google_shared", labels=["0", "1"])
    said = converted.refused("huggingface", source, "--to", str(tmp_path / "b"))
    assert "no classifier head" in said and "labels.txt" in said


def test_a_config_of_another_size_is_refused(tmp_path):
    source = converted.golden_folder(tmp_path / "a", "google_shared")
    path = os.path.join(source, "albert_config.json")
    with open(path) as stream:
        config = json.load(stream)
    other = tmp_path / "other.json"
    other.write_text(json.dumps(dict(config, hidden_size=48)))
    said = converted.refused("huggingface", source, "--config_file", str(other),
                   "--to", str(tmp_path / "b"))
    assert "has shape" in said and str(other) in said


@pytest.mark.parametrize("make", ["text", "nothing", "cut off"])
def test_what_is_no_checkpoint_is_refused(make, tmp_path):
    source = converted.golden_folder(tmp_path / "a", "google_shared")
    path = os.path.join(source, "albert_model.ckpt.data-00000-of-00001")
    if make == "text":
        source = os.path.join(source, "vocab.txt")
    elif make == "nothing":
        source = str(tmp_path / "missing")
    else:
        with open(path, "r+b") as stream:
            stream.truncate(1000)
    said = converted.refused("huggingface", source, "--to", str(tmp_path / "b"))
    assert source in said


def test_a_head_of_which_a_part_lacks_is_refused(tmp_path):
    source = converted.golden_folder(tmp_path / "a", "google_shared")
    values = checkpoints.read_model(os.path.join(source, "albert_model.ckpt"))
    del values["cls/predictions/output_bias"]
    checkpoints.write(values, os.path.join(source, "albert_model.ckpt"))
    said = converted.refused("huggingface", source, "--to", str(tmp_path / "b"))
    assert "cls/predictions/output_bias" in said


def test_a_variable_that_nothing_takes_is_refused(tmp_path):
    source = converted.golden_folder(tmp_path / "a", "google_shared")
    values = checkpoints.read_model(os.path.join(source, "albert_model.ckpt"))
    values["mine/kernel"] = np.zeros([2], np.float32)
    checkpoints.write(values, os.path.join(source, "albert_model.ckpt"))
    said = converted.refused("huggingface", source, "--to", str(tmp_path / "b"))
    assert "mine/kernel" in said


def test_a_classifier_of_the_mean_is_refused(tmp_path):
    source = converted.golden_folder(tmp_path / "a", "google_shared", "classifier.ckpt")
    (tmp_path / "a" / "run.json").write_text(json.dumps(
        {"settings": {"use_pooled_output": False}}))
    said = converted.refused("huggingface", source, "--to", str(tmp_path / "b"))
    assert "use_pooled_output" in said


def test_verifying_without_torch_names_what_to_install(tmp_path):
    source = converted.golden_folder(tmp_path / "a", "google_shared")
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho \"No module named 'torch'\" >&2\nexit 3\n")
    fake.chmod(0o755)
    said = converted.refused("huggingface", source, "--verify", "--torch", str(fake),
                   "--to", str(tmp_path / "b"))
    assert "requirements-torch.txt" in said and "torch" in said


def test_outputs_that_differ_are_refused():
    ours = {"layers": np.zeros([2, 2])}
    with pytest.raises(errors.InputError, match="differ by more than rounding: layers"):
        convert.compare(ours, {"layers": np.full([2, 2], 2e-5)})
    with pytest.raises(errors.InputError, match="differ"):
        convert.compare(ours, {"layers": np.full([2, 2], np.nan)})
    with pytest.raises(errors.InputError, match="lost its layers"):
        convert.compare(ours, {})


def test_a_folder_that_is_there_stays_as_it_is(tmp_path):
    source = converted.golden_folder(tmp_path / "a", "google_shared")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine").write_text("mine")
    with pytest.raises(errors.InputError, match="left as it is"):
        convert.main(["huggingface", source, "--to", str(tmp_path / "b")])
    assert os.listdir(str(tmp_path / "b")) == ["mine"]


def test_a_full_disk_is_one_message(tmp_path, monkeypatch):
    def fail(path, tensors):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source = converted.golden_folder(tmp_path / "a", "google_shared")
    monkeypatch.setattr(huggingface, "write_tensors", fail)
    said = converted.refused("huggingface", source, "--to", str(tmp_path / "b"))
    assert "No space left" in said


def test_a_file_name_of_pytorch_and_a_misspelt_flag_are_refused(capsys):
    for arguments in (
            ["--tf_checkpoint_path=a", "--pytorch_dump_path=b/pytorch_model.bin"],
            ["--tf_checkpoint_pat=a", "--pytorch_dump_path=b"]):
        with pytest.raises(SystemExit) as stopped:
            convert_albert_tf_checkpoint_to_pytorch.main(arguments)
        assert stopped.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1
