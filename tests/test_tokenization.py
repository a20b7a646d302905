"""Tokens, ids and offsets: golden lines, properties, vocabularies that are wrong."""

import itertools
import json
import os
import random
import subprocess
import sys

import pytest

import errors
import tokenization
from tests import spm

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VOCAB = os.path.join(ROOT, "albert_config", "vocab.txt")
GOLDEN = os.path.join(ROOT, "tests", "golden", "tokenization.jsonl")
SMALL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ALPHABET = (list("天气，。“”aAbZ09 -#'\t\r\n") + [
    "\u0301", "\u00e9", "\u0130", "\u03a3", "\ud55c", "\u2028", "\u200b", "\ufffd",
    "\x00", "\u3000", "\uf900", "\U0002f800", "\U00020000", "\ufe0f", "\u037e",
    "\u302e", "\uff21", "\U0001f600", "\u00df", "\u0f73", "[MASK]", "2,", "\u2581",
    "\ufb01"])


@pytest.fixture(scope="module")
def tokenizers():
    return {lower: tokenization.FullTokenizer(VOCAB, lower) for lower in (True, False)}


@pytest.fixture(scope="module")
def spm_model_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spm")
    rng = random.Random(3)
    words = ["weather", "rain", "train", "ticket", "price", "1,200", "35,", "2019,",
             "今天", "天气", "caf\u00e9", "bank", "very", "good", "bad", "the"]
    text = folder / "text.txt"
    text.write_text("\n".join(" ".join(rng.choice(words) for _ in range(8))
                              for _ in range(400)), encoding="utf-8")
    return spm.train(text, folder / "tiny", 90)


def write_vocab(folder, tokens, encoding="utf-8", end="\n"):
    path = folder / "vocab.txt"
    path.write_bytes("".join(token + end for token in tokens).encode(encoding))
    return str(path)


def random_texts(number, seed=7):
    rng = random.Random(seed)
    return ["".join(rng.choice(ALPHABET) for _ in range(rng.randrange(24)))
            for _ in range(number)]


def check_spans(text, tokens):
    """In order and inside the text; overlapping only in one shared character."""
    for (_, start, end), (_, next_start, next_end) in zip(tokens, tokens[1:]):
        assert start <= next_start and end <= next_end, (text, tokens)
    assert all(0 <= start <= end <= len(text) for _, start, end in tokens)


def test_every_golden_line_has_equal_tokens_and_ids(tokenizers):
    with open(GOLDEN, encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream]
    assert len(lines) == 460
    for line in lines:
        tokenizer = tokenizers[line["do_lower_case"]]
        tokens = tokenizer.tokenize(line["text"])
        assert tokens == line["tokens"], line["text"]
        assert tokenizer.convert_tokens_to_ids(tokens) == line["ids"]


def test_published_vocabulary_keeps_its_ids_across_the_line_separator(tokenizers):
    tokenizer = tokenizers[True]
    assert tokenizer.vocab_size == len(tokenizer.vocab) == 21128
    assert tokenizer.convert_ids_to_tokens([0, 100, 101, 343, 344]) == [
        "[PAD]", "[UNK]", "[CLS]", "", tokenizer.inv_vocab[344]]
    assert tokenizer.vocab["\u6c64"] == 3739
    assert tokenizer.inv_vocab[13502] == "##"


@pytest.mark.parametrize("lower", [True, False])
def test_offsets_and_tokens_agree_with_words_made_one_by_one(tokenizers, lower):
    tokenizer = tokenizers[lower]
    basic = tokenization.BasicTokenizer(lower)
    wordpiece = tokenization.WordpieceTokenizer(tokenizer.vocab)
    for text in random_texts(1500):
        tokens = tokenizer.tokenize_with_offsets(text)
        assert [token for token, _, _ in tokens] == tokenizer.tokenize(text)
        assert tokenizer.tokenize(text) == [piece for word in basic.tokenize(text)
                                            for piece in wordpiece.tokenize(word)]
        check_spans(text, tokens)


