"""From the text of a document to its records: what the local program and Beam share.

What a document gives depends on its text, the seed and the settings alone: not on the
documents around it, the number of workers or where a run was interrupted.
"""

import collections
import functools
import itertools
import random
import re

import corpus
import data_report
import errors
import masking
import records
import segmentation
import tokenization

# Everything that the records depend on. label_style: "plain", or "legacy" for the `##`
# targets that continue a published layout-B model. user_dict and spm_model_file may be
# None. dynamic_masking: word boundaries instead of masks.
Settings = collections.namedtuple("Settings", [
    "vocab_file", "spm_model_file", "do_lower_case", "max_seq_length",
    "max_predictions_per_seq", "masked_lm_prob", "short_seq_prob", "dupe_factor",
    "random_seed", "mask_strategy", "ngram", "favor_shorter_ngram", "label_style",
    "segmenter", "user_dict", "segmented_input", "non_chinese", "dynamic_masking"])

# word_ends: number of tokens up to the end of each word; unknowns: the texts of the
# unknown tokens.
Line = collections.namedtuple(
    "Line", ["token_ids", "label_ids", "word_ends", "unknowns"])

_MAX_REMEMBERED_LINES = 1 << 11
_MAX_REMEMBERED_RUNS = 1 << 12
# Runs of characters each of which WordPiece makes a token, whatever stands around it;
# and other runs.
_PLAIN = "\u4e00-\u9fff，。、；：！？（）《》“”‘’…—"
_RUNS = re.compile("([%s]+)|[^%s]+" % (_PLAIN, _PLAIN))
_SMALLEST_LENGTH = 5  # [CLS] A [SEP] B [SEP]


def check_settings(settings):
    """Raises InputError for values out of range and settings that exclude others."""
    ranges = [("max_seq_length", _SMALLEST_LENGTH, 1 << 16),
              ("max_predictions_per_seq", 1, settings.max_seq_length),
              ("masked_lm_prob", 0, 1), ("short_seq_prob", 0, 1),
              ("dupe_factor", 1, 1 << 16), ("ngram", 1, 64),
              ("random_seed", 0, (1 << 53) - 1)]
    for name, low, high in ranges:
        value = getattr(settings, name)
        if not low <= value <= high:
            raise errors.InputError("--%s=%s is out of range; it can be %s to %s"
                                    % (name, value, low, high))
    exclusive = [
        ("non_chinese", "segmented_input", "words are then found by WordPiece"),
        ("non_chinese", "user_dict", "no segmenter runs"),
        ("segmented_input", "user_dict", "no segmenter runs")]
    for first, second, reason in exclusive:
        if getattr(settings, first) and getattr(settings, second):
            raise errors.InputError("--%s and --%s exclude each other: %s"
                                    % (first, second, reason))
    has_no_targets = settings.dynamic_masking or settings.spm_model_file
    if settings.label_style == "legacy" and (has_no_targets or settings.non_chinese):
        raise errors.InputError(
            "--legacy_labels writes the `##` targets of Chinese WordPiece models; it "
            "cannot go with --non_chinese, --spm_model_file or --dynamic_masking")


def fields(settings):
    """{name: (type, length)} of the records that these settings give."""
    if settings.dynamic_masking:
        return records.unmasked_fields(settings.max_seq_length)
    return records.pretraining_fields(settings.max_seq_length,
                                      settings.max_predictions_per_seq)


class LineEncoder:
    """Lines to token ids and word ends; remembers the lines it met last."""

    def __init__(self, settings, tokenizer, vocabulary):
        self._tokenizer = tokenizer
        self._twin_ids = vocabulary.twin_ids
        self._unknown_id = next(
            tokenizer.vocab[token] for token in ("[UNK]", "<unk>")
            if token in tokenizer.vocab)
        self._char_ids = None if settings.spm_model_file else _CharacterIds(tokenizer)
        self.segment = _find_segmenter(settings)
        if settings.label_style == "legacy":
            encode = self._encode_legacy
        elif settings.non_chinese:
            encode = (self._encode_blanks if settings.spm_model_file
                      else self._encode_pieces)
        else:
            encode = self._encode_segmented
        self.encode = functools.lru_cache(_MAX_REMEMBERED_LINES)(encode)
        self._find_ids = functools.lru_cache(_MAX_REMEMBERED_RUNS)(self._find_ids)

    def _encode_segmented(self, text):
        """Words of the segmenter; a token across a word's end joins the two words."""
        ids, starts = self._find_tokens(text)
        word_ends = frozenset(itertools.accumulate(map(len, self.segment(text))))
        ends = [index for index, start in enumerate(starts) if start in word_ends]
        if len(set(starts)) < len(starts) or ends and not ends[0]:
            # A character that becomes several tokens is not cut, and a line does not
            # begin with the end of a word.
            ends = [end for end in ends if end and starts[end] != starts[end - 1]]
        return self._line(ids, ends + [len(ids)], text, starts)

    def _encode_pieces(self, text):
        """Words of WordPiece: `##` goes on."""
        return self._encode_tokens(text, lambda token: not token.startswith("##"))

    def _encode_blanks(self, text):
        """Words of SentencePiece: the mark of a blank begins one."""
        return self._encode_tokens(
            text, lambda token: token.startswith(tokenization.WORD_BOUNDARY))

    def _encode_tokens(self, text, begins_word):
        ids, starts = self._find_tokens(text)
        tokens = self._tokenizer.convert_ids_to_tokens(ids)
        ends = [index for index in range(1, len(ids)) if begins_word(tokens[index])]
        return self._line(ids, ends + [len(ids)], text, starts)

    def _encode_legacy(self, text):
        """The ancestors' words, and `##` targets for all but their first characters."""
        ids, starts = self._find_tokens(text)
        ends = masking.ancestor_word_ends(
            self._tokenizer.convert_ids_to_tokens(ids), self.segment)
        begins = frozenset([0] + ends)
        labels = [id_ if index in begins else self._twin_ids.get(id_, id_)
                  for index, id_ in enumerate(ids)]
        return self._line(ids, ends, text, starts)._replace(label_ids=labels)

    def _find_tokens(self, text):
        """-> ids of the tokens, and the places in `text` where they begin."""
        if self._char_ids is None:
            return self._find_ids(text)
        ids, starts = [], []
        for run in _RUNS.finditer(text):
            begin, end = run.span()
            if run.lastindex:
                ids += map(self._char_ids.__getitem__, run.group())
                starts += range(begin, end)
            else:
                run_ids, run_starts = self._find_ids(run.group())
                ids += run_ids
                starts += [begin + start for start in run_starts]
        return ids, starts

    def _find_ids(self, text):
        spans = self._tokenizer.tokenize_with_offsets(text)
        return (self._tokenizer.convert_tokens_to_ids([token for token, _, _ in spans]),
                [start for _, start, _ in spans])

    def _line(self, ids, word_ends, text, starts):
        unknowns = ()
        if self._unknown_id in ids:
            places = starts + [len(text)]
            unknowns = tuple(
                text[places[index]:places[index + 1]].strip()
                for index, id_ in enumerate(ids) if id_ == self._unknown_id)
        return Line(ids, ids, word_ends, unknowns)


