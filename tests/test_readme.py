"""The README says what is so: both languages agree, its tables are the program's own.

Its commands are run in test_readme_commands.py.
"""

import functools
import glob
import json
import operator
import os
import re

import pytest

import checkpoints
import tasks
from tests import readme
from tests import test_floors
from tests import toy
from tools import download

both_languages = pytest.mark.parametrize("name", readme.LANGUAGES)
# Named, but not in the repository: the user's own, downloaded or installed.
OUTSIDE = re.compile(r"(my_\w+|prev_trained_model|lcqmc_output|data/lcqmc|data/clue/|\.venv"
                     r"|seed_12345)(/|$)|(train|dev|test)(_0827)?\.(txt|json|tsv)$")


def outline(name):
    """What both languages share: levels of headings, items, widths of rows; in order."""
    shape = []
    for line in readme.prose(name).splitlines():
        if line.startswith("#"):
            shape.append(line.split(" ")[0])
        elif line.startswith(("|", "- ", "1. ")):
            shape.append(re.sub(r"[^|]", "", line) or "-")
    return shape


def test_both_languages_have_the_same_outline_and_point_to_each_other():
    chinese, english = readme.LANGUAGES
    assert outline(chinese) == outline(english)
    assert len(outline(chinese)) > 100
    assert "](%s)" % english in readme.read(chinese)
    assert "](%s)" % chinese in readme.read(english)


def test_both_languages_have_the_same_blocks_and_figures():
    for language in ("bash", "python", "csv", "tsv", "jsonl", "bibtex"):
        chinese, english = [readme.fences(name, language) for name in readme.LANGUAGES]
        assert chinese and chinese == english, language
    chinese, english = [sorted(re.findall(r"\d+\.\d+|@@\w+@@", readme.read(name)))
                        for name in readme.LANGUAGES]
    assert chinese == english


@both_languages
def test_no_figure_is_missing(name):
    assert re.findall(r"@@\w+@@", readme.read(name)) == []


# Tables.

def default_in(cell):
    """What a cell of the table of flags says: (default, whether it is required)."""
    if cell in ("必填", "required"):
        return None, True
    try:
        return float(cell), False
    except ValueError:
        words = {"无": None, "none": None, "true": True, "false": False}
        return words.get(cell, cell), False


def flags_in(rows, scripts, place):
    """{flag: (default, whether it is required)} that the rows say of scripts[place]."""
    listed = {}
    for name, default, meaning in rows:
        if "`%s`" % scripts[1 - place] not in meaning:
            by_script = default.split(" / ")
            listed[readme.code_in(name)[0][2:]] = default_in(
                by_script[place % len(by_script)])
    return listed


@both_languages
@pytest.mark.parametrize("place", [0, 1])
def test_the_tables_of_flags_are_what_the_scripts_declare(name, place):
    scripts = ("run_classifier.py", "run_classifier_sp_google.py")
    pretraining = readme.table_of(name, "--eval_input_file")
    listed = flags_in([row for table in readme.tables(name) for row in table
                       if row[0].startswith("`--") and row not in pretraining],
                      scripts, place)
    assert listed == readme.declared_flags(scripts[place])
    scripts = ("run_pretraining.py", "run_pretraining_google.py")
    declared = readme.declared_flags(scripts[place])
    shared = {flag: value for flag, value in listed.items() if flag in declared}
    assert dict(shared, **flags_in(pretraining, scripts, place)) == declared


def variables_of(config_file):
    """{variable: shape} of a checkpoint with both pre-training heads."""
    return json.loads(readme.read("tests/golden/variables.json"))[config_file]


def config_of(config_file):
    return json.loads(readme.read("albert_config/" + config_file))


@both_languages
def test_the_table_of_models_is_what_the_configs_say(name):
    table = readme.table_of(name, "albert_config_tiny.json")
    paths = glob.glob(os.path.join(readme.ROOT, "albert_config/albert_config_*.json"))
    assert sorted(readme.code_in(row[0])[0] for row in table) == sorted(
        os.path.basename(path) for path in paths)
    for cell, layout, layers, hidden, parameters, size, _ in table:
        config_file, = readme.code_in(cell)
        config, variables = config_of(config_file), variables_of(config_file)
        assert int(layers) == config["num_hidden_layers"]
        assert int(hidden) == config["hidden_size"]
        assert layout == checkpoints.detect_layout(variables)
        number = sum(functools.reduce(operator.mul, shape, 1)
                     for shape in variables.values())
        assert parameters == format(number, ",")
        assert size == "%.1f" % (number * 4 / 2.0 ** 20)


