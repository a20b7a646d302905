"""The command line of programs without absl's flags: strict, and short about mistakes.

Nothing here imports TensorFlow, so a misspelt flag is answered at once.
"""

import argparse
import difflib
import logging
import os
import re
import sys

import errors


class Parser(argparse.ArgumentParser):
    """Flags are never abbreviated; a mistake is one line on stderr and exit code 2."""

    def __init__(self, **settings):
        super(Parser, self).__init__(allow_abbrev=False, **settings)

    def error(self, message):
        unknown = re.search(r"unrecognized arguments: (--\w+)", message)
        close = difflib.get_close_matches(
            unknown.group(1), self._option_string_actions, 1) if unknown else []
        self.exit(2, "error: %s.%s (--help lists the flags.)\n" % (
            message, " Did you mean %s?" % close[0] if close else ""))


def natural(text):
    """A flag's whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("%s is less than 1" % text)
    return number


def integers(text):
    """A flag's whole numbers with commas between them."""
    return [int(part) for part in text.split(",")]


def run(main):
    """Calls `main` and exits with what it returns; a user's mistake is one line and 2."""
    # TensorFlow reads this when it is imported: of its own messages only errors.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        code = main()
    except errors.InputError as error:
        print("error: %s" % error, file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # who read our output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
