"""The pre-training scripts as a user runs them: what they write, refuse and survive."""

import os
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import pretraining_records
from tests import forked
from tests import toy
from tests import toy_pretraining


@pytest.fixture(scope="module")
def scripts():
    with forked.Scripts() as running:
        yield running


def run(scripts, arguments):
    """(exit code, what it said); `arguments` as toy_pretraining.command gives them."""
    return scripts.run(arguments[3:])


def read(*parts):
    with open(os.path.join(*map(str, parts)), encoding="utf-8") as source:
        return source.read()


KEYS = ["global_step", "loss", "masked_lm_accuracy", "masked_lm_loss", "%s_accuracy",
        "%s_loss", "perplexity"]


@pytest.mark.parametrize("layout", ["b", "g"])
def test_it_learns_measures_keeps_the_best_and_exports(scripts, tmp_path, layout):
    toy_pretraining.setup(tmp_path, layout)
    code, said = run(scripts, toy_pretraining.command(
        tmp_path, layout, num_train_steps=60, save_checkpoints_steps=30,
        accumulate_steps=2, optimizer="adamw", vocab_file=tmp_path / "vocab.txt",
        export_dir=tmp_path / "export"))
    assert code == 0, said
    assert "Training from random weights: step 0 of 60, 60 steps remain." in said
    assert "8 rows an update, 8 a device, 4 at a time" in said
    lines = read(tmp_path, "output", "eval_results.txt").splitlines()
    order = toy_pretraining.SCRIPTS[layout][2]
    results = dict(line.split(" = ") for line in lines)
    assert set(results) >= {key % order if "%" in key else key for key in KEYS}
    assert lines == sorted(lines) and results["global_step"] == "60"
    assert float(results["num_rows"]) == 37
    assert float(results["loss"]) < 3.0  # 4.06 knows nothing: log(29) + log(2)
    assert "held-out records" in read(tmp_path, "output", "eval_results.json")
    for name in ("curves.png", "metrics.jsonl", "run.json", "best/best.json"):
        assert os.path.getsize(str(tmp_path / "output" / name))
    names = sorted(os.listdir(str(tmp_path / "export")))
    assert names == ["albert_model.ckpt.data-00000-of-00001", "albert_model.ckpt.index",
                     "checkpoint", "config_%s.json" % layout, "vocab.txt"]
    held = dict(tf.train.list_variables(str(tmp_path / "export")))
    assert "cls/predictions/output_bias" in held
    assert not [name for name in held if "adam" in name or "step" in name]
    check_fine_tuning_from(scripts, tmp_path, layout)


def check_fine_tuning_from(scripts, tmp_path, layout):
    toy.data(tmp_path / "data", 24)
    code, said = scripts.run(toy.command(
        tmp_path, layout, do_train=True, do_eval=True, num_train_epochs=1,
        init_checkpoint=tmp_path / "export", output_dir=tmp_path / "tuned")[3:])
    assert code == 0 and "2 new (output_bias, output_weights)" in said, said


def test_without_held_out_records_the_measurement_is_called_that_of_training(
        scripts, tmp_path):
    toy_pretraining.setup(tmp_path)
    arguments = toy_pretraining.command(tmp_path, eval_input_file=None)
    code, said = run(scripts, arguments)
    assert code == 0, said
    assert "Evaluation on the TRAINING records" in said and "held-out" not in said
    assert not os.path.exists(str(tmp_path / "output" / "best"))
    code, said = run(scripts, toy_pretraining.command(tmp_path, do_train=False))
    assert code == 0 and "Evaluation on held-out records, 37 rows" in said


def test_a_finished_folder_says_so_and_another_run_is_refused(scripts, tmp_path):
    toy_pretraining.setup(tmp_path)
    arguments = toy_pretraining.command(tmp_path)
    assert run(scripts, arguments)[0] == 0
    code, said = run(scripts, arguments)
    assert code == 2 and "holds another run (finished)" in said
    code, said = run(scripts, arguments + ["--resume"])
    assert code == 0 and "finished already, at step 20" in said, said
    code, said = run(scripts, toy_pretraining.command(tmp_path, seed=3) + ["--resume"])
    assert code == 2 and "--seed was 12345, is 3" in said


def test_starting_from_weights_is_not_resuming(scripts, tmp_path):
    toy_pretraining.setup(tmp_path)
    assert run(scripts, toy_pretraining.command(tmp_path))[0] == 0
    code, said = run(scripts, toy_pretraining.command(
        tmp_path, init_checkpoint=tmp_path / "output", output_dir=tmp_path / "next"))
    assert code == 0, said
    assert "Starting from the weights of" in said and "step 0 of 20" in said
    assert "31 loaded, 0 new (none), 0 unused (none)" in said


