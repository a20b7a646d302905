"""The two objectives of pre-training, masked words and the order of sentences, as one
model_fn.

Heads on any model of transformer.TransformerModel's kind; they never ask which variant
they have. Lan et al. 2020, section 3.1; Devlin et al. 2019, section 3.1.
"""

import dataclasses

import numpy as np
import tensorflow.compat.v1 as tf

import devices
import formulas
import hooks
import initializers
import optimization
import training
import transformer

NEVER = -1e9  # a score that no word loses to
TRAIN_METRICS = ("masked_lm_accuracy", "sentence_order_accuracy")


@dataclasses.dataclass(frozen=True)
class Options(training.Settings):
    """Settings of a pre-training run."""
    input_file: str = None
    eval_input_file: str = None
    vocab_file: str = None
    export_dir: str = None
    max_seq_length: int = None
    max_predictions_per_seq: int = None
    dynamic_masking: bool = False
    legacy_labels: bool = False
    unigram_bias: bool = True
    num_train_steps: int = 100000
    num_warmup_steps: int = 10000
    start_warmup_step: int = 0
    poly_power: float = 1.0
    max_eval_steps: int = None


def masked_lm_logits(model, positions):
    """Scores of every word at the masked positions [B, P]: [B * P, V]."""
    batch, length, _ = transformer.shape_list(model.get_sequence_output())
    offsets = tf.expand_dims(tf.range(batch) * length, 1)
    return word_logits(model, tf.reshape(positions + offsets, [-1]))


def word_logits(model, places, log_frequencies=None):
    """Scores of every word at `places` [N] of the flattened batch [B * S]: [N, V].

    The bias of new weights begins at `log_frequencies` [V], else at zero.
    """
    config = model.config
    flat = tf.reshape(model.get_sequence_output(), [-1, config.hidden_size])
    hidden = tf.gather(flat, places)
    with tf.variable_scope("cls/predictions", reuse=tf.AUTO_REUSE):
        with tf.variable_scope("transform"):
            hidden = transformer.dense(
                hidden, model.masked_lm_width, "dense", config.initializer_range,
                transformer.ACTIVATIONS[config.hidden_act])
            hidden = transformer.layer_norm(hidden, "LayerNorm")
        start = tf.zeros_initializer()
        if log_frequencies is not None:
            start = tf.constant_initializer(log_frequencies)
        bias = transformer.variable("output_bias", [config.vocab_size], start)
    return tf.nn.bias_add(model.vocabulary_logits(hidden), bias)


def sentence_order_logits(model):
    """[B, 2]: class 0 for sentences in order, class 1 for swapped ones."""
    config = model.config
    with tf.variable_scope("cls/seq_relationship", reuse=tf.AUTO_REUSE):
        weights = transformer.variable(
            "output_weights", [2, config.hidden_size],
            initializers.normal(config.initializer_range))
        bias = transformer.variable("output_bias", [2], tf.zeros_initializer())
    logits = tf.matmul(model.get_pooled_output(), weights, transpose_b=True)
    return tf.nn.bias_add(logits, bias)


@dataclasses.dataclass(frozen=True)
class Scores(object):
    """Both objectives on some rows: masked words [N], rows [B].

    Predictions that only fill a row up to P are left out, but on a TPU, where shapes are
    fixed and their weight is 0.
    """
    word_losses: tf.Tensor
    word_hits: tf.Tensor
    word_weights: tf.Tensor
    order_losses: tf.Tensor
    order_hits: tf.Tensor


def make_scores_fn(model_class, config, options, twin_ids=None, log_frequencies=None):
    """(features, is_training) -> Scores. `log_frequencies` is word_logits'.

    `twin_ids` {id of a character: id of its `##` row} measures models that were trained
    to predict either row: the two are one word, but not in training.
    """
    def scores_fn(batch, is_training):
        model = model_class(
            config, is_training, batch["input_ids"], batch["input_mask"],
            batch["segment_ids"], use_one_hot_embeddings=options.use_tpu,
            gradient_checkpointing=options.gradient_checkpointing)
        length = tf.shape(batch["input_ids"])[1]
        places, labels, weights = _masked_words(batch, length, options.use_tpu)
        logits = word_logits(model, places, log_frequencies)
        if twin_ids and not is_training:
            logits, labels = _fold_twins(logits, labels, twin_ids)
        word_losses, word_hits = formulas.cross_entropy(logits, labels)
        order_losses, order_hits = formulas.cross_entropy(
            sentence_order_logits(model),
            tf.reshape(batch["next_sentence_labels"], [-1]))
        return Scores(word_losses, word_hits, weights, order_losses, order_hits)
    return scores_fn


def _masked_words(batch, length, keep_all):
    """(places in [B * S], labels, weights), each [N]."""
    positions, weights = batch["masked_lm_positions"], batch["masked_lm_weights"]
    offsets = tf.expand_dims(tf.range(tf.shape(positions)[0]) * length, 1)
    columns = [positions + offsets, batch["masked_lm_ids"], weights]
    if keep_all:
        return [tf.reshape(column, [-1]) for column in columns]
    return [tf.boolean_mask(column, weights > 0.0) for column in columns]


