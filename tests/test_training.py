"""What every run shares: devices and batches, weights to start from, the best ones."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import checkpoints
import devices
import errors
import modeling_google
import run_record
import training

SIZES = dict(vocab_size=11, embedding_size=4, hidden_size=8, num_hidden_layers=4,
             num_attention_heads=2, intermediate_size=6, max_position_embeddings=5)


def settings(**changes):
    return training.Settings(output_dir="unused", **changes)


def test_amp_on_a_cpu_rewrites_products_or_says_which_version_can(monkeypatch):
    monkeypatch.setattr(devices, "visible_gpus", lambda: [])
    options = tf.ConfigProto().graph_options.rewrite_options
    if not hasattr(options, "auto_mixed_precision_onednn_bfloat16"):
        with pytest.raises(errors.InputError, match="ALBERT_TF=2.*Leave --amp out"):
            devices.session_config(True)
        return
    rewritten, plain = [devices.session_config(amp).graph_options.rewrite_options
                        for amp in (True, False)]
    assert rewritten.auto_mixed_precision_onednn_bfloat16 == options.ON
    assert plain.auto_mixed_precision_onednn_bfloat16 == options.DEFAULT


def test_amp_scales_the_loss_on_a_gpu_alone(monkeypatch):
    with tf.Graph().as_default():
        plain = tf.train.GradientDescentOptimizer(0.1)
        monkeypatch.setattr(devices, "visible_gpus", lambda: [])
        assert training.with_loss_scaling(plain, settings(amp=True)) is plain
        monkeypatch.setattr(devices, "visible_gpus", lambda: ["/gpu:0"])
        assert training.with_loss_scaling(plain, settings(amp=False)) is plain
        scaled = training.with_loss_scaling(plain, settings(amp=True))
        with tf.Session() as session:
            tf.get_variable("x", initializer=1.0)
            session.run(tf.global_variables_initializer())
            assert "LossScale" in type(scaled).__name__
    tf.train.experimental.disable_mixed_precision_graph_rewrite()


@pytest.mark.parametrize("replicas, slices, rows", [(1, 1, 24), (1, 3, 24), (2, 3, 12)])
def test_each_device_takes_its_share_of_the_batch(monkeypatch, replicas, slices, rows):
    monkeypatch.setattr(devices, "distribution", lambda _: devices.Distribution(
        None, replicas, 1, 0, True))
    assert training.device_batch_size(
        settings(train_batch_size=24, accumulate_steps=slices)) == rows


@pytest.mark.parametrize("replicas, slices", [(1, 5), (2, 8), (3, 3)])
def test_a_batch_that_does_not_divide_is_refused(monkeypatch, replicas, slices):
    monkeypatch.setattr(devices, "distribution", lambda _: devices.Distribution(
        None, replicas, 1, 0, True))
    with pytest.raises(errors.InputError) as caught:
        training.device_batch_size(
            settings(train_batch_size=24, accumulate_steps=slices))
    for phrase in ("=24", "%d devices" % replicas, "%d slices" % slices):
        assert phrase in str(caught.value)


def test_more_gpus_than_tensorflow_sees_are_refused(monkeypatch):
    monkeypatch.setattr(devices, "visible_gpus", lambda: ["/gpu:0"])
    with pytest.raises(errors.InputError, match="--num_gpus=3.*sees 1"):
        training.device_batch_size(settings(num_gpus=3))


def build(config):
    ids = tf.placeholder(tf.int32, [None, None])
    return modeling_google.AlbertModel(config, False, ids)


def config_of(groups, inner=1):
    return modeling_google.AlbertConfig(
        num_hidden_groups=groups, inner_group_num=inner, **SIZES)


def save(config, prefix):
    """Saves a model with random weights; returns {name: value}."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(5)
        build(config)
        tf.train.get_or_create_global_step()
        session.run(tf.global_variables_initializer())
        for variable in tf.trainable_variables():  # zeros and ones hide a mistake
            noise = np.random.RandomState(len(variable.op.name)).normal(
                size=variable.shape.as_list())
            variable.load(noise.astype(np.float32), session)
        tf.train.Saver().save(session, prefix)
        return {v.op.name: session.run(v) for v in tf.trainable_variables()}


def started(config, plan):
    """{name: value} of a model after the first session of a run has begun."""
    with tf.Graph().as_default():
        build(config)
        training.warm_start_scaffold(plan.assignment, plan.prefix, use_tpu=False)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            return {v.op.name: session.run(v) for v in tf.trainable_variables()}


def plan_for(config, prefix, init_from_group0):
    shapes = training.model_shapes(lambda: build(config))
    return checkpoints.plan_warm_start(prefix, shapes, "G", "config", init_from_group0)


