"""Runs overlaid from their folders; a wrong folder is one message."""

import json
import struct

import pytest

import curves
import errors
from tests import toy
from tools import plot_curves


def run_folder(path, steps=5):
    path.mkdir(parents=True)
    toy.write(path / "metrics.jsonl", "".join(
        json.dumps({"step": step, "loss": 1.0 / step}) + "\n"
        for step in range(1, steps + 1)))
    return str(path)


def test_two_runs_become_one_picture(tmp_path, monkeypatch, capsys):
    drawn = []
    draw = curves.draw
    monkeypatch.setattr(curves, "draw", lambda runs, path: (
        drawn.extend(runs), draw(runs, path)))
    output = str(tmp_path / "both.png")
    assert plot_curves.main([run_folder(tmp_path / "a"), run_folder(tmp_path / "b", 3),
                             "--output", output]) == 0
    assert [(name, len(rows)) for name, rows in drawn] == [("a", 5), ("b", 3)]
    with open(output, "rb") as source:
        assert struct.unpack(">4s", source.read(4)) == (b"\x89PNG",)
    assert capsys.readouterr().out == output + "\n"


@pytest.mark.parametrize("folder, message", [
    ("absent", "absent/metrics.jsonl cannot be read"), ("empty", "seed_7"),
    ("a", "given twice")])
def test_a_wrong_folder_is_one_message(tmp_path, capsys, folder, message):
    good = run_folder(tmp_path / "a")
    run_folder(tmp_path / "empty" / "seed_7")
    output = tmp_path / "out.png"
    assert plot_curves.main([good, str(tmp_path / folder), "--output=%s" % output]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and message in said
    assert not output.exists()


def test_an_output_that_cannot_be_written_is_one_message(tmp_path, capsys):
    output = str(tmp_path / "absent" / "out.png")
    assert plot_curves.main([run_folder(tmp_path / "a"), "--output=" + output]) == 2
    assert "--output=" + output in capsys.readouterr().err


def test_runs_of_the_same_name_are_told_apart_by_their_paths():
    assert plot_curves.name_runs(["x/a", "y/a/", "z/b"]) == ["x/a", "y/a", "b"]
    with pytest.raises(errors.InputError, match="twice"):
        plot_curves.name_runs(["x/a", "x/a/"])
