"""From the tokens of a document to masked sentence-order pairs.

Pure Python. A document is one flat list of token ids; words, sentences and pairs are
ranges in it, so that ten duplicates of a document cost little more than one. Word
boundaries stand in a list of their own; no token is ever altered to mark them.

Every function that chooses takes `random`, a callable that returns the next float in
[0, 1): the same sequence of floats gives the same instances.

Sources: Devlin et al. 2018 (80/10/10), Lan et al. 2019, section 3.1 (sentence order,
n-grams with probability 1/n), Joshi et al. 2019 (spans of whole words).
"""

import bisect
import collections
import itertools
import re

STRATEGIES = ("token", "wwm", "ngram")
IN_ORDER, SWAPPED = 0, 1

# token_ids and label_ids [T]: what stands there, and what is to be predicted there (the
# same list but for legacy labels). word_starts [W + 1]: where each word begins, then T.
# is_maskable [W]. sentence_ends: the number of words up to the end of each sentence.
Document = collections.namedtuple(
    "Document",
    ["token_ids", "label_ids", "word_starts", "is_maskable", "sentence_ends"])

# Two neighbouring ranges of words of one document, `first` being what comes first in
# the instance.
Pair = collections.namedtuple("Pair", ["first", "second", "is_swapped"])

# token_ids with [CLS] and [SEP]; first_length counts [CLS] A [SEP]. group_lengths:
# words in each masked group; word_lengths: tokens in each masked word.
Instance = collections.namedtuple(
    "Instance",
    ["token_ids", "first_length", "is_swapped", "masked_positions", "masked_labels",
     "num_kept", "group_lengths", "word_lengths"])

# An instance that is masked when it is read. boundaries: 1 where a word begins and on
# [CLS] and [SEP].
UnmaskedInstance = collections.namedtuple(
    "UnmaskedInstance", ["token_ids", "first_length", "is_swapped", "boundaries"])

# ordinary_ids: what may replace a masked token. clause_ids: marks after which a
# sentence may be cut in two. twin_ids: id of a Han character -> id of its `##` row.
Vocabulary = collections.namedtuple(
    "Vocabulary",
    ["cls_id", "sep_id", "mask_id", "special_ids", "ordinary_ids", "clause_ids",
     "twin_ids"])

_SPECIAL = re.compile(r"\[[^\]]+\]$|<[^>]+>$")
_HAN_PIECE = re.compile(
    "##[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]$")
_CLAUSE_MARKS = "，。、；：！？,;:!?…"


def describe_vocabulary(vocab):
    """{token: id} -> Vocabulary. No input token is `##` before a Han character."""
    special = {id_ for token, id_ in vocab.items() if _SPECIAL.match(token)}
    twins = {vocab[token[2:]]: id_ for token, id_ in vocab.items()
             if _HAN_PIECE.match(token) and token[2:] in vocab}
    never_seen = special | {id_ for token, id_ in vocab.items()
                            if not token or _HAN_PIECE.match(token)}
    return Vocabulary(
        vocab["[CLS]"], vocab["[SEP]"], vocab["[MASK]"], frozenset(special),
        sorted(set(vocab.values()) - never_seen),
        frozenset(vocab[mark] for mark in _CLAUSE_MARKS if mark in vocab), twins)


def ancestor_word_ends(tokens, segment):
    """Where words end (in tokens) by the ancestors' rule, for legacy labels.

    The joined tokens are cut by `segment`; from left to right the longest run of three,
    two or one tokens that is any word of the sentence, anywhere, becomes a word.
    """
    words = set(segment("".join(tokens)))
    ends = []
    start = 0
    while start < len(tokens):
        size = 1
        if _is_han(tokens[start]):
            size = next((n for n in (3, 2)
                         if start + n <= len(tokens)
                         and "".join(tokens[start:start + n]) in words), 1)
        start += size
        ends.append(start)
    return ends


def _is_han(token):
    return len(token) == 1 and "\u4e00" <= token <= "\u9fff"


def cut_long_sentences(document, max_tokens, clause_ids):
    """The document with ends added inside sentences of more than `max_tokens` tokens.

    Cuts after the last clause mark that fits, else after the last whole word.
    """
    starts, tokens = document.word_starts, document.token_ids
    ends = []
    first = 0
    for end in document.sentence_ends:
        while starts[end] - starts[first] > max_tokens:
            limit = bisect.bisect_right(starts, starts[first] + max_tokens, first) - 1
            cut = max(limit, first + 1)
            marks = (w for w in range(cut, first, -1)
                     if tokens[starts[w] - 1] in clause_ids)
            first = next(marks, cut)
            if first < end:
                ends.append(first)
            else:
                break
        ends.append(end)
        first = end
    return document._replace(sentence_ends=ends)


def make_pairs(document, max_tokens, short_seq_prob, clause_ids, random):
    """Yields Pair: neighbours of one document, swapped with probability one half.

    Sentences are gathered until they fill a target length: `max_tokens`, or with
    probability `short_seq_prob` a random one from 2 on. What was gathered is cut in two
    at a random sentence end, or, if it is one sentence, at a random clause mark. A
    sentence that cannot be cut grows by the next one; at the document's end it is lost.
    """
    starts, tokens = document.word_starts, document.token_ids
    target = max_tokens
    if random() < short_seq_prob:
        target = 2 + int(random() * (max_tokens - 1))
    begin = 0
    cuts = []
    for end in document.sentence_ends:
        if starts[end] - starts[begin] < target and end != document.sentence_ends[-1]:
            cuts.append(end)
            continue
        cuts = cuts or [word for word in range(begin + 1, end)
                        if tokens[starts[word] - 1] in clause_ids]
        if not cuts:
            cuts = [end]
            continue
        cut = cuts[int(random() * len(cuts))]
        pair = _truncate(starts, begin, cut, end, max_tokens, random)
        if pair:
            yield pair
        begin, cuts = end, []


