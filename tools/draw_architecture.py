"""The picture of the paper's three changes; part of tools.draw_resources.

Its numbers are those of albert_config_base.json: nothing is written by hand.
"""

import os

import curves
from tools import model_variables

SIZE = "albert_config_base.json"
_OLD, _NEW, _TEXT = "#cbd5e0", "#2b6cb0", "#1a202c"
_SECOND = "#dd6b20"


def numbers():
    """{what is told: number} of the model that is drawn."""
    path = os.path.join(model_variables.CONFIG_FOLDER, SIZE)
    config, _ = model_variables.read_config(path)
    groups = model_variables.count_groups(model_variables.variables_of_file(path))
    words, width, hidden = config.vocab_size, config.embedding_size, config.hidden_size
    return {
        "vocabulary": words, "embedding": width, "hidden": hidden,
        "layers": config.num_hidden_layers, "one table": words * hidden,
        "two tables": words * width + width * hidden, "one layer": groups["encoder"],
        "all layers": groups["encoder"] * config.num_hidden_layers}


def draw(path):
    """Writes the picture: an upper row for BERT, a lower row for ALBERT."""
    values = numbers()
    figure, panels = curves.make_figure(12, 4.6, 1, 3)
    for axes, (title, draw_panel) in zip(panels, (
            ("1  factorised embedding", _draw_embedding),
            ("2  one layer for all", _draw_layers),
            ("3  sentence order", _draw_order))):
        curves.plain(axes, title)
        axes.set_xlim(0, 10)
        axes.set_ylim(0, 10)
        axes.axis("off")
        _say(axes, 0, 9.5, "BERT", "bold")
        _say(axes, 0, 4.7, "ALBERT", "bold")
        draw_panel(axes, values)
    curves.save(figure, path)


def _say(axes, left, height, text, weight="normal"):
    axes.text(left, height, text, fontsize=9, color=_TEXT, weight=weight, va="center")


def _box(axes, corner, size, text, colour):
    axes.bar([corner[0]], [size[1]], size[0], [corner[1]], align="edge", color=colour,
             edgecolor="white", linewidth=2)
    axes.text(corner[0] + size[0] / 2.0, corner[1] + size[1] / 2.0, text, ha="center",
              va="center", fontsize=8.5, color=_TEXT if colour == _OLD else "white")


def _arrow(axes, start, end, bend=0.0):
    axes.annotate("", xy=end, xytext=start, arrowprops=dict(
        arrowstyle="->", color=_TEXT, connectionstyle="arc3,rad=%g" % bend))


def _millions(number):
    return "%.1f M" % (number / 1e6)


def _draw_embedding(axes, values):
    shape = "{vocabulary:,} x {hidden}".format(**values)
    _box(axes, (0, 6.3), (7.5, 2.5), "word table\n" + shape, _OLD)
    _say(axes, 0, 5.7, "%s parameters" % _millions(values["one table"]))
    _box(axes, (0, 1.5), (3.4, 2.5), "word table\n{vocabulary:,} x {embedding}".format(
        **values), _NEW)
    _arrow(axes, (3.5, 2.75), (4.4, 2.75))
    _box(axes, (4.5, 1.5), (3, 2.5), "projection\n{embedding} x {hidden}".format(
        **values), _SECOND)
    _say(axes, 0, 0.9, "%s parameters" % _millions(values["two tables"]))


def _draw_layers(axes, values):
    shown = (1, 2, 3, values["layers"])
    for place, layer in enumerate(shown):
        left = 2.4 * place
        _box(axes, (left, 6.3), (1.9, 2.5), "layer\n%d" % layer, _OLD)
        if place:
            _arrow(axes, (left - 0.5, 7.55), (left, 7.55))
    _say(axes, 6.75, 9.1, "...")
    _say(axes, 0, 5.7, "%s parameters" % _millions(values["all layers"]))
    _box(axes, (0, 1.5), (4, 2.5), "one layer,\nused %d times" % values["layers"], _NEW)
    _arrow(axes, (4.1, 2.0), (4.1, 3.5), 1.6)
    _say(axes, 6, 2.75, "same computation,\nless storage")
    _say(axes, 0, 0.9, "%s parameters" % _millions(values["one layer"]))


def _draw_order(axes, _):
    for height, rows in ((7.7, (("A", "B", "next"), ("A", "of another text", "not next"))),
                         (2.9, (("A", "B", "0: in order"), ("B", "A", "1: swapped")))):
        for row, (first, second, label) in enumerate(rows):
            bottom = height - 1.5 * row
            colours = [_OLD, _OLD] if height > 5 else [
                _NEW if text == "A" else _SECOND for text in (first, second)]
            _box(axes, (0, bottom), (2.7, 1.1), first, colours[0])
            _box(axes, (2.8, bottom), (2.9, 1.1), second, colours[1])
            _say(axes, 6, bottom + 0.55, label)
    _say(axes, 0, 5.7, "the topic gives it away")
    _say(axes, 0, 0.9, "A and B are neighbours in one text")
