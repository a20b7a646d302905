"""Cross-validation of reading comprehension on one file of questions.

    python -m benchmarks.reading_comprehension_folds FILE --output_dir FOLDER \
        [--folds 2] [--seed 1] [--metric cmrc] -- FLAGS OF run_reading_comprehension.py

Passages are dealt into folds by the seed, so no passage is trained on and asked. Each fold
is answered by a model trained on the others, with its last weights: nothing is chosen on
what is scored. Prints each fold, the score of all answers together, what the sentence
that overlaps most would get, the time, and the largest memory of a run.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import time

import reading_comprehension_data as data
import reading_comprehension_scoring as scoring
import run_record
from tools import score_reading_comprehension as scorer

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def deal(questions, num_folds, seed):
    """[[Question]] of each fold; the questions of a passage stay together."""
    passages = sorted({question.passage for question in questions})
    random.Random(seed).shuffle(passages)
    fold_of = {passage: place % num_folds for place, passage in enumerate(passages)}
    return [[q for q in questions if fold_of[q.passage] == fold]
            for fold in range(num_folds)]


def as_file(questions):
    """Questions in SQuAD's shape, a paragraph each."""
    return {"data": [{"paragraphs": [{"context": q.passage, "qas": [{
        "id": q.id, "question": q.text, "is_impossible": q.is_impossible,
        "answers": [{"text": a.text, "answer_start": -1 if a.start is None else a.start}
                    for a in q.answers]}]} for q in questions]}]}


def run_fold(number, folds, folder, flags):
    """Trains on the other folds, answers this one. -> {id: answer}"""
    os.makedirs(folder, exist_ok=True)
    others = [q for other, fold in enumerate(folds) if other != number for q in fold]
    command = [sys.executable, "-W", "ignore",
               os.path.join(ROOT, "run_reading_comprehension.py"), "--do_train",
               "--do_predict", "--output_dir=" + os.path.join(folder, "run")] + flags
    for split, questions in (("train", others), ("test", folds[number])):
        path = os.path.join(folder, split + ".json")
        run_record.write_json(path, as_file(questions))
        command.append("--%s_file=%s" % (split, path))
    subprocess.check_call(command)
    with open(os.path.join(folder, "run", "predictions.json"), encoding="utf-8") as source:
        return json.load(source)


def report(name, questions, predictions, metric):
    line = scorer.describe(scoring.evaluate(questions, predictions, metric))[0]
    print("%-28s %s" % (name, line), flush=True)


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reading_comprehension_folds",
        description=__doc__.split("\n\n")[0])
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--metric", choices=sorted(scoring.METRICS), default="cmrc")
    arguments = sys.argv[1:]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    given, flags = parser.parse_args(arguments[:end]), arguments[end + 1:]
    questions = data.read_questions(given.file)
    folds = deal(questions, given.folds, given.seed)
    predictions, started = {}, time.time()
    for number, fold in enumerate(folds):
        folder = os.path.join(given.output_dir, "fold_%d" % number)
        predictions.update(run_fold(number, folds, folder, flags))
        report("fold %d (%d questions)" % (number, len(fold)), fold, predictions,
               given.metric)
    report("all folds", questions, predictions, given.metric)
    report("sentence that overlaps most", questions, scorer.overlap_answers(questions),
           given.metric)
    print("%.0f seconds, at most %.0f MiB" % (
        time.time() - started,
        resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024.0))


if __name__ == "__main__":
    main()
