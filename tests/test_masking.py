"""Pairs and masks: what holds for every instance, and what holds on average."""

import collections
import random

import pytest

import masking

WORDS = ["%s%s" % (a, b) for a in "天地玄黄宇宙洪荒" for b in "日月盈昃辰宿列张"]
CHARACTERS = sorted(set("".join(WORDS)))
VOCAB = {token: id_ for id_, token in enumerate(
    ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<S>", "", "，", "。",
     "["] + CHARACTERS + ["##" + char for char in CHARACTERS] + ["##ing", "run"])}
VOCABULARY = masking.describe_vocabulary(VOCAB)
TOKENS = {id_: token for token, id_ in VOCAB.items()}
SPECIAL = {VOCAB[token] for token in ("[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]",
                                      "[MASK]", "<S>")}


def make_document(sentences, unknown=()):
    """[[word, ...], ...] -> masking.Document; words in `unknown` are [UNK]."""
    ids, starts, ends, maskable = [], [0], [], []
    for sentence in sentences:
        for word in sentence:
            ids += [VOCAB["[UNK]"]] if word in unknown else [VOCAB[c] for c in word]
            starts.append(len(ids))
            maskable.append(word not in unknown)
        ends.append(len(starts) - 1)
    return masking.Document(ids, ids, starts, bytes(maskable), ends)


def random_document(rng, num_sentences=6):
    sentences = [[rng.choice(WORDS + CHARACTERS) for _ in range(rng.randint(2, 9))]
                 + ["。"] for _ in range(num_sentences)]
    return make_document(sentences, unknown={"宇日"})


def instances(num_documents, max_tokens=40, ngram=3, seed=1, **options):
    rng = random.Random(seed)
    masker = masking.Masker(VOCABULARY, ngram, 0.15, 8, **options)
    for _ in range(num_documents):
        document = random_document(rng)
        for pair in masking.make_pairs(document, max_tokens, 0.1, VOCABULARY.clause_ids,
                                       rng.random):
            yield document, pair, masker.mask(document, pair, rng.random)


def unmasked(instance):
    tokens = list(instance.token_ids)
    for position, label in zip(instance.masked_positions, instance.masked_labels):
        tokens[position] = label
    return tokens


def words_of(document, pair):
    """[(position, tokens)] of the words of an instance."""
    found = []
    position = 1
    for first, last in (pair.first, pair.second):
        for word in range(first, last):
            begin, end = document.word_starts[word:word + 2]
            found.append((position, document.token_ids[begin:end]))
            position += end - begin
        position += 1
    return found


def test_instances_are_cls_a_sep_b_sep_within_the_length():
    for _, _, instance in instances(200):
        tokens = instance.token_ids
        assert len(tokens) <= 43
        assert tokens[0] == VOCAB["[CLS]"]
        assert tokens[instance.first_length - 1] == tokens[-1] == VOCAB["[SEP]"]
        assert tokens.count(VOCAB["[SEP]"]) == 2
        assert 2 < instance.first_length < len(tokens) - 1


def test_unswapped_pairs_are_in_the_order_of_the_text():
    for _, pair, _ in instances(200):
        first, second = pair.first, pair.second
        if pair.is_swapped:
            first, second = second, first
        assert first[0] < first[1] <= second[0] < second[1]


def test_untruncated_pairs_are_neighbours_and_lose_no_text():
    rng = random.Random(3)
    for _ in range(50):
        document = random_document(rng)
        [(first, second, is_swapped)] = masking.make_pairs(
            document, 10 ** 6, 0.0, frozenset(), rng.random)
        first, second = (second, first) if is_swapped else (first, second)
        assert first[0] == 0 and first[1] == second[0]
        assert second[1] == len(document.word_starts) - 1
        assert first[1] in document.sentence_ends


def test_half_of_the_pairs_are_swapped():
    swapped = [pair.is_swapped for _, pair, _ in instances(1500)]
    assert abs(sum(swapped) / len(swapped) - 0.5) < 3 * 0.5 / len(swapped) ** 0.5


def test_labels_are_what_stood_there():
    for document, pair, instance in instances(200):
        tokens = unmasked(instance)
        for position, word in words_of(document, pair):
            assert tokens[position:position + len(word)] == word


def test_a_word_is_masked_whole_or_not_at_all_and_never_a_special_token():
    for document, pair, instance in instances(200):
        masked = set(instance.masked_positions)
        covered = set()
        for position, word in words_of(document, pair):
            places = set(range(position, position + len(word)))
            assert places <= masked or not places & masked
            covered |= places & masked
        assert covered == masked
        assert not SPECIAL & set(instance.masked_labels)
        assert instance.masked_positions == sorted(masked)


def test_the_number_of_masks_keeps_to_the_budget_and_comes_near_it():
    for _, _, instance in instances(200):
        budget = min(8, max(1, int(round(len(instance.token_ids) * 0.15))))
        assert budget - 1 <= len(instance.masked_positions) <= budget


def test_ngrams_do_not_cross_the_separator():
    masker = masking.Masker(VOCABULARY, 3, 1.0, 100)
    document = make_document([["天日", "地月"], ["玄盈", "黄昃"]])
    rng = random.Random(5)
    for _ in range(100):
        pair = masking.Pair((0, 2), (2, 4), masking.IN_ORDER)
        instance = masker.mask(document, pair, rng.random)
        assert max(instance.group_lengths) <= 2
        assert 5 not in instance.masked_positions


