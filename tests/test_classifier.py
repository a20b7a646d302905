"""A run's course through the real script: stops early, NaN, the best, overwriting."""

import json
import os

import pytest

import checkpoints
import hooks
from tests import forked
from tests import toy


@pytest.fixture(scope="module", name="scripts")
def fixture_scripts():
    with forked.Scripts() as scripts:
        yield scripts


def run(scripts, folder, **flags):
    """(exit code, messages) of a training with evaluation on toy data."""
    command = toy.command(folder, **dict(dict(do_train=True, do_eval=True), **flags))
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
