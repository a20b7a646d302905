"""The files that a scored data set is written to, one line an example, in its order."""

import os

import numpy as np

import report
import run_record


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
        lines += ["eval_accuracy = %s" % row["eval_accuracy"],
                  "eval_loss = %s" % row["eval_loss"],
                  "global_step = %d" % row["step"], "loss = %s" % row["eval_loss"]]
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
