"""The pictures and the page of one run: curves.png, and report.html that opens offline.

The page holds everything it shows: the curves are embedded and nothing is linked.
Matplotlib is imported where it is used, and its global backend is left as it is.
"""

import base64
import collections
import html
import io
import os

_BLUE, _ORANGE, _GREEN, _GREY = "#2b6cb0", "#dd6b20", "#2f855a", "#718096"

# One wrong row of dev; `probability` is that of the predicted label.
Mistake = collections.namedtuple(
    "Mistake", ["line", "text_a", "text_b", "gold", "predicted", "probability"])
# title: a line of text; facts: [(name, value)]; curves: path of a PNG, or None;
# labels: names; confusion: [C][C] counts, rows gold; mistakes: [Mistake].
Report = collections.namedtuple(
    "Report", ["title", "facts", "curves", "labels", "confusion", "mistakes"])


def draw_curves(history, path):
    """Writes a PNG of three panels: loss, learning rate, accuracy on dev.

    Args:
      history: dicts in the order of their steps. Those of training have "step", "loss"
        and "learning_rate"; those of dev have "step", "eval_accuracy" and "eval_loss".
        Either kind may be absent.
      path: where to write; the picture appears there when it is complete.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    training = [row for row in history if "loss" in row]
    dev = [row for row in history if "eval_accuracy" in row]
    figure = Figure(figsize=(13, 3.9), dpi=110, constrained_layout=True)
    FigureCanvasAgg(figure)
    loss_axes, rate_axes, accuracy_axes = figure.subplots(
        1, 3, sharex=True, gridspec_kw={"wspace": 0.1})
    _draw_loss(_plain(loss_axes, "loss", history), training, dev)
    _plain(rate_axes, "learning rate", training).plot(
        _column(training, "step"), _column(training, "learning_rate"), color=_GREEN,
        linewidth=1.8)
    _draw_accuracy(_plain(accuracy_axes, "dev accuracy", dev), dev)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    _write(path, picture.getvalue())


def _draw_loss(axes, training, dev):
    steps, losses = _column(training, "step"), _column(training, "loss")
    if training:
        axes.plot(steps, losses, color=_BLUE, linewidth=1, alpha=0.3)
        axes.plot(steps, _smooth(losses), color=_BLUE, linewidth=1.8,
                  label="train (smoothed)")
    if dev:
        axes.plot(_column(dev, "step"), _column(dev, "eval_loss"), color=_ORANGE,
                  linewidth=1.8, marker="o", markersize=4, label="dev")
    axes.set_ylim(bottom=0)
    if training or dev:
        axes.legend(frameon=False, fontsize=9)


def _draw_accuracy(axes, dev):
    if not dev:
        return
    axes.plot(_column(dev, "step"), _column(dev, "eval_accuracy"), color=_ORANGE,
              linewidth=1.8, marker="o", markersize=4)
    best = max(dev, key=lambda row: row["eval_accuracy"])
    axes.plot([best["step"]], [best["eval_accuracy"]], color=_GREEN, marker="*",
              markersize=13, linestyle="none", zorder=3,
              label="best: %.4f at step %d" % (best["eval_accuracy"], best["step"]))
    axes.margins(y=0.12)
    axes.legend(frameon=False, fontsize=9, loc="lower right")


def _plain(axes, title, rows):
    """Titles a panel, takes away its frame and returns it; says so if it is empty."""
    axes.set_title(title, fontsize=11, loc="left", fontweight="bold")
    axes.set_xlabel("step", fontsize=9, color=_GREY)
    axes.tick_params(labelsize=9, colors=_GREY, length=0)
    axes.yaxis.set_major_formatter(lambda value, _: "%g" % value)
    axes.grid(color="#e2e8f0", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#cbd5e0")
    if not rows:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "not measured", color=_GREY, ha="center", va="center",
                  transform=axes.transAxes)
    return axes


def _column(rows, key):
    return [row[key] for row in rows]


def _smooth(values, weight=0.9):
    """A running mean that forgets; it starts at the first value, not at 0."""
    smoothed, total, share = [], 0.0, 0.0
    for value in values:
        total = weight * total + (1.0 - weight) * value
        share = weight * share + (1.0 - weight)
        smoothed.append(total / share)
    return smoothed


def write_report(path, report):
    """Writes a Report as one HTML page; it appears at `path` when it is complete."""
    sections = [
        "<h1>%s</h1>" % html.escape(report.title),
        _section("概要", "Summary", _facts_table(report.facts)),
        _section("曲线", "Curves", _picture(report.curves)) if report.curves else "",
        _section("混淆矩阵", "Confusion matrix",
                 _confusion_table(report.labels, report.confusion)),
        _section("最严重的错误", "Worst mistakes", _mistakes_table(report.mistakes)),
    ]
    page = _PAGE % (html.escape(report.title), _STYLE, "\n".join(sections))
    _write(path, page.encode("utf-8"))


def _section(chinese, english, content):
    return '<section><h2>%s <span lang="en">%s</span></h2>\n%s</section>' % (
        chinese, english, content)


def _facts_table(facts):
    rows = ("<tr><th>%s</th><td>%s</td></tr>" % (html.escape(str(name)),
                                                 html.escape(str(value)))
            for name, value in facts)
    return '<table class="facts">%s</table>' % "\n".join(rows)


def _picture(path):
    with open(path, "rb") as source:
        data = base64.b64encode(source.read()).decode("ascii")
    return '<img alt="loss, rate, accuracy" src="data:image/png;base64,%s">' % data


def _confusion_table(labels, confusion):
    """Right answers green, wrong ones red, the deeper the larger the row's share."""
    names = [html.escape(label) for label in labels]
    rows = ["<tr><th>标注 ＼ 预测<br>gold ＼ predicted</th>%s</tr>" % "".join(
        "<th>%s</th>" % name for name in names)]
    for gold, counts in enumerate(confusion):
        cells = []
        for predicted, count in enumerate(counts):
            share = float(count) / max(sum(counts), 1)
            colour = "47,133,90" if gold == predicted else "197,48,48"
            cells.append(
                '<td style="background:rgba(%s,%.2f)">%d<small>%.1f%%</small></td>' % (
                    colour, 0.75 * share, count, 100 * share))
        rows.append("<tr><th>%s</th>%s</tr>" % (names[gold], "".join(cells)))
    return '<div class="wide"><table class="confusion">%s</table></div>' % (
        "\n".join(rows))


