"""The pages of questions, models and file formats say what is so; their commands run."""

import glob
import os
import re
import struct

import pytest
import tensorflow.compat.v1 as tf

import features
import flops
import modeling
import modeling_google
from tests import checkout
from tests import readme
from tests import test_readme
from tests import toy_pretraining
from tools import model_variables

SUBJECTS = ("faq", "choosing_a_model", "file_formats")
PAGES = [("docs/%s.md" % subject, "docs/%s_en.md" % subject) for subject in SUBJECTS]
all_pages = pytest.mark.parametrize("name", [page for pair in PAGES for page in pair])
both_models = pytest.mark.parametrize("name", PAGES[1])
both_formats = pytest.mark.parametrize("name", PAGES[2])
# Of the checkout for tests: its vocabulary is no published one, its weights are random.
SUBSTITUTIONS = {
    "-m tools.doctor\n": "-m tools.doctor || test $? = 1\n",
    "albert_config/vocab.txt\n": "albert_config/vocab.txt || test $? = 1\n",
    "python3": '"$PYTHON"', "my_pretraining": "prev_trained_model/albert_tiny_489k"}


@pytest.mark.parametrize("pair", PAGES, ids=SUBJECTS)
def test_both_languages_have_the_same_outline_blocks_and_figures(pair):
    outlines = [test_readme.outline(name) for name in pair]
    assert outlines[0] == outlines[1] and len(outlines[0]) > 20
    assert readme.fences(pair[0], "bash") == readme.fences(pair[1], "bash")
    figures = [sorted(re.findall(r"\d+\.\d+", readme.read(name))) for name in pair]
    assert figures[0] == figures[1]
    for name, other in (pair, pair[::-1]):
        assert "](%s)" % os.path.basename(other) in readme.read(name)


@all_pages
def test_every_file_that_is_linked_exists(name):
    linked = re.findall(r"\]\(([^)#:]+)\)", readme.prose(name))
    assert len(linked) > 3
    for path in linked:
        assert os.path.exists(os.path.join(readme.ROOT, "docs", path)), path


@all_pages
def test_every_program_and_flag_that_is_named_exists(name):
    text = readme.read(name)
    for module in re.findall(r"-m (\w+\.\w+)", text):
        assert os.path.exists(os.path.join(readme.ROOT, module.replace(".", "/") + ".py"))
    for script in re.findall(r"\b(\w+\.(?:py|sh))\b", text):
        assert os.path.exists(os.path.join(readme.ROOT, script)), script
    sources = "".join(readme.read(os.path.relpath(path, readme.ROOT))
                      for pattern in ("*.py", "tools/*.py")
                      for path in glob.glob(os.path.join(readme.ROOT, pattern)))
    flags = set(re.findall(r"`--(?:no(?!_))?(\w+)", text))
    assert flags
    for flag in flags:
        assert re.search(r'"(--)?%s"' % flag, sources), flag


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = checkout.make(tmp_path_factory.mktemp("checkout"))
    return checkout.run(folder, readme.fences(PAGES[0][0], "bash"), SUBSTITUTIONS)


def test_the_commands_run(outcomes):
    said = [text for status, text in outcomes.values() if status == 0]
    assert len(said) == len(outcomes) == 2, outcomes
    assert "problem  vocabulary" in said[0] and "weights and config" in said[0]


# Which model.

def config_of(size):
    """(config, layout) of the file of a size, layout B where there is one."""
    paths = [os.path.join(model_variables.CONFIG_FOLDER, "albert_config_%s%s.json" % (
        size, ending)) for ending in ("", "_google")]
    path = next(path for path in paths if os.path.exists(path))
    config, _ = model_variables.read_config(path)
    parameters = sum(map(model_variables.count,
                         model_variables.variables_of_file(path).values()))
    return config, parameters


def gigaflops(config, length):
    return flops.forward_flops(config, config.layout, length, length ** 2, 0, 1) / 1e9


@both_models
def test_the_table_of_computation_is_what_the_configs_say(name):
    table, = [rows for rows in readme.tables(name) if len(rows[0]) == 7
              and rows[0][0] == "tiny"]
    assert len(table) == 6
    unit = gigaflops(config_of("tiny")[0], 128)
    for size, layers, hidden, parameters, short, long, ratio in table:
        config, number = config_of(size)
        assert (int(layers), int(hidden)) == (
            config.num_hidden_layers, config.hidden_size)
        assert parameters == "%.1f" % (number / 1e6)
        assert (short, long) == ("%.2f" % gigaflops(config, 128),
                                 "%.2f" % gigaflops(config, 512))
        assert ratio == "%.1f" % (gigaflops(config, 128) / unit)


@both_models
def test_what_is_quoted_in_the_readme_too_is_the_same(name):
    language = readme.LANGUAGES[PAGES[1].index(name)]
    ours, quoted = [[row[1:] for rows in readme.tables(page) for row in rows
                     if len(row) == 5 and row[0].startswith("albert_")]
                    for page in (name, language)]
    assert len(quoted) == 6 and ours == quoted


# File formats.

@both_formats
@pytest.mark.parametrize("mark, spec", [
    ("masked_lm_ids", toy_pretraining.spec(7, 5)),
    ("example_index", features.classification_spec(7))])
def test_the_tables_of_records_are_the_specifications(name, mark, spec):
    lengths = {7: "S", 5: "P", 1: "1"}
    expected = {key: (tf.as_dtype(feature.dtype).name, lengths.get(
        feature.length, "标量" if name == PAGES[2][0] else "scalar"))
        for key, feature in spec.items()}
    table, = [rows for rows in readme.tables(name)
              if len(rows[0]) == 4 and any("`%s`" % mark == row[0] for row in rows)]
    assert {readme.code_in(row[0])[0]: (row[1], row[2]) for row in table} == expected


@both_formats
def test_every_key_of_a_config_is_told(name):
    told = {code for row in readme.table_of(name, "vocab_size")
            for code in readme.code_in(row[0])}
    known = set(modeling.BertConfig.DEFAULTS) | set(modeling_google.AlbertConfig.DEFAULTS)
    assert told == known | {"vocab_size", "embedding_start"}


@both_formats
def test_the_ids_that_are_told_are_those_of_the_vocabulary(name):
    with open(os.path.join(readme.ROOT, "albert_config", "vocab.txt"), "rb") as source:
        words = source.read().decode("utf-8").split("\n")
    text = readme.read(name)
    assert words[343].strip("\r") == "\u2028" and "343" in text
    for word, number in re.findall(r"`(\[[A-Z]+\])` (\d+)", text):
        assert words[int(number)] == word


def test_the_drawing_is_a_picture():
    with open(os.path.join(readme.ROOT, "resources", "architecture.png"), "rb") as source:
        head = source.read(24)
    width, height = struct.unpack(">II", head[16:])
    assert head[1:4] == b"PNG" and width > 600 and height > 300
