"""Sentences end where a Chinese reader would say that they end."""

import pytest

from sentences import split_sentences


@pytest.mark.parametrize("text, expected", [
    ("今天下雨。我们在家！你呢？", ["今天下雨。", "我们在家！", "你呢？"]),
    ("先洗菜；再切菜；最后下锅。", ["先洗菜；", "再切菜；", "最后下锅。"]),
    ("他没有说话……后来他走了。", ["他没有说话……", "后来他走了。"]),
    ("什么？！真的！！！走吧", ["什么？！", "真的！！！", "走吧"]),
])
def test_every_terminator_ends_a_sentence_and_runs_stay_together(text, expected):
    assert split_sentences(text) == expected


@pytest.mark.parametrize("text, expected", [
    ("“你来吗？”她问。", ["“你来吗？”", "她问。"]),
    ("他说：“好。”（众人笑。）走了。", ["他说：“好。”", "（众人笑。）", "走了。"]),
    ("「走吧。」『好！』", ["「走吧。」", "『好！』"]),
])
def test_closing_quotes_and_brackets_stay_with_their_sentence(text, expected):
    assert split_sentences(text) == expected


def test_a_straight_quote_closes_or_opens_by_what_stands_before_it():
    assert split_sentences('他说："来。"我走了。"好！"') == ['他说："来。"', "我走了。", '"好！"']
    assert split_sentences('我走了。"你好！我是新来的。"她说。') == [
        "我走了。", '"你好！', '我是新来的。"', "她说。"]


@pytest.mark.parametrize("text", [
    "圆周率约为3.14，版本是v2.0.1",
    "打开example.org/a?id=3&b=4查看",
    "他在Yahoo!7和A.B.C.公司工作过",
])
def test_points_and_marks_inside_latin_words_end_nothing(text):
    assert split_sentences(text) == [text]


def test_half_width_marks_after_chinese_end_a_sentence():
    assert split_sentences("真的吗?我不信!好. 走吧.") == ["真的吗?", "我不信!", "好.", "走吧."]


def test_a_line_break_ends_a_sentence_and_blanks_are_dropped():
    assert split_sentences("  标题\r\n\n　第一句。 第二句\n") == ["标题", "第一句。", "第二句"]


def test_marks_alone_join_the_sentence_before_them():
    assert split_sentences("好。 ——！对。") == ["好。——！", "对。"]
    assert split_sentences("——！") == ["——！"]


def test_nothing_gives_nothing():
    assert split_sentences("") == split_sentences(" \n\t\n") == []


def test_no_character_but_white_space_is_lost():
    text = '甲："乙！"丙…… 丁；（戊。）\n己?庚.辛。。。"\n！'
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


def test_a_megabyte_without_line_breaks_is_split():
    text = "这是一个句子。" * 50000
    assert split_sentences(text) == ["这是一个句子。"] * 50000
