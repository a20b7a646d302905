"""Lines to tokens and words, documents to records: alignment with the segmenter."""

import os

import pytest

import errors
import instances
import masking
import tokenization
from tests import spm

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VOCAB_FILE = os.path.join(ROOT, "albert_config", "vocab.txt")
TOKENIZER = tokenization.FullTokenizer(VOCAB_FILE)
VOCABULARY = masking.describe_vocabulary(TOKENIZER.vocab)

DEFAULTS = instances.Settings(
    vocab_file=VOCAB_FILE, spm_model_file=None, do_lower_case=True, max_seq_length=64,
    max_predictions_per_seq=10, masked_lm_prob=0.15, short_seq_prob=0.1, dupe_factor=2,
    random_seed=1, mask_strategy="wwm", ngram=1, favor_shorter_ngram=True,
    label_style="plain", segmenter="jieba", user_dict=None, segmented_input=False,
    non_chinese=False, dynamic_masking=False)
SEGMENTED = DEFAULTS._replace(segmented_input=True)

DOCUMENT = ["今天 天气 很 好 ， 我们 去 公园 散步 。", "公园 里 有 很多 人 。",
            "孩子们 在 草地 上 放 风筝 ， 老人 在 树下 下棋 。"]


def words(settings, text, label_words=False):
    """The tokens of each word of a line, joined."""
    line = instances.LineEncoder(settings, TOKENIZER, VOCABULARY).encode(text)
    tokens = TOKENIZER.convert_ids_to_tokens(
        line.label_ids if label_words else line.token_ids)
    ends = list(line.word_ends)
    return [" ".join(tokens[begin:end]) for begin, end in zip([0] + ends, ends)]


@pytest.mark.parametrize("text, expected", [
    ("画蛇添足 是 成语", ["画 蛇 添 足", "是", "成 语"]),
    ("iPhone6s 卖 3.5%", ["iphone6 ##s", "卖", "3 . 5 %"]),
    ("café 好 喝", ["cafe", "好", "喝"]),
    # A token across the end of a word joins the words.
    ("ca fé好", ["ca", "fe 好"]), ("魑魅 魍魉", ["[UNK] 魅", "魍 [UNK]"]),
    ("他 说 ： “ 好 ” 。", ["他", "说", "：", "[UNK]", "好", "[UNK]", "。"]),
    ("  \u200b你好  世界 ", ["你 好", "世 界"]),
])
def test_words_follow_the_segmenter_by_character(text, expected):
    assert words(SEGMENTED, text) == expected


@pytest.mark.parametrize("cut, expected", [
    (["th", "is", "好"], ["this", "好"]), (["th", "is好", "人"], ["this 好", "人"])])
def test_words_that_share_a_token_are_one(monkeypatch, cut, expected):
    monkeypatch.setattr(instances.segmentation, "split_at_blanks", lambda text: cut)
    assert words(SEGMENTED, "".join(cut)) == expected


def test_tokens_of_lines_are_the_tokenizers():
    encoder = instances.LineEncoder(SEGMENTED, TOKENIZER, VOCABULARY)
    with open(os.path.join(ROOT, "data", "news_zh_1.txt"), encoding="utf-8") as stream:
        lines = stream.read().split("\n")
    lines += ["Ⅷ한국어 と か\u3099 ﬁ 𠀀㐀豈 ①№… ——!?·～", "e\u0301\u0301，\u0301好", "ΣΑΣ，ΣΑΣ",
              "字" * 300 + "x" * 300, "\x00\ufffd\t好\u3000", "👍🏽好👨‍👩‍👧"]
    for line in lines:
        expected = TOKENIZER.convert_tokens_to_ids(TOKENIZER.tokenize(line))
        assert list(encoder.encode(line).token_ids) == expected


def test_word_pieces_are_words_of_other_languages():
    settings = DEFAULTS._replace(non_chinese=True)
    assert words(settings, "unaffable 人 and") == [
        "u ##na ##ff ##able", "人", "and"]


@pytest.fixture(scope="module")
def spm_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spm")
    return spm.train(os.path.join(ROOT, "data", "news_zh_1.txt"), folder / "model", 1700)