class _CharacterIds(dict):
    """Id of the one token that a character of _PLAIN is."""

    def __init__(self, tokenizer):
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, char):
        [self[char]] = self._tokenizer.convert_tokens_to_ids(
            self._tokenizer.tokenize(char))
        return self[char]


def _find_segmenter(settings):
    if settings.non_chinese:
        return None
    if settings.segmented_input:
        return segmentation.split_at_blanks
    return segmentation.segmenter(settings.segmenter, settings.user_dict)


class RecordMaker:
    """Documents to serialised tf.Examples; `counts` says what was met and made."""

    def __init__(self, settings):
        """Raises: InputError for a vocabulary or a segmenter that cannot be used."""
        check_settings(settings)
        self._settings = settings
        tokenizer = tokenization.FullTokenizer(
            settings.vocab_file, settings.do_lower_case, settings.spm_model_file)
        self._vocabulary = masking.describe_vocabulary(tokenizer.vocab)
        self.lines = LineEncoder(settings, tokenizer, self._vocabulary)
        self._has_token_words = (settings.mask_strategy == "token"
                                 and not settings.dynamic_masking)
        ngram = settings.ngram if settings.mask_strategy == "ngram" else 1
        self._masker = masking.Masker(
            self._vocabulary, ngram, settings.masked_lm_prob,
            settings.max_predictions_per_seq, settings.favor_shorter_ngram)
        self.encoder = records.ExampleEncoder(
            fields(settings), max(tokenizer.vocab.values()) + 1)
        self._random = random.Random()
        self.counts = data_report.Counts()

    def records(self, lines):
        """The lines of one document -> [bytes], duplicate after duplicate."""
        return [self.encoder.encode(instance) for instance in self.instances(lines)]

    def instances(self, lines):
        """The lines of one document -> [masking.Instance | UnmaskedInstance]"""
        return self.make_instances(self.encode_document(lines), lines)

    def make_instances(self, document, lines):
        """The instances of a document that `encode_document` gave for these lines."""
        settings = self._settings
        key = corpus.document_key(lines, settings.random_seed)
        max_tokens = settings.max_seq_length - 3
        draw = self._random.random
        instances = []
        for duplicate in range(settings.dupe_factor):
            self._random.seed(key + duplicate)
            for pair in masking.make_pairs(
                    document, max_tokens, settings.short_seq_prob,
                    self._vocabulary.clause_ids, draw):
                if settings.dynamic_masking:
                    instances.append(self._masker.assemble(document, pair))
                else:
                    instances.append(self._masker.mask(document, pair, draw))
        self.counts.add_instances(instances, self._vocabulary.mask_id)
        return instances

    def encode_document(self, lines):
        """[line] -> masking.Document, no sentence of which is longer than a pair."""
        token_ids, label_ids, word_starts, sentence_ends, unknowns = [], [], [0], [], []
        for text in lines:
            line = self.lines.encode(text)
            begin = len(token_ids)
            if not line.token_ids:
                continue
            token_ids += line.token_ids
            label_ids += line.label_ids
            unknowns += line.unknowns
            word_ends = line.word_ends
            if self._has_token_words:
                word_ends = range(1, len(line.token_ids) + 1)
            word_starts += [begin + end for end in word_ends]
            sentence_ends.append(len(word_starts) - 1)
        self.counts.add_document(lines, len(token_ids), unknowns)
        is_maskable = b"\1" * (len(word_starts) - 1)
        if unknowns:
            special = self._vocabulary.special_ids
            is_maskable = bytes(
                special.isdisjoint(token_ids[begin:end])
                for begin, end in zip(word_starts, word_starts[1:]))
        if self._settings.label_style == "plain":
            label_ids = token_ids
        document = masking.Document(token_ids, label_ids, word_starts, is_maskable,
                                    sentence_ends)
        return masking.cut_long_sentences(
            document, self._settings.max_seq_length - 3, self._vocabulary.clause_ids)


@functools.lru_cache(maxsize=1)
def record_maker(settings):
    """The one RecordMaker of a process: dictionaries take a second to load."""
    return RecordMaker(settings)
