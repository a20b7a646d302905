"""The picture of runs: which panels, which lines, and what a folder must hold."""

import os
import struct
import subprocess
import sys

import pytest

import curves
import errors
from tests import toy

TRAINING = [{"step": step, "loss": 1.0 / step, "learning_rate": 1e-5 * step}
            for step in range(1, 21)]
DEV = [{"step": 5, "eval_accuracy": 0.5, "eval_loss": 0.9},
       {"step": 10, "eval_accuracy": 0.8, "eval_loss": 0.4},
       {"step": 15, "eval_accuracy": 0.8, "eval_loss": 0.5}]
PRETRAINING = [{"step": step, "loss": 9.0, "masked_lm_accuracy": 0.1 * step,
                "sentence_order_accuracy": 0.5, "learning_rate": 1e-4}
               for step in range(1, 5)]
HELD_OUT = [{"step": 4, "eval_loss": 8.0, "eval_masked_lm_loss": 7.0,
             "eval_masked_lm_accuracy": 0.3, "eval_sentence_order_accuracy": 0.6,
             "eval_perplexity": 1096.6}]


@pytest.fixture
def panels(monkeypatch, tmp_path):
    """Draws runs; gives {title: axes} of the panels."""
    def draw(*runs):
        drawn = []
        make = curves.make_figure

        def remember(*args):
            figure, axes = make(*args)
            drawn.extend(axes)
            return figure, axes

        monkeypatch.setattr(curves, "make_figure", remember)
        curves.draw(runs, str(tmp_path / "curves.png"))
        titles = [axes.get_title("left") for axes in drawn]
        return {title: axes for title, axes in zip(titles, drawn) if title}
    return draw


def points(line):
    return line.get_xydata().tolist()


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


@pytest.mark.parametrize("runs", [
    [("a", TRAINING + DEV)], [("a", TRAINING)], [("a", DEV)], [("a", [])], [],
    [("a", PRETRAINING + HELD_OUT), ("b", TRAINING + DEV)]])
def test_the_picture_is_a_png_whatever_was_measured(tmp_path, runs):
    path = str(tmp_path / "curves.png")
    curves.draw(runs, path, "title")
    with open(path, "rb") as source:
        data = source.read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert width > height > 400
    assert os.listdir(str(tmp_path)) == ["curves.png"]


def test_the_same_runs_give_the_same_bytes(tmp_path):
    pictures = []
    for name in ("a.png", "b.png"):
        curves.draw([("a", TRAINING + DEV)], str(tmp_path / name))
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1]


def test_fine_tuning_shows_loss_accuracy_and_rate(panels):
    drawn = panels(("a", TRAINING + DEV))
    assert list(drawn) == ["loss", "dev accuracy", "learning rate"]
    raw, smoothed, dev_loss = drawn["loss"].lines
    assert points(raw) == [[row["step"], row["loss"]] for row in TRAINING]
    assert points(smoothed)[0] == pytest.approx([1, 1.0])
    assert points(dev_loss) == [[row["step"], row["eval_loss"]] for row in DEV]
    assert points(drawn["learning rate"].lines[0]) == [
        [row["step"], row["learning_rate"]] for row in TRAINING]


def test_pretraining_shows_both_objectives_in_training_and_on_held_out_text(panels):
    drawn = panels(("a", PRETRAINING + HELD_OUT))
    assert list(drawn) == ["loss", "masked-LM accuracy", "sentence-order accuracy",
                           "learning rate"]
    for title, key in (("masked-LM accuracy", "masked_lm_accuracy"),
                       ("sentence-order accuracy", "sentence_order_accuracy")):
        raw, _, held_out, _ = drawn[title].lines
        assert points(raw) == [[row["step"], row[key]] for row in PRETRAINING]
        assert points(held_out) == [[4, HELD_OUT[0]["eval_" + key]]]


def test_the_first_of_the_best_steps_is_marked(panels):
    accuracy = panels(("a", TRAINING + DEV))["dev accuracy"]
    assert points(accuracy.lines[1]) == [[10, 0.8]]
    assert legend(accuracy) == ["best: 0.8000 at step 10"]


def test_overlaid_runs_are_told_apart_by_name_and_colour(panels):
    drawn = panels(("first", TRAINING + DEV), ("second", DEV), ("third", TRAINING))
    assert legend(drawn["loss"]) == ["first", "second", "third"]
    named = [line for line in drawn["loss"].lines if not
             line.get_label().startswith("_")]
    assert len({line.get_color() for line in named}) == 3
    assert legend(drawn["dev accuracy"]) == [
        "first: 0.8000 at step 10", "second: 0.8000 at step 10"]
    assert len(drawn["learning rate"].lines) == 2


def test_a_run_without_measurements_says_so(panels):
    drawn = panels(("a", []))
    assert list(drawn) == ["loss"]
    assert [text.get_text() for text in drawn["loss"].texts] == ["not measured"]


def test_steps_that_a_resumed_run_took_again_are_drawn_once_and_in_order(panels):
    again = [{"step": 15, "loss": 7.0}, {"step": 21, "loss": 6.0}]
    late = [{"step": 3, "eval_loss": 5.0}]
    loss = panels(("a", TRAINING + DEV + again + late))["loss"]
    raw, _, dev_loss = map(points, loss.lines)
    assert [step for step, _ in raw] == list(range(1, 22))
    assert dict(map(tuple, raw))[15] == 7.0
    assert [step for step, _ in dev_loss] == [3, 5, 10, 15]


def test_smoothing_keeps_a_constant_and_starts_at_the_first_value():
    assert curves.smooth([2.0] * 5) == pytest.approx([2.0] * 5)
    assert curves.smooth([4.0, 0.0])[0] == pytest.approx(4.0)


def test_a_folder_is_read_but_for_a_line_that_is_being_written(tmp_path):
    toy.write(tmp_path / "metrics.jsonl", '{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert curves.read(str(tmp_path)) == [{"step": 1, "loss": 2.0}]


@pytest.mark.parametrize("content, message", [
    ("", "no measurement yet"), ('{"step": 1}\n{"st\n{"step": 3}\n', "jsonl:2"),
    ("[1]\n", "jsonl:1"), ('{"loss": 1}\n', "jsonl:1")])
def test_a_file_that_holds_no_measurements_is_named(tmp_path, content, message):
    toy.write(tmp_path / "metrics.jsonl", content)
    with pytest.raises(errors.InputError, match=message):
        curves.read(str(tmp_path))


def test_a_folder_of_several_seeds_names_the_runs_inside(tmp_path):
    (tmp_path / "seed_1").mkdir()
    toy.write(tmp_path / "seed_1" / "metrics.jsonl", '{"step": 1}\n')
    with pytest.raises(errors.InputError, match="Give .*seed_1"):
        curves.read(str(tmp_path))
    with pytest.raises(errors.InputError, match="output_dir"):
        curves.read(str(tmp_path / "absent"))


def test_drawing_leaves_the_global_backend_alone(tmp_path):
    program = (
        "import sys, curves\n"
        "assert 'matplotlib' not in sys.modules\n"
        "curves.draw([], sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "import matplotlib\n"
        "assert matplotlib.get_backend().lower() == 'svg', matplotlib.get_backend()\n")
    subprocess.check_call([sys.executable, "-c", program, str(tmp_path / "a.png")],
                          cwd=toy.ROOT, env=dict(os.environ, MPLBACKEND="svg"))