def test_sentence_pieces_are_grouped_to_whole_words(spm_model):
    settings = SEGMENTED._replace(vocab_file=None, spm_model_file=spm_model)
    tokenizer = tokenization.FullTokenizer(spm_model_file=spm_model)
    vocabulary = masking.describe_vocabulary(tokenizer.vocab)
    text = "今天 天气 很好 ， 我们 去 公园 。"
    line = instances.LineEncoder(settings, tokenizer, vocabulary).encode(text)
    spans = tokenizer.tokenize_with_offsets(text)
    assert line.word_ends[-1] == len(spans) == len(line.token_ids)
    cuts = {text[:spans[end][1]].rstrip() for end in line.word_ends[:-1]}
    assert cuts and all(text[len(cut)] == " " for cut in cuts)
    maker = instances.RecordMaker(settings._replace(dupe_factor=5))
    made = maker.instances(DOCUMENT)
    special = {tokenizer.vocab[t] for t in ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")}
    assert made and not any(special & set(i.masked_labels) for i in made)


def test_blanks_make_words_of_sentence_pieces_without_a_segmenter(spm_model):
    settings = SEGMENTED._replace(vocab_file=None, spm_model_file=spm_model,
                                  segmented_input=False, non_chinese=True)
    tokenizer = tokenization.FullTokenizer(spm_model_file=spm_model)
    vocabulary = masking.describe_vocabulary(tokenizer.vocab)
    line = instances.LineEncoder(settings, tokenizer, vocabulary).encode("今天 天气 很好")
    tokens = tokenizer.convert_ids_to_tokens(line.token_ids)
    assert [tokens[end][0] for end in line.word_ends[:-1]] == ["\u2581", "\u2581"]


def test_legacy_targets_are_the_twin_rows_of_all_but_first_characters():
    settings = SEGMENTED._replace(label_style="legacy", segmented_input=False)
    assert words(settings, "中华人民共和国，我们", label_words=True)[-2:] == ["，", "我 ##们"]
    plain = words(settings, "中华人民共和国，我们")
    assert "##" not in " ".join(plain)
    # Words of four and more characters were not known to the ancestors.
    assert max(len(word.split()) for word in plain) <= 3


def test_legacy_labels_reach_the_instances():
    settings = DEFAULTS._replace(label_style="legacy", dupe_factor=30)
    maker = instances.RecordMaker(settings)
    found = 0
    for instance in maker.instances([line.replace(" ", "") for line in DOCUMENT]):
        for label in instance.masked_labels:
            found += TOKENIZER.inv_vocab[label].startswith("##")
        assert not set(instance.token_ids) & set(VOCABULARY.twin_ids.values())
    assert found > 20


def test_single_tokens_are_masked_apart_by_the_token_strategy():
    maker = instances.RecordMaker(SEGMENTED._replace(mask_strategy="token"))
    document = maker.encode_document(["今天 天气", "很 好"])
    assert document.word_starts == [0, 1, 2, 3, 4, 5, 6]
    assert document.sentence_ends == [4, 6]


def test_words_with_unknown_characters_are_not_maskable():
    document = instances.RecordMaker(SEGMENTED).encode_document(["魑魅 我们", "好"])
    assert list(document.is_maskable) == [0, 1, 1]


def test_each_line_is_cut_once_for_all_duplicates(monkeypatch):
    cut = []
    split = instances.segmentation.split_at_blanks
    monkeypatch.setattr(instances.segmentation, "split_at_blanks",
                        lambda text: cut.append(text) or split(text))
    maker = instances.RecordMaker(SEGMENTED._replace(dupe_factor=10))
    maker.records(DOCUMENT + DOCUMENT[:1])
    maker.records(DOCUMENT)
    assert sorted(cut) == sorted(DOCUMENT)


def test_records_of_a_document_do_not_depend_on_what_was_made_before():
    maker = instances.RecordMaker(SEGMENTED)
    first = maker.records(DOCUMENT)
    maker.records(DOCUMENT[::-1])
    assert maker.records(DOCUMENT) == first
    assert instances.RecordMaker(SEGMENTED._replace(random_seed=2)).records(
        DOCUMENT) != first


def test_duplicates_have_other_masks():
    made = instances.RecordMaker(SEGMENTED._replace(dupe_factor=5)).instances(DOCUMENT)
    assert len({tuple(instance.token_ids) for instance in made}) == len(made) >= 5


def test_unmasked_records_keep_all_tokens():
    maker = instances.RecordMaker(SEGMENTED._replace(dynamic_masking=True))
    for instance in maker.instances(DOCUMENT):
        assert VOCABULARY.mask_id not in instance.token_ids
        assert len(instance.boundaries) == len(instance.token_ids)
    assert maker.counts.totals["masked"] == 0


def test_counts_add_up():
    maker = instances.RecordMaker(SEGMENTED)
    made = maker.instances(DOCUMENT) + maker.instances(["单句 无法 成 对"])
    totals = maker.counts.totals
    assert (totals["documents"], totals["sentences"]) == (2, 4)
    assert totals["documents_without_pair"] == 1
    assert totals["instances"] == len(made)
    assert totals["masked"] == sum(len(i.masked_positions) for i in made)
    assert totals["tokens"] == sum(len(i.token_ids) for i in made)


@pytest.mark.parametrize("changes, message", [
    (dict(max_seq_length=4), "--max_seq_length=4 is out of range; it can be 5"),
    (dict(max_predictions_per_seq=0), "--max_predictions_per_seq=0"),
    (dict(masked_lm_prob=1.5), "--masked_lm_prob=1.5"),
    (dict(dupe_factor=0), "--dupe_factor=0"),
    (dict(random_seed=-1), "--random_seed=-1"),
    (dict(non_chinese=True, segmented_input=True), "--non_chinese and --segmented"),
    (dict(label_style="legacy", non_chinese=True), "--legacy_labels"),
    (dict(vocab_file="none.txt"), "none.txt"),
])
def test_settings_that_cannot_work_are_refused(changes, message):
    with pytest.raises(errors.InputError, match=message):
        instances.RecordMaker(DEFAULTS._replace(**changes))
