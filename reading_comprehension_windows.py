"""Questions on passages to windows that a model can read, and back to characters.

A window is [CLS] question [SEP] part of the passage [SEP]. A passage that is too long
gets several, of one length and `doc_stride` tokens apart, the last at its end. A span of
the passage belongs to the window in which it has most context on its poorer side, and
only there it may be the answer; so what is whole in any window is whole in its own.
"""

import collections

import numpy as np

import errors
import features

NUM_SPECIAL = 3  # [CLS], [SEP], [SEP]

# ids [T]; starts, ends [T]: the characters of the original text that a token came from.
Passage = collections.namedtuple("Passage", ["text", "ids", "starts", "ends"])
# question: its index; first, length: the passage's tokens in the window; own_begin,
# own_end: spans belong to it whose first and last token add up to something between.
Window = collections.namedtuple(
    "Window", ["question", "first", "length", "own_begin", "own_end"])
# What the answer of a question is in tokens: first to last, and whether the text cut out
# again is the answer without the white space around it.
Target = collections.namedtuple("Target", ["first", "last", "is_exact"])


def check_sizes(options):
    """Raises errors.InputError for lengths with which tokens would be in no window."""
    room = options.max_seq_length - options.max_query_length - NUM_SPECIAL
    if options.doc_stride > room:
        raise errors.InputError(
            "--doc_stride=%d skips tokens: with --max_seq_length=%d and "
            "--max_query_length=%d a window has room for %d tokens of the passage. Lower "
            "--doc_stride or --max_query_length." % (
                options.doc_stride, options.max_seq_length, options.max_query_length,
                max(room, 0)))


def cut(num_tokens, room, stride):
    """[(first, length, own_begin, own_end)] of the windows over a passage.

    Windows are of one length, so a span has most context where the centre is nearest.
    """
    length = min(room, num_tokens)
    firsts = list(range(0, num_tokens - length, stride)) + [num_tokens - length]
    borders = [a + b + length for a, b in zip(firsts, firsts[1:])]
    return [(first, length, own_begin, own_end) for first, own_begin, own_end in zip(
        firsts, [0] + borders, borders + [2 * num_tokens])]


class Windows(object):
    """The windows of questions, in their order.

    Args:
      questions: [reading_comprehension_data.Question].
      tokenizer: a tokenization.FullTokenizer.
      options: has max_seq_length, max_query_length, doc_stride.
      convert: character -> character, what the model reads instead of the original.

    `windows` is [Window]; a passage is tokenized once for all its questions. Raises
    errors.InputError for a passage without tokens.
    """

    def __init__(self, questions, tokenizer, options, convert=None):
        self._tokenizer = tokenizer
        self._convert = convert or (lambda text: text)
        self._cls, self._sep = tokenizer.convert_tokens_to_ids(["[CLS]", "[SEP]"])
        self._passages = {}
        self.questions = questions
        self.question_ids, self.windows = [], []
        for index, question in enumerate(questions):
            tokens = tokenizer.tokenize(self._convert(question.text))
            ids = tokenizer.convert_tokens_to_ids(tokens[:options.max_query_length])
            self.question_ids.append(np.array(ids, np.int32))
            room = options.max_seq_length - len(ids) - NUM_SPECIAL
            self.windows += [Window(index, *window) for window in cut(
                len(self.passage(index).ids), room, options.doc_stride)]

    def passage(self, index):
        """The Passage of a question."""
        text = self.questions[index].passage
        if text not in self._passages:
            self._passages[text] = self._encode(text, self.questions[index].id)
        return self._passages[text]

    def _encode(self, text, id_):
        tokens = self._tokenizer.tokenize_with_offsets(self._convert(text))
        if not tokens:
            raise errors.InputError(
                "Question %s: its passage %r holds nothing that can be read." % (
                    id_, text[:40]))
        ids = self._tokenizer.convert_tokens_to_ids([token for token, _, _ in tokens])
        starts, ends = zip(*[(start, end) for _, start, end in tokens])
        return Passage(text, *[np.array(a, np.int32) for a in (ids, starts, ends)])

    def target(self, index):
        """Target of the first answer that stands in the passage, None without one."""
        question = self.questions[index]
        if not question.is_impossible:
            for answer in question.answers:
                found = self.target_of(index, answer)
                if found:
                    return found
        return None

    def target_of(self, index, answer):
        """Target of one answer, None where it stands nowhere or nothing in it is read.

        An answer that begins or ends inside of a token is widened to whole ones.
        """
        if answer.start is None:
            return None
        passage, text = self.passage(index), answer.text.strip()
        start = answer.start + answer.text.index(text)
        first = int(np.searchsorted(passage.ends, start, "right"))
        last = int(np.searchsorted(passage.starts, start + len(text), "left")) - 1
        if first > last:
            return None
        return Target(first, last, self.text(index, first, last) == text)

    def text(self, index, first, last):
        """The characters from a token of the passage to another, as they stand there."""
        passage = self.passage(index)
        return passage.text[passage.starts[first]:passage.ends[last]]

    def offset(self, window):
        """Where the window's part of the passage begins among its input ids."""
        return len(self.question_ids[window.question]) + 2

    def row(self, number, target):
        """The features of window `number`; positions are 0 where the target is not
        whole in it."""
        window = self.windows[number]
        ids = self.passage(window.question).ids[window.first:window.first + window.length]
        question = self.question_ids[window.question]
        whole = [self._cls] + list(question) + [self._sep] + list(ids) + [self._sep]
        start = end = 0
        if (target and window.first <= target.first
                and target.last < window.first + window.length):
            shift = self.offset(window) - window.first
            start, end = target.first + shift, target.last + shift
        return {"input_ids": whole, "input_mask": [1] * len(whole),
                "segment_ids": [0] * (len(question) + 2) + [1] * (len(ids) + 1),
                "start_positions": start, "end_positions": end, "is_real_example": 1,
                "example_index": number}

    def num_tokens(self, number):
        """The length of a window's input ids."""
        window = self.windows[number]
        return self.offset(window) + window.length + 1

    def fingerprint(self):
        """Changes with anything that the rows depend on but the vocabulary."""
        texts = sorted(self._passages)
        places = {text: place for place, text in enumerate(texts)}
        return features.fingerprint(
            [self._convert(text) for text in texts],
            [[self._convert(q.text), places[q.passage], q.answers, q.is_impossible]
             for q in self.questions], self.windows)
