"""The scripts as a user runs them: train, evaluate, predict, stop, resume, mistakes."""

import json
import os
import signal
import subprocess
import time

import pytest

from tests import toy

EVERYTHING = dict(do_train=True, do_eval=True, do_predict=True)


def read(*parts):
    with open(os.path.join(*map(str, parts)), encoding="utf-8") as source:
        return source.read()


@pytest.mark.parametrize("layout", ["b", "g"])
def test_train_evaluate_predict_leaves_every_result_under_output_dir(tmp_path, layout):
    toy.setup(tmp_path, layout)
    data_before = {n: read(tmp_path, "data", n) for n in os.listdir(str(tmp_path / "data"))}
    code, said = toy.run(toy.command(tmp_path, layout, **EVERYTHING))
    assert code == 0, said
    output = tmp_path / "output"
    results = json.loads(read(output, "eval_results.json"))
    assert results["dev"]["eval_accuracy"] > 0.9, said
    assert results["weights"] == "random start"
    assert results["test"]["rows"] == 40
    text = read(output, "eval_results.txt")
    for key in ("eval_accuracy", "eval_loss", "global_step", "loss"):
        assert text.count("\n%s = " % key) == 4
    probabilities = [line.split("\t") for line in read(output, "test_results.tsv")
                     .splitlines()]
    assert len(probabilities) == 40
    assert all(abs(sum(map(float, row)) - 1) < 1e-5 for row in probabilities)
    rows = [line.split("\t") for line in read(output, "predictions.tsv").splitlines()]
    assert rows[0] == ["id", "label", "score_0", "score_1", "text_a", "text_b"]
    source = [line.split("\t") for line in data_before["test.txt"].splitlines()]
    assert [row[4:] for row in rows[1:]] == [line[:2] for line in source]
    correct = sum(row[1] == line[2] for row, line in zip(rows[1:], source))
    assert correct / 40.0 == pytest.approx(results["test"]["eval_accuracy"])
    for name in ("curves.png", "report.html", "run.json", "best/vocab.txt",
                 "best/albert_config.json", "best/labels.txt", "best/best.json"):
        assert os.path.getsize(str(output / name)) > 0
    assert data_before == {n: read(tmp_path, "data", n)
                           for n in os.listdir(str(tmp_path / "data"))}


def test_prediction_alone_uses_the_best_weights_of_a_folder_or_of_init_checkpoint(tmp_path):
    toy.setup(tmp_path)
    assert toy.run(toy.command(tmp_path, save_checkpoints_steps=100, **EVERYTHING))[0] == 0
    first = read(tmp_path, "output", "predictions.tsv")
    code, said = toy.run(toy.command(
        tmp_path, do_predict=True, init_checkpoint=tmp_path / "output" / "best",
        output_dir=tmp_path / "other"))
    assert code == 0, said
    assert read(tmp_path, "other", "predictions.tsv") == first
    code, said = toy.run(toy.command(tmp_path, do_predict=True))
    assert code == 0, said
    results = json.loads(read(tmp_path, "output", "eval_results.json"))
    assert results["dev"]["rows"] == results["test"]["rows"] == 40


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tmp_path):
    toy.setup(tmp_path)
    for name, seed in (("one", 1), ("same", 1), ("two", 2)):
        code, said = toy.run(toy.command(
            tmp_path, do_train=True, do_eval=True, seed=seed, num_train_epochs=1,
            output_dir=tmp_path / name))
        assert code == 0, said
    losses = {name: json.loads(
                  read(tmp_path, name, "eval_results.json"))["dev"]["eval_loss"]
              for name in ("one", "same", "two")}
    assert losses["one"] == losses["same"]
    assert losses["one"] != losses["two"]


def test_several_seeds_are_summarised(tmp_path):
    toy.setup(tmp_path)
    code, said = toy.run(toy.command(
        tmp_path, do_train=True, do_eval=True, num_seeds=2, num_train_epochs=1))
    assert code == 0, said
    summary = json.loads(read(tmp_path, "output", "eval_results.json"))
    assert len(summary["dev"]["eval_accuracy"]["values"]) == 2
    assert "over 2 seeds" in said


def test_own_labels_and_columns_and_an_unlabelled_test(tmp_path):
    toy.setup(tmp_path)
    labels = {"0": "退款", "1": "物流"}
    for split in ("train", "dev", "test"):
        lines = read(tmp_path, "data", split + ".txt").splitlines()
        rows = [line.split("\t") for line in lines]
        if split == "test":
            text = "".join("%s\n" % row[0] for row in rows)
        else:
            text = "class,sentence\n" + "".join(
                "%s,%s\n" % (labels[row[2]], row[0]) for row in rows)
        toy.write(tmp_path / (split + ".csv"), text)
    code, said = toy.run(toy.command(
        tmp_path, task_name="custom", data_dir=None, text_a="sentence", label="class",
        train_file=tmp_path / "train.csv", dev_file=tmp_path / "dev.csv", **dict(
            EVERYTHING, do_predict=False, num_train_epochs=12)))
    assert code == 0, said
    assert read(tmp_path, "output", "labels.txt").split() == sorted(labels.values())
    code, said = toy.run(toy.command(
        tmp_path, task_name="custom", data_dir=None, text_a="0",
        test_file=tmp_path / "test.csv", do_predict=True))
    assert code == 0, said
    rows = read(tmp_path, "output", "predictions.tsv").splitlines()
    assert len(rows) == 41
    assert {row.split("\t")[1] for row in rows[1:]} == set(labels.values())


def wait_for(path, process):
    for _ in range(600):
        if os.path.exists(str(path)) or process.poll() is not None:
            return
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_goes_on_with_resume(tmp_path, number):
    toy.setup(tmp_path)
    arguments = toy.command(
        tmp_path, num_train_epochs=60, save_checkpoints_steps=150, **EVERYTHING)
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for(tmp_path / "output" / "model.ckpt-150.index", process)
    process.send_signal(number)
    process.communicate()
    assert process.returncode == (-9 if number == signal.SIGKILL else 143)
    code, said = toy.run(arguments)
    assert code == 2 and "--resume" in said and "unfinished" in said
    code, said = toy.run(arguments + ["--resume"])
    assert code == 0, said
    assert "Resuming" in said
    results = json.loads(read(tmp_path, "output", "eval_results.json"))
    assert results["dev"]["rows"] == 40
    assert os.path.exists(str(tmp_path / "output" / "model.ckpt-720.index"))
    code, said = toy.run(arguments)
    assert code == 2 and "finished" in said
