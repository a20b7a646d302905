"""What a person looks at after a run: the curves as a picture, and one page of HTML.

The page is self-contained and opens offline. Drawing needs matplotlib, loaded when used.
"""

import base64
import collections
import html
import io
import os

import run_record

Mistake = collections.namedtuple(
    "Mistake", ["id", "text_a", "text_b", "right", "predicted", "probability"])

_STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em;
       color: #222; }
table { border-collapse: collapse; margin: 0.6em 0 1.6em; }
td, th { border: 1px solid #ccc; padding: 0.25em 0.7em; text-align: left; }
th { background: #f3f3f3; } td.number { text-align: right; } img { max-width: 100%; }
"""


def draw_curves(history, path):
    """Loss, learning rate and dev accuracy over the steps, as a PNG.

    Args:
      history: rows {"step", "loss", "learning_rate"} and {"step", "eval_accuracy",
        "eval_loss"}, in the order of the steps.
      path: the picture, written whole or not at all.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    train = [row for row in history if "loss" in row]
    dev = [row for row in history if "eval_accuracy" in row]
    figure = Figure(figsize=(12, 3.6))
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3)
    _plot(panels[0], train, "loss", "tab:blue", "train (one batch)", alpha=0.45)
    _plot(panels[0], dev, "eval_loss", "tab:orange", "dev", marker="o")
    _plot(panels[1], train, "learning_rate", "tab:gray", "learning rate")
    _plot(panels[2], dev, "eval_accuracy", "tab:green", "dev accuracy", marker="o")
    if dev:
        best = max(dev, key=lambda row: row["eval_accuracy"])
        panels[2].annotate(
            "best %.4f at step %d" % (best["eval_accuracy"], best["step"]),
            (best["step"], best["eval_accuracy"]), xytext=(0.5, 0.06),
            textcoords="axes fraction", ha="center", arrowprops={"arrowstyle": "->"})
    for panel, title in zip(panels, ("Loss", "Learning rate", "Accuracy on dev")):
        panel.set_title(title)
        panel.set_xlabel("step")
        panel.grid(alpha=0.3)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(loc="best", fontsize=8)
    panels[1].ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    figure.tight_layout()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    run_record.write_bytes(path, picture.getvalue())


def _plot(panel, rows, key, color, label, **style):
    if rows:
        panel.plot([row["step"] for row in rows], [row[key] for row in rows],
                   color=color, label=label, **style)


def write_report(path, title, facts, labels, confusion, mistakes):
    """Writes the page; `curves.png` is taken from its folder.

    Args:
      path: of the page.
      title: its heading.
      facts: [(name, value)] for the first table.
      labels: the names of the classes.
      confusion: [C][C], a row a right class.
      mistakes: [Mistake], the worst first.
    """
    with open(os.path.join(os.path.dirname(path), "curves.png"), "rb") as source:
        picture = base64.b64encode(source.read()).decode("ascii")
    parts = [
        "<!DOCTYPE html><html lang=\"zh\"><head><meta charset=\"utf-8\">",
        "<title>%s</title><style>%s</style></head><body>" % (_text(title), _STYLE),
        "<h1>%s</h1>" % _text(title), _table(["", ""], facts),
        "<h2>曲线 / Curves</h2>",
        "<img alt=\"curves\" src=\"data:image/png;base64,%s\">" % picture,
        "<h2>混淆矩阵 / Confusion matrix</h2><p>行为正确标签，列为预测标签。"
        " / Rows: right label; columns: predicted.</p>", _matrix(labels, confusion),
        "<h2>错得最离谱的验证样本 / Worst dev errors (%d)</h2>" % len(mistakes),
        _table(["id", "text_a", "text_b", "正确 / right", "预测 / predicted",
                "概率 / probability"],
               [m._replace(text_b=m.text_b or "", probability="%.4f" % m.probability)
                for m in mistakes]),
        "</body></html>\n"]
    run_record.write_text(path, "\n".join(parts))


def _text(value):
    return html.escape(str(value))


def _table(header, rows):
    head = "<tr>%s</tr>" % "".join("<th>%s</th>" % _text(name) for name in header)
    body = "".join("<tr>%s</tr>" % "".join("<td>%s</td>" % _text(v) for v in row)
                   for row in rows)
    return "<table>%s%s</table>" % (head if any(header) else "", body)


def _matrix(labels, confusion):
    rows = ["<tr><th></th>%s</tr>" % "".join("<th>%s</th>" % _text(l) for l in labels)]
    for label, counts in zip(labels, confusion):
        total = max(sum(counts), 1)
        cells = "".join(
            "<td class=\"number\" style=\"background: rgba(60, 120, 200, %.2f)\">%d</td>" % (
                0.7 * count / total, count) for count in counts)
        rows.append("<tr><th>%s</th>%s</tr>" % (_text(label), cells))
    return "<table>%s</table>" % "".join(rows)
