"""An exported classifier answers what its checkpoint does, and needs nothing else."""

import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest

import engines
import errors
import export_model
import exported_model
import model_flags
import predictor
import similarity
import tflite_file
from tests import exported
from tests import forked
from tests import toy

PAIRS = [tuple(line.split("\t")[:2]) for line in toy.pairs(20, 3).splitlines()]
ROWS = PAIRS + [("", ""), ("天" * 100, "地"), "天地", ("x", "日" * 40)]
LENGTHS = {"tflite": ["24"], "onnx": ["24", export_model.DYNAMIC]}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """{layout: folder} of toy weights."""
    folder = tmp_path_factory.mktemp("models")
    return {layout: exported.write_model(folder / layout, layout) for layout in "bg"}


def export(model, target, engine, length, head="classifier"):
    if engine == "onnx":
        pytest.importorskip("tf2onnx", reason="needs requirements-export.txt")
    if not os.path.isdir(target):
        export_model.main(["--model_dir", model, "--output_dir", target, "--to", engine,
                           "--max_seq_length", length, "--verify", "2", "--head", head])
    return target


@pytest.fixture(scope="module")
def exports(models, tmp_path_factory):
    """(engine, layout, length) -> the folder of an export, made when it is needed."""
    folder = tmp_path_factory.mktemp("exports")
    return lambda engine, layout="b", length="24": export(
        models[layout], str(folder / (engine + layout + length)), engine, length)


every_engine = pytest.mark.parametrize("engine", sorted(exported_model.ENGINES))


@pytest.mark.parametrize("layout", "bg")
@pytest.mark.parametrize("engine, length", [
    (engine, length) for engine in LENGTHS for length in LENGTHS[engine]])
def test_answers_are_those_of_the_checkpoint(models, exports, layout, engine, length):
    limit = None if length == export_model.DYNAMIC else int(length)
    with predictor.Predictor(models[layout], max_seq_length=limit) as source:
        expected, described = source.probabilities(ROWS), source.predict(ROWS[:1])
    with exported_model.ExportedModel(exports(engine, layout, length), engine) as model:
        found, answers = model.probabilities(ROWS), model.predict(ROWS[:1])
        assert model.max_seq_length == (limit or 128)
        assert model.predict([]) == []
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert answers[0]["label"] == described[0]["label"]
    assert list(answers[0]["probabilities"]) == exported.LABELS
    assert answers[0]["similarity"] == answers[0]["probabilities"]["相同"]


@every_engine
def test_the_file_alone_is_enough_and_texts_may_be_cut_shorter(
        models, exports, engine, tmp_path):
    made = os.path.join(exports(engine), exported_model.ENGINES[engine].file)
    moved = shutil.copy(made, str(tmp_path / "renamed"))
    with predictor.Predictor(models["b"], max_seq_length=9) as source:
        expected = source.probabilities(ROWS)
    with exported_model.ExportedModel(moved, engine, 9, batch_size=7) as model:
        np.testing.assert_allclose(model.probabilities(ROWS), expected, atol=1e-5)


@every_engine
def test_threads_get_the_answers_that_one_gets(exports, engine):
    found = [None] * 4
    with exported_model.ExportedModel(exports(engine), engine) as model:
        expected = model.probabilities(ROWS)

        def ask(number):
            found[number] = model.probabilities(ROWS)
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for scores in found:
        np.testing.assert_array_equal(scores, expected)


# The command.

def similar(*arguments, **options):
    """What `python similarity.py` says where TensorFlow may be missing."""
    missing = "".join("sys.modules[%r] = None; " % name
                      for name in options.get("without", ()))
    code = "import sys; %simport command_line, similarity; command_line.run(" \
        "similarity.main)" % missing
    return toy.run([sys.executable, "-W", "ignore", "-c", code] + list(arguments),
                   cwd=toy.ROOT)


