"""Classification: conversion and its cache, the head, the update."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import checkpoints
import classification
import errors
import modeling
import modeling_google
import tasks
import tokenization
from tests import toy

LENGTH = 16
SIZES = dict(vocab_size=29, embedding_size=8, hidden_size=16, num_hidden_layers=2,
             num_attention_heads=2, intermediate_size=32,
             max_position_embeddings=LENGTH,
             hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
LAYOUT_B = (modeling.BertModel, modeling.BertConfig(type_vocab_size=2, **SIZES))
PRE_LN = (modeling.BertModel,
          modeling.BertConfig(type_vocab_size=2, ln_type="preln", **SIZES))
LAYOUT_G = (modeling_google.AlbertModel, modeling_google.AlbertConfig(**SIZES))
MODELS = [LAYOUT_B, PRE_LN, LAYOUT_G]


def options(folder="unused", **changes):
    values = dict(output_dir=str(folder), max_seq_length=LENGTH, do_train=True,
                  warmup_proportion=0.0, learning_rate=0.01)
    return classification.Options(**dict(values, **changes))


@pytest.fixture(name="tokenizer", scope="module")
def fixture_tokenizer(tmp_path_factory):
    return tokenization.FullTokenizer(toy.vocabulary(tmp_path_factory.mktemp("toy")))


# The cache of converted rows.

KEY = {"task": "lcqmc", "vocab": "aa", "do_lower_case": True}
EXAMPLES = [tasks.Example(i, text, "宇宙", str(i % 2), i + 1)
            for i, text in enumerate(["天地玄黄", "天", "地玄"])]


class NoTokenizer(object):
    def tokenize(self, text):
        raise AssertionError("%r is converted again" % text)


def write(folder, tokenizer, name="dev", examples=EXAMPLES, labels=("0", "1"), key=KEY,
          batch_size=1, **changes):
    return classification.write_split(
        classification.Split(name, examples), list(labels), tokenizer, str(folder),
        options(**changes), key, batch_size)


def test_the_same_data_is_converted_once(tmp_path, tokenizer):
    first = write(tmp_path, tokenizer, max_seq_length=8)
    again = write(tmp_path, NoTokenizer(), max_seq_length=8)
    assert again == first and again.num_truncated == 1


CHANGES = {
    "length": dict(max_seq_length=9), "labels": dict(labels=("1", "0")),
    "vocabulary": dict(key=dict(KEY, vocab="bb")),
    "lower-casing": dict(key=dict(KEY, do_lower_case=False)),
    "task": dict(key=dict(KEY, task="other")), "batches": dict(batch_size=2),
    "order": dict(examples=EXAMPLES[::-1]), "rows": dict(examples=EXAMPLES[:2]),
    "text": dict(examples=[EXAMPLES[0]._replace(text_b="宙")] + EXAMPLES[1:]),
    "a row's label": dict(examples=[EXAMPLES[0]._replace(label="1")] + EXAMPLES[1:]),
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_what_differs_is_converted_again_under_another_name(
        tmp_path, tokenizer, change):
    first = write(tmp_path, tokenizer)
    with open(first.records, "rb") as source:
        content = source.read()
    assert write(tmp_path, tokenizer, **CHANGES[change]).records != first.records
    with open(first.records, "rb") as source:
        assert source.read() == content


def rows_of(split):
    """[(example_index, number of tokens, label, is_real_example)] as in the file."""
    found = []
    for record in tf.python_io.tf_record_iterator(split.records):
        values = {name: feature.int64_list.value for name, feature
                  in tf.train.Example.FromString(record).features.feature.items()}
        found.append((values["example_index"][0], sum(values["input_mask"]),
                      values["label_ids"][0], values["is_real_example"][0]))
    return found


def test_rows_to_score_lie_by_length_and_fill_whole_batches(tmp_path, tokenizer):
    found = rows_of(write(tmp_path, tokenizer, batch_size=2))
    assert found == [(1, 6, 1, 1), (2, 7, 0, 1), (0, 9, 0, 1), (0, 9, 0, 0)]


def test_rows_to_train_on_stay_in_the_order_of_the_data(tmp_path, tokenizer):
    assert [row[0] for row in rows_of(write(tmp_path, tokenizer, "train"))] == [0, 1, 2]


# Weights to score.

def save_head(folder, num_labels):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("output_weights", [num_labels, 4])
        session.run(tf.global_variables_initializer())
        return tf.train.Saver().save(session, os.path.join(str(folder), "model.ckpt"))


def test_a_head_of_other_labels_is_refused(tmp_path):
    task = tasks.TASKS["lcqmc"]
    prefix = save_head(tmp_path, 3)
    with pytest.raises(errors.InputError, match="3 classes.*lcqmc has 2 labels"):
        classification.check_head(prefix, task)
    prefix = save_head(tmp_path, 2)
    classification.check_head(prefix, task)
    tasks.write_labels(str(tmp_path / "labels.txt"), ["0", "1"])
    classification.check_head(prefix, task)
    tasks.write_labels(str(tmp_path / "labels.txt"), ["1", "0"])
    with pytest.raises(errors.InputError, match="labels.txt.*: 0, 1"):
        classification.check_head(prefix, task)


# The head and the update.

def make_batch(num_rows, seed=0, length=LENGTH):
    """Rows of various lengths, padded to `length`; {name: array}."""
    rng = np.random.RandomState(seed)
    sizes = rng.randint(3, 11, num_rows)
    mask = (np.arange(length) < sizes[:, None]).astype(np.int32)
    return {
        "input_ids": rng.randint(5, 29, [num_rows, length]) * mask,
        "input_mask": mask,
        "segment_ids": (np.arange(length) >= sizes[:, None] // 2) * mask,
        "label_ids": rng.randint(0, 2, num_rows),
        "is_real_example": np.ones(num_rows, np.int32),
        "example_index": np.arange(num_rows)}


def trimmed(batch, length):
    return {name: value[:, :length] if value.ndim == 2 else value
            for name, value in batch.items()}


class Trainer(object):
    """The model_fn in a session: every model begins with the same weights."""

    def __init__(self, model, mode, warm_start=None, **changes):
        chosen = options(**changes)
        logits_fn = classification.make_logits_fn(*model, num_labels=2, options=chosen)
        model_fn = classification.make_model_fn(logits_fn, chosen, 1000, warm_start)
        self.feeds = {
            name: tf.placeholder(tf.int32, [None, None] if value.ndim == 2 else [None])
            for name, value in make_batch(1).items()}
        self.spec = model_fn(self.feeds, None, mode, None)
        self.session = tf.Session()
        self.session.run(tf.global_variables_initializer())

    def set_weights(self):
        for variable in tf.trainable_variables():
            seed = sum(map(ord, variable.op.name))
            noise = np.random.RandomState(seed).normal(
                scale=0.3, size=variable.shape.as_list())
            variable.load(noise.astype(np.float32), self.session)
        return self

    def run(self, fetch, batch):
        return self.session.run(
            fetch, {self.feeds[name]: value for name, value in batch.items()})

    def weights(self):
        return {v.op.name: self.session.run(v) for v in tf.trainable_variables()}


TRAIN, PREDICT = tf.estimator.ModeKeys.TRAIN, tf.estimator.ModeKeys.PREDICT


@pytest.fixture(name="graph", autouse=True)
def fixture_graph(monkeypatch):
    """A graph for each test, and no dropout: what is compared must be equal."""
    monkeypatch.setattr(classification, "HEAD_DROPOUT", 0.0)
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.mark.parametrize("use_pooled_output", [True, False])
@pytest.mark.parametrize("model", MODELS, ids=["B", "pre-LN", "G"])
def test_loss_and_probabilities_do_not_depend_on_padding(model, use_pooled_output):
    batch = make_batch(6)
    short = trimmed(batch, batch["input_mask"].sum(1).max())
    assert short["input_ids"].shape[1] < LENGTH
    for mode, fetch in ((PREDICT, lambda spec: spec.predictions["probabilities"]),
                        (TRAIN, lambda spec: spec.loss)):
        with tf.Graph().as_default():
            trainer = Trainer(model, mode, use_pooled_output=use_pooled_output)
            trainer.set_weights()
            long, dynamic = [
                trainer.run(fetch(trainer.spec), b) for b in (batch, short)]
        np.testing.assert_allclose(dynamic, long, rtol=0, atol=1e-5)
        assert mode == TRAIN or np.std(long[:, 0]) > 5e-4


def test_probabilities_do_not_depend_on_the_rows_beside():
    trainer = Trainer(LAYOUT_B, PREDICT).set_weights()
    batch = make_batch(6)
    probabilities = trainer.spec.predictions["probabilities"]
    together = trainer.run(probabilities, batch)
    for i in range(6):
        alone = {name: value[i:i + 1] for name, value in batch.items()}
        alone = trimmed(alone, alone["input_mask"].sum())
        np.testing.assert_allclose(
            trainer.run(probabilities, alone)[0], together[i], rtol=0, atol=1e-5)


def test_the_loss_is_the_mean_over_rows():
    batch = make_batch(6)
    with tf.Graph().as_default():
        predictor = Trainer(LAYOUT_B, PREDICT).set_weights()
        fetch = predictor.spec.predictions["probabilities"]
        probabilities = predictor.run(fetch, batch)
    expected = -np.log(probabilities[np.arange(6), batch["label_ids"]]).mean()
    trainer = Trainer(LAYOUT_B, TRAIN).set_weights()
    assert trainer.run(trainer.spec.loss, batch) == pytest.approx(expected, abs=1e-5)


def test_the_mean_of_tokens_ignores_padding():
    hidden = np.random.RandomState(0).normal(size=[2, 5, 3]).astype(np.float32)
    mask = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]])
    with tf.Session() as session:
        mean = session.run(classification.mean_of_tokens(tf.constant(hidden), mask))
    expected = [hidden[0, :2].mean(0), hidden[1].mean(0)]
    np.testing.assert_allclose(mean, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("model, norm", [
    (LAYOUT_B, set()), (LAYOUT_G, set()),
    (PRE_LN, {"loss/LayerNorm/beta", "loss/LayerNorm/gamma"})],
                         ids=["B", "G", "pre-LN"])
def test_a_pre_ln_model_gets_a_norm_before_its_head(model, norm):
    trainer = Trainer(model, PREDICT)
    names = {v.op.name for v in tf.trainable_variables()}
    assert {n for n in names if not n.startswith("bert/")} == {
        "output_weights", "output_bias"} | norm
    assert trainer.weights()["output_weights"].shape == (2, 16)


@pytest.mark.parametrize("model", MODELS, ids=["B", "pre-LN", "G"])
def test_slices_of_a_batch_give_the_update_of_the_whole(model):
    found = []
    for slices in (1, 4):
        with tf.Graph().as_default():
            trainer = Trainer(
                model, TRAIN, accumulate_steps=slices, learning_rate=1e-3).set_weights()
            before = trainer.weights()
            losses = [trainer.run([trainer.spec.train_op, trainer.spec.loss], batch)[1]
                      for batch in (make_batch(8, 1), make_batch(8, 2))]
            found.append((losses, trainer.weights()))
            assert trainer.session.run(tf.train.get_global_step()) == 2
    (losses, whole), (sliced_losses, sliced) = found
    np.testing.assert_allclose(sliced_losses, losses, rtol=0, atol=1e-5)
    assert set(whole) == set(sliced) == set(before)
    for name in whole:
        # Softmax does not see a bias of the keys, so its gradient is 0.
        moved = np.abs(whole[name] - before[name]).max()
        assert moved > 1e-4 or "key/bias" in name, name
        np.testing.assert_allclose(
            sliced[name], whole[name], rtol=0, atol=1e-5, err_msg=name)


def test_the_encoder_starts_with_the_checkpoint_and_the_head_is_new(tmp_path):
    prefix = str(tmp_path / "albert.ckpt")
    with tf.Graph().as_default():
        ids = tf.placeholder(tf.int32, [None, None])
        LAYOUT_B[0](LAYOUT_B[1], False, ids)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            tf.train.Saver().save(session, prefix)
            held = {v.op.name: session.run(v) for v in tf.trainable_variables()}
    with tf.Graph().as_default():
        Trainer(LAYOUT_B, PREDICT)
        shapes = {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}
    plan = checkpoints.plan_warm_start(prefix, shapes, "B", "config")
    assert plan.new == ["output_bias", "output_weights"]
    found = Trainer(LAYOUT_B, TRAIN, warm_start=plan).weights()
    for name, value in held.items():
        np.testing.assert_array_equal(found[name], value)
