"""A corpus from packages: what each format gives, what is kept, how it is built."""

import json
import os
import struct
import tarfile

import pytest

import errors
from tools import build_corpus
from tools import corpus_cleaning
from tools import corpus_extractors


# --- extractors ---------------------------------------------------------------

def test_html_gives_blocks_without_menus_code_and_footnote_marks():
    page = """<html><head><title>菜单</title></head><body><nav><a>首页</a></nav>
      <p id="a">请点击<b>“确定”</b>，然后
      关闭窗口<sup>[1]</sup>。</p><pre>rm <b>文件</b></pre>
      <ul><li>第一项<li>第二 &amp; 第三项</ul><script>var 甲 = "<p>乙</p>";</script>
      <footer>版权</footer>结尾</body></html>"""
    assert corpus_extractors.html_paragraphs(page) == [
        "请点击“确定”，然后关闭窗口。", "第一项", "第二 & 第三项", "结尾"]


def test_html_survives_end_tags_that_nothing_opened():
    assert corpus_extractors.html_paragraphs("<p>甲</pre></nav>乙</p>丙") == [
        "甲", "乙", "丙"]


def test_a_break_between_latin_words_stays_a_blank():
    assert corpus_extractors.join_lines("使用\n  两个\nword one\nword 二") == (
        "使用两个 word one word 二")


def test_a_manual_page_gives_filled_paragraphs_without_titles_tags_and_code():
    page = "\n".join([
        '.\\" 注释不是正文', ".TH LS 1", ".SH 描述", "程序", r".B ls", r"列出\fI文件\fP，",
        "包括\\-a。", ".nf", "代码示例", ".fi", ".TP", r".B \-l", "使用长格式。", ".de XX",
        "宏的定义", "..", ".PP", "参见", '.BR ls "(1)" 。', "", "另一段。"])
    assert corpus_extractors.man_paragraphs(page) == [
        "程序 ls 列出文件，包括-a。", "使用长格式。", "参见 ls(1)。", "另一段。"]


def test_a_code_block_of_a_manual_page_ends_at_the_next_section_at_last():
    assert corpus_extractors.man_paragraphs(".nf\n代码\n.SH 描述\n正文。") == ["正文。"]


def write_catalogue(path, translations):
    """A .mo file as GNU gettext lays it out, with the header that tells its charset."""
    entries = [("", "Content-Type: text/plain; charset=UTF-8\n")] + sorted(
        translations.items())
    tables, texts = [[], []], b""
    start = 28 + 16 * len(entries)
    for column in (0, 1):
        for entry in entries:
            encoded = entry[column].encode("utf-8")
            tables[column].append((len(encoded), start + len(texts)))
            texts += encoded + b"\0"
    count = len(entries)
    os.makedirs(os.path.dirname(path))
    with open(path, "wb") as stream:
        stream.write(struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0))
        for table in tables:
            for row in table:
                stream.write(struct.pack("<2I", *row))
        stream.write(texts)


def test_a_story_is_told_in_the_order_of_its_scenario(tmp_path):
    folder = tmp_path / "data"
    write_catalogue(str(tmp_path / "locale/zh_CN/LC_MESSAGES/story.mo"), {
        "Who is there?": "谁在<i>那里</i>？", 'I am "Nym".': "我是“宁”。", "Run!": "快跑！"})
    folder.mkdir()
    (folder / "01.cfg").write_text(
        'message= _ "Who is there?"\nmessage=_"I am ""Nym""."\nname= _ "Unknown"\n')
    (folder / "02.cfg").write_text('id="Run!"\nmessage= _ "Run!"\n')
    assert list(corpus_extractors.wesnoth_scenarios(str(tmp_path))) == [
        ["谁在那里？", "我是“宁”。"], ["快跑！"]]


def test_fortunes_lose_colours_titles_and_authors():
    text = "\x1b[32m《静夜思》\x1b[m\n床前明月光，\n疑是地上霜。\n    -- 李白\n%\n有志者，\n事竟成。\n"
    assert list(corpus_extractors.fortunes(text)) == [
        ["床前明月光，疑是地上霜。"], ["有志者，事竟成。"]]


