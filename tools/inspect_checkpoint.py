"""What a checkpoint holds, and how two of them differ.

    python -m tools.inspect_checkpoint CHECKPOINT [--csv]
    python -m tools.inspect_checkpoint CHECKPOINT --diff OTHER [--csv]

A checkpoint is a folder, a prefix or any of its files. Optimizer slots and the step are
counted, but are no part of the model: they are neither listed nor compared.

Exit codes: 0 done, whatever was found; 2 a mistake in the call.
"""

import argparse
import collections
import csv
import logging
import os
import re
import sys

import numpy as np
import tensorflow.compat.v1 as tf

import checkpoints
import errors
from tools import model_variables

_NOTES = {"B": "layout B (brightmart)", "G": "layout G (Google)",
          None: "of neither layout"}
_COLUMNS = ("variable", "shape", "parameters")
_DIFF_COLUMNS = ("variable", "what differs", "largest difference")

# reader: of its values; variables: {name: shape} of the model; slots: {name: shape} of
# the optimizer's; step: None where there is none; sizes: {name: number}, as far as
# they show.
Inventory = collections.namedtuple("Inventory", [
    "prefix", "reader", "variables", "slots", "step", "layout", "sizes"])

# Of one variable: what is "equal", "value", "shape", "only in A" or "only in B";
# `largest` is the largest absolute difference of values, None where shapes differ.
Difference = collections.namedtuple("Difference", ["name", "what", "largest"])


def take_inventory(path):
    """-> Inventory. Raises errors.InputError for what is no readable checkpoint."""
    prefix = checkpoints.find_checkpoint(path)
    reader = checkpoints.open_checkpoint(prefix)
    types = reader.get_variable_to_dtype_map()
    variables, slots, step = {}, {}, None
    for name, shape in reader.get_variable_to_shape_map().items():
        if name == "global_step":
            step = int(checkpoints.read_variable(reader, prefix, name))
        elif checkpoints.is_training_only(name):
            slots[name] = shape
        elif types[name] != tf.string:  # how Keras notes what an object holds
            variables[name] = shape
    return Inventory(prefix, reader, variables, slots, step,
                     checkpoints.detect_layout(variables), _sizes(variables))


def _sizes(variables):
    """What shapes tell. Layers that share weights cannot be counted."""
    sizes = collections.OrderedDict()
    for name, shape in sorted(variables.items()):
        if name.endswith("embeddings/word_embeddings"):
            sizes["vocabulary"], sizes["embedding"] = shape
        elif name.endswith("embeddings/position_embeddings"):
            sizes["positions"] = shape[0]
        elif name.endswith("intermediate/dense/kernel") and len(shape) == 2:
            sizes["hidden"], sizes["intermediate"] = shape
    for key, pattern in (("groups", r"/group_\d+/"), ("layers", r"/layer_\d+/")):
        found = {match.group() for match in (re.search(pattern, n) for n in variables)
                 if match}
        if found:
            sizes[key] = len(found)
    return sizes


def guess_config(inventory):
    """The config files whose encoder has exactly these variables, as base names."""
    encoder = _encoder(inventory.variables)
    found = []
    for path in model_variables.config_files():
        config, _ = model_variables.read_config(path)
        if config.layout == inventory.layout and (
                config.hidden_size == inventory.sizes.get("hidden")) and (
                    encoder == _encoder(model_variables.variables_of_file(path))):
            found.append(os.path.basename(path))
    return found


def _encoder(variables):
    return {name: list(shape) for name, shape in variables.items()
            if name.startswith("bert/")}


def compare(first, second):
    """Two Inventories -> [Difference], one for each variable of either, by name."""
    found = []
    for name in sorted(set(first.variables) | set(second.variables)):
        if name not in second.variables:
            found.append(Difference(name, "only in A", None))
        elif name not in first.variables:
            found.append(Difference(name, "only in B", None))
        elif first.variables[name] != second.variables[name]:
            found.append(Difference(name, "shape", None))
        else:
            a, b = [checkpoints.read_variable(each.reader, each.prefix, name)
                    for each in (first, second)]
            same = a.dtype == b.dtype and a.tobytes() == b.tobytes()
            largest = np.max(np.abs(a.astype(np.float64) - b.astype(np.float64)))
            found.append(Difference(name, "equal" if same else "value", float(largest)))
    return found