def test_with_onnx_the_command_answers_where_there_is_no_tensorflow(
        models, exports, tmp_path):
    folder = exports("onnx", "g", export_model.DYNAMIC)
    table = toy.write(tmp_path / "pairs.tsv", "".join("%s\t%s\n" % p for p in PAIRS))
    status, said = similar("--engine", "onnx", "--model_dir", folder, "--input", table,
                           without=["tensorflow"])
    assert status == 0, said
    with predictor.Predictor(models["g"]) as source:
        for line, answer in zip(said.splitlines(), source.predict(PAIRS)):
            assert abs(float(line.split("\t")[2]) - answer["similarity"]) < 1e-5


def test_with_tflite_the_command_answers_as_with_tensorflow(models, exports):
    pair = ["天地玄黄", "宇宙"]
    answers = []
    with forked.Scripts() as scripts:
        for arguments in (["--engine=tflite", "--model_dir", exports("tflite")],
                          ["--model_dir", models["b"]]):
            status, said = scripts.run(
                [os.path.join(toy.ROOT, "similarity.py")] + arguments + pair)
            assert status == 0 and " | ".join(pair) in said, said
            answers.append([float(word) for word in said.split()
                            if word.startswith("0.")])
    assert len(answers[0]) == 3
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)


def test_importing_what_answers_does_not_import_tensorflow():
    code = "import sys, similarity; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.call([sys.executable, "-c", code], cwd=toy.ROOT) == 0


def test_the_settings_of_args_choose_engine_and_export(exports, monkeypatch):
    monkeypatch.setattr(model_flags.args, "engine", "tflite")
    monkeypatch.setattr(model_flags.args, "model_dir", exports("tflite"))
    sim = similarity.BertSim(verbose=False)
    result, = sim.predict_sentences(PAIRS[:1])
    assert sim.predictor.path.endswith("model.tflite") and result["label"] in "不同相同"
    sim.close()


@pytest.mark.parametrize("name", engines.LITERT)
def test_the_small_interpreter_is_taken_where_it_is_installed(
        name, tmp_path, monkeypatch):
    for other in engines.LITERT:
        monkeypatch.setitem(sys.modules, other, None)
    (tmp_path / name).mkdir()
    toy.write(tmp_path / name / "__init__.py", "")
    toy.write(tmp_path / name / "interpreter.py", "Interpreter = 'the small one'\n")
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert engines._find_interpreter() == "the small one"
    for loaded in (name, name + ".interpreter"):
        del sys.modules[loaded]


# Mistakes.

@every_engine
def test_a_checkpoint_is_no_export(models, engine):
    for path in (models["b"], os.path.join(models["b"], "model.ckpt-1"), "/not/there"):
        with pytest.raises(errors.InputError, match="there is no .*_model.py --to="):
            exported_model.ExportedModel(path, engine)


@every_engine
@pytest.mark.parametrize("content", [b"", b"a text", b"PK\x05\x06" + 18 * b"\0"])
def test_a_file_of_another_kind_is_refused(engine, content, tmp_path):
    if engine == "onnx":
        pytest.importorskip("onnxruntime", reason="needs requirements-engines.txt")
    path = tmp_path / "model"
    path.write_bytes(content)
    with pytest.raises(errors.InputError, match="/model (is|holds|cannot) ") as refusal:
        exported_model.ExportedModel(str(path), engine)
    assert "\n" not in str(refusal.value)


