"""Characters are converted one by one, so that every place stays what it was."""

import builtins
import sys

import pytest

import errors
import reading_comprehension_data as data
import reading_comprehension_model as span_model
import reading_comprehension_windows as windowing
import simplified
import tokenization
from tests import toy

TEXT = "臺灣國語：皇后在後面，頭髮發光 ＡＢＣ 😀 龜"


def test_each_character_is_converted_at_its_place():
    pytest.importorskip("opencc", reason="needs OpenCC, see requirements-dev.txt")
    converted = simplified.convert(TEXT)
    assert converted == "台湾国语：皇后在后面，头发发光 ＡＢＣ 😀 龟"
    assert len(converted) == len(TEXT)
    assert simplified.convert(converted) == converted


def test_a_model_reads_simplified_and_answers_in_the_original(tmp_path):
    pytest.importorskip("opencc", reason="needs OpenCC, see requirements-dev.txt")
    with open(toy.vocabulary(tmp_path), "a", encoding="utf-8") as out:
        out.write("台\n湾\n")
    tokenizer = tokenization.FullTokenizer(str(tmp_path / "vocab.txt"))
    question = data.Question("q", "臺灣", "天臺灣地", [data.Answer("臺灣", 1)], False)
    windows = windowing.Windows(
        [question], tokenizer, span_model.Options(output_dir=""), simplified.convert)
    target = windows.target(0)
    ids = windows.row(0, target)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == [
        "[CLS]", "台", "湾", "[SEP]", "天", "台", "湾", "地", "[SEP]"]
    assert windows.text(0, target.first, target.last) == "臺灣"


def test_without_opencc_the_message_says_what_to_install(monkeypatch):
    imported = builtins.__import__

    def refuse(name, *arguments, **more):
        if name == "opencc":
            raise ImportError(name)
        return imported(name, *arguments, **more)
    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.delitem(sys.modules, "opencc", raising=False)
    monkeypatch.setattr(simplified, "_TABLE", simplified._Table())
    with pytest.raises(errors.InputError, match="pip install OpenCC"):
        simplified.convert("臺")
