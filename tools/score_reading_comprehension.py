"""Scores answers: `python -m tools.score_reading_comprehension GOLD PREDICTIONS`.

GOLD is a file of CMRC2018, DRCD or SQuAD; PREDICTIONS one JSON object, {question id:
answer}, as run_reading_comprehension.py writes it. Prints one line of JSON with AVERAGE,
F1, EM (percent), TOTAL and SKIP (questions without a prediction). --baseline, instead of
PREDICTIONS, answers with the sentence that shares most characters with the question.
"""

import argparse
import json
import sys

import errors
import reading_comprehension_data as data
import reading_comprehension_scoring as scoring
import sentences


def overlap_answers(questions):
    """{id: the sentence of the passage that has most of the question's characters}; of
    several the first."""
    return {question.id: max(
        sentences.split_sentences(question.passage),
        key=lambda sentence: len(set(sentence) & set(question.text)))
        for question in questions}


def read_predictions(path):
    """Raises errors.InputError for what is no JSON object of texts."""
    try:
        with open(path, encoding="utf-8") as source:
            found = json.load(source)
    except OSError as error:
        raise errors.InputError("%s cannot be read: %s." % (path, error.strerror))
    except ValueError as error:
        raise errors.InputError("%s is no JSON: %s." % (path, error))
    if not isinstance(found, dict) or not all(
            isinstance(text, str) for text in found.values()):
        raise errors.InputError(
            "%s should hold one JSON object, {question id: answer}." % path)
    return found


def describe(result):
    """The line that is printed, and lines for what SQuAD 2.0 tells apart."""
    lines = [json.dumps({
        "AVERAGE": "%.3f" % result["average"], "F1": "%.3f" % result["f1"],
        "EM": "%.3f" % result["em"], "TOTAL": result["total"], "SKIP": result["skip"]})]
    lines += ["%s: %s" % (kind, describe(result[kind])[0])
              for kind in ("has_answer", "no_answer") if kind in result]
    return lines


def main(arguments=None):
    """Prints the scores; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.score_reading_comprehension",
        description=__doc__.split("\n\n")[0])
    parser.add_argument("gold", metavar="GOLD")
    parser.add_argument("predictions", metavar="PREDICTIONS", nargs="?")
    parser.add_argument("--metric", choices=sorted(scoring.METRICS), default="cmrc",
                        help="cmrc (also DRCD) or squad; default cmrc")
    parser.add_argument("--baseline", action="store_true",
                        help="score the sentence that overlaps most instead")
    options = parser.parse_args(arguments)
    if bool(options.predictions) == options.baseline:
        parser.error("give either PREDICTIONS or --baseline")
    try:
        questions = data.read_questions(options.gold)
        if not data.is_labelled(questions):
            raise errors.InputError("%s: not every question has answers." % options.gold)
        predicted = (overlap_answers(questions) if options.baseline
                     else read_predictions(options.predictions))
    except errors.InputError as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    skipped = [question.id for question in questions if question.id not in predicted]
    if skipped:
        print("No prediction for %s%s" % (", ".join(skipped[:20]),
                                          ", ..." * (len(skipped) > 20)), file=sys.stderr)
    print("\n".join(describe(scoring.evaluate(questions, predicted, options.metric))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
