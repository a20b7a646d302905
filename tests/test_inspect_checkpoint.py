"""What a checkpoint holds and how two differ, on the golden weights of both layouts."""

import csv
import io
import json
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
from tests import golden_models
from tests import golden_variables
from tests import toy
from tools import inspect_checkpoint
from tools import model_variables

GOLDEN = golden_models.GOLDEN
EXPECTED = {"brightmart_postln": "layout B (brightmart)", "google_shared":
            "layout G (Google)", "google_groups": "layout G (Google)"}


def save(path, values):
    """Writes {name: array} as a checkpoint; gives its prefix."""
    with tf.Graph().as_default(), tf.Session() as session:
        variables = [tf.get_variable(name, initializer=np.asarray(value))
                     for name, value in values.items()]
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver(variables)
        return saver.save(session, str(path), write_meta_graph=False)


def golden_values(folder="brightmart_postln"):
    reader = tf.train.load_checkpoint(os.path.join(GOLDEN, folder, "albert_model.ckpt"))
    return {name: reader.get_tensor(name)
            for name in reader.get_variable_to_shape_map()}


def run(capsys, *arguments):
    """(exit code, standard output, standard error)."""
    code = inspect_checkpoint.main([str(argument) for argument in arguments])
    return (code,) + tuple(capsys.readouterr())


def numbers(text, row):
    """The numbers of the row of totals that begins with `row`."""
    line, = [line for line in text.splitlines() if line.startswith(row + "  ")]
    return line[len(row):].split()


@pytest.mark.parametrize("folder", sorted(EXPECTED))
def test_every_variable_is_listed_with_its_shape_and_the_layout(folder, capsys):
    prefix = os.path.join(GOLDEN, folder, "albert_model.ckpt")
    code, said, _ = run(capsys, prefix)
    assert code == 0
    assert said.splitlines()[0] == "%s: %s" % (prefix, EXPECTED[folder])
    values = golden_values(folder)
    lines = [line.split() for line in said.splitlines()]
    for name, value in values.items():
        row, = [cells for cells in lines if cells and cells[0] == name]
        assert "".join(row[1:-1]) == str(list(value.shape)).replace(" ", "")
        assert row[-1] == format(value.size, ",")
    total = sum(value.size for value in values.values())
    assert numbers(said, "model")[0] == format(total, ",")


def test_sizes_are_those_of_the_config(capsys):
    with open(os.path.join(GOLDEN, "google_groups", "config.json")) as source:
        config = json.load(source)
    prefix = os.path.join(GOLDEN, "google_groups", "albert_model.ckpt")
    sizes = inspect_checkpoint.take_inventory(prefix).sizes
    assert sizes == {
        "vocabulary": config["vocab_size"], "embedding": config["embedding_size"],
        "positions": config["max_position_embeddings"], "hidden": config["hidden_size"],
        "intermediate": config["intermediate_size"],
        "groups": config["num_hidden_groups"]}


def test_a_folder_and_any_file_name_the_same_checkpoint(tmp_path, capsys):
    prefix = save(tmp_path / "model.ckpt", {"bert/pooler/dense/bias": [1.0, 2.0]})
    said = {run(capsys, path)[1] for path in
            (tmp_path, prefix, prefix + ".index", prefix + ".data-00000-of-00001")}
    assert len(said) == 1


def test_slots_and_step_are_counted_apart(tmp_path, capsys):
    values = golden_values()
    trained = dict(values, global_step=np.int64(120))
    for suffix in ("adam_m", "adam_v"):
        trained.update({"%s/%s" % (name, suffix): value
                        for name, value in values.items()})
    code, said, _ = run(capsys, save(tmp_path / "model.ckpt-120", trained))
    assert code == 0 and "adam" not in said
    total = sum(value.size for value in values.values())
    assert numbers(said, "model")[0] == format(total, ",")
    assert numbers(said, "optimizer slots (%d variables)" % (2 * len(values)))[0] == (
        format(2 * total, ","))
    assert numbers(said, "step") == ["120"]


@pytest.fixture
def tiny(monkeypatch):
    """An Inventory with the shapes that a config's checkpoint has."""
    with open(golden_variables.PATH) as source:
        golden = json.load(source)

    def inventory(name):
        config, _ = model_variables.read_config(
            os.path.join(model_variables.CONFIG_FOLDER, name))
        return inspect_checkpoint.Inventory(
            "x", None, golden[name], {}, None, config.layout,
            inspect_checkpoint._sizes(golden[name]))
    return inventory


@pytest.mark.parametrize("name", ["albert_config_tiny.json",
                                  "albert_config_xxlarge.json",
                                  "albert_config_small_google.json"])
