"""Draws the pictures of the READMEs into resources/.

    python -m tools.draw_resources [--to=FOLDER]

Sizes come from the graphs of the files in albert_config/. What others measured is
labelled as quoted; what was measured here is in resources/pretraining_results.json, if
that is there: a list of {"name", "masked_lm_accuracy", "sentence_order_accuracy"}.
"""

import argparse
import collections
import json
import os
import re
import sys

import curves
from tools import draw_architecture
from tools import model_variables

FOLDER = os.path.join(os.path.dirname(model_variables.CONFIG_FOLDER), "resources")
RESULTS = "pretraining_results.json"
# Quoted: Devlin et al. 2019, section 3.
BERT_BASE_PARAMETERS = 110e6
_GROUP_COLOURS = dict(zip(("embeddings", "encoder", "pooler", "heads"), curves.COLOURS))
_LAYOUTS = (("B", "brightmart"), ("G", "Google"))
_MILLION = 1e6

# Shares between 0 and 1; `source` says who measured them.
Result = collections.namedtuple("Result", [
    "name", "masked_lm_accuracy", "sentence_order_accuracy", "source"])
QUOTED = [Result("base", 0.791, 0.990, "quoted"),
          Result("large", 0.809, 0.986, "quoted")]
# What a variable is for; the first pattern that is found in its name counts.
_PURPOSES = [
    ("word table", r"/word_embeddings$"),
    ("word projection", r"/word_embeddings_2$|/embedding_hidden_mapping_in/"),
    ("positions and types", r"^bert/embeddings/"),
    ("self-attention", r"^bert/encoder/.*/attention(_1)?/(self|output/dense)/"),
    ("feed-forward", r"^bert/encoder/.*/dense/"),
    ("norms of the layer", r"^bert/encoder/"),
    ("pooler", r"^bert/pooler/"),
    ("masked-LM head", r"^cls/predictions/"),
    ("sentence-order head", r"^cls/seq_relationship/"),
]


def size_of(path):
    """The size in a config file's name: albert_config_tiny_google.json -> tiny."""
    return re.match(r"albert_config_([a-z]+)", os.path.basename(path)).group(1)


def models(layout):
    """[(size, {variable: shape})] of the config files of a layout, smallest first."""
    found = [(size_of(path), model_variables.variables_of_file(path))
             for path in model_variables.config_files()
             if model_variables.read_config(path)[0].layout == layout]
    return sorted(found, key=lambda model: sum(map(
        model_variables.count, model[1].values())))


def count_purposes(variables):
    """{variable: shape} -> {purpose: parameters}, in the order of the data."""
    totals = collections.OrderedDict((purpose, 0) for purpose, _ in _PURPOSES)
    for name, shape in variables.items():
        purpose = next(p for p, pattern in _PURPOSES if re.search(pattern, name))
        totals[purpose] += model_variables.count(shape)
    return totals


def draw_model_sizes(path):
    """Parameters of every config file, by where they are, beside BERT-base."""
    figure, panels = curves.make_figure(11, 4.2, 1, 2)
    for axes, (layout, family) in zip(panels, _LAYOUTS):
        curves.plain(axes, "layout %s (%s), millions of parameters" % (layout, family))
        bars = [(size, model_variables.count_groups(variables))
                for size, variables in models(layout)]
        for row, (_, groups) in enumerate(bars):
            _draw_stack(axes, row, groups)
        axes.barh(len(bars), BERT_BASE_PARAMETERS / _MILLION, color="#cbd5e0")
        _label(axes, len(bars), BERT_BASE_PARAMETERS, "110 M (quoted)")
        _name_rows(axes, [size for size, _ in bars] + ["BERT-base"])
        axes.set_xlim(0, 360)
        axes.legend(frameon=False, fontsize=9, loc="center right")
    curves.save(figure, path)


def _draw_stack(axes, row, groups):
    left = 0
    for group, number in groups.items():
        axes.barh(row, number / _MILLION, left=left / _MILLION,
                  color=_GROUP_COLOURS[group], label=group if row == 0 else None)
        left += number
    _label(axes, row, left, "%.1f M, %.1f MiB" % (
        left / _MILLION, model_variables.mebibytes(left)))


def _label(axes, row, number, text):
    axes.text(number / _MILLION, row, "  " + text, va="center", fontsize=9)


def _name_rows(axes, names):
    axes.set_yticks(range(len(names)))
    axes.set_yticklabels(names, fontsize=10, color="#1a202c")
    axes.invert_yaxis()
    axes.grid(False, axis="y")


def draw_parameters(path):
    """What the parameters of tiny are for, in both layouts."""
    figure, panels = curves.make_figure(11, 3.6, 1, 2)
    for axes, (layout, _) in zip(panels, _LAYOUTS):
        variables = dict(models(layout))["tiny"]
        purposes = count_purposes(variables)
        total = sum(purposes.values())
        curves.plain(axes, "tiny, layout %s: %s parameters" % (
            layout, format(total, ",")))
        for row, number in enumerate(purposes.values()):
            axes.barh(row, number / _MILLION, color=curves.COLOURS[0])
            _label(axes, row, number, "%s  (%.1f %%)" % (
                format(number, ","), 100.0 * number / total))
        _name_rows(axes, list(purposes))
        axes.set_xlim(0, 4.4)
        axes.set_xlabel("millions", fontsize=9, color=curves.GREY)
    curves.save(figure, path)


def read_results(folder):
    """[Result] that were measured here, in the order of the file; [] without one."""
    path = os.path.join(folder, RESULTS)
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as source:
        return [Result(row["name"], row["masked_lm_accuracy"],
                       row["sentence_order_accuracy"], "measured here")
                for row in json.load(source)]


def draw_mlm_sop(path, results):
    """Accuracies of both pre-training objectives, each with who measured it."""
    figure, (axes,) = curves.make_figure(8, 1.2 + 0.7 * len(results))
    curves.plain(axes, "accuracy in pre-training, %")
    objectives = [("masked LM", "masked_lm_accuracy"),
                  ("sentence order", "sentence_order_accuracy")]
    for row, result in enumerate(results):
        for place, (label, field) in enumerate(objectives):
            percent, height = 100 * getattr(result, field), row + 0.38 * place - 0.19
            axes.barh(height, percent, 0.36, color=curves.COLOURS[place],
                      label=label if row == 0 else None)
            axes.text(percent, height, "  %.1f" % percent, va="center", fontsize=9)
    _name_rows(axes, ["%s (%s)" % (result.name, result.source) for result in results])
    axes.set_xlim(0, 112)
    axes.set_xlabel("quoted: from the documentation of the original albert_zh, "
                    "not measured here", fontsize=9, color=curves.GREY)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    curves.save(figure, path)


def draw_all(folder):
    """Writes the four pictures."""
    draw_architecture.draw(os.path.join(folder, "architecture.png"))
    draw_model_sizes(os.path.join(folder, "model_sizes.png"))
    draw_parameters(os.path.join(folder, "parameters.png"))
    draw_mlm_sop(os.path.join(folder, "mlm_sop.png"), QUOTED + read_results(FOLDER))


def main(arguments=None):
    """Runs the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.draw_resources", description=__doc__.split("\n")[0])
    parser.add_argument("--to", metavar="FOLDER", default=FOLDER,
                        help="default: resources/ of this checkout")
    draw_all(parser.parse_args(arguments).to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
