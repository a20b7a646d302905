"""The pictures and the page: what they hold, and that the page needs nothing else."""

import base64
import html.parser
import os
import struct
import subprocess
import sys

import pytest

import report

TRAINING = [{"step": step, "loss": 1.0 / step, "learning_rate": 1e-5 * step}
            for step in range(1, 21)]
DEV = [{"step": 5, "eval_accuracy": 0.5, "eval_loss": 0.9},
       {"step": 10, "eval_accuracy": 0.8, "eval_loss": 0.4},
       {"step": 15, "eval_accuracy": 0.8, "eval_loss": 0.5}]


class Page(html.parser.HTMLParser):
    """Collects a page's attributes, the texts of its cells, and open elements."""

    EMPTY = ("meta", "img", "br")

    def __init__(self, text):
        html.parser.HTMLParser.__init__(self)
        self.attributes, self.cells, self.open, self.tags = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.EMPTY:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open or "th" in self.open:
            self.cells[-1] += data


def written(tmp_path, **changes):
    values = dict(title="t", facts=[("task", "lcqmc")], curves=None, labels=["0", "1"],
                  confusion=[[3, 1], [0, 0]], mistakes=[])
    path = str(tmp_path / "report.html")
    report.write_report(path, report.Report(**dict(values, **changes)))
    with open(path, encoding="utf-8") as source:
        return source.read()


def panels(monkeypatch, tmp_path, history):
    """The axes that draw_curves fills."""
    import matplotlib.figure

    drawn = []
    make = matplotlib.figure.Figure.subplots

    def remember(figure, *args, **kwargs):
        drawn.extend(make(figure, *args, **kwargs))
        return drawn

    monkeypatch.setattr(matplotlib.figure.Figure, "subplots", remember)
    report.draw_curves(history, str(tmp_path / "curves.png"))
    return drawn


@pytest.mark.parametrize("history", [TRAINING + DEV, TRAINING, DEV, []])
def test_curves_are_a_png_whatever_was_measured(tmp_path, history):
    path = str(tmp_path / "curves.png")
    report.draw_curves(history, path)
    with open(path, "rb") as source:
        data = source.read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert width > 2 * height > 400
    assert os.listdir(str(tmp_path)) == ["curves.png"]


def test_the_three_panels_show_loss_rate_and_accuracy(monkeypatch, tmp_path):
    loss, rate, accuracy = panels(monkeypatch, tmp_path, TRAINING + DEV)
    assert [axes.get_title("left") for axes in (loss, rate, accuracy)] == [
        "loss", "learning rate", "dev accuracy"]
    raw, _, dev_loss = [line.get_xydata().tolist() for line in loss.lines]
    assert raw == [[row["step"], row["loss"]] for row in TRAINING]
    assert dev_loss == [[row["step"], row["eval_loss"]] for row in DEV]
    assert rate.lines[0].get_xydata().tolist() == [
        [row["step"], row["learning_rate"]] for row in TRAINING]


def test_the_first_of_the_best_steps_is_marked(monkeypatch, tmp_path):
    accuracy = panels(monkeypatch, tmp_path, TRAINING + DEV)[2]
    assert accuracy.lines[1].get_xydata().tolist() == [[10, 0.8]]
    assert "step 10" in accuracy.get_legend().get_texts()[0].get_text()


def test_smoothing_keeps_a_constant_and_starts_at_the_first_value():
    assert report._smooth([2.0] * 5) == pytest.approx([2.0] * 5)
    assert report._smooth([4.0, 0.0])[0] == pytest.approx(4.0)


def test_drawing_leaves_the_global_backend_alone(tmp_path):
    program = (
        "import sys, report\n"
        "assert 'matplotlib' not in sys.modules\n"
        "report.draw_curves([], sys.argv[1])\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "import matplotlib\n"
        "assert matplotlib.get_backend().lower() == 'svg', matplotlib.get_backend()\n")
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    subprocess.check_call([sys.executable, "-c", program, str(tmp_path / "a.png")],
                          cwd=root, env=dict(os.environ, MPLBACKEND="svg"))


def test_the_page_is_well_formed_and_links_to_nothing(tmp_path):
    curves = str(tmp_path / "curves.png")
    report.draw_curves(TRAINING + DEV, curves)
    text = written(tmp_path, curves=curves, mistakes=[
        report.Mistake(3, "甲", "乙", "0", "1", 0.75)])
    page = Page(text)
    assert not page.open
    assert not {"script", "link", "iframe", "a"} & set(page.tags)
    sources = [value for name, value in page.attributes if name in ("src", "href")]
    assert len(sources) == 1
    kind, data = sources[0].split(",")
    assert kind == "data:image/png;base64"
    with open(curves, "rb") as source:
        assert base64.b64decode(data) == source.read()
    assert "url(" not in text and "http" not in text


def test_the_page_shows_facts_confusion_and_mistakes(tmp_path):
    cells = Page(written(tmp_path, facts=[("dev", 0.75)], mistakes=[
        report.Mistake(3, "甲", "乙", "0", "1", 0.75)])).cells
    assert cells[:2] == ["dev", "0.75"]
    assert cells[3:9] == ["0", "1", "0", "375.0%", "125.0%", "1"]
    assert cells[9:11] == ["00.0%", "00.0%"]
    assert cells[-5:] == ["3", "甲乙", "0", "1", "0.7500"]


def test_texts_and_labels_cannot_break_the_page(tmp_path):
    nasty = "<script>alert('&amp;')</script>\""
    mistake = report.Mistake(1, nasty, None, nasty, "1", 0.5)
    page = Page(written(tmp_path, title=nasty, facts=[(nasty, nasty)],
                        labels=[nasty, "1"], mistakes=[mistake]))
    assert "script" not in page.tags
    assert not page.open
    assert page.cells.count(nasty) == 6


def test_the_page_is_complete_or_the_old_one(tmp_path):
    before = written(tmp_path)
    with pytest.raises(OSError):
        written(tmp_path, curves=str(tmp_path / "absent.png"))
    assert os.listdir(str(tmp_path)) == ["report.html"]
    with open(str(tmp_path / "report.html"), encoding="utf-8") as source:
        assert source.read() == before