def _truncate(starts, begin, cut, end, max_tokens, random):
    """Words begin..cut..end -> a Pair of at most `max_tokens` tokens, or None.

    The longer side (the second on a tie) loses whole words, each from its front or its
    back with equal probability. None: a side consists of one word that is too long.
    """
    first, second = [begin, cut], [cut, end]
    length_first = starts[cut] - starts[begin]
    length_second = starts[end] - starts[cut]
    while length_first + length_second > max_tokens:
        side = first if length_first > length_second else second
        if random() < 0.5:
            side[0] += 1
        else:
            side[1] -= 1
        length_first = starts[first[1]] - starts[first[0]]
        length_second = starts[second[1]] - starts[second[0]]
    if not length_first or not length_second:
        return None
    if random() < 0.5:
        return Pair(second, first, SWAPPED)
    return Pair(first, second, IN_ORDER)


class Masker:
    """Masks pairs by one strategy.

    `token` and `wwm` mask words one by one (for `token` the document's words are its
    tokens). `ngram` masks runs of n <= `ngram` words, n being drawn with probability
    proportional to 1/n, or to 1/(ngram + 1 - n) if not `favor_shorter`. A run ends
    early at a [SEP], at a word that cannot be masked or where the budget ends.
    """

    def __init__(self, vocabulary, ngram, masked_lm_prob, max_predictions,
                 favor_shorter=True):
        self._vocabulary = vocabulary
        self._masked_lm_prob = masked_lm_prob
        self._max_predictions = max_predictions
        weights = [1.0 / n for n in range(1, ngram + 1)]
        if not favor_shorter:
            weights.reverse()
        total = sum(weights)
        self._thresholds = list(itertools.accumulate(w / total for w in weights))[:-1]

    def assemble(self, document, pair):
        """The UnmaskedInstance of a pair."""
        tokens, first_length = self._tokens(document.token_ids, document, pair)
        boundaries = bytearray(len(tokens))
        starts = document.word_starts
        for (first, last), begin in ((pair.first, 1), (pair.second, first_length)):
            for word in range(first, last):
                boundaries[begin + starts[word] - starts[first]] = 1
        boundaries[0] = boundaries[first_length - 1] = boundaries[-1] = 1
        return UnmaskedInstance(tokens, first_length, pair.is_swapped, boundaries)

    def mask(self, document, pair, random):
        """An Instance with at most min(P, max(1, round(T * masked_lm_prob))) masks."""
        tokens, first_length = self._tokens(document.token_ids, document, pair)
        labels = tokens
        if document.label_ids is not document.token_ids:
            labels, _ = self._tokens(document.label_ids, document, pair)
        budget = min(self._max_predictions,
                     max(1, int(round(len(tokens) * self._masked_lm_prob))))
        starts = document.word_starts
        offset_first = 1 - starts[pair.first[0]]
        offset_second = first_length - starts[pair.second[0]]
        positions, group_lengths, word_lengths = [], [], []
        for first, last in self._choose_runs(document, pair, budget, random):
            offset = (offset_first if pair.first[0] <= first < pair.first[1]
                      else offset_second)
            positions += range(starts[first] + offset, starts[last] + offset)
            group_lengths.append(last - first)
            for word in range(first, last):
                word_lengths.append(starts[word + 1] - starts[word])
        positions.sort()
        masked_labels = [labels[position] for position in positions]
        num_kept = self._replace(tokens, positions, random)
        return Instance(tokens, first_length, pair.is_swapped, positions, masked_labels,
                        num_kept, group_lengths, word_lengths)

    def _tokens(self, ids, document, pair):
        starts, vocabulary = document.word_starts, self._vocabulary
        first = ids[starts[pair.first[0]]:starts[pair.first[1]]]
        second = ids[starts[pair.second[0]]:starts[pair.second[1]]]
        tokens = [vocabulary.cls_id] + first
        tokens.append(vocabulary.sep_id)
        tokens += second
        tokens.append(vocabulary.sep_id)
        return tokens, len(first) + 2

    def _choose_runs(self, document, pair, budget, random):
        """[(first word, word after the last)], at random, of up to `budget` tokens."""
        starts = document.word_starts
        is_free = bytearray(document.is_maskable)
        first_begin, first_end = pair.first
        second_begin, second_end = pair.second
        order = list(range(first_begin, first_end))
        order += range(second_begin, second_end)
        num_left = len(order)
        thresholds = self._thresholds
        runs = []
        # One step of a Fisher-Yates shuffle a time: most words are never asked for.
        while num_left and budget:
            place = int(random() * num_left)
            num_left -= 1
            word = end = order[place]
            order[place] = order[num_left]
            limit = first_end if first_begin <= word < first_end else second_end
            size = bisect.bisect_right(thresholds, random()) + 1 if thresholds else 1
            limit = min(limit, word + size)
            room = starts[word] + budget
            while end < limit and is_free[end] and starts[end + 1] <= room:
                is_free[end] = 0
                end += 1
            if end > word:
                runs.append((word, end))
                budget = room - starts[end]
        return runs

    def _replace(self, tokens, positions, random):
        """80 % [MASK], 10 % the token itself, 10 % an ordinary one; counts the kept."""
        mask_id, ordinary = self._vocabulary.mask_id, self._vocabulary.ordinary_ids
        num_kept = 0
        for position in positions:
            draw = random()
            if draw < 0.8:
                tokens[position] = mask_id
            elif draw < 0.9:
                num_kept += 1
            else:
                tokens[position] = ordinary[int((draw - 0.9) * 10 * len(ordinary))]
        return num_kept
