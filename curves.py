"""The curves of one run or of several, as a picture.

Rows are those of a run's metrics.jsonl: those of training have "loss", those of an
evaluation "eval_loss" and what else was measured on held-out text. What nobody measured
gets no panel. Matplotlib is imported where it is used, and its global backend is left
as it is.
"""

import collections
import io
import json
import math
import os

import errors
import run_record

GREY = "#718096"
COLOURS = ["#2b6cb0", "#dd6b20", "#2f855a", "#9f3a8c", "#b7791f", "#319795", "#c53030",
           "#4a5568"]

# `training` and `held_out`: keys of rows, or None.
_Panel = collections.namedtuple("_Panel", ["title", "training", "held_out"])
_LOSS = _Panel("loss", "loss", "eval_loss")
_ACCURACIES = [
    _Panel("dev accuracy", None, "eval_accuracy"),
    _Panel("dev F1", None, "eval_f1"),
    _Panel("dev exact match", None, "eval_em"),
    _Panel("masked-LM accuracy", "masked_lm_accuracy", "eval_masked_lm_accuracy"),
    _Panel("sentence-order accuracy", "sentence_order_accuracy",
           "eval_sentence_order_accuracy"),
]
_PANELS = [_LOSS] + _ACCURACIES + [_Panel("learning rate", "learning_rate", None)]

# Of what was measured in training, on held-out text, and of its best.
_Colours = collections.namedtuple("_Colours", ["training", "held_out", "best"])


def read(folder):
    """The rows of a run's folder.

    Raises errors.InputError where there are none, and for a line that is no row. The
    last line of a run that is going on may be cut off; it is left out.
    """
    path = os.path.join(folder, run_record.HISTORY)
    rows = []
    try:
        with open(path, encoding="utf-8") as source:
            for number, line in enumerate(source, 1):
                if line.endswith("\n"):
                    rows.append(_parse(line, path, number))
    except OSError as error:
        raise errors.InputError("%s cannot be read: %s. Give %s." % (
            path, error.strerror, _folders_with_history(folder)))
    except UnicodeDecodeError:
        raise errors.InputError("%s is no text; give the folder of a run." % path)
    if not rows:
        raise errors.InputError("%s holds no measurement yet." % path)
    return rows


def _parse(line, path, number):
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict) or "step" not in row:
        raise errors.InputError("%s:%d: no measurement of a run." % (path, number))
    return row


def _folders_with_history(folder):
    """What to give instead: runs with several seeds have a folder for each."""
    below = [os.path.join(folder, name) for name in sorted(os.listdir(folder))
             if os.path.exists(os.path.join(folder, name, run_record.HISTORY))
             ] if os.path.isdir(folder) else []
    return " ".join(below) or "the --output_dir of a run"


def draw(runs, path, title=None):
    """Writes a PNG with a panel for each family of measurements, the runs overlaid.

    Args:
      runs: [(name, rows)]; rows in any order. Where a step was measured twice, because
        a run was killed and resumed, the later row counts.
      path: where to write; the picture appears there when it is complete.
      title: a line above the panels.
    """
    panels = [panel for panel in _PANELS
              if any(series(rows, panel.training) or series(rows, panel.held_out)
                     for _, rows in runs)]
    panels = panels or [_LOSS]
    columns = len(panels) if len(panels) < 4 else 2 if len(panels) == 4 else 3
    rows = -(-len(panels) // columns)
    figure, all_axes = make_figure(4.4 * columns, 3.9 * rows, rows, columns)
    for panel, axes in zip(panels, all_axes):
        if axes is not all_axes[0]:
            axes.sharex(all_axes[0])
        _draw_panel(axes, panel, runs)
    for axes in all_axes[len(panels):]:
        axes.set_axis_off()
    if title:
        figure.suptitle(title, fontsize=12)
    save(figure, path)


def make_figure(width, height, rows=1, columns=1):
    """-> (figure, [axes]) of `width` x `height` inches, row after row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, constrained_layout=True)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False,
                           gridspec_kw={"wspace": 0.1, "hspace": 0.1})
    return figure, list(axes.flat)


def plain(axes, title):
    """Titles a panel and takes away its frame."""
    axes.set_title(title, fontsize=11, loc="left", fontweight="bold")
    axes.tick_params(labelsize=9, colors=GREY, length=0)
    axes.grid(color="#e2e8f0", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#cbd5e0")


def save(figure, path):
    """Writes a PNG, which is the same each time; it appears when it is complete."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    run_record.write_bytes(path, picture.getvalue())


def series(rows, key):
    """[(step, value)] of what was measured under `key`, by step."""
    found = {}
    for row in rows:
        value = row.get(key)
        if value is not None and math.isfinite(value):
            found[row["step"]] = value
    return sorted(found.items())


def _draw_panel(axes, panel, runs):
    plain(axes, panel.title)
    axes.set_xlabel("step", fontsize=9, color=GREY)
    axes.yaxis.set_major_formatter(lambda value, _: "%g" % value)
    if len(runs) == 1:
        _draw_run(axes, panel, runs[0], _Colours(*COLOURS[:3]), True)
    else:
        for place, run in enumerate(runs):
            _draw_run(axes, panel, run,
                      _Colours(*3 * [COLOURS[place % len(COLOURS)]]), False)
        if panel.training and panel.held_out:
            axes.set_title("dashed: held out", fontsize=9, loc="right", color=GREY)
    if not axes.lines:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "not measured", color=GREY, ha="center", va="center",
                  transform=axes.transAxes)
    if panel in _ACCURACIES:
        axes.margins(y=0.12)
    elif axes.lines:
        axes.set_ylim(bottom=0)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize=9,
                    loc="lower right" if panel in _ACCURACIES else "best")


def _draw_run(axes, panel, run, colours, is_alone):
    """Lines of one run; alone its lines say what they are, else the loss says whose."""
    name, rows = run
    training, held_out = [series(rows, key) for key in (panel.training, panel.held_out)]
    labels = [None, None]
    if is_alone and panel.training and panel.held_out:
        labels = ["train (smoothed)", "held out"]
    elif not is_alone and panel is _LOSS:
        labels = [name, None] if training else [None, name]
    if training and not panel.held_out:
        axes.plot(*zip(*training), color=colours.best, linewidth=1.8)
    elif training:
        steps, values = zip(*training)
        if is_alone:
            axes.plot(steps, values, color=colours.training, linewidth=1, alpha=0.3)
        axes.plot(steps, smooth(values), color=colours.training, linewidth=1.8,
                  label=labels[0])
    if held_out:
        axes.plot(*zip(*held_out), "-" if is_alone else "--", marker="o", markersize=4,
                  color=colours.held_out, linewidth=1.8, label=labels[1])
        if panel in _ACCURACIES:
            _mark_best(axes, held_out, colours.best, "best" if is_alone else name)


def _mark_best(axes, measured, colour, name):
    step, value = max(measured, key=lambda pair: pair[1])
    axes.plot([step], [value], color=colour, marker="*", markersize=13,
              linestyle="none", zorder=3,
              label="%s: %.4f at step %d" % (name, value, step))


def smooth(values, weight=0.9):
    """A running mean that forgets; it starts at the first value, not at 0."""
    smoothed, total, share = [], 0.0, 0.0
    for value in values:
        total = weight * total + (1.0 - weight) * value
        share = weight * share + (1.0 - weight)
        smoothed.append(total / share)
    return smoothed
