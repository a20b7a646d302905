"""Optimizers against recorded trajectories, on several devices, and in slices."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import lamb_optimizer
import optimization

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "optimizers")

# The recording programs read the rate while another thread advanced the step, so the step
# that each of their updates saw was found from the recorded norms: mostly the next one.
# Ours reads the rate of the step it is at; the tests set that step.
NEXT_STEPS = [1, 2, 3, 4, 5, 6, 7, 8]
RECORDED = [
    ("lamb_brightmart", dict(optimizer="lamb_all"), NEXT_STEPS),
    ("adamw_finetuning", dict(optimizer="adamw"), NEXT_STEPS),
    ("lamb_google", dict(optimizer="lamb"), [1, 2, 2, 3, 4, 5, 6, 7]),
    ("adamw_google", dict(optimizer="adamw", poly_power=1.0, start_warmup_step=2),
     NEXT_STEPS),
]


@pytest.mark.parametrize("name, options, steps", RECORDED)
def test_updates_equal_the_recorded_trajectory(name, options, steps):
    with np.load(os.path.join(GOLDEN, name + ".npz")) as arrays:
        golden = {key: arrays[key] for key in arrays.files}
    names = [key[len("init|"):] for key in golden if key.startswith("init|")]
    with tf.Graph().as_default(), tf.Session() as session:
        variables = [tf.get_variable(n.replace("|", "/"), initializer=golden["init|" + n],
                                     use_resource=True) for n in names]
        coefficients = [tf.placeholder(tf.float32, v.shape) for v in variables]
        loss = tf.add_n([tf.reduce_sum(c * v) + 0.05 * tf.reduce_sum(v * v)
                         for c, v in zip(coefficients, variables)])
        update = optimization.create_optimizer(loss, 0.02, 20, 3, False, **options)
        session.run(tf.global_variables_initializer())
        assert {v.op.name for v in tf.global_variables()} == set(golden["slots"])
        for t, step in enumerate(steps):
            session.run(tf.train.get_global_step().assign(step))
            session.run(update, {c: golden["coef%d|%s" % (t, n)]
                                 for c, n in zip(coefficients, names)})
            for n, value in zip(names, session.run(variables)):
                np.testing.assert_allclose(
                    value, golden["after%d|%s" % (t, n)], rtol=0, atol=1e-6)


def test_the_rate_warms_up_then_follows_the_decay_from_step_zero():
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.train.get_or_create_global_step()
        rate = optimization.learning_rate_schedule(1.0, 1000, 100)
        session.run(tf.global_variables_initializer())
        rates = [session.run([step.assign(s), rate])[0] * 0 + session.run(rate)
                 for s in (0, 50, 99, 100, 550, 1000, 1200)]
    np.testing.assert_allclose(rates, [0, 0.5, 0.99, 0.9, 0.45, 0, 0], atol=1e-6)


def make_batch(size):
    rng = np.random.RandomState(5)
    return {"x": rng.randn(size, 4).astype("float32"),
            "y": rng.randn(size, 3).astype("float32"),
            "weight": rng.randint(0, 2, [size]).astype("float32")}


def train(optimizer, batch, num_slices=1, steps=3):
    """The weights after some updates of a small regression, and the first loss."""
    with tf.Graph().as_default(), tf.Session() as session:
        fed = {k: tf.placeholder(tf.float32, [None] + list(v.shape[1:]))
               for k, v in batch.items()}
        total_weight = tf.reduce_sum(fed["weight"])

        def sums(part):
            with tf.variable_scope("model", reuse=tf.AUTO_REUSE):
                table = tf.get_variable("table", [6, 4], use_resource=True,
                                        initializer=tf.ones_initializer())
                kernel = tf.get_variable("kernel", [4, 3], use_resource=True,
                                         initializer=tf.ones_initializer())
            rows = tf.gather(table, tf.cast(tf.abs(part["x"][:, 0] * 2), tf.int32))
            error = tf.matmul(part["x"] * rows, kernel) - part["y"]
            loss = tf.reduce_sum(part["weight"] * tf.reduce_sum(error ** 2, 1))
            return [loss / total_weight, tf.reduce_sum(part["weight"])]

        chosen = optimization.OPTIMIZERS[optimizer](0.1)
        totals, gradients = optimization.sum_over_slices(sums, fed, num_slices, chosen)
        update = chosen.apply_gradients(gradients, tf.train.get_or_create_global_step())
        session.run(tf.global_variables_initializer())
        feed = {fed[k]: v for k, v in batch.items()}
        first = session.run(totals, feed)
        for _ in range(steps):
            session.run(update, feed)
        return session.run(tf.trainable_variables()), first


@pytest.mark.parametrize("optimizer", sorted(optimization.OPTIMIZERS))
@pytest.mark.parametrize("num_slices", [2, 4])
def test_slices_of_a_batch_update_like_the_whole_batch(optimizer, num_slices):
    batch = make_batch(16)
    whole, whole_sums = train(optimizer, batch)
    sliced, sliced_sums = train(optimizer, batch, num_slices)
    np.testing.assert_allclose(whole_sums, sliced_sums, rtol=1e-5)
    for a, b in zip(whole, sliced):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_second_moment_solves_a_small_problem():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.get_variable("x", initializer=[0.1, -0.2, -0.1], use_resource=True)
        target = tf.constant([0.4, 0.2, -0.5])
        optimizer = optimization.AdamWeightDecayOptimizer(learning_rate=0.2)
        loss = tf.reduce_mean(tf.square(target - x))
        update = optimizer.apply_gradients(optimizer.compute_gradients(loss))
        session.run(tf.global_variables_initializer())
        for _ in range(100):
            session.run(update)
        np.testing.assert_allclose(session.run(x), [0.4, 0.2, -0.5], atol=1e-2)


def test_a_zero_weight_or_update_leaves_the_trust_ratio_at_one():
    with tf.Graph().as_default(), tf.Session() as session:
        zero = tf.get_variable("zero", initializer=[0.0, 0.0], use_resource=True)
        optimizer = lamb_optimizer.LAMBOptimizer(0.5)
        update = optimizer.apply_gradients([(tf.constant([1.0, -1.0]), zero)])
        session.run(tf.global_variables_initializer())
        session.run(update)
        expected = 0.5 * 0.1 / (np.sqrt(0.001) + 1e-6)
        np.testing.assert_allclose(session.run(zero), [-expected, expected], rtol=1e-5)