def test_poems_are_found_at_any_depth_of_the_json():
    text = json.dumps([
        {"title": "甲", "paragraphs": ["白日依山尽。", "黄河入海流。"]},
        {"content": [{"title": "乙", "para": ["春眠不觉晓。"]}, {"content": "处处闻啼鸟。"}]}])
    assert list(corpus_extractors.poems(text)) == [
        ["白日依山尽。", "黄河入海流。"], ["春眠不觉晓。"], ["处处闻啼鸟。"]]


# --- cleaning -----------------------------------------------------------------

@pytest.mark.parametrize("sentence", [
    "请先保存当前的文件。", "“你打算什么时候出发？”", "Debian 是一个自由的操作系统：",
    "他慢慢地说（声音很轻）：好……",
])
def test_finished_chinese_sentences_are_prose(sentence):
    assert corpus_cleaning.is_prose(sentence)


@pytest.mark.parametrize("sentence", [
    "打开当前的文件", "好的。", "Please run apt-get install 软件包管理器 as root。",
    "变量 ${HOME} 表示用户的目录。", "，然后再点击确定按钮。", "请参阅「」中的详细说明。",
    "请打开视图」菜单里的选项。", "これは日本語の文章です。", "无法解码的文字\ufffd在这里。",
    "很" * 400 + "长。",
])
def test_menus_code_foreign_and_broken_text_is_no_prose(sentence):
    assert not corpus_cleaning.is_prose(sentence)


def test_marks_beside_han_characters_become_full_width_and_lose_their_blanks():
    assert corpus_cleaning.normalise("如果 失败, 请重试. 用 a, b 或 v1.2;可以吗?") == (
        "如果失败，请重试。用 a, b 或 v1.2；可以吗？")


def test_traditional_text_is_left_out_unless_asked_for():
    paragraphs = ["這個選項會顯示網頁。", "这个选项会显示网页。"]
    assert corpus_cleaning.clean(paragraphs) == ["这个选项会显示网页。"]
    assert corpus_cleaning.clean(paragraphs, keep_traditional=True) == paragraphs


def test_bullets_go_and_paragraphs_become_sentences():
    assert corpus_cleaning.clean(["• 先打开电源开关。再等待三秒钟。", "- 不要拔掉电源线！", "菜单"]) == [
        "先打开电源开关。", "再等待三秒钟。", "不要拔掉电源线！"]


# --- the whole ----------------------------------------------------------------

PAGES = {
    "a.html": "<p>今天的天气非常好。我们一起去公园吧！</p><p>文件 编辑 视图</p>",
    "b.html": "<p>今天的天气非常好。</p><p>这一页只剩下一句话。</p>",
    "c.html": "<p>图书馆明天上午开门。</p><p>今天的天气非常好。</p><p>欢迎大家前来借书。</p>",
}
EXPECTED = ("今天的天气非常好。\n我们一起去公园吧！\n\n"
            "图书馆明天上午开门。\n欢迎大家前来借书。\n\n")


def source(package="fake-docs", client="npm"):
    return build_corpus.Source(
        package, client, "modern", "CC0", corpus_extractors.pages(
            "package/*.html", corpus_extractors.html_paragraphs))


@pytest.fixture
def work_dir(tmp_path):
    """A work folder in which the package fake-docs 1.0 has arrived already."""
    folder, package = tmp_path / "work", tmp_path / "package"
    folder.mkdir()
    package.mkdir()
    for name, text in PAGES.items():
        (package / name).write_text(text, encoding="utf-8")
    with tarfile.open(str(folder / "fake-docs-1.0.tgz"), "w:gz") as tar:
        tar.add(str(package), "package")
    return str(folder)


def build(tmp_path, work_dir, sources, min_mb=0.0):
    lines = []
    shares = build_corpus.build(
        sources, str(tmp_path / "corpus.txt"), work_dir, min_mb, lines.append)
    return shares, lines


