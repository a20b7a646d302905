"""The doctor tells which of a model's files do not belong together."""

import json
import os

import numpy as np
import pytest

import checkpoints
from tests import converted
from tests import toy
from tests import toy_pretraining
from tools import doctor
from tools import model_check
from tools import weights


@pytest.fixture
def model(tmp_path, monkeypatch):
    """(config, checkpoint, vocabulary) of a golden model that need not know words."""
    monkeypatch.setattr(model_check, "_GUESS_SHARE", 100.0)
    folder = converted.golden_folder(tmp_path / "a", "brightmart_postln")
    return [os.path.join(folder, name)
            for name in ("albert_config.json", "albert_model.ckpt", "vocab.txt")]


def examine(capsys, arguments):
    """(exit code, {question: (mark, answer)})."""
    code = doctor.main(arguments)
    lines = [line.split(None, 1) for line in capsys.readouterr().out.splitlines()]
    return code, {rest[:22].strip(): (mark, rest[23:]) for mark, rest in lines}


def change_config(path, **changes):
    with open(path) as stream:
        values = dict(json.load(stream), **changes)
    with open(path, "w") as out:
        json.dump(values, out)


def change_weights(prefix, change):
    values = checkpoints.read_model(prefix)
    change(values)
    checkpoints.write(values, prefix)


def test_files_that_belong_together_are_well(model, capsys):
    code, said = examine(capsys, model)
    assert code == 0
    assert [mark for mark, _ in said.values()] == ["ok"] * 7
    assert "layout B" in said["weights"][1] and "sentence order" in said["weights"][1]
    assert "loss" in said["masked words"][1]


def bad(said):
    return {question for question, (mark, _) in said.items() if mark == "BAD"}


def test_files_that_are_not_there_are_named_and_the_rest_is_not_asked(
        tmp_path, capsys):
    code, said = examine(capsys, [str(tmp_path / name) for name in "abc"])
    assert code == 1 and bad(said) == {"config", "weights", "vocabulary"}
    assert {mark for question, (mark, _) in said.items()
            if question not in bad(said)} == {"-"}


def test_a_config_of_the_other_layout_or_size_is_told(model, capsys):
    config, prefix, vocab = model
    change_config(config, hidden_size=48)
    code, said = examine(capsys, model)
    assert code == 1 and bad(said) == {"weights and config"}
    assert "has shape" in said["weights and config"][1]
    other = toy.config(os.path.dirname(config), "g", vocab_size=converted.SIZE)
    code, said = examine(capsys, [other, prefix, vocab])
    assert bad(said) == {"weights and config"}
    assert "layout B" in said["weights and config"][1]


@pytest.mark.parametrize("value, word", [(np.nan, "no numbers"), (0.0, "zeros")])
def test_weights_of_a_failed_training_are_told(model, value, word, capsys):
    change_weights(model[1], lambda values: values[
        "bert/pooler/dense/kernel"].fill(value))
    code, said = examine(capsys, model)
    assert code == 1 and "values" in bad(said)
    assert word in said["values"][1] and "bert/pooler/dense/kernel" in said["values"][1]


def test_a_vocabulary_of_another_model_is_told(model, tmp_path, capsys):
    other = toy.vocabulary(tmp_path)
    code, said = examine(capsys, model[:2] + [other])
    assert code == 1 and "29 tokens" in said["vocabulary and config"][1]


def test_the_wrong_order_of_norms_is_told_by_the_masked_words(
        model, monkeypatch, capsys):
    losses = {"postln": 5.0, "preln": 2.0}
    monkeypatch.setattr(model_check, "masked_loss",
                        lambda model, tokenizer: losses[model.config.ln_type])
    code, said = examine(capsys, model)
    assert code == 1 and bad(said) == {"masked words"}
    assert "'preln'" in said["masked words"][1] and "2.00" in said["masked words"][1]


def test_weights_that_know_no_word_are_told(model, monkeypatch, capsys):
    monkeypatch.setattr(model_check, "_GUESS_SHARE", 0.1)
    code, said = examine(capsys, model)
    assert code == 1 and "know nothing" in said["masked words"][1]


def test_the_loss_of_masked_words_is_that_of_the_network(model):
    files, whole = weights.read(model[1])
    change = {name: value.copy() for name, value in whole.variables.items()}
    tokenizer = model_check.tokenization.FullTokenizer(files.vocab_file)
    before = model_check.masked_loss(whole, tokenizer)
    change["cls/predictions/output_bias"] += 3.0  # the same for all: nothing changes
    shifted = model_check.masked_loss(whole._replace(variables=change), tokenizer)
    np.testing.assert_allclose(shifted, before, atol=1e-4)
    unknown, = tokenizer.convert_tokens_to_ids(["[UNK]"])
    change["cls/predictions/output_bias"][unknown] += 50.0
    assert abs(model_check.masked_loss(whole._replace(variables=change), tokenizer)
               - before) > 1.0


def test_a_model_without_the_head_is_not_asked_for_words(model, capsys):
    change_weights(model[1], lambda values: [
        values.pop(name) for name in list(values) if name.startswith("cls/")])
    code, said = examine(capsys, model)
    assert code == 0 and said["masked words"] == ("ok", "no head to ask")


def test_records_that_fit_are_read_and_others_are_told(model, tmp_path, capsys):
    toy_pretraining.records(tmp_path / "a.tfrecord", 5)
    records = str(tmp_path / "a*.tfrecord")
    code, said = examine(capsys, model + [records])
    assert code == 0 and "1 files" in said["records"][1]
    with open(str(tmp_path / "a.tfrecord"), "r+b") as stream:
        stream.seek(-20, os.SEEK_END)
        stream.write(b"damaged")
    code, said = examine(capsys, model + [records])
    assert code == 1 and bad(said) == {"records"} and "record" in said["records"][1]
    code, said = examine(capsys, model + [str(tmp_path / "no*")])
    assert bad(said) == {"records"} and "no file matches" in said["records"][1]
