"""The table that says what pre-training was worth."""

import json

import pytest

import errors
from tools import compare_starts


def write(folder, name, accuracy):
    (folder / name).mkdir()
    (folder / name / "eval_results.json").write_text(
        json.dumps({"dev": {"eval_accuracy": accuracy}}))


def test_differences_stand_beside_their_deviations(tmp_path):
    write(tmp_path, "lcqmc_pretrained", {"mean": 0.8, "std": 0.01, "values": []})
    write(tmp_path, "lcqmc_random", {"mean": 0.7, "std": 0.02, "values": []})
    lines = compare_starts.describe(str(tmp_path), ["lcqmc"])
    assert lines[1].split() == ["lcqmc", "0.8000", "+-", "0.0100", "0.7000", "+-",
                                "0.0200", "+0.1000", "/", "5.0"]


def test_a_missing_run_is_named(tmp_path):
    write(tmp_path, "afqmc_pretrained", 0.7)
    with pytest.raises(errors.InputError, match="afqmc_random"):
        compare_starts.describe(str(tmp_path), ["afqmc"])