def describe(inventory):
    """Lines of text: what it is, every variable, and the totals."""
    lines = ["%s: %s" % (inventory.prefix, _NOTES[inventory.layout])]
    if inventory.sizes:
        lines.append(", ".join("%s %d" % pair for pair in inventory.sizes.items()))
    guesses = guess_config(inventory)
    if inventory.layout:
        lines.append("shapes of %s" % " or ".join(guesses) if guesses else
                     "these shapes are those of no file in albert_config/")
    rows = [(name, _shape(shape), format(model_variables.count(shape), ","))
            for name, shape in sorted(inventory.variables.items())]
    lines += [""] + _table([_COLUMNS] + rows) + [""]
    return lines + _table(_totals(inventory), num_texts=1)


def _totals(inventory):
    groups = model_variables.count_groups(inventory.variables)
    heads = groups.pop("heads")
    body = sum(groups.values())
    slots = sum(map(model_variables.count, inventory.slots.values()))
    rows = [("", "parameters", "MiB as fp32")]
    for name, number in list(groups.items()) + [
            (" + ".join(groups), body), ("heads", heads), ("model", body + heads),
            ("optimizer slots (%d variables)" % len(inventory.slots), slots)]:
        rows.append((name, format(number, ","),
                     "%.1f" % model_variables.mebibytes(number)))
    step = "none" if inventory.step is None else format(inventory.step, ",")
    return rows + [("step", step, "")]


def describe_differences(first, second, differences):
    """Lines of text: what differs, and how much is equal."""
    lines = ["A: %s" % first.prefix, "B: %s" % second.prefix]
    for name, values in (("step", [first.step, second.step]),
                         ("optimizer slots", [len(first.slots), len(second.slots)])):
        lines.append("%s: A %s, B %s" % (
            (name,) + tuple("none" if v is None else v for v in values)))
    different = [d for d in differences if d.what != "equal"]
    if different:
        lines += [""] + _table([_DIFF_COLUMNS] + [
            (d.name, _what(d, first, second), "" if d.largest is None else
             "%.3g" % d.largest) for d in different])
    lines += ["", "%d of %d variables are equal bit for bit" % (
        len(differences) - len(different), len(differences))]
    measured = [d.largest for d in differences if d.largest is not None]
    if measured:
        lines.append("largest difference: %.3g" % max(measured))
    return lines


def _what(difference, first, second):
    if difference.what != "shape":
        return difference.what
    return "A %s, B %s" % tuple(
        _shape(each.variables[difference.name]) for each in (first, second))


def _shape(shape):
    return "[%s]" % ", ".join(map(str, shape))


def _table(rows, num_texts=2):
    """Columns as wide as their cells; those after `num_texts`, numbers, to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(
        cell.ljust(width) if place < num_texts else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths))).rstrip()
            for row in rows]


def _write_csv(rows):
    csv.writer(sys.stdout, lineterminator="\n").writerows(rows)


def main(arguments=None):
    """Runs the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.inspect_checkpoint", description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", metavar="CHECKPOINT",
                        help="a folder, a prefix or any of its files")
    parser.add_argument("--diff", metavar="OTHER", help="compare the values with these")
    parser.add_argument("--csv", action="store_true", help="the table alone, as CSV")
    options = parser.parse_args(arguments)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        inventory = take_inventory(options.checkpoint)
        if not options.diff:
            _print_one(inventory, options.csv)
        else:
            _print_two(inventory, take_inventory(options.diff), options.csv)
    except errors.InputError as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    return 0


def _print_one(inventory, as_csv):
    if as_csv:
        _write_csv([_COLUMNS] + [
            (name, _shape(shape), model_variables.count(shape))
            for name, shape in sorted(inventory.variables.items())])
    else:
        print("\n".join(describe(inventory)))


def _print_two(first, second, as_csv):
    differences = compare(first, second)
    if as_csv:
        _write_csv([_DIFF_COLUMNS] + [(d.name, d.what, d.largest) for d in differences])
    else:
        print("\n".join(describe_differences(first, second, differences)))


if __name__ == "__main__":
    sys.exit(main())
