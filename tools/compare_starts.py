"""What pre-training was worth: `python -m tools.compare_starts FOLDER TASK ...` reads the
runs of resources/shell_scripts/pretrain_demo.sh and prints mean and deviation over seeds.

Exit codes: 0; 2 where a run is missing.
"""

import os
import sys

import errors
import run_record

STARTS = ("pretrained", "random")


def read(folder, task, start):
    """(mean, standard deviation) of the dev accuracy."""
    path = os.path.join(folder, "%s_%s" % (task, start), "eval_results.json")
    results = run_record.read_json(path)
    if results is None:
        raise errors.InputError("%s is not there: no finished run." % path)
    accuracy = results["dev"]["eval_accuracy"]
    if isinstance(accuracy, dict):
        return accuracy["mean"], accuracy["std"]
    return accuracy, 0.0


def describe(folder, tasks):
    """Lines of the table; raises errors.InputError naming a run that is not there."""
    lines = ["%-12s %-18s %-18s %s" % ("task", "pre-trained", "random start",
                                       "difference / deviation")]
    for task in tasks:
        (high, high_std), (low, low_std) = [read(folder, task, start) for start in STARTS]
        deviation = max(high_std, low_std)
        ratio = "%.1f" % ((high - low) / deviation) if deviation else "no deviation"
        lines.append("%-12s %-18s %-18s %+.4f / %s" % (
            task, "%.4f +- %.4f" % (high, high_std), "%.4f +- %.4f" % (low, low_std),
            high - low, ratio))
    return lines


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("error: Give a folder and the names of its tasks.")
    try:
        print("\n".join(describe(sys.argv[1], sys.argv[2:])))
    except errors.InputError as error:
        print("error: %s" % error, file=sys.stderr)
        sys.exit(2)