def test_the_corpus_has_each_sentence_once_and_no_document_of_one(tmp_path, work_dir):
    (share,), _ = build(tmp_path, work_dir, [source()])
    written = (tmp_path / "corpus.txt").read_bytes()
    assert written.decode("utf-8") == EXPECTED
    assert share == ("fake-docs", "1.0", "CC0", len(written), 2, 4, 33)


def test_the_licences_stand_beside_the_corpus(tmp_path, work_dir):
    build(tmp_path, work_dir, [source()])
    rows = (tmp_path / "corpus.licenses.txt").read_text(encoding="utf-8").splitlines()
    assert rows[1].split("\t")[:3] == ["package", "version", "licence"]
    assert rows[2].split("\t")[:3] == ["fake-docs", "1.0", "CC0"]


def test_what_cannot_be_had_is_named_and_the_rest_is_built(
        tmp_path, work_dir, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    shares, lines = build(tmp_path, work_dir, [source("absent-docs", "apt"), source()])
    assert [share.package for share in shares] == ["fake-docs"]
    assert "absent-docs" in lines[0] and "apt-get is not on this machine" in lines[0]
    assert (tmp_path / "corpus.txt").read_text(encoding="utf-8") == EXPECTED


def test_too_little_text_is_an_error_and_leaves_the_old_corpus(tmp_path, work_dir):
    (tmp_path / "corpus.txt").write_text("old")
    with pytest.raises(errors.InputError, match="min_mb=1"):
        build(tmp_path, work_dir, [source()], min_mb=1.0)
    assert (tmp_path / "corpus.txt").read_text() == "old"
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("*.licenses*"))


def write_program(folder, name, body):
    path = folder / name
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)


def test_a_debian_package_is_fetched_and_unpacked_once(tmp_path, monkeypatch):
    programs = tmp_path / "bin"
    programs.mkdir()
    calls = tmp_path / "calls"
    write_program(programs, "apt-get",
                  'echo "$@" >> %s\n: > "$2_1%%3a2.0_all.deb"\n' % calls)
    write_program(programs, "dpkg", 'echo unpack >> %s\nmkdir -p "$3/package"\n'
                  'echo "<p>今天的天气非常好。我们一起去公园吧！</p>" > "$3/package/a.html"\n' % calls)
    monkeypatch.setenv("PATH", "%s:%s" % (programs, os.environ["PATH"]))
    for _ in range(2):
        (share,), _ = build(tmp_path, str(tmp_path / "work"), [source(client="apt")])
        assert (share.version, share.documents) == ("1:2.0", 1)
    assert calls.read_text().splitlines() == ["download fake-docs", "unpack"]


def test_a_failing_program_is_quoted(tmp_path, monkeypatch):
    write_program(tmp_path, "apt-get", "echo 'E: Unable to locate package'\nexit 100\n")
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path, os.environ["PATH"]))
    with pytest.raises(build_corpus.Unavailable, match="Unable to locate package"):
        build_corpus.fetch(source("x-docs", "apt"), str(tmp_path / "work"))


def test_the_command_tells_totals_and_refuses_unknown_kinds(
        tmp_path, work_dir, monkeypatch, capsys):
    monkeypatch.setattr(build_corpus, "SOURCES", [source()])
    command = ["--output", str(tmp_path / "corpus.txt"), "--work_dir", work_dir]
    assert build_corpus.main(command + ["--min_mb=0"]) == 0
    assert "2 documents, 4 sentences, 33 Han characters" in capsys.readouterr().out
    assert build_corpus.main(command) == 3
    assert build_corpus.main(command + ["--include=modern,prose"]) == 2
    assert "no prose here; choose among modern, verse" in capsys.readouterr().err


def test_every_source_has_a_known_kind_and_client_and_a_licence():
    for row in build_corpus.SOURCES:
        assert row.kind in build_corpus.KINDS and row.client in build_corpus.DOWNLOADS
        assert row.licence and callable(row.extract)
