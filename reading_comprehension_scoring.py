"""How good answers are: the scores of CMRC2018 and of SQuAD.

Both take the best over a question's answers. CMRC2018 (Cui et al. 2019) compares the
longest common run of tokens, an ideograph or a word of other scripts each, without
punctuation; SQuAD (Rajpurkar et al. 2016, 2018) compares bags of English words. Both
are in percent. Pure Python.
"""

import collections
import re
import string

_CMRC_PUNCTUATION = frozenset("-:_*^/\\~`+=，。：？！“”；’《》…·、「」（）－～『』")
_IDEOGRAPH = re.compile("[\u4e00-\u9fa5]")
# A number or word may hold marks inside, such as 3.14 or U.S; other marks are tokens.
_WORD = re.compile(r"[^\W_]+(?:[.,'][^\W_]+)*|[^\w\s]|_")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_ENGLISH_PUNCTUATION = str.maketrans("", "", string.punctuation)

# em, f1: 0 to 1.
Score = collections.namedtuple("Score", ["em", "f1"])


def mixed_segmentation(text):
    """Lower-case tokens without CMRC2018's punctuation: ideographs, and words."""
    tokens, word = [], []
    for char in text.lower().strip():
        if char in _CMRC_PUNCTUATION:
            continue
        if _IDEOGRAPH.match(char):
            tokens += _WORD.findall("".join(word)) + [char]
            word = []
        else:
            word.append(char)
    return tokens + _WORD.findall("".join(word))


def longest_common_run(first, second):
    """The length of the longest sequence that both hold without a gap."""
    best, lengths = 0, [0] * (len(second) + 1)
    for token in first:
        # From the right: lengths[i] is still that of the token before.
        for i in range(len(second), 0, -1):
            lengths[i] = lengths[i - 1] + 1 if token == second[i - 1] else 0
            best = max(best, lengths[i])
    return best


def _f1(common, num_predicted, num_gold):
    if not common:
        return 0.0
    precision, recall = common / float(num_predicted), common / float(num_gold)
    return 2 * precision * recall / (precision + recall)


def score_cmrc(prediction, answer):
    """-> Score of a prediction against one answer."""
    predicted, gold = mixed_segmentation(prediction), mixed_segmentation(answer)
    plain = ["".join(c for c in text.lower().strip() if c not in _CMRC_PUNCTUATION)
             for text in (prediction, answer)]
    exact = float(plain[0] == plain[1])
    if not predicted and not gold:
        return Score(exact, exact)
    return Score(exact, _f1(
        longest_common_run(predicted, gold), len(predicted), len(gold)))


def score_squad(prediction, answer):
    """-> Score of a prediction against one answer; "" is that there is none."""
    predicted, gold = _english_words(prediction), _english_words(answer)
    exact = float(predicted == gold)
    if not predicted or not gold:
        return Score(exact, exact)
    common = collections.Counter(predicted) & collections.Counter(gold)
    return Score(exact, _f1(sum(common.values()), len(predicted), len(gold)))


def _english_words(text):
    return _ARTICLES.sub(" ", text.lower().translate(_ENGLISH_PUNCTUATION)).split()


METRICS = {"cmrc": score_cmrc, "squad": score_squad}


def score_question(prediction, question, metric):
    """The best Score over the answers of a reading_comprehension_data.Question."""
    answers = [""] if question.is_impossible else [a.text for a in question.answers]
    scores = [METRICS[metric](prediction, answer) for answer in answers]
    return Score(max(s.em for s in scores), max(s.f1 for s in scores))


def evaluate(questions, predictions, metric):
    """Measures {id: answer} against questions that all have answers or are impossible.

    An id that is missing counts as wrong and is counted as skipped, as CMRC2018 does.

    Returns {"average", "f1", "em": percent; "total", "skip": counts}, and where some
    questions are impossible "has_answer" and "no_answer" with those of either kind.
    """
    result = _mean(questions, predictions, metric)
    impossible = [q for q in questions if q.is_impossible]
    if impossible:
        possible = [q for q in questions if not q.is_impossible]
        result["no_answer"] = _mean(impossible, predictions, metric)
        if possible:
            result["has_answer"] = _mean(possible, predictions, metric)
    return result


def _mean(questions, predictions, metric):
    scores = [score_question(predictions[q.id], q, metric)
              for q in questions if q.id in predictions]
    total = float(len(questions))
    f1 = 100.0 * sum(score.f1 for score in scores) / total
    em = 100.0 * sum(score.em for score in scores) / total
    return {"average": (f1 + em) / 2, "f1": f1, "em": em, "total": len(questions),
            "skip": len(questions) - len(scores)}
