"""Formulas with gradients of their own equal those that TensorFlow derives."""

import math

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import formulas

RNG = np.random.RandomState(1)


def plain_gelu(x):
    return 0.5 * x * (1.0 + tf.tanh(
        math.sqrt(2.0 / math.pi) * (x + 0.044715 * tf.pow(x, 3))))


def plain_normalize(x):
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return (x - mean) / tf.sqrt(variance + formulas.LAYER_NORM_EPSILON)


def plain_attention(query, key, value, bias):
    weights = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) + bias)
    return tf.matmul(weights, value)


def values_and_gradients(function, arrays, constants=()):
    """[result, gradient of each array]; shapes are unknown when the graph is built."""
    with tf.Graph().as_default():
        inputs = [tf.placeholder(tf.float32, [None] * (a.ndim - 1) + [a.shape[-1]])
                  for a in arrays]
        result = function(*(inputs + [tf.constant(c) for c in constants]))
        weights = tf.cos(tf.cast(tf.range(tf.size(result)), tf.float32))
        loss = tf.reduce_sum(tf.reshape(result, [-1]) * weights)
        with tf.Session() as session:
            return session.run([result] + tf.gradients(loss, inputs),
                               dict(zip(inputs, arrays)))


def assert_equal(expected, actual):
    for a, b in zip(expected, actual):
        assert a.shape == b.shape
        assert np.max(np.abs(a - b)) <= 1e-5


@pytest.mark.parametrize("ours, plain", [
    (formulas.gelu, plain_gelu), (formulas.normalize, plain_normalize)])
def test_value_and_gradient_are_those_of_the_plain_formula(ours, plain):
    x = RNG.normal(0.0, 2.0, [3, 5, 16]).astype("float32")
    assert_equal(values_and_gradients(plain, [x]), values_and_gradients(ours, [x]))


def test_gelu_has_no_overflow_far_from_zero():
    x = np.array([-1e4, -50.0, 0.0, 50.0, 1e4], "float32")
    value, gradient = values_and_gradients(lambda x: formulas.gelu(x), [x])
    assert np.array_equal(value, np.maximum(x, 0.0))
    assert np.array_equal(gradient, np.cos(np.arange(5)).astype("float32") * [
        0.0, 0.0, 0.5, 1.0, 1.0])


@pytest.mark.parametrize("longest_together", [6, 7])
def test_attention_by_heads_is_attention(monkeypatch, longest_together):
    monkeypatch.setattr(formulas, "LONG", longest_together + 1)
    arrays = [RNG.normal(0.0, 1.0, [2, 3, 7, 4]).astype("float32") for _ in range(3)]
    bias = np.zeros([2, 1, 1, 7], "float32")
    bias[1, :, :, 4:] = -10000.0
    assert_equal(values_and_gradients(plain_attention, arrays, [bias]),
                 values_and_gradients(formulas.attention_by_heads, arrays, [bias]))


def test_cross_entropy_is_that_of_tensorflow():
    logits = RNG.normal(0.0, 3.0, [5, 9]).astype("float32")
    labels = np.array([0, 8, 3, 3, int(np.argmax(logits[4]))], "int32")

    def plain(scores, wanted):
        return tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=wanted, logits=scores)

    assert_equal(
        values_and_gradients(plain, [logits], [labels]),
        values_and_gradients(
            lambda *given: formulas.cross_entropy(*given)[0], [logits], [labels]))
    hits, _ = values_and_gradients(
        lambda *given: formulas.cross_entropy(*given)[1] + 0.0 * given[0][0, 0],
        [logits], [labels])
    assert np.array_equal(hits, np.argmax(logits, -1) == labels)


def test_the_graph_of_a_formula_has_no_identity_n():
    with tf.Graph().as_default() as graph:
        formulas.normalize(formulas.gelu(tf.zeros([2, 3])))
        assert "IdentityN" not in [op.type for op in graph.get_operations()]
