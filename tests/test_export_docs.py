"""The page about exports says what is so in both languages; its commands run."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

import export_formats
import export_graph
import export_model
from benchmarks import tflite
from benchmarks import tflite_timer
from tests import exported
from tests import readme
from tests import test_readme
from tests import toy

PAGES = ("docs/export.md", "docs/export_en.md")
both_languages = pytest.mark.parametrize("name", PAGES)


def commands(number):
    """The arguments of each command in a bash block of the page."""
    block = readme.fences(PAGES[0], "bash")[number]
    return [shlex.split(line)[1:] for line in block.splitlines()]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with toy models and data under the names that the page has."""
    folder = tmp_path_factory.mktemp("place")
    for parent in ("my_output", "prev_trained_model", "my_data", "albert_config"):
        (folder / parent).mkdir()
    exported.write_model(folder / "my_output" / "best", "b")
    pretrained = folder / "prev_trained_model" / "albert_tiny_489k"
    exported.write_model(pretrained, "b", ["masked_lm"])
    os.remove(str(pretrained / "labels.txt"))
    for source, target in (("albert_config.json", "albert_config_tiny.json"),
                           ("vocab.txt", "vocab.txt")):
        shutil.move(str(pretrained / source), str(folder / "albert_config" / target))
    with open(exported.write_rows(folder), encoding="utf-8") as rows:
        (folder / "my_data" / "dev.csv").write_text(
            rows.read().replace("\t", ","), encoding="utf-8")
    before = os.getcwd()
    os.chdir(str(folder))
    for script, *arguments in commands(0):
        assert script == "export_model.py"
        export_model.main(arguments)
    yield folder
    os.chdir(before)


def test_both_languages_have_the_same_outline_blocks_and_figures():
    chinese, english = PAGES
    assert test_readme.outline(chinese) == test_readme.outline(english)
    assert len(test_readme.outline(chinese)) > 40
    for language in ("bash", "python", "sh"):
        blocks = readme.fences(chinese, language)
        assert blocks and blocks == readme.fences(english, language)
    figures = [sorted(re.findall(r"\d+\.\d+|\de-\d", readme.read(name)))
               for name in PAGES]
    assert figures[0] == figures[1]
    for name, other in (PAGES, PAGES[::-1]):
        assert "](%s)" % os.path.basename(other) in readme.read(name)


@both_languages
def test_the_tables_are_what_the_program_has(name):
    parser = export_model.make_parser()
    declared = {flag: action for action in parser._actions
                for flag in action.option_strings if flag not in ("-h", "--help")}
    rows = readme.table_of(name, "--to")
    assert {readme.code_in(row[0])[0] for row in rows} == set(declared)
    for flag, default, _ in rows:
        action = declared[readme.code_in(flag)[0]]
        assert (default in ("必填", "required")) == action.required
        if not action.required:
            assert default.replace("无", "none") == str(action.default or "none")
    heads = readme.table_of(name, "masked_lm_positions")
    assert {readme.code_in(row[0])[0] for row in heads} == set(export_graph.HEADS)
    formats = {readme.code_in(row[0])[0]: readme.code_in(row[1])[0]
               for row in readme.table_of(name, "saved_model.pb")}
    assert formats == {to: form.file for to, form in export_formats.FORMATS.items()}


@both_languages
def test_the_messages_are_those_of_the_program(name):
    program = "".join(readme.read(source) for source in (
        "export_model.py", "export_graph.py", "export_check.py", "engines.py"))
    program = re.sub(r'"\s+(?:else )?"', "", program)
    for row in readme.table_of(name, "exists; give a new one"):
        assert readme.code_in(row[0])[0] in program


def test_the_files_of_the_page_exist():
    for name in PAGES:
        for path in re.findall(r"\]\(([^)#]+)[^)]*\)", readme.prose(name)):
            assert os.path.exists(os.path.join(readme.ROOT, "docs", path)), path


def test_the_exports_hold_what_was_asked_for(place):
    facts = {folder: json.loads((place / folder / "export.json").read_text("utf-8"))
             for folder in ("my_phone", "my_frozen", "my_vectors")}
    assert facts["my_phone"]["dtype"] == "int8"
    assert facts["my_frozen"]["inputs"]["input_ids"] == [None, 64]
    assert facts["my_vectors"]["outputs"] == ["sentence_vector"]


@pytest.mark.parametrize("number", [0, 1])
def test_the_python_blocks_print_probabilities(place, capsys, number):
    code = readme.fences(PAGES[0], "python")[number]
    for real, ours in (("2769", "7"), ("1599", "8"), ("3614", "9"), ("101", "2"),
                       ("102", "3")):
        assert real in code
        code = code.replace(real, ours)
    exec(code, {})
    first, second = re.findall(r"[\d.]\S*?(?=[\s\]])", capsys.readouterr().out)
    assert abs(float(first) + float(second) - 1) < 1e-4


def test_tensorflow_shows_a_signature_without_labels(place):
    arguments, = commands(1)
    code, shown = toy.run([sys.executable, "-W", "ignore"] + arguments)
    assert code == 0, shown
    assert "inputs['input_ids']" in shown and "outputs['probabilities']" in shown
    assert "inputs['label" not in shown


def test_the_benchmark_prints_a_row_for_each_contender(place, capsys, monkeypatch):
    def here(command, **_):
        """The timer in this process: its own costs the import of TensorFlow."""
        with monkeypatch.context() as patch:
            patch.setattr("sys.argv", command[3:])
            tflite_timer.main()
        return subprocess.CompletedProcess(command, 0, capsys.readouterr().out)

    monkeypatch.setattr(tflite.subprocess, "run", here)
    printed = []
    monkeypatch.setattr(tflite, "print", printed.append, raising=False)
    (_, module, *arguments), = commands(2)
    assert module == tflite.__name__
    tflite.main([argument.replace("20", "2") for argument in arguments]
                + ["--verify=4", "--max_seq_length=16"])
    kinds = {" ".join(line.split()[:2]) for line in printed[2:-1]}
    assert kinds == {"session float32", "tf.lite float32", "tf.lite float16",
                     "tf.lite int8"}
    assert "quoted" in printed[-1]
