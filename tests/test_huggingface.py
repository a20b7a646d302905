"""Stock transformers reads what we write, offline, and computes the same.

Needs torch and transformers: here, or in the Python that ALBERT_TORCH_PYTHON names (see
requirements-torch.txt). Without them tests/albert_numpy.py stands for the other side.
"""

import importlib.util
import os
import subprocess
import sys

import pytest

import checkpoints
import errors
from tests import converted
from tools import convert
from tools import weights

pytestmark = pytest.mark.skipif(
    converted.TORCH == sys.executable
    and not all(map(importlib.util.find_spec, ("torch", "transformers"))),
    reason="torch and transformers are not installed (requirements-torch.txt)")
OTHER_SIDE = ["--verify", "--torch", converted.TORCH]


@pytest.mark.parametrize("name, checkpoint", [
    ("brightmart_postln", "albert_model.ckpt"), ("google_shared", "albert_model.ckpt"),
    ("google_groups", "albert_model.ckpt"), ("brightmart_postln", "classifier.ckpt"),
    ("google_shared", "classifier.ckpt")])
def test_transformers_computes_the_same_and_cuts_the_same_tokens(
        name, checkpoint, tmp_path, capsys):
    source = converted.golden_folder(tmp_path / "a", name, checkpoint)
    convert.main(["huggingface", source, "--to", str(tmp_path / "b")] + OTHER_SIDE)
    said = capsys.readouterr().out
    assert "5 of 5 sentences" in said
    heads = ["classifier"] if checkpoint.startswith("class") else ["masked_lm", "order"]
    assert [line.split()[0] for line in said.splitlines()[1:-1]] == sorted(
        ["layers", "pooled"] + heads)


def test_an_encoder_alone_is_read_as_such(tmp_path):
    source = converted.golden_folder(tmp_path / "a", "google_shared")
    prefix = os.path.join(source, "albert_model.ckpt")
    values = checkpoints.read_model(prefix)
    checkpoints.write({name: value for name, value in values.items()
                       if name.startswith("bert/")}, prefix)
    convert.main(["huggingface", source, "--to", str(tmp_path / "b")] + OTHER_SIDE)


def test_a_changed_folder_is_told_from_ours(tmp_path):
    source = converted.golden_folder(tmp_path / "a", "google_shared")
    folder = str(tmp_path / "b")
    convert.main(["huggingface", source, "--to", folder])
    path = os.path.join(folder, "config.json")
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    with open(path, "w", encoding="utf-8") as out:
        out.write(text.replace("gelu_new", "relu"))
    files, model = weights.read(source)
    with pytest.raises(errors.InputError, match="differ by more than rounding"):
        convert.verify(model, folder, convert.tokenizer_of(files), converted.TORCH)


def test_weights_that_pytorch_pickled_are_read(tmp_path):
    source = converted.golden_folder(tmp_path / "a", "google_shared")
    folder = str(tmp_path / "b")
    convert.main(["huggingface", source, "--to", folder])
    subprocess.check_call([
        converted.TORCH, "-c", "import sys, torch, safetensors.torch as s; "
        "torch.save(s.load_file(sys.argv[1]), sys.argv[2])",
        os.path.join(folder, "model.safetensors"),
        os.path.join(folder, "pytorch_model.bin")])
    os.remove(os.path.join(folder, "model.safetensors"))
    convert.main(["tensorflow", folder, "--to", str(tmp_path / "c"), "--torch",
                  converted.TORCH])
    before, after = [weights.read(each)[1].variables
                     for each in (source, str(tmp_path / "c"))]
    assert all(after[name].tobytes() == value.tobytes() for name, value in before.items())
