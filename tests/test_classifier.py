"""A run's course through the real script: stops early, NaN, the best, overwriting."""

import json
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import checkpoints
import classification
import hooks
import modeling
from tests import forked
from tests import toy


@pytest.fixture(scope="module", name="scripts")
def fixture_scripts():
    with forked.Scripts() as scripts:
        yield scripts


def run(scripts, folder, layout="b", **flags):
    """(exit code, messages) of a training with evaluation on toy data."""
    flags = dict(dict(do_train=True, do_eval=True), **flags)
    command = toy.command(folder, layout, **flags)
    return scripts.run(command[command.index("ignore") + 1:])


def steps_in(folder):
    return [step for step, _ in checkpoints.all_checkpoints(str(folder))]


def test_training_stops_when_dev_gets_no_better(scripts, tmp_path):
    toy.setup(tmp_path)
    code, said = run(scripts, tmp_path, learning_rate=0.0, save_checkpoints_steps=3,
                     early_stopping_patience=2)
    assert code == 0, said
    assert "No better dev accuracy in 2 evaluations" in said
    output = tmp_path / "output"
    evaluated = [row["step"] for row in hooks.History(str(output), 48).evaluations()]
    # The first is the best; the step in which training learns of its end counts too.
    assert evaluated[:3] == [3, 6, 9] and evaluated[-1] <= 10
    assert steps_in(output / "best") == [3]
    with open(str(output / "eval_results.json")) as source:
        assert json.load(source)["dev"]["checkpoint"].endswith("best/model.ckpt-3")


def test_weights_that_are_no_numbers_stop_the_run_and_are_never_the_best(
        scripts, tmp_path):
    toy.setup(tmp_path)
    code, said = run(scripts, tmp_path, learning_rate=1e30, save_checkpoints_steps=1)
    assert code == 2 and "Traceback" not in said
    assert "NaN" in said or "The loss is" in said
    assert "--learning_rate" in said
    best = steps_in(tmp_path / "output" / "best")
    assert best and best[0] < steps_in(tmp_path / "output")[-1]


def test_the_best_weights_are_kept_when_training_goes_on_to_worse_ones(
        scripts, tmp_path):
    toy.setup(tmp_path)
    code, said = run(scripts, tmp_path, save_checkpoints_steps=4, num_train_epochs=2)
    assert code == 0, said
    rows = hooks.History(str(tmp_path / "output"), 99).evaluations()
    first_best = max(rows, key=lambda row: row["eval_accuracy"])
    with open(str(tmp_path / "output" / "best" / "best.json")) as source:
        assert json.load(source)["step"] == first_best["step"]
    assert steps_in(tmp_path / "output" / "best") == [first_best["step"]]


def test_overwriting_trains_again_from_the_start(scripts, tmp_path):
    toy.setup(tmp_path)
    assert run(scripts, tmp_path, num_train_epochs=1, save_checkpoints_steps=5)[0] == 0
    toy.write(tmp_path / "output" / "notes.txt", "mine")
    code, said = run(scripts, tmp_path, num_train_epochs=1, seed=7,
                     overwrite_output_dir=True)
    assert code == 0, said
    assert "from step 0" in said
    assert steps_in(tmp_path / "output")[-1] == 12
    assert 10 not in steps_in(tmp_path / "output")
    assert os.path.exists(str(tmp_path / "output" / "notes.txt"))


def test_a_run_that_stopped_early_is_finished(scripts, tmp_path):
    toy.setup(tmp_path)
    flags = dict(learning_rate=0.0, save_checkpoints_steps=3, early_stopping_patience=1)
    assert run(scripts, tmp_path, **flags)[0] == 0
    before = steps_in(tmp_path / "output")
    assert before[-1] < 48
    with open(str(tmp_path / "output" / "eval_results.json")) as source:
        results = json.load(source)
    code, said = run(scripts, tmp_path, resume=True, **flags)
    assert code == 0, said
    assert "is finished: nothing is left to train" in said
    assert steps_in(tmp_path / "output") == before
    with open(str(tmp_path / "output" / "eval_results.json")) as source:
        assert json.load(source) == results


