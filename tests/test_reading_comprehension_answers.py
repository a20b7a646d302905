"""Best spans against trying them all; questions without an answer."""

import random
import types

import numpy as np
import pytest

import reading_comprehension_answers as decoding
import reading_comprehension_data as data
import reading_comprehension_windows as windowing


@pytest.mark.parametrize("seed", range(5))
def test_the_best_spans_are_those_found_by_trying_all(seed):
    rng = np.random.RandomState(seed)
    length, max_length = rng.randint(1, 12), rng.randint(1, 6)
    starts, ends = rng.standard_normal((2, length)).astype(np.float32)
    window = windowing.Window(0, 100, length, 200 + rng.randint(3), 200 + length + 3)
    tried = sorted((-(starts[i] + ends[j]), 100 + i, 100 + j)
                   for i in range(length) for j in range(i, min(length, i + max_length))
                   if window.own_begin <= 200 + i + j < window.own_end)
    found = decoding.best_spans(starts, ends, window, max_length, 4)
    assert [(span.first, span.last) for span in found] == [t[1:] for t in tried[:4]]
    assert [span.score for span in found] == pytest.approx([-t[0] for t in tried[:4]])


def answer(text, no_answer):
    return decoding.Answer([decoding.Candidate(text, 0, 0.5)], no_answer)


def question(id_, *answers):
    return data.Question(id_, "?", "p", [data.Answer(a, 0) for a in answers], not answers)


def test_a_threshold_keeps_answers_or_leaves_them_out():
    questions = [question("a", "x"), question("b")]
    answers = [answer("x", -2.0), answer("y", 3.0)]
    assert decoding.choose(answers, questions, None) == {"a": "x", "b": "y"}
    assert decoding.choose(answers, questions, 0.0) == {"a": "x", "b": ""}
    assert decoding.choose(answers, questions, 5.0) == {"a": "x", "b": "y"}


def score_at(threshold, answers, questions):
    chosen = decoding.choose(answers, questions, threshold)
    return sum(sum(decoding.scoring.score_question(chosen[q.id], q, "squad"))
               for q in questions)


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_is_as_good_as_any(seed):
    rng = random.Random(seed)
    questions, answers = [], []
    for i in range(12):
        gold = [] if rng.random() < 0.5 else ["x"]
        questions.append(question(str(i), *gold))
        answers.append(answer(rng.choice("xy"), rng.choice([-1.5, 0.0, 0.5, 2.0])))
    chosen = decoding.find_threshold(answers, questions, "squad")
    assert score_at(chosen, answers, questions) == max(
        score_at(t, answers, questions) for t in (-9.0, -1.0, 0.25, 1.0, 9.0))


def test_the_same_text_counts_once_and_windows_compete():
    passage = windowing.Passage("天地天地", None, np.arange(4), np.arange(4) + 1)
    windows = types.SimpleNamespace(
        questions=[question("q", "天")], passage=lambda index: passage,
        windows=[windowing.Window(0, 0, 2, 0, 4), windowing.Window(0, 2, 2, 4, 8)],
        offset=lambda window: 3,
        text=lambda index, first, last: passage.text[first:last + 1])
    decoder = decoding.Decoder(windows, types.SimpleNamespace(
        n_best_size=5, max_answer_length=1))
    low, high = np.log(np.array([[1, 9, 9, 2, 1, 9], [1, 9, 9, 8, 3, 9]], np.float32) / 10)
    decoder.add(1, high, high)
    decoder.add(0, low, low)
    found, = decoder.answers()
    assert [(c.text, c.start) for c in found.candidates] == [("天", 2), ("地", 3)]
    assert found.candidates[0].probability == pytest.approx(0.64)
    assert found.no_answer == pytest.approx(np.log(0.01) - np.log(0.64))
