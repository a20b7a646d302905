"""From an example to ids: pairs and single texts, and what a cut leaves of them."""

import json
import os
import tempfile

import pytest

import encoding
import tasks
import tokenization
from tests import toy


@pytest.mark.parametrize("a, b, limit, left", [
    (3, 2, 5, (3, 2)), (5, 3, 6, (3, 3)), (4, 4, 7, (4, 3)), (4, 4, 6, (3, 3)),
    (3, 6, 4, (2, 2)), (1, 9, 4, (1, 3)), (9, 1, 4, (3, 1)), (9, 9, 1, (1, 0))])
def test_a_pair_is_cut_at_the_end_of_the_longer_text_and_of_b_on_a_tie(
        a, b, limit, left):
    cut = encoding.truncate_pair(list(range(a)), list(range(b)), limit)
    assert cut == (list(range(left[0])), list(range(left[1])))


@pytest.fixture(name="tokenizer", scope="module")
def fixture_tokenizer(tmp_path_factory):
    return tokenization.FullTokenizer(toy.vocabulary(tmp_path_factory.mktemp("toy")))


def convert(tokenizer, text_a, text_b, length):
    example = tasks.Example(0, text_a, text_b, "0", 1)
    ids, segments, truncated = encoding.convert_example(example, tokenizer, length)
    return tokenizer.convert_ids_to_tokens(ids), segments, truncated


def test_a_pair_is_marked_by_separators_and_segments(tokenizer):
    assert convert(tokenizer, "天地", "玄", 16) == (
        ["[CLS]", "天", "地", "[SEP]", "玄", "[SEP]"], [0, 0, 0, 0, 1, 1], False)


def test_a_single_text_is_of_segment_0(tokenizer):
    assert convert(tokenizer, "天地", None, 4) == (
        ["[CLS]", "天", "地", "[SEP]"], [0, 0, 0, 0], False)


def test_what_is_too_long_is_cut_and_counted(tokenizer):
    assert convert(tokenizer, "天地玄", None, 4) == (
        ["[CLS]", "天", "地", "[SEP]"], [0, 0, 0, 0], True)
    tokens, segments, truncated = convert(tokenizer, "天地玄", "黄宇", 7)
    assert tokens == ["[CLS]", "天", "地", "[SEP]", "黄", "宇", "[SEP]"]
    assert segments == [0, 0, 0, 0, 1, 1, 1] and truncated
    assert not convert(tokenizer, "天地玄", "黄宇", 8)[2]


# What must survive a cut.

@pytest.mark.parametrize("kept, limit, left", [
    ("4", 3, "345"), ("4", 4, "2345"), ("09", 4, "0189"), ("09", 5, "01289"),
    ("0", 10, "0123456789"), ("3456", 4, "3456")])
def test_the_tokens_nearest_to_those_that_are_kept_stay_in_their_order(
        kept, limit, left):
    tokens = list("0123456789")
    found = encoding.truncate_around(tokens, [t in kept for t in tokens], limit)
    assert "".join(found) == left


def wsc_tokens(first, second, length, max_seq_length):
    """A converted text of `length` characters with spans of one at two places."""
    text = "天" * length
    with tempfile.TemporaryDirectory() as folder:
        path = toy.write(os.path.join(folder, "test.json"), json.dumps({
            "text": text, "target": {"span1_text": "天", "span1_index": first,
                                     "span2_text": "天", "span2_index": second}}))
        (example,), _ = tasks.read_examples(tasks.TASKS["wsc"], path, needs_labels=False)
        vocabulary = os.path.join(folder, "vocab.txt")
        toy.write(vocabulary, "\n".join(
            ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "天", "_", "[", "]"]))
        tokenizer = tokenization.FullTokenizer(vocabulary)
    ids, segments, truncated = encoding.convert_example(
        example, tokenizer, max_seq_length)
    assert len(ids) == len(segments) <= max_seq_length
    return "".join(tokenizer.convert_ids_to_tokens(ids)), truncated


@pytest.mark.parametrize("first, second", [
    (0, 5), (5, 0), (0, 99), (99, 0), (50, 60), (98, 99)])
def test_the_marks_of_wsc_survive_a_cut(first, second):
    text, truncated = wsc_tokens(first, second, 100, 24)
    assert truncated
    assert text.count("_天_") == 1 and text.count("[天]") == 1
    assert text.startswith("[CLS]") and text.endswith("[SEP]")
    assert (text.index("_天_") < text.index("[天]")) == (first < second)


def test_a_short_text_of_wsc_is_whole():
    assert wsc_tokens(0, 5, 8, 24) == ("[CLS]_天_天天天天[天]天天[SEP]", False)
