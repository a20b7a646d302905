"""The page of a run: what it holds, and that it needs nothing else."""

import base64
import html.parser
import os

import pytest

import report


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


def test_the_page_is_well_formed_and_links_to_nothing(tmp_path):
    curves = str(tmp_path / "curves.png")
    with open(curves, "wb") as out:
        out.write(b"the picture's bytes")
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
