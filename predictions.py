"""The files that a scored data set is written to, one line an example, in its order."""

import json
import os

import numpy as np

import report
import run_record


def write_test_sets(folder, examples, labels, probabilities, submissions):
    """Writes the files of `write` for the test set, and the submissions of every one.

    Args:
      folder: where to write.
      examples: {split: [tasks.Example]} of the test sets.
      labels: their names, in the order of the columns of the probabilities.
      probabilities: {split: [rows, labels]}.
      submissions: {split: [file name]}, as tasks.Task.submissions gives them.
    """
    write(folder, examples["test"], labels, probabilities["test"])
    for split, names in submissions.items():
        text = submission_text(examples[split], labels, probabilities[split])
        for name in names:
            run_record.write_text(os.path.join(folder, name), text)


def submission_text(examples, labels, probabilities):
    """What CLUE's leaderboard takes: a line {"id": .., "label": "..."} for each row."""
    lines = [json.dumps({"id": example.id, "label": labels[int(scores.argmax())]},
                        ensure_ascii=False)
             for example, scores in zip(examples, probabilities)]
    return "".join(line + "\n" for line in lines)


def vote(probabilities):
    """[each run's [rows, labels]] -> [rows, labels] that rank labels by their votes.

    A run votes for its most probable label; among equals the mean probability decides.
    """
    probabilities = np.asarray(probabilities, np.float64)
    num_runs, _, num_labels = probabilities.shape
    votes = np.eye(num_labels)[probabilities.argmax(axis=2)].sum(axis=0)
    return (votes + probabilities.mean(axis=0)) / (num_runs + 1)


def write(folder, examples, labels, probabilities):
    """Writes `test_results.tsv` (probabilities only, as the ancestors did) and
    `predictions.tsv` (id, label, score of each named label, texts; with a header).

    Args:
      folder: where to write.
      examples: tasks.Example, one a row.
      labels: their names, in the order of the columns of `probabilities`.
      probabilities: [rows, labels].
    """
    plain = ("\t".join(str(float(p)) for p in row) for row in probabilities)
    run_record.write_text(
        os.path.join(folder, "test_results.tsv"), "".join(l + "\n" for l in plain))
    header = ["id", "label"] + ["score_%s" % label for label in labels]
    rows = [header + ["text_a", "text_b"]]
    for example, scores in zip(examples, probabilities):
        texts = [example.text_a, example.text_b or ""]
        rows.append([str(example.id), labels[int(scores.argmax())]]
                    + ["%.6f" % score for score in scores] + [_one_cell(t) for t in texts])
    run_record.write_text(os.path.join(folder, "predictions.tsv"),
                          "".join("\t".join(row) + "\n" for row in rows))


def _one_cell(text):
    return " ".join(text.split("\t")).replace("\r", " ").replace("\n", " ")


def eval_results_text(folder, evaluations):
    """The lines of `eval_results.txt`: each checkpoint's metrics under the known keys."""
    lines = []
    for row in evaluations:
        path = os.path.join(folder, "model.ckpt-%d" % row["step"])
        lines.append("***** Eval results %s *****" % path)
        lines += ["%s = %s" % (name, row[name]) for name in sorted(row)
                  if name.startswith("eval_")]
        lines += ["global_step = %d" % row["step"], "loss = %s" % row["eval_loss"]]
    return "".join(line + "\n" for line in lines)


def worst(examples, labels, probabilities, most=30):
    """The wrong rows whose right label got the least probability, as
    report.Mistake, worst first."""
    right = [labels.index(example.label) for example in examples]
    chosen = probabilities[np.arange(len(right)), right]
    mistakes = []
    for i in np.argsort(chosen, kind="stable"):
        predicted = int(probabilities[i].argmax())
        if predicted != right[i]:
            example = examples[i]
            mistakes.append(report.Mistake(
                example.line, example.text_a, example.text_b, example.label,
                labels[predicted], float(probabilities[i, predicted])))
    return mistakes[:most]
