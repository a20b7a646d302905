"""Prints the dev and test accuracy of a finished run: `python -m tools.show_accuracy RUN`.

RUN is the --output_dir of a fine-tuning run, with one seed or several.
"""

import json
import os
import sys

import errors


def describe(results):
    """Lines such as `test accuracy: 0.8540 (12500 rows)` of an eval_results.json."""
    lines = []
    for split in ("dev", "test"):
        if split in results:
            accuracy = results[split]["eval_accuracy"]
            if isinstance(accuracy, dict):
                text = "%.4f +- %.4f over %d seeds" % (
                    accuracy["mean"], accuracy["std"], len(accuracy["values"]))
            else:
                text = "%.4f (%d rows)" % (accuracy, results[split]["rows"])
            lines.append("%s accuracy: %s" % (split, text))
    return lines


def main(folder):
    """Prints the lines; returns the exit code."""
    path = os.path.join(folder, "eval_results.json")
    try:
        with open(path, encoding="utf-8") as stream:
            print("\n".join(describe(json.load(stream))))
    except FileNotFoundError:
        raise errors.InputError("%s is not there: is %s a finished run?" % (path, folder))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except errors.InputError as error:
        sys.exit("error: %s" % error)
