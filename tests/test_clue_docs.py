"""The page about CLUE says what is so, in both languages, and its commands exist."""

import os
import re

import pytest

import tasks
from tests import readme
from tests import test_one_click
from tests import test_readme
from tests import test_run_classifier_clue
from tests import toy
from tools import clue_check
from tools import download

PAGES = ("docs/clue.md", "docs/clue_en.md")
both_languages = pytest.mark.parametrize("name", PAGES)


def test_both_languages_have_the_same_outline_blocks_and_figures():
    chinese, english = PAGES
    assert test_readme.outline(chinese) == test_readme.outline(english)
    assert len(test_readme.outline(chinese)) > 30
    assert readme.fences(chinese, "bash") == readme.fences(english, "bash")
    figures = [sorted(re.findall(r"\d+\.\d+", readme.read(name))) for name in PAGES]
    assert figures[0] == figures[1]
    for name, other in (PAGES, PAGES[::-1]):
        assert "](%s)" % os.path.basename(other) in readme.read(name)


@both_languages
def test_the_table_of_tasks_is_what_the_script_and_the_program_do(name):
    for row in readme.table_of(name, "cluewsc2020"):
        task = tasks.TASKS[readme.code_in(row[0])[0]]
        assert readme.code_in(row[1]) == [task.archive]
        assert tuple(row[3:8]) == test_run_classifier_clue.RECIPES[task.name]
        assert readme.code_in(row[8]) == [task.submission]
        assert re.split("[、, …]+", row[2])[-1] == task.labels[-1]


@both_languages
def test_the_variables_are_those_of_the_scripts(name):
    scripts = readme.read("run_classifier_clue.sh") + readme.read("one_click.sh")
    for row in readme.table_of(name, "CLUE_DIR"):
        variable, = readme.code_in(row[0])
        assert "${%s:" % variable in scripts, variable


@both_languages
def test_every_file_that_is_linked_exists(name):
    for path in re.findall(r"\]\(([^)#:]+)\)", readme.read(name)):
        assert os.path.exists(os.path.join(readme.ROOT, "docs", path)), path


@both_languages
def test_every_file_to_submit_that_is_named_is_known(name):
    named = set(re.findall(r"\w+_predict\.json", readme.read(name)))
    assert named == set(clue_check.expected_files())


def test_the_commands_call_what_exists(tmp_path, monkeypatch):
    stand_in = test_one_click.Checkout(tmp_path)
    stand_in.download(clue=0, model=0)
    (stand_in.folder / "my_clue").mkdir()
    environment = dict(PATH=os.environ["PATH"], HOME=str(stand_in.home),
                       ALBERT_PYTHON=str(stand_in.python))
    for block in readme.fences(PAGES[0], "bash"):
        status, said = toy.run(["bash", "-e", "-c", ". ./env.sh\n" + block],
                               cwd=str(stand_in.folder), env=environment)
        assert status == 0, said
    trainings = stand_in.calls("--do_train")
    assert len(trainings) == 6 + 2 + 1 + 1 + 1
    for call in trainings:
        names = {flag[2:].partition("=")[0] for flag in call[1:]}
        assert names <= set(readme.declared_flags(call[0]))
    monkeypatch.setattr(download, "fetch_clue", lambda names, folder, report: {})
    monkeypatch.setattr(download, "fetch_model", lambda *_: None)
    for call in stand_in.calls("tools.download"):
        assert download.main(call[2:]) == 0
    monkeypatch.setattr(clue_check, "check", lambda path, data: [])
    checks = stand_in.calls("tools.clue_check")
    assert ["clue_output/submission.zip", "--data", "data/clue"] in [
        call[2:] for call in checks]
    for call in checks:
        assert clue_check.main(call[2:]) == 0