def _fold_twins(logits, labels, twin_ids):
    """[N, V] and [N] as if a character and its `##` row were one word."""
    vocab_size = logits.shape.as_list()[1]
    twins, plain = np.full([vocab_size], vocab_size), np.arange(vocab_size)
    is_twin = np.zeros([vocab_size], bool)
    for id_, twin in twin_ids.items():
        twins[id_], plain[twin], is_twin[twin] = twin, id_, True
    never = tf.fill(tf.stack([tf.shape(logits)[0], 1]), NEVER)
    scores_of_twins = tf.gather(tf.concat([logits, never], 1), twins, axis=1)
    folded = tf.reduce_logsumexp(tf.stack([logits, scores_of_twins]), 0)
    folded += tf.constant(np.where(is_twin, NEVER, 0.0), tf.float32)
    return folded, tf.gather(tf.constant(plain, tf.int32), labels)


def make_model_fn(scores_fn, options, warm_start=None, flops=None):
    """A model_fn for training and evaluation, for TPUEstimator and Estimator alike.

    `flops` says how many floating-point operations an update on a batch takes.
    """
    def model_fn(features, labels, mode, params):
        del labels, params
        if mode == tf.estimator.ModeKeys.EVAL:
            return _evaluation_spec(scores_fn, features)
        loss, update = _training_op(scores_fn, features, options, flops)
        scaffold_fn = None
        if warm_start is not None:
            scaffold_fn = training.warm_start_scaffold(
                warm_start.assignment, warm_start.prefix, options.use_tpu)
        return tf.estimator.tpu.TPUEstimatorSpec(
            mode=mode, loss=loss, train_op=update, scaffold_fn=scaffold_fn)
    return model_fn


def objective(scores_fn, batch, options):
    """features of one slice -> [loss, hits of words, hits of orders], which add up over
    slices; the loss is normalised by the masked words and rows of the whole batch."""
    num_words = devices.mean_over_replicas(
        tf.reduce_sum(batch["masked_lm_weights"]), options)
    num_rows = tf.cast(tf.shape(batch["input_ids"])[0], tf.float32)

    def sums(part):
        scores = scores_fn(part, True)
        words = tf.reduce_sum(scores.word_losses * scores.word_weights)
        loss = words / (num_words + 1e-5) + tf.reduce_sum(scores.order_losses) / num_rows
        return [loss, tf.reduce_sum(scores.word_hits * scores.word_weights),
                tf.reduce_sum(scores.order_hits)]
    return sums


def _training_op(scores_fn, batch, options, flops):
    rate = optimization.learning_rate_schedule(
        options.learning_rate, options.num_train_steps, options.num_warmup_steps,
        options.poly_power, options.start_warmup_step)
    optimizer = training.with_loss_scaling(
        optimization.OPTIMIZERS[options.optimizer](rate), options)
    if options.use_tpu:
        optimizer = tf.tpu.CrossShardOptimizer(optimizer)
    (loss, word_hits, order_hits), gradients = optimization.sum_over_slices(
        objective(scores_fn, batch, options), batch, options.accumulate_steps, optimizer)
    update = optimizer.apply_gradients(
        devices.average_gradients(gradients, options), tf.train.get_global_step())
    if options.use_tpu:
        return loss, update
    num_rows = tf.cast(tf.shape(batch["input_ids"])[0], tf.float32)
    num_words = tf.reduce_sum(batch["masked_lm_weights"])
    accuracies = word_hits / (num_words + 1e-5), order_hits / num_rows
    return loss, hooks.observed(
        update, loss, rate, dict(zip(TRAIN_METRICS, accuracies)), _work(batch, flops))


def _work(batch, flops):
    """{name: amount in this batch}, of which the progress line shows the rates."""
    work = {"tokens": tf.cast(tf.reduce_sum(batch["input_mask"]), tf.float32)}
    if flops is not None:
        work["flops"] = flops(batch)
    return work


def _evaluation_spec(scores_fn, batch):
    scores = scores_fn(batch, False)
    real = batch["is_real_example"]
    loss = tf.reduce_mean(scores.order_losses)  # the Estimator wants one; ours are below

    def metrics(word_losses, word_hits, word_weights, order_losses, order_hits, real):
        return {
            "masked_lm_loss": tf.metrics.mean(word_losses, word_weights),
            "masked_lm_accuracy": tf.metrics.mean(word_hits, word_weights),
            "sentence_order_loss": tf.metrics.mean(order_losses, real),
            "sentence_order_accuracy": tf.metrics.mean(order_hits, real),
            "num_words": _total(word_weights), "num_rows": _total(real)}

    tensors = [scores.word_losses, scores.word_hits, scores.word_weights,
               scores.order_losses, scores.order_hits, real]
    return tf.estimator.tpu.TPUEstimatorSpec(
        mode=tf.estimator.ModeKeys.EVAL, loss=loss, eval_metrics=(metrics, tensors),
        scaffold_fn=training.weights_only_scaffold)


def _total(weights):
    """A metric: the sum over all batches."""
    count = tf.Variable(0.0, trainable=False, collections=[
        tf.GraphKeys.LOCAL_VARIABLES, tf.GraphKeys.METRIC_VARIABLES])
    update = count.assign_add(tf.reduce_sum(weights))
    return count.read_value(), update
