"""Windows: every token in one, every answer back as it stood, whatever the passage."""

import random

import pytest

import errors
import reading_comprehension_answers as decoding
import reading_comprehension_data as data
import reading_comprehension_model as span_model
import reading_comprehension_windows as windowing
import tokenization
from tests import spm
from tests import toy
from tools import check_answers

# What a passage is fuzzed from: blanks, marks, Latin words, full width, upper case,
# traditional characters, what a tokenizer drops, and what it takes apart.
PIECES = (list("天地玄黄宇宙洪荒。，“”《》·") + list("ＡＢｃ１２３　") + list("臺灣國語")
          + ["Hello", "WORLD", "don't", "U.S.", "3.14%", "2021年", " ", "  ", "\n", "\u200b",
             "\u3000", "é", "한국", "😀", "\x07", "unaffable"])


DROPPED = " \n\u3000\u200b\x07"


def options(**changes):
    return span_model.Options(output_dir="", **dict(dict(
        max_seq_length=32, max_query_length=8, doc_stride=7), **changes))


@pytest.fixture(scope="module", name="wordpiece")
def fixture_wordpiece(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vocabulary")
    with open(toy.vocabulary(folder), "a", encoding="utf-8") as out:
        out.write("\n".join(["hello", "world", "un", "##aff", "##able", "2021", "年", "。",
                             "，", "3", ".", "14", "a", "##b", "e"]) + "\n")
    return tokenization.FullTokenizer(str(folder / "vocab.txt"))


@pytest.fixture(scope="module", name="sentencepiece")
def fixture_sentencepiece(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spm")
    rng = random.Random(1)
    text = toy.write(folder / "text.txt", "".join(
        "".join(rng.choice(PIECES) for _ in range(20)).replace("\n", "") + "\n"
        for _ in range(200)))
    return tokenization.FullTokenizer(spm_model_file=spm.train(
        text, str(folder / "model"), 200))


@pytest.mark.parametrize("num_tokens, room, stride", [
    (1, 10, 3), (10, 10, 3), (11, 10, 3), (100, 10, 3), (100, 10, 10), (57, 8, 1)])
def test_windows_cover_the_passage_and_every_span_belongs_to_one_that_holds_it(
        num_tokens, room, stride):
    windows = windowing.cut(num_tokens, room, stride)
    assert all(length == min(room, num_tokens) for _, length, _, _ in windows)
    assert {t for first, length, _, _ in windows
            for t in range(first, first + length)} == set(range(num_tokens))
    for first in range(num_tokens):
        for last in range(first, min(first + room, num_tokens)):
            owners = [w for w in windows if w[2] <= first + last < w[3]]
            assert len(owners) == 1
            contexts = [min(first - begin, begin + length - 1 - last)
                        for begin, length, _, _ in windows]
            assert contexts[windows.index(owners[0])] == max(contexts)


def fuzzed(rng):
    """A passage, and an answer of it that begins and ends with something visible."""
    pieces = [rng.choice(PIECES) for _ in range(rng.randint(1, 90))]
    passage = "天" + "".join(pieces)
    first = rng.randrange(len(passage))
    last = rng.randint(first, min(first + 12, len(passage) - 1))
    return passage, passage[first:last + 1], first


@pytest.mark.parametrize("kind", ["wordpiece", "sentencepiece"])
def test_answers_of_fuzzed_passages_come_back(kind, request):
    tokenizer = request.getfixturevalue(kind)
    rng = random.Random(8)
    num_exact = 0
    for number in range(300):
        passage, answer, start = fuzzed(rng)
        if not answer.strip():
            continue
        question = data.Question(str(number), "玄黄？", passage, [
            data.Answer(answer, start)], False)
        windows = windowing.Windows([question], tokenizer, options())
        target = windows.target(0)
        if target is None:  # nothing in the answer is read
            assert not tokenizer.tokenize(answer)
            continue
        text = check_answers.decode_as_marked(windows, target, options())
        if text is None:
            assert target.last - target.first > 10  # whole in no window
            continue
        assert target.is_exact == (text == answer.strip())
        # Widened to whole tokens, but for what a tokenizer drops at the ends.
        assert text in passage and answer.strip(DROPPED) in text
        num_exact += target.is_exact
    assert num_exact > 100


def test_text_keeps_blanks_case_width_and_latin_words(wordpiece):
    passage = "天地 Hello  WORLD，ＡＢｃ　臺灣《玄黄》。"
    for answer in ("Hello  WORLD", "ＡＢｃ　臺灣", "《玄黄》", "臺灣《玄黄》。"):
        question = data.Question("q", "？", passage, [
            data.Answer(answer, passage.index(answer))], False)
        windows = windowing.Windows([question], wordpiece, options())
        assert windows.target(0).is_exact
        assert check_answers.decode_as_marked(
            windows, windows.target(0), options()) == answer


def test_an_answer_inside_a_word_is_widened_and_known(wordpiece):
    question = data.Question("q", "？", "天unaffable地", [data.Answer("naff", 2)], False)
    windows = windowing.Windows([question], wordpiece, options())
    target = windows.target(0)
    assert not target.is_exact
    assert windows.text(0, target.first, target.last) == "unaff"


def test_a_row_is_question_and_passage_and_marks_the_answer(wordpiece):
    question = data.Question("q", "玄黄", "天地宇宙", [data.Answer("宇宙", 2)], False)
    windows = windowing.Windows([question], wordpiece, options())
    row = windows.row(0, windows.target(0))
    assert wordpiece.convert_ids_to_tokens(row["input_ids"]) == [
        "[CLS]", "玄", "黄", "[SEP]", "天", "地", "宇", "宙", "[SEP]"]
    assert row["segment_ids"] == [0] * 4 + [1] * 5 and row["input_mask"] == [1] * 9
    assert (row["start_positions"], row["end_positions"]) == (6, 7)
    row = windows.row(0, None)
    assert (row["start_positions"], row["end_positions"]) == (0, 0)


def test_a_long_question_is_cut_and_an_empty_one_is_asked(wordpiece):
    questions = [data.Question("a", "玄" * 20, "天地", [], False),
                 data.Question("b", "", "天地", [], False)]
    windows = windowing.Windows(questions, wordpiece, options())
    assert [len(ids) for ids in windows.question_ids] == [8, 0]
    assert [len(windows.row(i, None)["input_ids"]) for i in (0, 1)] == [13, 5]


def test_a_passage_of_100000_characters_stays_small(wordpiece):
    questions = [data.Question(str(i), "玄黄", "天地玄黄宇宙洪荒日月" * 10000, [], False)
                 for i in range(2)]
    windows = windowing.Windows(questions, wordpiece, options(
        max_seq_length=384, doc_stride=128))
    assert len(windows.windows) == 2 * 780
    passage = windows.passage(0)
    assert passage is windows.passage(1)  # tokenized once for both
    assert sum(a.nbytes for a in passage[1:]) == 12 * 100000
    decoder = decoding.Decoder(windows, options(n_best_size=3))
    certain = [[0.0] * 384] * 2
    for number in range(0, 20):
        decoder.add(number, *map(as_array, certain))
    assert len(decoder.answer(0).candidates) <= 3


def as_array(values):
    return decoding.np.array(values, "float32")


@pytest.mark.parametrize("passage", ["\u200b", "\x07\ufffd"])
def test_a_passage_without_anything_to_read_is_one_message(wordpiece, passage):
    with pytest.raises(errors.InputError, match="Question q.*nothing that can be read"):
        windowing.Windows([data.Question("q", "？", passage, [], False)],
                          wordpiece, options())


def test_a_stride_that_skips_tokens_is_refused():
    windowing.check_sizes(options(doc_stride=21))
    with pytest.raises(errors.InputError, match="--doc_stride=22 .*room for 21 tokens"):
        windowing.check_sizes(options(doc_stride=22))


def test_what_the_model_reads_may_differ_and_the_answer_does_not(wordpiece):
    simplify = {"臺": "天", "灣": "地"}
    question = data.Question("q", "臺灣", "臺灣玄黄", [data.Answer("臺灣", 0)], False)
    windows = windowing.Windows(
        [question], wordpiece, options(),
        lambda text: "".join(simplify.get(c, c) for c in text))
    row = windows.row(0, windows.target(0))
    assert wordpiece.convert_ids_to_tokens(row["input_ids"])[1:3] == ["天", "地"]
    assert check_answers.decode_as_marked(
        windows, windows.target(0), options()) == "臺灣"


def test_the_name_of_the_records_changes_with_the_answers(wordpiece):
    def fingerprint(*answers):
        question = data.Question("q", "玄", "天地", [
            data.Answer(*answer) for answer in answers], False)
        return windowing.Windows([question], wordpiece, options()).fingerprint()
    assert fingerprint(("天", 0)) == fingerprint(("天", 0))
    assert fingerprint(("天", 0)) != fingerprint(("地", 1))