def test_the_size_is_guessed_from_the_shapes(name, tiny):
    assert inspect_checkpoint.guess_config(tiny(name)) == [name]
    assert "shapes of " + name in inspect_checkpoint.describe(tiny(name))


def test_totals_of_tiny_are_the_published_ones(tiny):
    text = "\n".join(inspect_checkpoint.describe(tiny("albert_config_tiny.json")))
    assert numbers(text, "embeddings + encoder + pooler") == ["4,175,152", "15.9"]
    assert numbers(text, "model") == ["4,295,186", "16.4"]


def test_shapes_of_no_config_are_not_guessed(capsys):
    _, said, _ = run(capsys, os.path.join(GOLDEN, "brightmart_postln"
                                          "/albert_model.ckpt"))
    assert "those of no file in albert_config/" in said


def test_unshared_layers_are_counted():
    with tf.Graph().as_default():
        config = modeling.BertConfig(
            vocab_size=10, embedding_size=4, hidden_size=8, intermediate_size=8,
            num_attention_heads=2, num_hidden_layers=3,
            share_parameter_across_layers=False)
        variables = model_variables.variables_of(config, modeling.BertModel)
    assert inspect_checkpoint._sizes(variables)["layers"] == 3


def test_the_csv_is_the_table_alone(capsys):
    _, said, _ = run(capsys, os.path.join(
        GOLDEN, "google_shared", "albert_model.ckpt"), "--csv")
    rows = list(csv.reader(io.StringIO(said)))
    assert rows[0] == ["variable", "shape", "parameters"]
    assert {row[0]: int(row[2]) for row in rows[1:]} == {
        name: value.size for name, value in golden_values("google_shared").items()}


@pytest.fixture
def changed(tmp_path):
    """A copy of golden weights with one value moved, one shape changed, one name gone
    and one new."""
    values = golden_values()
    values["bert/pooler/dense/bias"] = values["bert/pooler/dense/bias"].copy()
    values["bert/pooler/dense/bias"][1] += 0.25
    values["cls/predictions/output_bias"] = np.zeros(3, np.float32)
    del values["cls/seq_relationship/output_bias"]
    values["output_bias"] = np.zeros(2, np.float32)
    return save(tmp_path / "changed.ckpt", values)


def test_a_comparison_names_what_differs_and_by_how_much(changed, capsys):
    original = os.path.join(GOLDEN, "brightmart_postln", "albert_model.ckpt")
    code, said, _ = run(capsys, original, "--diff", changed)
    assert code == 0
    found = {line.split("  ")[0]: line.split()[1:] for line in said.splitlines()}
    number, = golden_values()["cls/predictions/output_bias"].shape
    assert found["bert/pooler/dense/bias"] == ["value", "0.25"]
    assert found["cls/predictions/output_bias"] == (
        "A [%d], B [3]" % number).split()
    assert found["cls/seq_relationship/output_bias"] == ["only", "in", "A"]
    assert found["output_bias"] == ["only", "in", "B"]
    assert "%d of %d variables are equal bit for bit" % (
        len(golden_values()) - 3, len(golden_values()) + 1) in said
    assert "bert/pooler/dense/kernel" not in said


def test_a_comparison_as_csv_lists_equal_variables_too(changed, capsys):
    original = os.path.join(GOLDEN, "brightmart_postln", "albert_model.ckpt")
    _, said, _ = run(capsys, original, "--diff", changed, "--csv")
    rows = {row[0]: row[1:] for row in csv.reader(io.StringIO(said))}
    assert rows["bert/pooler/dense/kernel"] == ["equal", "0.0"]
    assert float(rows["bert/pooler/dense/bias"][1]) == pytest.approx(0.25)
    assert rows["output_bias"] == ["only in B", ""]


def test_a_checkpoint_equals_itself(capsys):
    original = os.path.join(GOLDEN, "google_shared", "albert_model.ckpt")
    _, said, _ = run(capsys, original, "--diff", original)
    number = len(golden_values("google_shared"))
    assert "%d of %d variables are equal" % (number, number) in said
    assert "largest difference: 0\n" in said


@pytest.mark.parametrize("make", ["absent", "text", "truncated"])
def test_what_is_no_checkpoint_is_one_message(tmp_path, capsys, make):
    path = tmp_path / "model.ckpt"
    if make == "text":
        toy.write(str(path) + ".index", "no index")
    elif make == "truncated":
        save(path, golden_values())
        with open(str(path) + ".data-00000-of-00001", "r+b") as data:
            data.truncate(100)
    for arguments in ([path], [os.path.join(GOLDEN, "google_shared",
                                            "albert_model.ckpt"), "--diff", path]):
        code, said, error = run(capsys, *arguments)
        assert code == 2 and not said
        assert error.startswith("error: ") and str(path) in error
