"""Words: those of jieba, of a user's dictionary, or of blanks."""

import os
import sys

import jieba
import pytest

import errors
import segmentation

SAMPLE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                      "data", "news_zh_1.txt")


@pytest.fixture(scope="module")
def segment():
    return segmentation.segmenter()


def test_words_are_those_of_jieba(segment):
    jieba.setLogLevel("ERROR")
    with open(SAMPLE, encoding="utf-8") as stream:
        lines = stream.read().split("\n")
    lines += ["iPhone 6s Plus卖3.5%，C++与T恤", "㐀𠀀café 乒乓球拍卖完了", "", "他来到了网易杭研大厦",
              "中华人民共和国万岁，画蛇添足！", "魍魉魑魅" * 30]
    for line in lines:
        assert list(segment(line)) == jieba.lcut(line)


def test_long_texts_are_cut_as_short_ones(segment):
    sentence = "小明硕士毕业于中国科学院计算所，后在日本京都大学深造。"
    assert segment(sentence * 50) == jieba.lcut(sentence) * 50


def test_an_endless_text_without_marks_is_cut_in_reasonable_time(segment):
    text = "魑魅魍魉龘靐齉" * 20000
    assert "".join(segment(text)) == text


def test_a_user_dictionary_makes_words(segment, tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("石墨烯电池 100 n\n", encoding="utf-8")
    assert "石墨烯电池" in segmentation.segmenter("jieba", str(path))("新型石墨烯电池")
    assert "石墨烯电池" not in segment("新型石墨烯电池")


def test_a_bad_user_dictionary_is_named(tmp_path):
    path = tmp_path / "gbk.txt"
    path.write_bytes("石墨烯电池 100 n\n".encode("gbk"))
    for bad in (str(path), str(tmp_path / "none.txt")):
        with pytest.raises(errors.InputError, match="--user_dict=.*%s" % bad[-8:]):
            segmentation.segmenter("jieba", bad)


def test_rjieba_takes_no_dictionary():
    with pytest.raises(errors.InputError, match="needs --segmenter=jieba"):
        segmentation.segmenter("rjieba", "words.txt")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "rjieba", None)
    with pytest.raises(errors.InputError, match="pip install rjieba"):
        segmentation.segmenter("rjieba")


def test_blanks_separate_words_and_stay():
    assert segmentation.split_at_blanks("今天 天气  很好") == ["今天", " ", "天气", "  ", "很好"]