def test_training_starts_with_the_values_of_the_checkpoint(tmp_path):
    prefix = str(tmp_path / "albert.ckpt")
    held = save(config_of(2), prefix)
    found = started(config_of(2), plan_for(config_of(2), prefix, False))
    assert set(found) == set(held)
    for name, value in held.items():
        np.testing.assert_array_equal(found[name], value)


def test_every_group_starts_with_the_values_of_group_0(tmp_path):
    prefix = str(tmp_path / "albert.ckpt")
    held = save(config_of(1), prefix)
    grouped = config_of(2, inner=2)
    found = started(grouped, plan_for(grouped, prefix, True))
    in_groups = [name for name in found if "/transformer/" in name]
    assert len(in_groups) == 4 * len([n for n in held if "/transformer/" in n])
    for name, value in found.items():
        source = name.replace("group_1", "group_0")
        np.testing.assert_array_equal(value, held[source], name)


def test_model_shapes_runs_nothing_and_leaves_the_graph_alone():
    with tf.Graph().as_default() as graph:
        shapes = training.model_shapes(lambda: build(config_of(1)))
        assert not graph.get_operations()
    assert shapes["bert/embeddings/word_embeddings"] == [11, 4]


def test_released_weights_can_be_scored_though_they_have_no_step(tmp_path):
    prefix = str(tmp_path / "albert.ckpt")
    held = save(config_of(1), str(tmp_path / "whole" / "model.ckpt-0"))
    checkpoints.strip(str(tmp_path / "whole" / "model.ckpt-0"), prefix)
    assert "global_step" not in checkpoints.list_variables(prefix)
    with tf.Graph().as_default():
        build(config_of(1))
        tf.train.get_or_create_global_step()
        creator = tf.train.ChiefSessionCreator(
            training.weights_only_scaffold(), checkpoint_filename_with_path=prefix)
        with tf.train.MonitoredSession(creator) as session:
            name = "bert/pooler/dense/kernel"
            value, = session.run([v for v in tf.trainable_variables()
                                  if v.op.name == name])
    np.testing.assert_array_equal(value, held[name])


# The best checkpoint.

def keep(folder, step, accuracy):
    """Saves a checkpoint of a run and keeps it as the best; returns its values."""
    prefix = os.path.join(folder, "model.ckpt-%d" % step)
    held = save(config_of(1), prefix)
    facts = {"step": step, "eval_accuracy": accuracy}
    training.keep_best(
        prefix, os.path.join(folder, "best"), facts, {"labels.txt": "0\n1\n"})
    return held


def best_of(folder):
    """(prefix, facts) as a run finds them."""
    best = os.path.join(folder, "best")
    return checkpoints.all_checkpoints(best)[-1][1], training.read_best(best)


def test_the_best_weights_equal_the_checkpoints_and_have_no_step(tmp_path):
    held = keep(str(tmp_path), 3, 0.5)
    prefix, facts = best_of(str(tmp_path))
    assert facts == {"step": 3, "eval_accuracy": 0.5}
    reader = tf.train.load_checkpoint(prefix)
    assert set(reader.get_variable_to_shape_map()) == set(held)
    for name, value in held.items():
        np.testing.assert_array_equal(reader.get_tensor(name), value)
    assert checkpoints.find_checkpoint(str(tmp_path / "best")) == prefix
    assert (tmp_path / "best" / "labels.txt").read_text() == "0\n1\n"


def test_a_better_checkpoint_takes_the_place_of_the_last(tmp_path):
    keep(str(tmp_path), 3, 0.5)
    keep(str(tmp_path), 6, 0.75)
    prefix, facts = best_of(str(tmp_path))
    assert os.path.basename(prefix) == "model.ckpt-6" and facts["step"] == 6
    assert [step for step, _ in checkpoints.all_checkpoints(
        str(tmp_path / "best"))] == [6]


@pytest.mark.parametrize("module, function", [
    (checkpoints, "strip"), (run_record, "write_json"), (os, "remove")])
def test_a_kill_while_the_best_is_replaced_leaves_a_whole_one(
        tmp_path, monkeypatch, module, function):
    keep(str(tmp_path), 3, 0.5)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, function, killed)
    with pytest.raises(KeyboardInterrupt):
        keep(str(tmp_path), 6, 0.75)
    monkeypatch.undo()
    prefix, facts = best_of(str(tmp_path))
    checkpoints.open_checkpoint(prefix)
    # What `best.json` tells is there; the resumed run measures the other one again.
    told = tmp_path / "best" / ("model.ckpt-%d.index" % facts["step"])
    assert os.path.exists(str(told))


def test_no_best_yet_is_none(tmp_path):
    assert training.read_best(str(tmp_path)) is None
