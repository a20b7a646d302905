"""Every command of CONTRIBUTING.md runs, in a copy that it may write to."""

import os
import re
import shutil
import sys

import pytest

from tests import golden_variables
from tests import readme
from tests import toy
from tools import draw_resources

PAGE = "CONTRIBUTING.md"
# Printed: run. The rest runs as it is printed.
SUBSTITUTIONS = {"tests/test_tasks.py": "tests/test_tasks.py -k 'wsc or label'",
                 "tests/test_house.py": "tests/test_house.py -k version"}
STAND_IN = "echo TensorFlow $ALBERT_TF: \"$@\"\ntest $ALBERT_TF = 1\n"


def commands():
    """The lines of the blocks, and what stands in backquotes and is a command."""
    inline = [code for code in readme.code_in(readme.prose(PAGE))
              if re.match(r"(bash|python) \S", code) and code != "bash run_tests.sh"]
    lines = [line for block in readme.fences(PAGE, "bash") for line in block.splitlines()]
    return lines + sorted(set(inline))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The checkout with tests of its own and a Python called `python`."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in os.listdir(readme.ROOT):
        if not name.startswith(".") and name != "tests":
            os.symlink(os.path.join(readme.ROOT, name), str(folder / name))
    for name in ("tests", ".ci"):
        shutil.copytree(os.path.join(readme.ROOT, name), str(folder / name),
                        ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "bin").mkdir()
    (folder / "bin" / "python").write_text('#!/bin/sh\nexec "%s" "$@"\n' % sys.executable)
    (folder / "bin" / "python").chmod(0o755)
    return folder


def run(folder, command):
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("PYTEST_")}
    environment.update(ALBERT_PYTHON=sys.executable, PATH="%s:%s" % (
        folder / "bin", os.environ["PATH"]))
    for printed, changed in SUBSTITUTIONS.items():
        command = command.replace(printed, changed)
    return toy.run(["bash", "-c", command], cwd=str(folder), env=environment)


def test_these_are_all_commands_and_substitutions():
    assert commands()[2:] == ["bash .ci/run", "python -m tests.golden_variables",
                              "python -m tools.draw_resources"]
    for printed in SUBSTITUTIONS:
        assert any(printed in command for command in commands()), printed


@pytest.mark.parametrize("command", commands()[:2], ids=["default", "chosen"])
def test_the_tests_of_the_block_run(folder, command):
    status, said = run(folder, command)
    assert status == 0, said
    assert re.search(r"^TensorFlow [12]\.", said, re.M)
    assert re.search(r"^\d+ passed", said, re.M)


def test_the_variables_are_written_anew_as_they_are_stored(folder):
    written = folder / "tests" / "golden" / "variables.json"
    written.unlink()
    status, said = run(folder, "python -m tests.golden_variables")
    assert status == 0, said
    with open(golden_variables.PATH) as stored:
        assert written.read_text() == stored.read()


def test_the_pictures_are_drawn_in_resources(monkeypatch):
    # What is drawn there: test_draw_resources.
    folders = []
    monkeypatch.setattr(draw_resources, "draw_all", folders.append)
    assert draw_resources.main([]) == 0
    assert folders == [os.path.join(readme.ROOT, "resources")]


def test_both_versions_are_tested_and_either_can_fail(folder):
    (folder / "run_tests.sh").unlink()
    (folder / "run_tests.sh").write_text(STAND_IN)
    status, said = run(folder, "bash .ci/run")
    assert status == 1
    assert said.split("\n")[:2] == ["TensorFlow 1:", "TensorFlow 2:"]
