"""The page of one run: report.html, which opens offline.

It holds everything it shows: the curves are embedded and nothing is linked.
"""

import base64
import collections
import html

import run_record

# One wrong row of dev; `probability` is that of the predicted label.
Mistake = collections.namedtuple(
    "Mistake", ["line", "text_a", "text_b", "gold", "predicted", "probability"])
# title: a line of text; facts: [(name, value)]; curves: path of a PNG, or None;
# labels: names, none without classes; confusion: [C][C] counts, rows gold;
# mistakes: [Mistake].
Report = collections.namedtuple(
    "Report", ["title", "facts", "curves", "labels", "confusion", "mistakes"])


def write_report(path, report):
    """Writes a Report as one HTML page; it appears at `path` when it is complete."""
    sections = [
        "<h1>%s</h1>" % html.escape(report.title),
        _section("概要", "Summary", _facts_table(report.facts)),
        _section("曲线", "Curves", _picture(report.curves)) if report.curves else "",
        _section("混淆矩阵", "Confusion matrix",
                 _confusion_table(report.labels, report.confusion)
                 ) if report.labels else "",
        _section("最严重的错误", "Worst mistakes", _mistakes_table(report.mistakes)),
    ]
    page = _PAGE % (html.escape(report.title), _STYLE, "\n".join(sections))
    run_record.write_text(path, page)


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
