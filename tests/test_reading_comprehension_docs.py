"""The page about reading comprehension says what is so, and its commands work."""

import json
import os
import re

import pytest

import common_flags
import labelling
import reading_comprehension_data as data
import reading_comprehension_model as span_model
from tests import readme
from tests import test_one_click
from tests import test_readme
from tests import toy
from tests import toy_models
from tests import toy_reading
from tools import check_answers
from tools import score_reading_comprehension

PAGES = ("docs/reading_comprehension.md", "docs/reading_comprehension_en.md")
SCRIPT = "run_reading_comprehension.py"
both_languages = pytest.mark.parametrize("name", PAGES)


def test_both_languages_have_the_same_outline_blocks_and_figures():
    chinese, english = PAGES
    assert test_readme.outline(chinese) == test_readme.outline(english)
    assert len(test_readme.outline(chinese)) > 40
    for language in ("bash", "json", "python", "text"):
        blocks = readme.fences(chinese, language)
        assert blocks and blocks == readme.fences(english, language)
    figures = [sorted(re.findall(r"\d+[.,]\d+", readme.read(name))) for name in PAGES]
    assert figures[0] == figures[1]
    for name, other in (PAGES, PAGES[::-1]):
        assert "](%s)" % os.path.basename(other) in readme.read(name)


@both_languages
def test_every_file_that_is_linked_exists(name):
    for path in re.findall(r"\]\(([^)#:]+)\)", readme.read(name)):
        assert os.path.exists(os.path.join(readme.ROOT, "docs", path)), path


@both_languages
def test_the_variables_are_those_of_the_scripts(name):
    scripts = readme.read("run_reading_comprehension_cmrc.sh") + readme.read("one_click.sh")
    for row in readme.table_of(name, "CMRC_DIR"):
        variable, = readme.code_in(row[0])
        assert "${%s:" % variable in scripts, variable


@both_languages
def test_the_table_of_flags_is_what_the_script_declares(name):
    table = {readme.code_in(row[0])[0][2:]: test_readme.default_in(row[1])
             for row in readme.table_of(name, "--doc_stride")}
    declared = readme.declared_flags(SCRIPT)
    assert table == {flag: declared[flag] for flag in table}
    others = readme.declared_flags("run_classifier_sp_google.py")
    differing = {flag for flag in declared if declared[flag] != others.get(flag)}
    assert differing <= set(table)
    assert set(span_model.READING_SETTINGS) - {"do_lower_case"} <= set(table)
    assert not hasattr(common_flags.FLAGS, "doc_stride")


def test_the_examples_of_data_are_read(tmp_path):
    new, old = readme.fences(PAGES[0], "json")
    found = data.read_questions(toy.write(tmp_path / "new.json", new))
    assert [(q.is_impossible, len(q.answers)) for q in found] == [(False, 1), (True, 0)]
    assert data.read_questions(toy.write(tmp_path / "old.json", old)) == found[:1]


def test_the_program_asks_a_model(tmp_path, monkeypatch, capsys):
    code, = readme.fences(PAGES[0], "python")
    toy_models.reader(tmp_path / "my_reading")
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    answer, start, probability = capsys.readouterr().out.rsplit(None, 2)
    assert "该镇建于1902年。"[int(start):].startswith(answer)
    assert 0.0 < float(probability) < 1.0


def test_the_request_to_the_service_is_one_that_it_takes():
    block, = readme.fences(PAGES[0], "text")
    request = json.loads(re.search(r"-d '(.*)'", block).group(1))
    assert list(request) == ["questions"]
    labelling.check_rows(request["questions"], may_be_single=False)


@pytest.fixture(name="checkout")
def fixture_checkout(tmp_path):
    """The scripts with a stand-in for Python, and toy data where the page has its own."""
    checkout = test_one_click.Checkout(tmp_path)
    checkout.download(reading=0)
    for folder in ("data/cmrc2018", "my_cmrc"):
        os.makedirs(str(checkout.folder / folder))
        toy.write(checkout.folder / folder / "dev.json",
                  json.dumps(toy_reading.content(4, seed=1)))
    return checkout


def test_the_commands_call_what_exists(checkout, monkeypatch):
    environment = dict(PATH=os.environ["PATH"], HOME=str(checkout.home),
                       ALBERT_PYTHON=str(checkout.python))
    for block in readme.fences(PAGES[0], "bash"):
        status, said = toy.run(["bash", "-e", "-c", ". ./env.sh\n" + block],
                               cwd=str(checkout.folder), env=environment)
        assert status == 0, said
    declared = set(readme.declared_flags(SCRIPT))
    runs = checkout.calls(SCRIPT)
    assert len(runs) == 3 + 1 + 2 + 1
    folds, = checkout.calls("benchmarks.reading_comprehension_folds")
    for call in runs + [folds[folds.index("--"):]]:
        assert {flag[2:].partition("=")[0] for flag in call[1:]} <= declared
    monkeypatch.chdir(checkout.folder)
    os.symlink(os.path.join(toy.ROOT, "albert_config"), "albert_config")
    os.makedirs("my_reading")
    toy.write("my_reading/dev_predictions.json", "{}")
    for tool, module, times in (
            ("score_reading_comprehension", score_reading_comprehension, 2),
            ("check_answers", check_answers, 1)):
        calls = [call[2:] for call in checkout.calls("tools." + tool)
                 if call[2] == "my_cmrc/dev.json"]
        assert [module.main(call) for call in calls] == [0] * times