@pytest.mark.parametrize("lower", [True, False])
def test_a_token_is_made_of_the_characters_of_its_span(tokenizers, lower):
    for text in random_texts(1500, seed=11):
        if "\ud55c" in text:
            continue  # a Hangul syllable gives several tokens; see below
        for token, start, end in tokenizers[lower].tokenize_with_offsets(text):
            alone = tokenizers[lower].tokenize(text[start:end])
            # A sigma cut off from its word may change its form.
            expected = [token[2:] if token.startswith("##") else token]
            if alone != expected and "[UNK]" not in alone and "\u03a3" not in text:
                assert "".join(alone).replace("##", "") == expected[0]


def test_offsets_lead_back_through_case_accents_and_dropped_characters(tokenizers):
    def spans(text):
        return [(token, text[start:end]) for token, start, end
                in tokenizers[True].tokenize_with_offsets(text)]

    assert spans("  今天\u3000ALBERT！") == [
        ("今", "今"), ("天", "天"), ("al", "AL"), ("##bert", "BERT"), ("！", "！")]
    assert spans("e\u0301t\u00e9 \u00c9") == [("et", "e\u0301t"), ("##e", "\u00e9"),
                                              ("e", "\u00c9")]
    assert spans("20\u200b19年") == [("2019", "20\u200b19"), ("年", "年")]
    assert spans("\u0130s") == [("is", "\u0130s")]
    assert spans("天\ufffd\x00气") == [("天", "天"), ("气", "气")]
    assert spans("“好”") == [("[UNK]", "“"), ("好", "好"), ("[UNK]", "”")]


def test_tokens_of_one_character_share_its_span(tmp_path):
    vocab = write_vocab(tmp_path, SMALL + ["\u1112", "##\u1161", "##\u11ab"])
    tokenizer = tokenization.FullTokenizer(vocab)
    assert tokenizer.tokenize_with_offsets(" \ud55c") == [
        ("\u1112", 1, 2), ("##\u1161", 1, 2), ("##\u11ab", 1, 2)]


def test_a_word_above_the_limit_is_unknown(tmp_path):
    tokenizer = tokenization.FullTokenizer(write_vocab(tmp_path, SMALL + ["a", "##a"]))
    assert tokenizer.tokenize("a" * 200) == ["a"] + ["##a"] * 199
    assert tokenizer.tokenize_with_offsets("a" * 201) == [("[UNK]", 0, 201)]


def test_forgetting_remembered_words_changes_no_token(tokenizers, monkeypatch):
    texts = random_texts(200, seed=5)
    expected = [tokenizers[True].tokenize(text) for text in texts]
    monkeypatch.setattr(tokenization._Memory, "MAX_ENTRIES", 2)
    fresh = tokenization.FullTokenizer(VOCAB)
    assert [fresh.tokenize(text) for text in texts] == expected
    assert len(fresh._tokenizer._tokens) <= 2


def test_bytes_are_read_as_utf8(tokenizers):
    assert tokenization.convert_to_unicode("天".encode("utf-8")) == "天"
    assert tokenizers[True].tokenize("天气".encode("utf-8")) == ["天", "气"]
    assert tokenization.printable_text("天") == "天"
    with pytest.raises(ValueError):
        tokenization.convert_to_unicode(3)


def test_byte_order_mark_and_windows_lines_are_tolerated(tmp_path):
    path = write_vocab(tmp_path, SMALL + ["天"], encoding="utf-8-sig", end="\r\n")
    assert tokenization.load_vocab(path) == {
        token: id_ for id_, token in enumerate(SMALL + ["天"])}