@every_engine
def test_a_file_that_was_cut_or_belongs_to_the_other_engine_is_refused(
        exports, engine, tmp_path):
    made = os.path.join(exports(engine), exported_model.ENGINES[engine].file)
    with open(made, "rb") as source:
        content = source.read()
    (tmp_path / "model").write_bytes(content[:len(content) // 2])
    other, = set(exported_model.ENGINES) - {engine}
    for path, name in ((str(tmp_path / "model"), engine), (made, other)):
        if name == "onnx":
            pytest.importorskip("onnxruntime", reason="needs requirements-engines.txt")
        with pytest.raises(errors.InputError, match="is no "):
            exported_model.ExportedModel(path, name)


def test_a_model_without_our_files_in_it_is_refused(exports, tmp_path):
    made = os.path.join(exports("tflite"), "model.tflite")
    with open(made, "rb") as source:
        content = source.read()
    with zipfile.ZipFile(made) as archive:
        start = min(info.header_offset for info in archive.infolist())
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(content[:start])
    with pytest.raises(errors.InputError, match="is no TensorFlow Lite model with its"):
        exported_model.ExportedModel(str(bare), "tflite")
    tflite_file.attach(str(bare), {"labels.txt": b"0\n1\n"})
    with pytest.raises(errors.InputError, match="holds no export.json, albert_config"):
        exported_model.ExportedModel(str(bare), "tflite")


def test_a_model_that_the_interpreter_cannot_run_is_refused_in_a_line(tmp_path):
    path = str(tmp_path / "new.tflite")
    toy.write(path, "TFL3 of the future")
    tflite_file.attach(path, {"export.json": b"{}"})
    with pytest.raises(errors.InputError, match="cannot be run by this ver") as refusal:
        exported_model.ExportedModel(path, "tflite")
    assert "\n" not in str(refusal.value)


def test_an_export_of_another_head_is_refused(models, tmp_path):
    head = "sentence_vector"
    folder = export(models["b"], str(tmp_path / "out"), "tflite", "8", head)
    with pytest.raises(errors.InputError, match="exported with --head=%s; " % head):
        exported_model.ExportedModel(folder, "tflite")


@pytest.mark.parametrize("engine, package", [
    ("onnx", "onnxruntime"), ("tflite", "tensorflow")])
def test_a_missing_package_is_named_with_what_to_install(engine, package, tmp_path):
    toy.write(tmp_path / "model", "")
    status, said = similar("--engine", engine, "--model_dir", str(tmp_path / "model"),
                           without=engines.LITERT + (package,))
    assert status == 2 and said.count("\n") == 1
    assert "needs the package %s (" % package in said
    assert "pip install -r requirements-engines.txt" in said


def test_without_tensorflow_it_is_said_what_to_do():
    status, said = similar("--model_dir", "models", without=["tensorflow"])
    assert status == 2 and said.count("\n") == 1
    assert "Run . ./env.sh, or give an export and --engine=onnx or tflite" in said


def test_an_export_without_its_engine_is_told(tmp_path):
    toy.write(tmp_path / "model.onnx", "")
    for path, engine in ((str(tmp_path), "onnx"), ("my/moved.tflite", "tflite")):
        status, said = similar("--model_dir", path)
        assert status == 2 and said == "error: %s is an export: add --engine=%s.\n" % (
            path, engine)


@pytest.mark.parametrize("arguments, message", [
    (["--engine=onxx"], "invalid choice: 'onxx'"), (["--engin=onnx"], "mean --engine?"),
    (["--engine=onnx", "--vocab_file=v.txt"], "--vocab_file=v.txt goes with --engine"),
    (["--engine=onnx"], "there is no "), (["--engine=tflite", "--model_dir=models"],
                                          "there is no models/model.tflite")])
def test_a_mistake_is_one_line_and_exit_code_2(arguments, message):
    status, said = similar(*arguments)
    assert status == 2 and message in said
    assert said.startswith("error: ") and said.count("\n") == 1


def test_the_engines_are_those_that_verified_the_exports():
    def pins(name):
        with open(os.path.join(toy.ROOT, name)) as source:
            return [line for line in source if line.startswith("onnxruntime")]
    assert pins("requirements-engines.txt") == pins("requirements-export.txt") != []


def test_an_export_says_how_its_model_was_trained(exports):
    with open(os.path.join(exports("tflite"), "export.json"), "rb") as source:
        facts = json.loads(source.read().decode("utf-8"))
    assert facts["max_seq_length"] == 128 and facts["do_lower_case"] is True