@both_languages
def test_every_published_archive_and_its_address_is_listed(name):
    table = readme.table_of(name, "albert_config_tiny.json")
    listed = [archive for row in table for archive in readme.code_in(row[6])]
    assert sorted(listed) == sorted(download.MODELS)
    addresses = tuple(code for code in readme.code_in(readme.prose(name))
                      if code.startswith("https:"))
    for url in download.MODELS.values():
        assert url.startswith(addresses), url


@both_languages
def test_the_marks_of_the_layouts_tell_them_apart(name):
    table, = [rows for rows in readme.tables(name) if "`ln_type`" in rows[2]]
    keys, names = [[readme.code_in(cell)[0] for cell in row[1:]] for row in table[2:4]]
    files = ("albert_config_tiny.json", "albert_config_tiny_google.json")
    for place, other in ((0, 1), (1, 0)):
        assert keys[place] in config_of(files[place])
        assert keys[place] not in config_of(files[other])
        assert names[place] in variables_of(files[place])
        assert names[place] not in variables_of(files[other])


@both_languages
def test_the_table_of_tasks_is_the_table_of_the_program(name):
    listed = {task: int(row[2]) for row in readme.table_of(name, "afqmc")
              for task in readme.code_in(row[0])}
    assert listed == {task.name: len(task.labels) for task in tasks.TASKS.values()}


# Examples, files and the plan.

def test_the_entry_of_a_new_task_reads_records(tmp_path):
    code, = readme.fences(readme.LANGUAGES[0], "python")
    task, = eval("[%s]" % code, dict(vars(tasks)))
    path = toy.write(tmp_path / "train.json", json.dumps(
        {"query": "退款", "candidate": "怎么退款", "label": "1"}))
    assert task.find_file(str(tmp_path), "train") == path
    (example,), _ = tasks.read_examples(task, path)
    assert example[1:4] == ("退款", "怎么退款", "1")


@pytest.mark.parametrize("extension, columns, is_pair, labels", [
    ("csv", {}, True, {"相同", "不同"}), ("tsv", {}, False, {"好评", "差评"}),
    ("jsonl", dict(text_a="query", text_b="title", label="intent"), True, {"天气"})])
def test_the_data_snippets_are_read(tmp_path, extension, columns, is_pair, labels):
    snippet, = readme.fences(readme.LANGUAGES[0], extension)
    path = toy.write(tmp_path / ("train." + extension), snippet)
    examples, skipped = tasks.read_examples(tasks.custom_task(**columns), path)
    assert not skipped
    assert {example.label for example in examples} == labels
    assert all((example.text_b is not None) == is_pair for example in examples)


@both_languages
def test_every_file_that_is_named_exists(name):
    text = readme.prose(name)
    named = re.findall(r"\]\(([^)#:]+)\)", text)
    assert len(named) > 5
    written = {code for row in readme.table_of(name, "report.html")
               for cell in row for code in readme.code_in(cell)}
    named += [code for code in readme.code_in(text) if code not in written
              and re.match(r"[\w.][\w./]*(\.(py|sh|md|txt|json|tsv|html)|/)$", code)
              and not OUTSIDE.match(code)]
    for path in named:
        folder = "albert_config" * path.startswith("albert_config_")
        assert os.path.exists(os.path.join(readme.ROOT, folder, path)), path


@both_languages
def test_the_embedded_data_has_the_size_that_is_told(name):
    sizes = {readme.code_in(row[1])[0]: re.findall(r"\d[\d,]*", row[2])
             for row in readme.table_of(name, "data/lcqmc_sample/")}
    rows = sum(len(readme.read("data/lcqmc_sample/%s.txt" % split).splitlines())
               for split in tasks.SPLITS)
    assert sizes["data/lcqmc_sample/"] == [format(rows, ",")]
    documents = readme.read("data/news_zh_1.txt").strip().split("\n\n")
    assert sizes["data/news_zh_1.txt"] == [str(len(documents))]


@both_languages
def test_the_plan_shows_every_module_above_what_it_imports(name):
    plan, = readme.fences(name, "text")
    floors, floor = {}, None
    for line in plan.splitlines():
        found = re.match(r" (\d)", line)
        floor = int(found.group(1)) if found else floor
        if floor is not None:
            floors.update((module, floor) for module in re.findall(r"[a-z]\w+", line))
    assert set(floors) == set(test_floors.modules())
    for module, height in floors.items():
        for other in test_floors.imports_of(module) & set(floors):
            assert floors[other] < height, "%s imports %s" % (module, other)
