"""Draws the curves of one run, or of several over each other.

    python -m tools.plot_curves RUN [RUN ...] [--output=FILE.png]

RUN is the --output_dir of a fine-tuning or pre-training run, which may be going on.

Exit codes: 0 drawn; 2 a mistake in the call.
"""

import argparse
import os
import sys

import curves
import errors


def name_runs(folders):
    """The last part of each path, or the whole where two would be called the same.

    Raises errors.InputError for a folder that is given twice.
    """
    paths = [os.path.normpath(folder) for folder in folders]
    twice = [path for path in paths if paths.count(path) > 1]
    if twice:
        raise errors.InputError("%s is given twice." % twice[0])
    names = [os.path.basename(os.path.abspath(path)) for path in paths]
    return [name if names.count(name) == 1 else path
            for name, path in zip(names, paths)]


def plot(folders, output):
    """Writes the picture; raises errors.InputError where that cannot be done."""
    names = name_runs(folders)
    runs = [(name, curves.read(folder)) for name, folder in zip(names, folders)]
    try:
        curves.draw(runs, output)
    except OSError as error:
        raise errors.InputError(
            "--output=%s cannot be written: %s." % (output, error.strerror))


def main(arguments=None):
    """Runs the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.plot_curves", description=__doc__.split("\n")[0])
    parser.add_argument("runs", metavar="RUN", nargs="+",
                        help="the --output_dir of a run")
    parser.add_argument("--output", metavar="FILE.png", default="curves.png",
                        help="default: %(default)s, in the current folder")
    options = parser.parse_args(arguments)
    try:
        plot(options.runs, options.output)
    except errors.InputError as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
