"""The rows that no text reaches go, and no output changes by a bit; stripping."""

import os

import numpy as np
import pytest

import checkpoints
import errors
import tokenization
from tests import converted
from tests import golden_models
from tests import readme
from tools import slim_vocab
from tools import strip_checkpoint
from tools import weights

PUBLISHED = os.path.join(readme.ROOT, "albert_config", "vocab.txt")


def sample_texts(path, most=200):
    """Lines of our samples."""
    with open(os.path.join(readme.ROOT, "data", "news_zh_1.txt"),
              encoding="utf-8") as source:
        lines = [line for line in source if line.strip()]
    lines += readme.read("data/lcqmc_sample/dev.txt").replace("\t", "\n").splitlines(True)
    path.write_text("".join(lines[:most]), encoding="utf-8")
    return lines


def test_7322_rows_of_the_published_vocabulary_are_never_reached(tmp_path):
    kept, lines = slim_vocab.reachable_ids(PUBLISHED)
    assert len(kept) == len(lines) == 21128 - 7322
    small = tmp_path / "vocab.txt"
    small.write_bytes(b"\n".join(lines) + b"\n")
    old, new = [tokenization.FullTokenizer(path) for path in (PUBLISHED, str(small))]
    for text in sample_texts(tmp_path / "texts", 10000) + list(weights.SENTENCES):
        tokens = old.tokenize(text)
        assert new.tokenize(text) == tokens
        assert [kept[id_] for id_ in new.convert_tokens_to_ids(tokens)] == (
            old.convert_tokens_to_ids(tokens))


@pytest.mark.parametrize("name, checkpoint", [
    ("brightmart_postln", "classifier.ckpt"), ("brightmart_preln", "classifier.ckpt"),
    ("google_shared", "albert_model.ckpt")])
def test_outputs_are_equal_bit_for_bit(name, checkpoint, tmp_path, capsys):
    source = converted.golden_folder(tmp_path / "a", name, checkpoint)
    sample_texts(tmp_path / "texts")
    target = str(tmp_path / "b")
    slim_vocab.main([source, "--to", target, "--verify", str(tmp_path / "texts")])
    said = capsys.readouterr().out
    assert "100 of 120 words can be reached; 20 rows were dropped" in said
    assert "200 of 200 texts give equal outputs" in said
    files, model = weights.read(target)
    assert files.config.vocab_size == 100
    _, whole = weights.read(source)
    id_map = (tmp_path / "b" / "id_map.tsv").read_text().splitlines()[1:]
    kept = [int(line.split("\t")[1]) for line in id_map]
    assert [int(line.split("\t")[0]) for line in id_map] == list(range(100))
    for variable, value in model.variables.items():
        rows = kept if len(value) == 100 else slice(None)
        np.testing.assert_array_equal(value, whole.variables[variable][rows])


def test_a_model_that_differs_is_told(tmp_path):
    source = converted.golden_folder(tmp_path / "a", "google_shared")
    files, model = weights.read(source)
    kept, _ = slim_vocab.reachable_ids(files.vocab_file)
    slimmed = slim_vocab.slim(model, kept[::-1])
    tokenizer = tokenization.FullTokenizer(files.vocab_file)
    assert slim_vocab.compare(model, slimmed, [tokenizer] * 2, ["我喜欢", "猫"]) == 0


def test_texts_that_cannot_be_read_are_one_message(tmp_path):
    source = converted.golden_folder(tmp_path / "a", "google_shared")
    with pytest.raises(errors.InputError, match="no.txt"):
        slim_vocab.main([source, "--to", str(tmp_path / "b"), "--verify",
                         str(tmp_path / "no.txt")])
    assert os.listdir(str(tmp_path)) == ["a"]


def test_stripping_prints_what_went_and_that_the_rest_is_equal(tmp_path, capsys):
    source = os.path.join(golden_models.GOLDEN, "google_shared", "albert_model.ckpt")
    values = checkpoints.read_model(source)
    slots = {name + suffix: value for name, value in values.items()
             for suffix in ("/adam_m", "/adam_v", "/lamb_m", "/lamb_v")}
    (tmp_path / "run").mkdir()
    prefix = str(tmp_path / "run" / "model.ckpt-7")
    checkpoints.write(dict(values, global_step=np.int64(7), **slots), prefix)
    target = str(tmp_path / "new" / "albert_model.ckpt")
    strip_checkpoint.main([str(tmp_path / "run"), "--to", target])
    said = capsys.readouterr().out
    assert "%d optimizer variables and step 7 were left out" % (4 * len(values)) in said
    assert "%d of %d variables are equal" % (len(values), len(values)) in said
    assert set(checkpoints.list_variables(target)) == set(values)


def test_stripping_what_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(errors.InputError, match="No checkpoint"):
        strip_checkpoint.main([str(tmp_path / "no"), "--to", str(tmp_path / "a" / "b")])
