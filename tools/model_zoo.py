"""The published models: where they are, what they must hold, and a table of them.

    python -m tools.model_zoo zh|en

prints the table of docs/model_zoo.md. Sizes come from the config files; accuracies are
those that the ancestors' documents tell, none is ours.
"""

import collections
import os

import command_line

_CONFIGS = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "albert_config")
_BRIGHTMART = "https://storage.googleapis.com/albert_zh/%s.zip"
_GOOGLE = "https://storage.googleapis.com/albert_models/albert_%s_zh.tar.gz"

# config: the size in albert_config_SIZE.json; hugging_face: the same weights there, or
# None; lcqmc: accuracy on dev and test as quoted for the size, None where none is.
Entry = collections.namedtuple("Entry", ["url", "config", "hugging_face", "lcqmc"])


def _entries():
    found = collections.OrderedDict()
    for name, config, hugging_face, lcqmc in (
            ("albert_tiny", "tiny", None, (None, 85.4)),
            ("albert_tiny_489k", "tiny", None, (None, 85.4)),
            ("albert_base_zh", "base", None, (87.2, 86.3)),
            ("albert_base_zh_additional_36k_steps", "base", None, (87.8, 86.3)),
            ("albert_large_zh", "large", None, (88.7, 87.1)),
            ("albert_xlarge_zh_177k", "xlarge", None, (87.3, 87.7)),
            ("albert_xlarge_zh_183k", "xlarge", None, (87.3, 87.7)),
            ("albert_tiny_zh_google", "tiny_google", "tiny", None),
            ("albert_small_zh_google", "small_google", "small", (None, 86.0))):
        found[name] = Entry(_BRIGHTMART % name, config, hugging_face, lcqmc)
    for size in ("base", "large", "xlarge", "xxlarge"):
        found["albert_%s_google_zh" % size] = Entry(
            _GOOGLE % size, size + "_google", size, None)
    for name, entry in found.items():
        if entry.hugging_face:
            found[name] = entry._replace(
                hugging_face="voidful/albert_chinese_" + entry.hugging_face)
    return found


ENTRIES = _entries()
HUGGING_FACE = {entry.hugging_face: name for name, entry in ENTRIES.items()
                if entry.hugging_face}
HUGGING_FACE_URL = "https://huggingface.co/%s/resolve/main/%s"
HEADS = {
    "zh": ("名字", "布局", "层数", "隐藏层", "头数", "参数量", "大小 MiB",
           "LCQMC 验证 / 测试（引用）", "Hugging Face"),
    "en": ("Name", "Layout", "Layers", "Hidden", "Heads", "Parameters", "Size MiB",
           "LCQMC dev / test (quoted)", "Hugging Face")}


def config_file(name):
    """Path of the config that describes a model, by its name here."""
    return os.path.join(_CONFIGS, "albert_config_%s.json" % ENTRIES[name].config)


def differences(name, variables):
    """Lines: how {variable: shape} of a checkpoint differs from the published model's.

    Slots and step do not count, and the pre-training heads may be missing as a whole.
    """
    # Not above: they import TensorFlow, which takes seconds.
    import checkpoints
    from tools import model_variables
    expected = model_variables.variables_of_file(config_file(name))
    held = {each: list(shape) for each, shape in variables.items()
            if not checkpoints.is_training_only(each)}
    if not any(each.startswith("cls/") for each in held):
        expected = {each: shape for each, shape in expected.items()
                    if each.startswith("bert/")}
    lines = ["%s is missing" % each for each in sorted(set(expected) - set(held))]
    lines += ["%s is not part of it" % each for each in sorted(set(held) - set(expected))]
    return lines + ["%s has shape %s, not %s" % (each, held[each], expected[each])
                    for each in sorted(set(held) & set(expected))
                    if held[each] != expected[each]]


def table(language):
    """The lines of the table of models in Markdown."""
    from tools import model_variables
    rows = [HEADS[language], ("---",) * len(HEADS[language])]
    for name, entry in ENTRIES.items():
        config, _ = model_variables.read_config(config_file(name))
        number = sum(model_variables.count_groups(
            model_variables.variables_of_file(config_file(name))).values())
        rows.append((
            "`%s`" % name, config.layout, str(config.num_hidden_layers),
            str(config.hidden_size), str(config.num_attention_heads), format(number, ","),
            "%.1f" % model_variables.mebibytes(number),
            " / ".join("–" if value is None else "%.1f" % value
                       for value in entry.lcqmc) if entry.lcqmc else "–",
            "`%s`" % entry.hugging_face if entry.hugging_face else "–"))
    return [("|%s|" if row[0] == "---" else "| %s |") % (
        ("|" if row[0] == "---" else " | ").join(row)) for row in rows]


def main(arguments=None):
    """Prints the table."""
    parser = command_line.Parser(
        prog="python -m tools.model_zoo", description=__doc__.split("\n\n")[0])
    parser.add_argument("language", choices=sorted(HEADS))
    print("\n".join(table(parser.parse_args(arguments).language)))


if __name__ == "__main__":
    command_line.run(main)