@pytest.mark.parametrize("bias", [True, False])
def test_the_output_bias_begins_at_the_frequencies_or_at_zero(scripts, tmp_path, bias):
    toy_pretraining.setup(tmp_path)
    code, said = run(scripts, toy_pretraining.command(
        tmp_path, unigram_bias=bias, num_train_steps=1, learning_rate=1e-9))
    assert code == 0, said
    found = pretraining_records.open_records(str(tmp_path / "train.tfrecord"), "input_file")
    wanted = pretraining_records.log_frequencies(found, 29, 10000) if bias else np.zeros(29)
    saved = tf.train.load_checkpoint(str(tmp_path / "output" / "model.ckpt-1"))
    np.testing.assert_allclose(saved.get_tensor("cls/predictions/output_bias"), wanted,
                               atol=1e-5)


def damage(path, change):
    with open(str(path), "rb") as source:
        content = bytearray(source.read())
    with open(str(path), "wb") as out:
        out.write(change(content))


def corrupt(content):
    content[len(content) // 2] ^= 255
    return content


BAD_INPUT = [
    ("no file", dict(input_file="none*.tfrecord"), "no file matches none*.tfrecord"),
    ("wrong S", dict(max_seq_length=128), "--max_seq_length=128, but the records of"),
    ("wrong P", dict(max_predictions_per_seq=20), "--max_predictions_per_seq=20, but"),
    ("nothing to do", dict(do_train=False, do_eval=False), "Nothing to do"),
    ("misspelt flag", dict(acumulate_steps=2), "Did you mean: accumulate_steps"),
    ("not divisible", dict(accumulate_steps=3), "cannot be split over 1 devices in 3"),
    ("masked already", dict(dynamic_masking=True), "have their masks already"),
    ("no Horovod", dict(use_horovod=True), "--use_horovod needs Horovod"),
    ("layout G config", dict(bert_config_file="config_g.json"), "the other model family"),
    ("nothing to measure", dict(do_train=False), "No checkpoint in --output_dir"),
    ("no vocabulary", dict(vocab_file="none.txt"), "--vocab_file=none.txt is not there"),
]


@pytest.mark.parametrize("case", BAD_INPUT, ids=lambda case: case[0])
def test_a_mistake_is_one_message_and_leaves_no_trace(scripts, tmp_path, case):
    _, flags, message = case
    toy_pretraining.setup(tmp_path)
    toy.config(tmp_path, "g")
    flags = {k: str(tmp_path / v) if v == "config_g.json" else v for k, v in flags.items()}
    code, said = run(scripts, toy_pretraining.command(tmp_path, **flags))
    assert code == 2 and message in said and "Traceback" not in said, said
    assert not os.path.exists(str(tmp_path / "output"))


@pytest.mark.parametrize("change, message", [
    (corrupt, "train.tfrecord, after record"),
    (lambda content: content[:-50], "train.tfrecord, after record 199")])
def test_a_damaged_file_is_named_when_training_meets_it(
        scripts, tmp_path, change, message):
    toy_pretraining.setup(tmp_path)
    damage(tmp_path / "train.tfrecord", change)
    code, said = run(scripts, toy_pretraining.command(tmp_path, num_train_steps=200))
    assert code == 2 and message in said and "Traceback" not in said, said


def test_another_vocabulary_is_named(scripts, tmp_path):
    toy_pretraining.setup(tmp_path, vocab_size=8)
    code, said = run(scripts, toy_pretraining.command(tmp_path))
    assert code == 2 and "train.tfrecord has the token id" in said
    assert "vocab_size is 8" in said


def test_a_learning_rate_out_of_range_gets_a_hint_and_diverging_stops(scripts, tmp_path):
    toy_pretraining.setup(tmp_path)
    code, said = run(scripts, toy_pretraining.command(
        tmp_path, learning_rate=30, num_train_steps=600, optimizer="lamb"))
    assert "Hint: --learning_rate=30 is unusual for 8 rows" in said
    assert code == 2 and ("diverges" in said or "The loss is" in said), said
    assert "Traceback" not in said


def test_a_run_killed_twice_goes_on_and_its_curve_has_each_step_once():
    code, said = toy.run([sys.executable, "-W", "ignore", "-m", "tests.killed_often", "2"],
                         cwd=toy.ROOT)
    assert code == 0 and "ended at 200" in said, said


def test_weights_without_the_heads_are_not_measured(scripts, tmp_path):
    toy_pretraining.setup(tmp_path)
    toy.data(tmp_path / "data", 24)
    code, said = scripts.run(toy.command(
        tmp_path, do_train=True, num_train_epochs=1, output_dir=tmp_path / "tuned")[3:])
    assert code == 0, said
    code, said = run(scripts, toy_pretraining.command(
        tmp_path, do_train=False, init_checkpoint=tmp_path / "tuned"))
    assert code == 2 and "has no pre-training heads (cls/" in said, said
    assert not os.path.exists(str(tmp_path / "output"))
