"""The pages on conversion and on published models: both languages agree, commands run."""

import importlib
import os
import re
import shlex
import shutil
import subprocess

import numpy as np
import pytest

import checkpoints
from tests import checkout
from tests import converted
from tests import readme
from tests import test_huggingface
from tests import toy_pretraining
from tools import model_variables
from tools import model_zoo

PAIRS = (("docs/conversion.md", "docs/conversion_en.md"),
         ("docs/model_zoo.md", "docs/model_zoo_en.md"))
pages = pytest.mark.parametrize("pair", PAIRS, ids=["conversion", "model_zoo"])
BLOCKS = readme.fences(PAIRS[0][0], "bash")
INSTALLS = [block for block in BLOCKS if "pip install" in block]
NEEDS_TORCH = [block for block in BLOCKS if "--torch" in block]
RUN = [block for block in BLOCKS if block not in INSTALLS + NEEDS_TORCH]


@pages
def test_both_languages_have_the_same_blocks_headings_and_rows(pair):
    for language in ("bash", "python"):
        chinese, english = [readme.fences(name, language) for name in pair]
        assert chinese == english
    shapes = [re.findall(r"^(?:#+|\||- )", readme.prose(name), re.M) for name in pair]
    assert shapes[0] == shapes[1] and len(shapes[0]) > 10
    for name, other in (pair, pair[::-1]):
        assert "](%s)" % os.path.basename(other) in readme.read(name)
        for path in re.findall(r"\]\(([^)#:]+)\)", readme.prose(name)):
            assert os.path.exists(os.path.join(readme.ROOT, "docs", path)), path


def test_the_tables_of_models_are_what_the_script_prints():
    english = model_zoo.table("en")
    chinese = ["| %s |" % " | ".join(model_zoo.HEADS["zh"])] + english[1:]
    for name, lines in zip(PAIRS[1], (chinese, english)):
        assert "\n".join(lines) in readme.read(name)


def write_classifier(folder, config_file):
    """my_output/best as a run leaves it."""
    config, model_class = model_variables.read_config(config_file)
    shapes = {name: shape for name, shape in model_variables.variables_of(
        config, model_class).items() if name.startswith("bert/")}
    shapes.update(output_weights=[2, config.hidden_size], output_bias=[2])
    rng = np.random.RandomState(0)
    folder.mkdir(parents=True)
    checkpoints.write({name: rng.randn(*shape).astype(np.float32)
                       for name, shape in shapes.items()}, str(folder / "model.ckpt-7"))
    shutil.copy(config_file, str(folder / "albert_config.json"))
    (folder / "labels.txt").write_text("0\n1\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkout with a pre-trained model of each layout as archives hold it, a
    fine-tuned one, a pre-training run and its records."""
    folder = checkout.make(tmp_path_factory.mktemp("checkout"))
    for archive, size in (("albert_tiny_489k", "tiny"),
                          ("albert_tiny_zh_google", "tiny_google")):
        for name in ("albert_config_%s.json" % size, "vocab.txt"):
            shutil.copy(str(folder / "albert_config" / name),
                        str(folder / "prev_trained_model" / archive))
    config_file = str(folder / "albert_config" / "albert_config_tiny.json")
    write_classifier(folder / "my_output" / "best", config_file)
    shutil.copy(str(folder / "albert_config" / "vocab.txt"),
                str(folder / "my_output" / "best"))
    shutil.copytree(str(folder / "prev_trained_model" / "albert_tiny_489k"),
                    str(folder / "my_pretraining"))
    (folder / "my_records").mkdir()
    toy_pretraining.records(folder / "my_records" / "a.tfrecord", 8)
    return folder


def commands_in(block):
    """[(the module of a Python command, its arguments)] of a block."""
    calls = [shlex.split(line) for line in block.replace("\\\n", " ").splitlines()]
    assert {call[0] for call in calls} == {"$PYTHON"}
    return [(call[2], call[3:]) if call[1] == "-m" else (call[1][:-len(".py")], call[2:])
            for call in calls]


def run_here(block):
    """Runs a block's commands in this process, which has TensorFlow already; -> what
    the last returned. A command that fails raises."""
    for module, arguments in commands_in(block):
        code = importlib.import_module(module).main(arguments)
    return code


def test_the_commands_run_in_their_order_on_toy_models(folder, monkeypatch, capsys):
    monkeypatch.chdir(str(folder))
    assert len(RUN) == 7
    for block in RUN:
        code = run_here(block)
        said = capsys.readouterr().out
        if "tools.doctor" in block:  # toy weights know no words, but may guess well
            bad = [line.split()[1] for line in said.splitlines() if line.startswith("BAD")]
            assert bad in ([], ["masked"]) and code == len(bad), said
        else:
            assert not code, said


def test_the_blocks_that_are_not_run_are_few_and_install_what_is_there():
    assert len(INSTALLS) == len(NEEDS_TORCH) == 1
    for path in re.findall(r"requirements\S+", INSTALLS[0]):
        assert os.path.exists(os.path.join(readme.ROOT, path))


@test_huggingface.pytestmark
def test_what_needs_torch_runs_where_it_is(folder, monkeypatch):
    monkeypatch.chdir(str(folder))
    block, = NEEDS_TORCH
    assert not run_here(block.replace("my_torch/bin/python", converted.TORCH))
    if not os.path.exists("my_hf_classifier"):
        run_here(next(block for block in RUN if "my_hf_classifier" in block))
    code, = readme.fences(PAIRS[0][0], "python")
    subprocess.check_call([converted.TORCH, "-c", code])


def test_an_archive_by_hand_is_put_in_place(folder, monkeypatch):
    monkeypatch.chdir(str(folder))
    monkeypatch.setattr(model_zoo, "_CONFIGS", str(folder / "albert_config"))
    block, = [each for each in readme.fences(PAIRS[1][0], "bash") if "--from" in each]
    (folder / "my_downloads").mkdir()
    shutil.make_archive(str(folder / "my_downloads" / "albert_tiny"), "zip",
                        str(folder / "prev_trained_model"), "albert_tiny_489k")
    assert run_here(block) == 0
    assert (folder / "my_tiny" / "vocab.txt").exists()


def test_the_names_that_are_downloaded_are_in_the_table():
    blocks = readme.fences(PAIRS[1][0], "bash")
    names = [call[1][1] for block in blocks for call in commands_in(block)]
    assert len(names) == 3
    assert set(names) <= set(model_zoo.ENTRIES) | set(model_zoo.HUGGING_FACE)
