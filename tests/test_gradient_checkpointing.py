"""Layers computed again in the backward pass give the gradients of kept ones."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import formulas
import modeling
import modeling_google
import optimization
import transformer

SIZES = dict(vocab_size=60, embedding_size=8, hidden_size=16, num_hidden_layers=3,
             num_attention_heads=2, intermediate_size=32, max_position_embeddings=16,
             type_vocab_size=2, initializer_range=0.2)
MODELS = {
    "shared": (modeling.BertModel, modeling.BertConfig(**SIZES)),
    "unshared pre-LN": (modeling.BertModel, modeling.BertConfig(
        ln_type="preln", share_parameter_across_layers=False, **SIZES)),
    "groups": (modeling_google.AlbertModel, modeling_google.AlbertConfig(
        num_hidden_groups=2, inner_group_num=2, **SIZES)),
}
IDS = np.random.RandomState(1).randint(1, 60, [8, 12]).astype("int32")
MASK = (np.arange(12) < np.array([[12], [5]] * 4)).astype("int32")


def loss_and_gradients(name, dropout, num_slices=1, **options):
    """[loss, gradients ...] at the same weights and the same dropout seeds."""
    model_class, config = MODELS[name]
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout

    def sums(batch):
        model = model_class(config, True, batch["ids"], batch["mask"], **options)
        return [tf.reduce_sum(tf.square(model.get_sequence_output())[:, :, :3]) / 300.0
                + tf.reduce_sum(model.get_pooled_output()) / 100.0]

    with tf.Graph().as_default():
        tf.set_random_seed(1)
        batch = {"ids": tf.constant(IDS), "mask": tf.constant(MASK)}
        loss, pairs = optimization.sum_over_slices(
            sums, batch, num_slices, optimization.OPTIMIZERS["adamw"](0.1))
        variables = tf.trainable_variables()
        rng = np.random.RandomState(2)
        with tf.Session() as session:
            for v in variables:
                v.load(rng.normal(0.0, 0.3, v.shape.as_list()), session)
            values = session.run(loss + [tf.convert_to_tensor(g) for g, _ in pairs])
    return [v.op.name for v in variables], values


def assert_equal(expected, actual):
    assert expected[0] == actual[0]
    for name, a, b in zip(["loss"] + expected[0], expected[1], actual[1]):
        assert np.max(np.abs(a - b)) <= 1e-6 * max(1.0, np.max(np.abs(a))), name


@pytest.mark.parametrize("name", sorted(MODELS))
def test_without_dropout_gradients_equal_those_of_kept_layers(name):
    assert_equal(loss_and_gradients(name, 0.0),
                 loss_and_gradients(name, 0.0, gradient_checkpointing=True))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_dropout_falls_on_the_same_places_in_the_second_computation(name, monkeypatch):
    again = loss_and_gradients(name, 0.3, gradient_checkpointing=True)
    monkeypatch.setattr(transformer, "recompute", lambda layer, x: layer(x))
    assert_equal(loss_and_gradients(name, 0.3, gradient_checkpointing=True), again)
    without = loss_and_gradients(name, 0.0)
    assert abs(without[1][0] - again[1][0]) > 1e-3 * abs(without[1][0])


def test_it_works_inside_the_loop_over_slices_where_attention_goes_by_heads(monkeypatch):
    monkeypatch.setattr(formulas, "LONG", 8)
    whole = loss_and_gradients("shared", 0.0)
    assert_equal(whole, loss_and_gradients(
        "shared", 0.0, num_slices=4, gradient_checkpointing=True))


def test_layers_and_steps_have_zeros_of_their_own():
    with tf.Graph().as_default():
        seed = tf.placeholder(tf.int32, [2])
        zeros = [tf.equal(transformer.dropout(tf.ones([2000]), 0.25, seed, place), 0.0)
                 for place in range(3)]
        with tf.Session() as session:
            first = session.run(zeros, {seed: [5, 7]})
            other = session.run(zeros, {seed: [6, 7]})
            again = session.run(zeros, {seed: [5, 7]})
    assert np.array_equal(first, again)
    drawn = list(first) + list(other)
    for i, a in enumerate(drawn):
        assert 0.2 < np.mean(a) < 0.3
        for b in drawn[:i]:  # independent draws are both zero with probability 1/16
            assert 0.03 < np.mean(a & b) < 0.1


def test_two_replicas_give_the_gradients_of_one_device():
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.checkpointed_replicas"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert result.returncode == 0, result.stdout[-2000:]
    assert "differs by" in result.stdout