def test_80_10_10_within_three_sigma():
    counts = collections.Counter()
    for document, pair, instance in instances(1500):
        for position, label in zip(instance.masked_positions, instance.masked_labels):
            token = instance.token_ids[position]
            counts["mask" if token == VOCAB["[MASK]"] else
                   "same" if token == label else "random"] += 1
    total = sum(counts.values())
    num_ordinary = len(VOCABULARY.ordinary_ids)
    # A random replacement may be the token itself.
    for kind, share in [("mask", 0.8), ("same", 0.1 + 0.1 / num_ordinary),
                        ("random", 0.1 - 0.1 / num_ordinary)]:
        sigma = (share * (1 - share) / total) ** 0.5
        assert abs(counts[kind] / total - share) < 3 * sigma, kind


def test_replacements_are_ordinary_tokens():
    ordinary = {TOKENS[id_] for id_ in VOCABULARY.ordinary_ids}
    assert not ordinary & {TOKENS[id_] for id_ in SPECIAL}
    assert "" not in ordinary and "##" + CHARACTERS[0] not in ordinary
    assert {"##ing", "run", "[", "，", CHARACTERS[0]} <= ordinary
    for document, pair, instance in instances(200):
        before = unmasked(instance)
        for position in instance.masked_positions:
            token = instance.token_ids[position]
            assert (token in VOCABULARY.ordinary_ids or token == before[position]
                    or token == VOCAB["[MASK]"])


def test_short_ngrams_are_the_likeliest_and_long_ones_on_wish():
    def lengths(**options):
        groups = collections.Counter()
        for _, _, instance in instances(600, **options):
            groups.update(instance.group_lengths)
        return groups
    short, words, long = lengths(), lengths(ngram=1), lengths(favor_shorter=False)
    assert short[1] > short[2] > short[3] > 0
    assert set(words) == {1}
    assert long[3] > short[3] and long[1] < short[1]


def test_drawn_ngram_lengths_follow_one_over_n_where_nothing_limits_them():
    document = make_document([["天"] * 3000, ["地"] * 3000])
    masker = masking.Masker(VOCABULARY, 3, 0.03, 10 ** 6)
    rng = random.Random(9)
    groups = collections.Counter()
    for _ in range(30):
        groups.update(masker.mask(document, masking.Pair((0, 3000), (3000, 6000), 0),
                                  rng.random).group_lengths)
    total = sum(groups.values())
    for length, share in [(1, 6 / 11), (2, 3 / 11), (3, 2 / 11)]:
        assert abs(groups[length] / total - share) < 0.05


def test_one_sentence_is_cut_at_a_clause_mark():
    document = make_document([["天日", "，", "地月", "。"]])
    [pair] = masking.make_pairs(document, 20, 0.0, VOCABULARY.clause_ids,
                                random.Random(1).random)
    assert sorted([pair.first, pair.second]) == [[0, 2], [2, 4]]


def test_a_sentence_that_cannot_be_cut_gives_nothing():
    document = make_document([["天日", "地月", "。"]])
    assert not list(masking.make_pairs(document, 20, 0.0, VOCABULARY.clause_ids,
                                       random.Random(1).random))


def test_long_sentences_are_cut_after_marks_or_else_after_words():
    document = make_document([["天日", "，"] * 4 + ["地月"] * 10])
    document = masking.cut_long_sentences(document, 7, VOCABULARY.clause_ids)
    starts = [0] + document.sentence_ends
    lengths = [document.word_starts[b] - document.word_starts[a]
               for a, b in zip(starts, starts[1:])]
    assert document.sentence_ends == [4, 8, 11, 14, 17, 18]
    assert max(lengths) <= 7


def test_a_word_longer_than_a_pair_stands_alone_and_gives_no_pair():
    long_word = "天" * 30
    document = make_document([[long_word], ["地月", "玄盈"]])
    document = masking.cut_long_sentences(document, 10, VOCABULARY.clause_ids)
    assert document.sentence_ends == [1, 3]
    assert not list(masking.make_pairs(document, 10, 0.0, VOCABULARY.clause_ids,
                                       random.Random(1).random))


def test_boundaries_mark_words_and_special_tokens():
    masker = masking.Masker(VOCABULARY, 3, 0.15, 8)
    document = make_document([["天日", "，"], ["地月", "玄"]])
    instance = masker.assemble(document, masking.Pair((2, 4), (0, 2), masking.SWAPPED))
    assert [TOKENS[id_] for id_ in instance.token_ids] == [
        "[CLS]", "地", "月", "玄", "[SEP]", "天", "日", "，", "[SEP]"]
    assert list(instance.boundaries) == [1, 1, 0, 1, 1, 1, 0, 1, 1]


def test_the_same_draws_give_the_same_instances_on_every_python():
    found = [instance for _, _, instance in instances(2, seed=7)]
    assert found == [instance for _, _, instance in instances(2, seed=7)]
    assert found[0].masked_positions == [4, 5, 6, 7, 8, 23]


@pytest.mark.parametrize("tokens, words, ends", [
    ("一二三四", ["一二三四"], [1, 2, 3, 4]),  # four characters were no word
    ("一二三一二", ["一二三", "一二"], [3, 5]),
    ("一二三x", ["一", "二三", "x"], [1, 3, 4]),
    # A word of the sentence counts wherever it stands.
    ("一二三二三一", ["一二", "三", "二三", "一"], [2, 3, 5, 6]),
])
def test_legacy_words_are_the_ancestors(tokens, words, ends):
    assert masking.ancestor_word_ends(list(tokens), lambda text: words) == ends
