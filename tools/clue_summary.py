"""What a folder of CLUE runs came to: `python -m tools.clue_summary OUTPUT_DIR`.

    python -m tools.clue_summary OUTPUT_DIR [--note TEXT]..

OUTPUT_DIR has a folder for each task, the --output_dir of its training. Prints a table
and writes it as summary.json and summary.png, and all predictions as submission.zip.
The notes say what the figures are of, such as the data and the weights.
"""

import argparse
import os
import re
import sys
import zipfile

import curves
import errors
import run_record
import tasks
from tools import clue_check

COLUMNS = ["task", "rows", "dev accuracy", "majority", "seeds", "best step", "minutes",
           "truncated"]


def read_task(folder, name):
    """-> a row of summary.json; without accuracy where the run is not finished."""
    row = {"task": name}
    results = run_record.read_json(os.path.join(folder, name, "eval_results.json"))
    if not results or not results.get("dev") or "seconds" not in results:
        return row
    dev, train = results["dev"], results["train"]
    accuracy = dev["eval_accuracy"]
    if not isinstance(accuracy, dict):
        accuracy = {"mean": accuracy, "std": None, "values": [accuracy]}
    row.update(
        accuracy=accuracy["mean"], std=accuracy["std"], values=accuracy["values"],
        majority=dev["majority"], rows=train["rows"], dev_rows=dev["rows"],
        seeds=results.get("seeds") or [results["seed"]],
        steps=[_step_of(prefix)
               for prefix in dev.get("checkpoints") or [dev["checkpoint"]]],
        seconds=results["seconds"], truncated=train["truncated"] / train["rows"],
        dev_truncated=dev["truncated"] / dev["rows"],
        learning_rate=results["learning_rate"], weights=results["weights"])
    optional = ("ensembles", "learning_rates", "max_rows")
    row.update((key, results[key]) for key in optional if key in results)
    return row


def _step_of(prefix):
    found = re.search(r"-(\d+)$", prefix)
    return int(found.group(1)) if found else None


def table(rows):
    """Lines of text: a header, a line for each task, then rates and ensembles."""
    cells = [COLUMNS] + [_cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
             for row in cells]
    finished = [row for row in rows if "accuracy" in row]
    lines.append("mean of %d tasks: %.4f" % (
        len(finished), sum(row["accuracy"] for row in finished) / len(finished)))
    for row in finished:
        for rate in row.get("learning_rates", ()):
            lines.append("%s, learning rate %g: dev accuracy %s%s" % (
                row["task"], rate["learning_rate"], _with_deviation(
                    rate["mean"], rate["std"] if len(rate["values"]) > 1 else None),
                ", chosen" * (rate["learning_rate"] == row["learning_rate"])))
        for way, accuracies in sorted(row.get("ensembles", {}).items()):
            lines.append("%s, %d seeds together by %s: dev accuracy %.4f" % (
                row["task"], len(row["seeds"]), way.replace("_", " "),
                accuracies["dev"]))
        if "max_rows" in row:
            lines.append("%s: a trial on the first %d rows of each file" % (
                row["task"], row["max_rows"]))
    return lines


def _cells(row):
    if "accuracy" not in row:
        return [row["task"], "-", "not finished"] + ["-"] * (len(COLUMNS) - 3)
    return [row["task"], str(row["rows"]), _with_deviation(row["accuracy"], row["std"]),
            "%.4f" % row["majority"], str(len(row["seeds"])),
            " ".join(map(str, row["steps"])), "%.1f" % (row["seconds"] / 60.0),
            "%.1f %%" % (100 * row["truncated"])]


def _with_deviation(mean, deviation):
    return "%.4f" % mean + (" +- %.4f" % deviation if deviation is not None else "")


def draw(rows, notes, path):
    """A bar for each task's dev accuracy, a mark at the share of the majority class."""
    figure, (axes,) = curves.make_figure(1.6 + 1.25 * max(len(rows), 4), 4.0)
    curves.plain(axes, "dev accuracy")
    axes.grid(False, axis="x")
    for place, row in enumerate(rows):
        accuracy = row["accuracy"]
        axes.bar(place, accuracy, width=0.6, color=curves.COLOURS[0],
                 yerr=row["std"], capsize=4, ecolor="#1a202c")
        axes.plot([place - 0.36, place + 0.36], [row["majority"]] * 2, linewidth=2,
                  color=curves.COLOURS[1],
                  label=None if place else "always the most frequent label")
        axes.text(place, max(accuracy + (row["std"] or 0), row["majority"]) + 0.02,
                  "%.3f" % accuracy, ha="center", fontsize=10)
    axes.set_xticks(range(len(rows)))
    axes.set_xticklabels([row["task"] for row in rows], fontsize=10)
    axes.set_ylim(0, 1.12)
    axes.set_xlim(-0.7, max(len(rows), 4) - 0.3)
    axes.legend(frameon=False, fontsize=9, loc="upper right")
    if notes:
        axes.set_xlabel("\n".join(notes), fontsize=8, color="#718096", loc="left")
    curves.save(figure, path)


def write_submission(folder, names):
    """Puts the tasks' predictions, flat, into submission.zip. -> their names."""
    found = [(os.path.join(folder, name, file_name), file_name) for name in names
             for file_name in sorted(clue_check.expected_files())
             if os.path.exists(os.path.join(folder, name, file_name))]
    if not found:
        return []
    path = os.path.join(folder, "submission.zip")
    temporary = "%s.tmp-%d" % (path, os.getpid())
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for source, file_name in found:
            archive.write(source, file_name)
    os.replace(temporary, path)
    return [file_name for _, file_name in found]


def summarize(folder, notes):
    """Writes the files and returns the lines to print; InputError without a result."""
    names = [name for name, task in sorted(tasks.TASKS.items())
             if task.submission and os.path.isdir(os.path.join(folder, name))]
    rows = [read_task(folder, name) for name in names]
    finished = [row for row in rows if "accuracy" in row]
    if not finished:
        raise errors.InputError("%s holds no finished run of a CLUE task" % folder)
    sent = write_submission(folder, [row["task"] for row in finished])
    run_record.write_json(os.path.join(folder, "summary.json"),
                          {"tasks": rows, "notes": notes, "submission": sent})
    draw(finished, notes, os.path.join(folder, "summary.png"))
    return table(rows) + notes


def main(arguments=None):
    """Runs the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.clue_summary", description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", metavar="OUTPUT_DIR")
    parser.add_argument("--note", metavar="TEXT", action="append", default=[])
    options = parser.parse_args(arguments)
    try:
        print("\n".join(summarize(options.folder, options.note)))
    except errors.InputError as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
