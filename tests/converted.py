"""The golden models as folders of users, for the tests of the conversions."""

import glob
import os
import shutil
import sys

import pytest

import errors
from tests import golden_models
from tools import convert

SIZE = 120
CHARACTERS = ("我喜欢妈做的汤很喝和发布于年多人在用收盘上证指数涨量能放大里猫睡着了。,"
              "天地玄黄宇宙洪荒日月")
# A Python with torch and transformers, in an environment of its own.
TORCH = os.environ.get("ALBERT_TORCH_PYTHON", sys.executable)


def write_vocabulary(path, twins=20):
    """120 tokens, as the golden models have; some of them are `##` before ideographs."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "2", "0", "##0", "##2", "##."]
    tokens += list(CHARACTERS) + ["##" + char for char in CHARACTERS[:twins]]
    tokens += ["[unused%d]" % i for i in range(SIZE - len(tokens))]
    with open(str(path), "w", encoding="utf-8", newline="") as out:
        out.write("\n".join(tokens) + "\n")


def golden_folder(folder, name, checkpoint="albert_model.ckpt", labels=()):
    """A model's folder as a user has it: weights, config, vocabulary, and labels."""
    folder.mkdir()
    source = os.path.join(golden_models.GOLDEN, name)
    for path in glob.glob(os.path.join(source, checkpoint + ".*")):
        shutil.copy(path, str(folder))
    shutil.copy(os.path.join(source, "config.json"), str(folder / "albert_config.json"))
    write_vocabulary(folder / "vocab.txt")
    if labels:
        (folder / "labels.txt").write_text("".join(label + "\n" for label in labels),
                                           encoding="utf-8")
    return str(folder)


def refused(*arguments):
    """The one message of a conversion that is refused; nothing may be left behind."""
    target = arguments[arguments.index("--to") + 1]
    with pytest.raises(errors.InputError) as error:
        convert.main(list(arguments))
    assert not os.path.exists(target)
    assert not [name for name in os.listdir(os.path.dirname(target))
                if name.startswith(".writing-")]
    return str(error.value)
