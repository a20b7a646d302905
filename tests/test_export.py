"""Exports give what the checkpoint gives, hold all that is needed, refuse the rest."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import checkpoints
import encoding
import errors
import export_check
import export_formats
import export_graph
import export_model
import inference
import model_files
import tflite_file
from tests import exported
from tests import golden_models

@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """{layout: folder} of toy models with every head."""
    folder = tmp_path_factory.mktemp("models")
    return {layout: exported.write_model(folder / layout, layout) for layout in "bg"}


def export(model, target, **flags):
    """Runs the command; returns the folder it made."""
    rows = exported.write_rows(target.parent)
    settings = dict({"model_dir": model, "output_dir": target, "to": "frozen",
                     "verify_file": rows}, **flags)
    export_model.main(["--%s=%s" % pair for pair in settings.items()])
    return str(target)


def run(folder, to, arrays):
    """What an export answers, row by row where it takes one at a time."""
    answer = export_formats.FORMATS[to].open(folder)
    if not export_formats.FORMATS[to].fixed:
        return answer(arrays)
    rows = [answer({name: values[i:i + 1] for name, values in arrays.items()})
            for i in range(len(arrays["input_ids"]))]
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.parametrize("to", ["savedmodel", "frozen", "tflite", "onnx"])
@pytest.mark.parametrize("layout", "bg")
def test_an_export_answers_as_the_checkpoint_does(models, tmp_path, layout, to):
    if to == "onnx":
        pytest.importorskip("tf2onnx", reason="see requirements-export.txt")
    folder = export(models[layout], tmp_path / "out", to=to, max_seq_length=24)
    arrays = exported.inputs(3, 24)
    network = inference.Network(model_files.find(models[layout]))
    np.testing.assert_allclose(
        run(folder, to, arrays)["probabilities"], network.probabilities(arrays),
        atol=1e-6)
    network.close()


@pytest.mark.parametrize("name, to", [
    ("brightmart_postln", "frozen"), ("brightmart_preln", "tflite"),
    ("google_groups", "tflite"), ("google_shared", "frozen")])
def test_exports_of_the_golden_weights_give_the_golden_numbers(tmp_path, name, to):
    config_class, model_class = golden_models.MODELS[name]
    config_file = os.path.join(golden_models.GOLDEN, name, "config.json")
    prefix = os.path.join(golden_models.GOLDEN, name, "classifier.ckpt")
    files = model_files.ModelFiles(
        prefix, checkpoints.list_variables(prefix),
        config_class.from_json_file(config_file), config_file, model_class, None,
        ["0", "1", "2"], dict(model_files.DEFAULTS))
    fixed = [1, 20] if to == "tflite" else [None, None]
    graph = export_graph.InferenceGraph(files, "classifier", *fixed)
    folder = str(tmp_path / "out")
    export_formats.FORMATS[to].write(graph.freeze(), folder, "float32", {"note": b"1"})
    graph.close()
    given = golden_models.load(name, "inputs.npz")
    answers = run(folder, to, {key: given[key] for key in encoding.INPUTS})
    np.testing.assert_allclose(
        answers["probabilities"],
        golden_models.load(name, "classifier_outputs.npz")["probabilities"], atol=1e-5)


def test_a_saved_model_runs_where_this_project_cannot_be_imported(models, tmp_path):
    folder = export(models["b"], tmp_path / "out", to="savedmodel")
    batches = {"%d-%d" % shape: exported.inputs(*shape)
               for shape in ((1, 16), (7, 16), (1, 128), (7, 128))}
    np.savez(str(tmp_path / "batches.npz"), **{
        "%s/%s" % (key, name): values for key, arrays in batches.items()
        for name, values in arrays.items()})
    client = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "saved_model_client.py")
    subprocess.run([sys.executable, "-I", "-W", "ignore", client, folder],
                   cwd=str(tmp_path), check=True)
    network = inference.Network(model_files.find(models["b"]))
    with np.load(str(tmp_path / "answers.npz")) as answers:
        for key, arrays in batches.items():
            np.testing.assert_allclose(
                answers[key], network.probabilities(arrays), atol=1e-6)
    network.close()


@pytest.mark.parametrize("head, output", [
    ("sentence_vector", "sentence_vector"), ("masked_lm", "logits")])
def test_the_other_heads_answer_as_the_network_does(models, tmp_path, head, output):
    folder = export(models["g"], tmp_path / "out", head=head)
    arrays = exported.inputs(3, 16)
    positions = np.array([[1, 2], [3, 0], [5, 1]], np.int32)
    network = inference.Network(model_files.find(models["g"]))
    if head == "masked_lm":
        places = (positions + 16 * np.arange(3)[:, np.newaxis]).reshape([-1])
        expected = network.word_probabilities(arrays, places).reshape([3, 2, -1])
        arrays[export_graph.POSITIONS] = positions
    else:
        expected = network.vectors(arrays, "mean", [-1])
    actual = run(folder, "frozen", arrays)[output]
    network.close()
    if head == "masked_lm":
        powers = np.exp(actual - actual.max(-1, keepdims=True))
        actual = powers / powers.sum(-1, keepdims=True)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_a_tflite_file_has_builtin_operations_labels_and_vocabulary(models, tmp_path):
    folder = export(models["b"], tmp_path / "out", to="tflite", dtype="int8",
                    head="masked_lm", max_seq_length=16)
    path = os.path.join(folder, "model.tflite")
    operations = tflite_file.count_operations(path)
    assert operations["FULLY_CONNECTED"] > 10 and operations["SOFTMAX"] == 2
    assert not [name for name in operations if name.startswith(("custom", "builtin"))]
    held = tflite_file.read_attached(path)
    with open(os.path.join(models["b"], "vocab.txt"), "rb") as vocabulary:
        assert held["vocab.txt"] == vocabulary.read()
    facts = json.loads(held["export.json"].decode("utf-8"))
    assert facts["inputs"]["input_ids"] == [1, 16]
    assert facts["inputs"][export_graph.POSITIONS] == [1, export_graph.FIXED_POSITIONS]
    interpreter = tf.lite.Interpreter(path)
    assert {d["dtype"] for d in interpreter.get_input_details()} == {np.int32}


def test_what_belongs_to_a_saved_model_is_in_its_assets(models, tmp_path):
    folder = export(models["b"], tmp_path / "out", to="savedmodel")
    assert sorted(os.listdir(os.path.join(folder, "assets"))) == [
        "albert_config.json", "export.json", "labels.txt", "vocab.txt"]
    with open(os.path.join(folder, "assets", "labels.txt"), encoding="utf-8") as labels:
        assert labels.read().split() == exported.LABELS
    assert sorted(os.listdir(str(tmp_path))) == ["out", "rows.tsv"]


# Verification.

def batch_of(answers):
    return [export_check.Batch({}, np.ones([len(answers)], bool), answers)]


def test_verification_counts_differences_agreement_and_accuracy():
    source = np.array([[.9, .1], [.2, .8], [.6, .4], [.3, .7]])
    other = np.array([[.8, .2], [.3, .7], [.4, .6], [.3, .7]])
    result = export_check.compare(
        lambda _: {"probabilities": source}, lambda _: {"probabilities": other},
        batch_of(np.array([0, 1, 0, 0])), "classifier")
    assert result.rows == 4 and result.agreement == 0.75
    assert result.difference == pytest.approx(0.2)
    assert result.accuracies == [0.75, 0.5]


@pytest.mark.parametrize("dtype, difference, agreement, accuracies, passes", [
    ("float32", 9e-5, 1.0, None, True), ("float32", 2e-4, 1.0, None, False),
    ("float16", 9e-3, 1.0, None, True), ("float16", 2e-2, 1.0, None, False),
    ("float32", float("nan"), 1.0, None, False),
    ("int8", 0.3, 0.996, None, True), ("int8", 0.01, 0.99, None, False),
    ("int8", 0.3, 0.9, [0.80, 0.80], True), ("int8", 0.3, 0.9, [0.80, 0.79], False),
    ("int8", float("inf"), 1.0, None, False)])
def test_each_type_has_its_limit(dtype, difference, agreement, accuracies, passes):
    result = export_check.Result(100, difference, agreement, accuracies)
    if passes:
        export_check.require(result, dtype)
    else:
        with pytest.raises(errors.InputError):
            export_check.require(result, dtype)


def test_an_export_that_differs_is_not_left_behind(models, tmp_path, monkeypatch):
    freeze = export_graph.InferenceGraph.freeze

    def spoiled(graph):
        frozen = freeze(graph)
        node, = [n for n in frozen.graph_def.node if n.name == "output_weights"]
        values = tf.make_ndarray(node.attr["value"].tensor)
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values[::-1]))
        return frozen

    monkeypatch.setattr(export_graph.InferenceGraph, "freeze", spoiled)
    with pytest.raises(errors.InputError, match="differs from its checkpoint by"):
        export(models["b"], tmp_path / "out")
    assert os.listdir(str(tmp_path)) == ["rows.tsv"]


# Mistakes.

@pytest.mark.parametrize("flags, message", [
    (dict(dtype="int8"), "--to=frozen has only float32; use --to=tflite"),
    (dict(max_seq_length=129), "--max_seq_length=129: give a number from 4 to 128"),
    (dict(max_seq_length="long"), "from 4 to 128, or dynamic"),
    (dict(to="tflite", max_seq_length="dynamic"), "this format has a fixed length"),
    (dict(model_dir="nowhere"), "No checkpoint nowhere"),
    (dict(verify_file="nowhere.tsv"), "nowhere.tsv"),
    (dict(output_dir="/proc/none/out"), "there is no folder /proc/none")])
def test_what_cannot_be_exported_is_refused_in_a_line(models, tmp_path, flags, message):
    with pytest.raises(errors.InputError) as refusal:
        export(models["b"], tmp_path / "out", **flags)
    assert message in str(refusal.value) and "\n" not in str(refusal.value)
    assert os.listdir(str(tmp_path)) == ["rows.tsv"]


@pytest.mark.parametrize("head, has, message", [
    ("classifier", "masked_lm", "it is a pre-trained model. Fine-tune it first"),
    ("masked_lm", "classifier", "fine-tuned weights have lost it")])
def test_a_head_that_the_weights_lack_is_refused(tmp_path, head, has, message):
    model = exported.write_model(tmp_path / "model", "b", [has])
    with pytest.raises(errors.InputError, match=message):
        export(model, tmp_path / "out", head=head)


def test_a_folder_that_exists_is_refused_and_kept(models, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(errors.InputError, match="exists; give a new one"):
        export(models["b"], tmp_path / "out")
    assert os.path.isdir(str(tmp_path / "out"))


def test_a_missing_package_is_named_with_what_to_install(monkeypatch, models, tmp_path):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(errors.InputError, match="needs the package tf2onnx .* pip inst"):
        export(models["b"], tmp_path / "out", to="onnx")


@pytest.mark.parametrize("flag", ["--dtyp=int8", "--to=tflight", "--head=span"])
def test_a_misspelt_flag_is_refused(models, flag, capsys):
    with pytest.raises(SystemExit) as end:
        export_model.main(["--model_dir=x", "--output_dir=y", "--to=frozen", flag])
    assert end.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_file_of_another_kind_is_no_tflite_model(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"not a model at all")
    with pytest.raises(errors.InputError, match="is no TensorFlow Lite model"):
        tflite_file.count_operations(str(path))
