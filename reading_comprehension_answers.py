"""From probabilities of begins and ends to answers: best spans, over all windows.

The windows of a question compete: a span's score is the log-probability that its window
gives its begin and its end, where the first token of a window stands for "not here".
"""

import collections

import numpy as np

import reading_comprehension_scoring as scoring

# A span of the passage's tokens.
Span = collections.namedtuple("Span", ["score", "first", "last"])
# text, start (character in the passage) and probability of the best answers, best first.
# no_answer: how much likelier no answer is than the best one, in log-probabilities.
Answer = collections.namedtuple("Answer", ["candidates", "no_answer"])
Candidate = collections.namedtuple("Candidate", ["text", "start", "probability"])


def best_spans(starts, ends, window, max_length, most):
    """The best spans of those that belong to a window, best first.

    Args:
      starts, ends: [T] scores of the passage's tokens in the window.
      window: reading_comprehension_windows.Window.
      max_length: the most tokens of a span.
      most: how many to return at most.

    Returns: [Span].
    """
    max_length = min(max_length, len(ends))
    padded = np.concatenate([ends, np.full(max_length - 1, -np.inf, ends.dtype)])
    first = np.arange(len(ends))[:, None]
    last = first + np.arange(max_length)
    # [T, lengths]: the score of every span.
    scores = starts[:, None] + padded[last]
    middle = first + last + 2 * window.first
    scores[(middle < window.own_begin) | (middle >= window.own_end)] = -np.inf
    flat = scores.ravel()
    chosen = np.argpartition(-flat, min(most, len(flat)) - 1)[:most]
    return [Span(float(flat[i]), window.first + int(i) // max_length,
                 window.first + int(last[i // max_length, i % max_length]))
            for i in sorted(chosen, key=lambda i: (-flat[i], i)) if np.isfinite(flat[i])]


class Decoder(object):
    """Takes the windows of many questions, in any order; keeps their best spans only.

    Args:
      windows: reading_comprehension_windows.Windows.
      options: has max_answer_length and n_best_size.
    """

    def __init__(self, windows, options):
        self._windows = windows
        self._options = options
        self._spans = [[] for _ in windows.questions]
        self._no_answer = [np.inf] * len(windows.questions)

    def add(self, number, starts, ends):
        """Log-probabilities [S] of window `number`, as long as its ids or padded."""
        window = self._windows.windows[number]
        begin = self._windows.offset(window)
        end = begin + window.length
        index, most = window.question, self._options.n_best_size
        self._spans[index] += best_spans(
            starts[begin:end], ends[begin:end], window, self._options.max_answer_length,
            most)
        self._spans[index].sort(key=lambda span: (-span.score, span.first, span.last))
        del self._spans[index][most:]
        self._no_answer[index] = min(self._no_answer[index], float(starts[0] + ends[0]))

    def answers(self):
        """[Answer], one a question."""
        return [self.answer(index) for index in range(len(self._spans))]

    def answer(self, index):
        """Answer of a question; the same text counts once, where it is likeliest."""
        spans = self._spans[index]
        starts = self._windows.passage(index).starts
        found = collections.OrderedDict()
        for span in spans:
            text = self._windows.text(index, span.first, span.last)
            found.setdefault(text, Candidate(
                text, int(starts[span.first]), float(np.exp(span.score))))
        return Answer(list(found.values()), self._no_answer[index] - spans[0].score)


def choose(answers, questions, threshold):
    """{id: text}; "" where no answer is likelier than the best by more than `threshold`
    (None: every question is answered)."""
    return {question.id: "" if threshold is not None and answer.no_answer > threshold
            else answer.candidates[0].text
            for question, answer in zip(questions, answers)}


def find_threshold(answers, questions, metric):
    """The threshold with which `choose` scores best (mean of F1 and exact match)."""
    gains = []
    for question, answer in zip(questions, answers):
        with_text = scoring.score_question(answer.candidates[0].text, question, metric)
        without = scoring.score_question("", question, metric)
        gains.append((answer.no_answer, sum(with_text) - sum(without)))
    gains.sort()
    best, total, threshold = 0.0, 0.0, gains[0][0] - 1.0
    for place, (no_answer, gain) in enumerate(gains):
        total += gain
        following = gains[place + 1][0] if place + 1 < len(gains) else no_answer + 2.0
        if total > best and following > no_answer:
            best, threshold = total, (no_answer + following) / 2
    return threshold
