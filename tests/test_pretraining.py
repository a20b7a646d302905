"""The objective: one update whatever the slices, measurements of every row."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
import modeling_google
import optimization
import pretraining
import pretraining_input
import pretraining_records
from tests import toy
from tests import toy_pretraining

MODELS = {"b": (modeling.BertModel, modeling.BertConfig),
          "g": (modeling_google.AlbertModel, modeling_google.AlbertConfig)}


def config(tmp_path, layout, **changes):
    return MODELS[layout][1].from_json_file(toy.config(tmp_path, layout, **changes))


def padded_rows(count, seed=3):
    rows = toy_pretraining.rows(count, seed)
    kinds = {"masked_lm_weights": np.float32}
    lengths = {"masked_lm_positions": 4, "masked_lm_ids": 4, "masked_lm_weights": 4,
               "next_sentence_labels": 1}
    return {name: np.array([row[name] + [0] * (lengths.get(name, 24) - len(row[name]))
                            for row in rows], kinds.get(name, np.int32))
            for name in rows[0]}


def weights_after_an_update(tmp_path, layout, slices, batch, **changes):
    options = pretraining.Options(output_dir="", **changes)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        scores = pretraining.make_scores_fn(
            MODELS[layout][0], config(tmp_path, layout), options)
        features = {name: tf.constant(value) for name, value in batch.items()}
        optimizer = optimization.OPTIMIZERS["adamw"](0.01)
        tf.train.get_or_create_global_step()
        sums, gradients = optimization.sum_over_slices(
            pretraining.objective(scores, features, options), features, slices, optimizer)
        update = optimizer.apply_gradients(gradients)
        variables = tf.trainable_variables()
        session.run(tf.global_variables_initializer())
        rng = np.random.RandomState(5)
        for v in variables:
            v.load(rng.normal(scale=0.1, size=v.shape.as_list()).astype("f4"), session)
        before, _ = session.run([sums, update])
        return before, dict(zip([v.op.name for v in variables], session.run(variables)))


@pytest.mark.parametrize("layout", ["b", "g"])
def test_four_slices_are_the_big_batch_whatever_their_numbers_of_masks(tmp_path, layout):
    batch = padded_rows(16)
    batch["masked_lm_weights"][4:8] = 0.0  # one slice has none at all
    one, whole = weights_after_an_update(tmp_path, layout, 1, batch)
    four, sliced = weights_after_an_update(tmp_path, layout, 4, batch)
    np.testing.assert_allclose(one, four, rtol=1e-5)
    for name in whole:
        np.testing.assert_allclose(whole[name], sliced[name], atol=1e-5, err_msg=name)


def test_left_out_predictions_change_nothing():
    """A TPU keeps them, with weight 0, because its shapes are fixed."""
    batch = padded_rows(6)
    with tf.Graph().as_default(), tf.Session() as session:
        short, full = session.run([pretraining._masked_words(
            {k: tf.constant(v) for k, v in batch.items()}, 24, keep_all)
                                   for keep_all in (False, True)])
    real = full[2] > 0
    assert len(short[0]) == batch["masked_lm_weights"].sum() < len(full[0])
    for a, b in zip(short, full):
        np.testing.assert_array_equal(a, b[real])


def test_accuracies_and_losses_are_those_of_every_row_once(tmp_path):
    """37 rows in batches of 8, against NumPy over all of them."""
    toy_pretraining.setup(tmp_path)
    found = pretraining_records.open_records(str(tmp_path / "held.tfrecord"), "x")
    options = pretraining.Options(output_dir="")
    model_class, _ = MODELS["b"]
    scores = pretraining.make_scores_fn(model_class, config(tmp_path, "b"), options)
    model_fn = pretraining.make_model_fn(scores, options)
    estimator = tf.estimator.Estimator(
        lambda features, labels, mode, params: model_fn(
            features, labels, mode, params).as_estimator_spec(), str(tmp_path / "model"))
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(4)
        batch = {name: tf.constant(value) for name, value in padded_rows(37, 2).items()}
        everything = scores(batch, False)
        tf.train.get_or_create_global_step()
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, str(tmp_path / "model" / "model.ckpt-0"))
        words, word_hits, orders, order_hits = session.run([
            everything.word_losses, everything.word_hits, everything.order_losses,
            everything.order_hits])
    measured = estimator.evaluate(
        pretraining_input.evaluation_input_fn(found, 8),
        checkpoint_path=str(tmp_path / "model" / "model.ckpt-0"))
    expected = {
        "masked_lm_loss": words.mean(), "masked_lm_accuracy": word_hits.mean(),
        "sentence_order_loss": orders.mean(), "sentence_order_accuracy": order_hits.mean(),
        "num_words": len(words), "num_rows": 37}
    for name, value in expected.items():
        assert measured[name] == pytest.approx(value, rel=1e-5), name


def test_a_model_of_legacy_labels_is_measured_by_both_rows_of_a_character():
    rng = np.random.RandomState(6)
    logits = rng.normal(size=[5, 7]).astype("f4")
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    twin_ids = {2: 5, 3: 6}
    labels = np.array([2, 5, 3, 6, 1])
    with tf.Graph().as_default(), tf.Session() as session:
        folded, plain = session.run(pretraining._fold_twins(
            tf.constant(logits), tf.constant(labels), twin_ids))
    np.testing.assert_array_equal(plain, [2, 2, 3, 3, 1])
    expected = probabilities.copy()
    for id_, twin in twin_ids.items():
        expected[:, id_] += expected[:, twin]
        expected[:, twin] = 0.0
    found = np.exp(folded) / np.exp(folded).sum(1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)
