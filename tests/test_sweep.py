"""Several runs for one result: rates compared, seeds combined, the best predicts."""

import json
import os

import numpy as np
import pytest

import classification
import errors
import predictions
import sweep
from tests import forked
from tests import toy


def options(**changes):
    return classification.Options(**dict(dict(
        output_dir="out", do_train=True, do_eval=True, do_predict=True,
        seed=5), **changes))


# The plan.

def test_one_rate_and_one_seed_are_one_run_with_the_options_as_they_are():
    given = options()
    assert sweep.plan_runs(given) == [(given.learning_rate, [given])]


def test_seeds_have_a_folder_each_and_predict():
    (rate, runs), = sweep.plan_runs(options(num_seeds=2, learning_rate=0.5))
    assert rate == 0.5
    assert [(run.seed, run.output_dir, run.do_predict) for run in runs] == [
        (5, os.path.join("out", "seed_5"), True),
        (6, os.path.join("out", "seed_6"), True)]
    assert {run.cached_dir for run in runs} == {"out"}


def test_rates_have_a_folder_each_and_wait_with_predicting():
    plan = sweep.plan_runs(options(
        num_seeds=2, learning_rate=[2e-5, 1e-4], learning_rates=[2e-5, 1e-4]))
    assert [rate for rate, _ in plan] == [2e-5, 1e-4]
    first = plan[0][1][0]
    assert first.output_dir == os.path.join("out", "rate_2e-05", "seed_5")
    assert (first.learning_rate, first.learning_rates) == (2e-5, None)
    assert not any(run.do_predict for _, runs in plan for run in runs)
    (_, (alone,)), _ = sweep.plan_runs(options(learning_rates=[2e-5, 1e-4]))
    assert alone.output_dir == os.path.join("out", "rate_2e-05")


@pytest.mark.parametrize("changes, message", [
    (dict(num_seeds=2, do_train=False), "--num_seeds needs --do_train"),
    (dict(learning_rates=[1e-4, 1e-5], do_train=False), "1e-05 needs --do_train"),
    (dict(learning_rates=[1e-4, 1e-5], do_eval=False), "needs --do_eval")])
def test_several_runs_that_cannot_be_compared_are_refused(changes, message):
    with pytest.raises(errors.InputError, match=message):
        sweep.plan_runs(options(**changes))


# Votes.

def test_the_vote_is_the_majoritys_and_the_mean_probability_decides_a_tie():
    runs = [[[0.6, 0.3, 0.1], [0.9, 0.1, 0.0], [1.0, 0.0, 0.0]],
            [[0.6, 0.3, 0.1], [0.4, 0.6, 0.0], [0.0, 1.0, 0.0]],
            [[0.0, 0.9, 0.1], [0.1, 0.2, 0.7], [0.0, 1.0, 0.0]]]
    scores = predictions.vote(runs)
    assert scores.argmax(axis=1).tolist() == [0, 0, 1]
    assert np.mean(runs, axis=0).argmax(axis=1).tolist() == [1, 0, 1]
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)


# Through the real scripts.

@pytest.fixture(scope="module", name="scripts")
def fixture_scripts():
    with forked.Scripts() as scripts:
        yield scripts


def run(scripts, folder, **flags):
    command = toy.command(folder, **dict(dict(
        do_train=True, do_eval=True, do_predict=True,
        save_checkpoints_steps=99), **flags))
    code, said = scripts.run(command[command.index("ignore") + 1:])
    assert code == 0, said
    return said


def read(*parts):
    with open(os.path.join(*map(str, parts)), encoding="utf-8") as source:
        return source.read()


def test_the_best_rate_is_kept_and_predicts_with_all_its_seeds(scripts, tmp_path):
    toy.setup(tmp_path)
    said = run(scripts, tmp_path, learning_rate="0,0.003", num_seeds=2,
               num_train_epochs=2)
    output = tmp_path / "output"
    summary = json.loads(read(output, "eval_results.json"))
    assert summary["learning_rate"] == 0.003 and summary["seeds"] == [12345, 12346]
    by_rate = {row["learning_rate"]: row for row in summary["learning_rates"]}
    assert by_rate[0.003]["mean"] > by_rate[0.0]["mean"]
    dev = summary["dev"]
    assert dev["eval_accuracy"]["mean"] == by_rate[0.003]["mean"]
    assert len(dev["eval_accuracy"]["values"]) == len(dev["checkpoints"]) == 2
    assert summary["ensembles"]["vote"]["dev"] >= min(dev["eval_accuracy"]["values"])
    assert summary["train"]["rows"] == 96 and summary["seconds"] > 0
    chosen = [output / "rate_0.003" / ("seed_%d" % seed) for seed in summary["seeds"]]
    each = [np.loadtxt(str(folder / "test_results.tsv")) for folder in chosen]
    np.testing.assert_allclose(
        np.loadtxt(str(output / "test_results.tsv")), np.mean(each, axis=0), atol=1e-6)
    rows = read(output, "vote", "predictions.tsv").splitlines()[1:]
    assert [row.split("\t")[1] for row in rows] == [
        "%d" % label for label in predictions.vote(each).argmax(axis=1)]
    assert not (output / "rate_0" / "seed_12345" / "test_results.tsv").exists()
    assert "learning rate 0.003    dev accuracy" in said and "(best)" in said
    assert "2 seeds together, by vote" in said
    for folder in chosen:
        assert json.loads(read(folder, "eval_results.json"))["test"]["rows"] == 40


def test_rates_with_one_seed_leave_the_results_of_the_best(scripts, tmp_path):
    toy.setup(tmp_path)
    run(scripts, tmp_path, learning_rate="0.003,0", num_train_epochs=1)
    output = tmp_path / "output"
    summary = json.loads(read(output, "eval_results.json"))
    best = output / ("rate_%g" % summary["learning_rate"])
    assert json.loads(read(best, "eval_results.json"))["dev"] == summary["dev"]
    assert read(output, "predictions.tsv") == read(best, "predictions.tsv")
    assert "ensembles" not in summary and not (output / "vote").exists()
    # The same command again finds everything finished.
    said = run(scripts, tmp_path, learning_rate="0.003,0", num_train_epochs=1,
               resume=True)
    assert said.count("is finished: nothing is left to train") == 2
    assert json.loads(read(output, "eval_results.json")) == summary