def _mistakes_table(mistakes):
    if not mistakes:
        return "<p>没有错误。 None.</p>"
    heads = ["行 line", "文本 text", "标注 gold", "预测 predicted", "概率 probability"]
    rows = ["<tr>%s</tr>" % "".join("<th>%s</th>" % head for head in heads)]
    for mistake in mistakes:
        texts = (mistake.text_a, mistake.text_b)
        cells = [str(mistake.line), "<br>".join(html.escape(t) for t in texts if t),
                 html.escape(mistake.gold), html.escape(mistake.predicted),
                 "%.4f" % mistake.probability]
        rows.append("<tr>%s</tr>" % "".join("<td>%s</td>" % cell for cell in cells))
    return '<table class="mistakes">%s</table>' % "\n".join(rows)


def _write(path, data):
    temporary = "%s.tmp-%d" % (path, os.getpid())
    with open(temporary, "wb") as out:
        out.write(data)
    os.replace(temporary, path)


_STYLE = """
body { max-width: 1080px; margin: 2.5rem auto; padding: 0 1.5rem; color: #1a202c;
  font: 15px/1.55 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC",
  "WenQuanYi Zen Hei", sans-serif; background: #fff; }
h1 { font-size: 1.6rem; margin-bottom: .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .7rem; }
h2 span { color: #718096; font-weight: 400; margin-left: .4em; }
img { width: 100%; }
table { border-collapse: collapse; }
th, td { padding: .35rem .8rem; text-align: left; vertical-align: top; }
tr + tr > * { border-top: 1px solid #e2e8f0; }
th { color: #4a5568; font-weight: 600; }
.facts td { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
.confusion th, .confusion td { text-align: center; border: 1px solid #fff; }
.confusion td { min-width: 5rem; font-variant-numeric: tabular-nums; }
.confusion small { display: block; color: #4a5568; }
.mistakes { width: 100%; }
.mistakes th { white-space: nowrap; }
.mistakes td { overflow-wrap: anywhere; }
"""
_PAGE = """<!DOCTYPE html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>%s</style>
</head>
<body>
%s
</body>
</html>
"""
