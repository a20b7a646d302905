"""A checkpoint without optimizer slots and step: the weights alone, a third of the size.

    python -m tools.strip_checkpoint CHECKPOINT --to PREFIX

CHECKPOINT is a folder, a prefix or any of its files; PREFIX is in another folder, such as
my_model/albert_model.ckpt. Every variable is compared bit for bit with the source.

Exit codes: 0 it is there; 2 a mistake in the call.
"""

import os

import checkpoints
import command_line
from tools import inspect_checkpoint


def size_of(prefix):
    """Bytes of a checkpoint's index and data."""
    folder, name = os.path.split(prefix)
    return sum(os.path.getsize(os.path.join(folder, each)) for each in os.listdir(folder)
               if each.startswith((name + ".index", name + ".data-")))


def strip(source, target):
    """Lines that say what was left out and what is equal.

    Raises errors.InputError as checkpoints.strip does.
    """
    before = inspect_checkpoint.take_inventory(source)
    os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
    checkpoints.strip(before.prefix, target)
    after = inspect_checkpoint.take_inventory(target)
    differences = inspect_checkpoint.compare(before, after)
    equal = sum(each.what == "equal" for each in differences)
    return ["%d optimizer variables and %s were left out" % (
                len(before.slots), "no step" if before.step is None else
                "step %d" % before.step),
            "%d of %d variables are equal bit for bit" % (equal, len(differences)),
            "%.1f MiB -> %.1f MiB" % tuple(
                size_of(each.prefix) / 2.0 ** 20 for each in (before, after))]


def main(arguments=None):
    """Runs the command; raises errors.InputError for what a user can mend."""
    parser = command_line.Parser(
        prog="python -m tools.strip_checkpoint", description=__doc__.split("\n\n")[0])
    parser.add_argument("checkpoint", metavar="CHECKPOINT",
                        help="a folder, a prefix or any of its files")
    parser.add_argument("--to", metavar="PREFIX", required=True,
                        help="such as my_model/albert_model.ckpt")
    options = parser.parse_args(arguments)
    print("\n".join(strip(options.checkpoint, options.to)))


if __name__ == "__main__":
    command_line.run(main)
