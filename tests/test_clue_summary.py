"""The summary of a folder of CLUE runs: table, JSON, picture, submission."""

import json
import zipfile

import pytest

from tools import clue_summary


def finish(folder, task, submissions=(), **changes):
    """Writes what a finished run of a task leaves, as far as the summary reads it."""
    results = {
        "task": task, "seed": 5, "weights": "random start", "learning_rate": 1e-4,
        "seconds": 90.0, "train": {"rows": 200, "truncated": 5},
        "dev": {"rows": 50, "truncated": 1, "eval_accuracy": 0.75, "majority": 0.5,
                "checkpoint": "x/best/model.ckpt-120"}}
    results.update(changes)
    (folder / task).mkdir()
    (folder / task / "eval_results.json").write_text(json.dumps(results))
    for name in submissions:
        (folder / task / name).write_text('{"id": 0, "label": "1"}\n')


SEVERAL = dict(
    seeds=[5, 6], learning_rate=6e-5,
    dev={"rows": 50, "truncated": 0, "majority": 0.5,
         "eval_accuracy": {"mean": 0.7, "std": 0.014, "values": [0.69, 0.71]},
         "checkpoints": ["x/best/model.ckpt-30", "y/best/model.ckpt-60"]},
    ensembles={"vote": {"dev": 0.72}, "mean_probability": {"dev": 0.74}},
    learning_rates=[
        {"learning_rate": 2e-5, "mean": 0.6, "std": 0.01, "values": [0.59, 0.61]},
        {"learning_rate": 6e-5, "mean": 0.7, "std": 0.014, "values": [0.69, 0.71]}])


def test_the_table_holds_every_task_its_rates_and_its_ensembles(tmp_path, capsys):
    finish(tmp_path, "tnews", max_rows=100)
    finish(tmp_path, "wsc", **SEVERAL)
    (tmp_path / "csl").mkdir()
    (tmp_path / "mine").mkdir()
    assert clue_summary.main([str(tmp_path), "--note", "Data: ours."]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "task rows dev accuracy majority seeds best step minutes truncated",
        "csl - not finished - - - - -",
        "tnews 200 0.7500 0.5000 1 120 1.5 2.5 %",
        "wsc 200 0.7000 +- 0.0140 0.5000 2 30 60 1.5 2.5 %",
        "mean of 2 tasks: 0.7250",
        "tnews: a trial on the first 100 rows of each file",
        "wsc, learning rate 2e-05: dev accuracy 0.6000 +- 0.0100",
        "wsc, learning rate 6e-05: dev accuracy 0.7000 +- 0.0140, chosen",
        "wsc, 2 seeds together by mean probability: dev accuracy 0.7400",
        "wsc, 2 seeds together by vote: dev accuracy 0.7200",
        "Data: ours."]


def test_the_files_hold_what_the_table_says(tmp_path):
    finish(tmp_path, "tnews", ["tnews_predict.json", "tnews10_predict.json",
                               "tnews11_predict.json"])
    finish(tmp_path, "wsc", ["cluewsc2020_predict.json", "wsc_predict.json"], **SEVERAL)
    clue_summary.main([str(tmp_path), "--note", "Data: ours."])
    summary = json.loads((tmp_path / "summary.json").read_text())
    tnews, wsc = summary["tasks"]
    assert (tnews["accuracy"], tnews["std"], tnews["steps"]) == (0.75, None, [120])
    assert (wsc["std"], wsc["values"], wsc["steps"]) == (0.014, [0.69, 0.71], [30, 60])
    assert tnews["truncated"] == 0.025 and tnews["dev_truncated"] == 0.02
    assert tnews["seconds"] == 90.0 and tnews["majority"] == 0.5
    assert wsc["ensembles"]["vote"] == {"dev": 0.72}
    assert summary["notes"] == ["Data: ours."]
    with zipfile.ZipFile(str(tmp_path / "submission.zip")) as archive:
        assert sorted(archive.namelist()) == summary["submission"][-1:] + [
            "tnews10_predict.json", "tnews11_predict.json", "tnews_predict.json"]
        assert archive.read("tnews_predict.json") == b'{"id": 0, "label": "1"}\n'
    assert (tmp_path / "summary.png").read_bytes().startswith(b"\x89PNG")
    assert not [path for path in tmp_path.iterdir() if "tmp" in path.name]


def test_one_task_alone_and_without_predictions_has_a_summary(tmp_path):
    finish(tmp_path, "afqmc")
    assert clue_summary.main([str(tmp_path)]) == 0
    assert not (tmp_path / "submission.zip").exists()


@pytest.mark.parametrize("leave", [lambda folder: None, lambda folder: (
    folder / "csl").mkdir()])
def test_a_folder_without_a_result_is_a_mistake(tmp_path, capsys, leave):
    leave(tmp_path)
    assert clue_summary.main([str(tmp_path)]) == 2
    assert "holds no finished run" in capsys.readouterr().err
    assert not (tmp_path / "summary.json").exists()