@pytest.mark.parametrize("flags, message", [
    (dict(num_train_epochs=0), "--num_train_epochs=0 trains nothing"),
    (dict(cached_dir="{}/vocab.txt", layout="g"), "--cached_dir={}/vocab.txt is of no"),
    (dict(learning_rate="1e-4,1e-4"), "a rate stands there twice"),
    (dict(learning_rate="1e-4,high"), "--learning_rate=1e-4,high"),
    (dict(learning_rate="1e-4,-1"), "-1.0 is not a number of at least 0"),
    (dict(max_rows=0), "--max_rows")])
def test_a_setting_that_cannot_be_is_one_message(scripts, tmp_path, flags, message):
    flags = {name: value.format(tmp_path) if isinstance(value, str) else value
             for name, value in flags.items()}
    toy.setup(tmp_path, flags.get("layout", "b"))
    code, said = run(scripts, tmp_path, **flags)
    assert code == 2 and message.format(tmp_path) in said, said
    assert "Traceback" not in said and not (tmp_path / "output").exists()


def test_a_trial_on_the_first_rows_says_so_in_its_log_and_results(scripts, tmp_path):
    toy.setup(tmp_path)
    code, said = run(
        scripts, tmp_path, max_rows=16, do_predict=True, num_train_epochs=1)
    assert code == 0, said
    assert "--max_rows=16: a trial on the first rows of each file" in said
    with open(str(tmp_path / "output" / "eval_results.json")) as source:
        results = json.load(source)
    assert results["max_rows"] == 16
    assert results["train"]["rows"] == results["dev"]["rows"] == 16
    with open(str(tmp_path / "output" / "report.html"), encoding="utf-8") as source:
        assert "<th>max_rows</th><td>16</td>" in source.read()
    with open(str(tmp_path / "output" / "predictions.tsv"), encoding="utf-8") as source:
        assert len(source.readlines()) == 17


# Checkpoints of known accuracy: each gives every row the same label, by its bias.

LABELS = ["contradiction", "entailment", "neutral"]
CONSTANTS = {10: "neutral", 20: "entailment", 30: "contradiction"}
DEV = ["neutral"] * 3 + ["entailment"] * 5 + ["contradiction"] * 2


def plant(folder, step, label):
    """model.ckpt-STEP of the toy model, which answers `label` always."""
    config = modeling.BertConfig.from_json_file(str(folder / "config_b.json"))
    options = classification.Options(output_dir="unused")
    with tf.Graph().as_default(), tf.Session() as session:
        ids = tf.zeros([1, 4], tf.int32)
        classification.make_logits_fn(modeling.BertModel, config, 3, options)(
            dict.fromkeys(("input_ids", "input_mask", "segment_ids"), ids), False)
        session.run(tf.global_variables_initializer())
        for variable in tf.trainable_variables():
            if variable.op.name == "output_bias":
                variable.load(10.0 * np.eye(3)[LABELS.index(label)], session)
            if variable.op.name == "output_weights":
                variable.load(np.zeros(variable.shape.as_list()), session)
        os.makedirs(str(folder / "output"), exist_ok=True)
        tf.train.Saver().save(session, str(folder / "output" / "model.ckpt"),
                              global_step=step, write_meta_graph=False)


def test_the_best_of_three_planted_checkpoints_predicts(scripts, tmp_path):
    toy.setup(tmp_path)
    for step, label in CONSTANTS.items():
        plant(tmp_path, step, label)
    for split, labels in (("dev", DEV), ("test", [None] * 4)):
        rows = [{"id": 100 + i, "sentence1": "天地", "sentence2": "玄黄"}
                for i in range(len(labels))]
        toy.write(tmp_path / "data" / (split + ".json"), "".join(
            json.dumps(dict(row, label=label) if label else row) + "\n"
            for row, label in zip(rows, labels)))
    code, said = run(scripts, tmp_path, task_name="cmnli", do_train=False,
                     do_predict=True)
    assert code == 0, said
    rows = hooks.History(str(tmp_path / "output"), 99).evaluations()
    assert {row["step"]: row["eval_accuracy"] for row in rows} == {
        10: 0.3, 20: 0.5, 30: 0.2}
    assert steps_in(tmp_path / "output" / "best") == [20]
    with open(str(tmp_path / "output" / "cmnli_predict.json")) as source:
        assert [json.loads(line) for line in source] == [
            {"id": 100 + i, "label": "entailment"} for i in range(4)]
