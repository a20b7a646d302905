"""Checks a CLUE submission before the leaderboard does.

    python -m tools.clue_check submission.zip [--data CLUE_DIR]

Names of files, a line for each test row, ids, labels, the form of the JSON. With --data
(a folder with TASK/test.json) ids are compared with the test rows; without it only
what the file itself shows is checked. Every error names file and line.

Exit codes: 0 nothing is wrong; 1 something is, listed; 2 a mistake in the call.
"""

import argparse
import collections
import json
import os
import sys
import zipfile
import zlib

import errors
import tasks

MAX_SHOWN = 20
# Tasks of the leaderboard that are no classification: their content is not checked.
NOT_CHECKED = ("cmrc2018_predict.json", "chid11_predict.json", "c311_predict.json")

Expected = collections.namedtuple("Expected", ["task", "test_file"])


def expected_files():
    """{name of a file to submit: Expected}; the test file is one of CLUE's names."""
    found = {}
    for task in tasks.TASKS.values():
        splits = ["test"] + [tasks.OLD_TEST] * bool(task.versions)
        for split, names in task.submissions(splits).items():
            for name in names:
                found[name] = Expected(task, split + ".json")
    return found


def check(path, data=None):
    """-> [problem] of a submission; [] if there is none.

    Args:
      path: of the zip file.
      data: folder with the tasks' folders, or None.

    Raises: InputError if the file cannot be opened or the data of a task be found.
    """
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise errors.InputError("%s cannot be read: %s" % (path, error.strerror))
    try:
        with zipfile.ZipFile(path) as archive:
            return _check_archive(archive, path, data)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        return ["%s: not a whole zip file: %s" % (path, error)]


def _check_archive(archive, path, data):
    known = expected_files()
    names = archive.namelist()
    problems = ["%s: %s stands there %d times" % (path, name, count)
                for name, count in collections.Counter(names).items() if count > 1]
    if not names:
        problems.append("%s: it holds no file" % path)
    for name in sorted(set(names)):
        if "/" in name:
            problems.append("%s: %s is in a folder; the files must lie at the top of "
                            "the zip file" % (path, name))
        elif name in known:
            rows = _test_ids(known[name], data) if data else None
            problems += _check_file(name, archive.read(name), known[name].task, rows)
        elif name not in NOT_CHECKED:
            problems.append("%s: %s is no name that CLUE knows; %s" % (
                path, name, _advice(name, known)))
    return problems


def _advice(name, known):
    task = tasks.TASKS.get(name.partition("_")[0])
    if task is not None and task.submission:
        return "the file of task %s is %s" % (task.name, task.submission)
    return "it knows " + ", ".join(sorted(known) + list(NOT_CHECKED))


def _test_ids(expected, data):
    """{id as text: line} of the test rows that a file answers."""
    path = expected.task.find_file(data, "test")
    path = os.path.join(os.path.dirname(path), expected.test_file)
    examples, _ = tasks.read_examples(expected.task, path, needs_labels=False)
    return collections.OrderedDict((str(e.id), e.line) for e in examples)


def _check_file(name, content, task, rows):
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return ["%s: not UTF-8 (byte %d)" % (name, error.start)]
    if text.startswith("\ufeff"):
        return ["%s:1: begins with a byte-order mark; write UTF-8 without one" % name]
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    problems, line_of = [], {}
    for number, line in enumerate(lines, 1):
        problem, id_ = _check_line(line, task)
        if id_ is not None and id_ in line_of:
            problem = "id %s stands in line %d already" % (id_, line_of[id_])
        elif id_ is not None:
            line_of[id_] = number
            if rows is not None and id_ not in rows:
                problem = problem or "id %s is not in the test data" % id_
        if problem:
            problems.append("%s:%d: %s" % (name, number, problem))
    if rows is not None:
        problems += _compare_counts(name, len(lines), line_of, rows)
    elif not lines:
        problems.append("%s: it is empty" % name)
    return problems


def _compare_counts(name, num_lines, line_of, rows):
    problems = []
    if num_lines != len(rows):
        problems.append("%s:%d: %d lines for %d test rows: %d too %s" % (
            name, num_lines, num_lines, len(rows), abs(num_lines - len(rows)),
            "many" if num_lines > len(rows) else "few"))
    missing = [id_ for id_ in rows if id_ not in line_of]
    if missing:
        problems.append("%s: no line for id %s (line %d of the test data)%s" % (
            name, missing[0], rows[missing[0]],
            ", nor for %d others" % (len(missing) - 1) if len(missing) > 1 else ""))
    return problems


def _check_line(line, task):
    """-> (the first problem of a line or None, its id as text or None)."""
    try:
        record = json.loads(line)
    except ValueError as error:
        return "not JSON: %s" % error, None
    if not isinstance(record, dict):
        return "expected an object, found %s" % type(record).__name__, None
    missing = [key for key in ("id", "label") if key not in record]
    if missing:
        return "no field %r" % missing[0], None
    unknown = sorted(set(record) - {"id", "label", "label_desc"})
    id_, label = record["id"], record["label"]
    if isinstance(id_, (bool, float)) or not isinstance(id_, (int, str)):
        return "id %s must be a number or a text" % json.dumps(id_), None
    if not isinstance(label, str):
        problem = 'label %s must be a text in quotes: "%s"' % (
            json.dumps(label), json.dumps(label))
    elif label not in task.labels:
        problem = "label %r is not one of the %d of %s: %s" % (
            label, len(task.labels), task.name, ", ".join(task.labels[:MAX_SHOWN]))
    else:
        problem = "unknown field %r" % unknown[0] if unknown else None
    return problem, str(id_)


def main(arguments=None):
    """Runs the command; returns the exit code (see the module's text)."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.clue_check", description=__doc__.split("\n\n")[0])
    parser.add_argument("submission", metavar="ZIP")
    parser.add_argument("--data", metavar="CLUE_DIR",
                        help="folder with TASK/test.json of each task")
    options = parser.parse_args(arguments)
    try:
        problems = check(options.submission, options.data)
    except errors.InputError as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    for problem in problems[:MAX_SHOWN]:
        print(problem)
    if len(problems) > MAX_SHOWN:
        print("... and %d more" % (len(problems) - MAX_SHOWN))
    if not problems:
        print("%s: nothing is wrong%s." % (options.submission, "" if options.data else
                                           "; ids were not compared: give --data"))
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