@pytest.mark.parametrize("tokens, encoding, message", [
    (SMALL[:1] + SMALL[2:], "utf-8", r"\[UNK\]"),
    (SMALL[:4], "utf-8", r"\[MASK\]"),
    (SMALL + ["天", "气", "天"], "utf-8", r"vocab.txt:8: .*line 6"),
    (SMALL + ["天"], "gbk", r"not UTF-8 \(byte 31\).*GB18030"),
    ([], "utf-8", r"\[PAD\]"),
])
def test_a_wrong_vocabulary_is_refused_with_its_reason(
        tmp_path, tokens, encoding, message):
    with pytest.raises(errors.InputError, match=message):
        tokenization.FullTokenizer(write_vocab(tmp_path, tokens, encoding))


def test_a_missing_vocabulary_is_named(tmp_path):
    with pytest.raises(errors.InputError, match="nothing.txt cannot be read"):
        tokenization.FullTokenizer(str(tmp_path / "nothing.txt"))
    with pytest.raises(errors.InputError, match="vocab_file or spm_model_file"):
        tokenization.FullTokenizer()


def test_neither_tensorflow_nor_sentencepiece_is_imported_for_wordpiece():
    code = ("import sys, tokenization; tokenization.FullTokenizer(sys.argv[1]); "
            "sys.exit(bool({'tensorflow', 'sentencepiece'} & set(sys.modules)))")
    assert subprocess.call([sys.executable, "-c", code, VOCAB], cwd=ROOT) == 0


def test_absent_sentencepiece_is_an_input_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(errors.InputError, match="pip install sentencepiece"):
        tokenization.FullTokenizer(spm_model_file="tiny.model")


def test_sentencepiece_model_that_is_none_is_an_input_error(tmp_path):
    path = tmp_path / "wrong.model"
    path.write_bytes(b"not a model")
    for name in (str(path), str(tmp_path / "nothing.model")):
        with pytest.raises(errors.InputError, match="is no SentencePiece model"):
            tokenization.FullTokenizer(spm_model_file=name)


def test_sentencepiece_ids_are_those_of_the_model(spm_model_file):
    tokenizer = tokenization.FullTokenizer(spm_model_file=spm_model_file)
    assert tokenizer.vocab["[CLS]"] == 2
    tokens = tokenizer.tokenize("Very  Good caf\u00e9 \u9f98")
    assert "".join(tokens) == "\u2581very\u2581good\u2581cafe\u2581\u9f98"
    ids = tokenizer.convert_tokens_to_ids(tokens)
    assert ids[-1] == tokenizer.vocab["<unk>"] and ids[0] == tokenizer.vocab[tokens[0]]


def test_sentencepiece_cuts_a_comma_from_its_number(spm_model_file):
    tokenizer = tokenization.FullTokenizer(spm_model_file=spm_model_file)
    for text in ("2019, rain", "price 35, 1,200 bad", "35,"):
        tokens = tokenizer.tokenize(text)
        assert not any(len(token) > 1 and token.endswith(",") for token in tokens)
        assert tokens.count(",") == text.replace("1,200", "").count(",")
        assert "".join(tokens) == "\u2581" + text.replace(" ", "\u2581")


def test_sentencepiece_offsets_lead_to_the_text_of_each_piece(spm_model_file):
    tokenizer = tokenization.FullTokenizer(spm_model_file=spm_model_file)
    text = "  Weather\t \u3000 2019, 今天caf\u00e9 e\u0301 1,200"
    tokens = tokenizer.tokenize_with_offsets(text)
    check_spans(text, tokens)
    for token, start, end in tokens:
        piece = token.replace("\u2581", " ").strip()
        assert tokenization.preprocess_text(text[start:end], lower=True) == piece
    covered = set(itertools.chain.from_iterable(range(s, e) for _, s, e in tokens))
    assert covered >= {i for i, char in enumerate(text) if not char.isspace()}
    for text in random_texts(300):
        check_spans(text, tokenizer.tokenize_with_offsets(text))


def test_preprocess_text_collapses_blanks_and_drops_marks():
    assert tokenization.preprocess_text(" A\u3000 \n\u00c9\uff21 ") == "A EA"
    assert tokenization.preprocess_text("A\u00c9", lower=True) == "ae"
