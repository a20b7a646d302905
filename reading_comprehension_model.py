"""The span head: where in a passage the answer begins and ends. Its records, its model_fn.

Deaf to the variant: the model class is an argument.
"""

import dataclasses
import logging
import os

import tensorflow.compat.v1 as tf

import features
import initializers
import run_record
import storage
import training
import transformer

RECORD_VERSION = 1  # part of a cache's name: change it with what Windows.row writes
MASKED_SCORE = -10000.0


@dataclasses.dataclass(frozen=True)
class Options(training.FineTuningSettings):
    """Settings of a reading-comprehension run."""
    max_seq_length: int = 384
    doc_stride: int = 128
    max_query_length: int = 64
    max_answer_length: int = 64
    n_best_size: int = 20
    convert_to_simplified: bool = False


# What a model must be used with as it was trained; kept beside the best weights.
SETTINGS_FILE = "reading_comprehension.json"
READING_SETTINGS = ("max_seq_length", "doc_stride", "max_query_length",
                    "max_answer_length", "do_lower_case", "convert_to_simplified")


def read_settings(prefix):
    """What stands beside weights: {setting: value}, {} where nothing does."""
    return run_record.read_json(
        os.path.join(os.path.dirname(prefix), SETTINGS_FILE)) or {}


def span_logits(model, input_mask, segment_ids):
    """([B, S], [B, S]): scores of where the answer begins and ends.

    Only the passage may hold it; the first token stands for "not in this window".
    """
    output = model.get_sequence_output()
    with tf.variable_scope("cls/squad", reuse=tf.AUTO_REUSE):
        if model.normalizes_pooled_output:  # what leaves a pre-LN encoder is not yet
            output = transformer.layer_norm(output, "LayerNorm")
        weights = transformer.variable(
            "output_weights", [2, model.config.hidden_size],
            initializers.normal(model.config.initializer_range))
        bias = transformer.variable("output_bias", [2], tf.zeros_initializer())
    rows = tf.reshape(output, [-1, model.config.hidden_size])
    scores = tf.nn.bias_add(tf.matmul(rows, weights, transpose_b=True), bias)
    closed = (1.0 - answerable(input_mask, segment_ids)) * MASKED_SCORE
    shape = transformer.shape_list(input_mask)
    return [tf.reshape(scores[:, i], shape) + closed for i in (0, 1)]


def answerable(input_mask, segment_ids):
    """[B, S] -> [B, S]: 1.0 for the passage, without the [SEP] after it, and for [CLS]."""
    followed = tf.pad(input_mask[:, 1:], [[0, 0], [0, 1]])
    passage = segment_ids * followed
    return tf.cast(tf.concat([tf.ones_like(passage[:, :1]), passage[:, 1:]], 1), tf.float32)


def make_logits_fn(model_class, config, options):
    """(features, is_training) -> the two [B, S] of span_logits."""
    def logits_fn(batch, is_training):
        model = model_class(
            config, is_training, batch["input_ids"], batch["input_mask"],
            batch["segment_ids"], use_one_hot_embeddings=options.use_tpu,
            gradient_checkpointing=options.gradient_checkpointing)
        return span_logits(model, batch["input_mask"], batch["segment_ids"])
    return logits_fn


def make_model_fn(logits_fn, options, num_train_steps, warm_start=None):
    """The model_fn of training and prediction: see training.fine_tuning_model_fn."""
    def losses_fn(part):
        losses = [tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=part[name], logits=logits) for name, logits in zip(
                ("start_positions", "end_positions"), logits_fn(part, True))]
        return tf.add_n(losses) / 2.0

    def outputs_fn(batch):
        starts, ends = [tf.nn.log_softmax(logits) for logits in logits_fn(batch, False)]
        return {"starts": starts, "ends": ends,
                "start_positions": batch["start_positions"],
                "end_positions": batch["end_positions"]}

    return training.fine_tuning_model_fn(
        losses_fn, outputs_fn, options, num_train_steps, warm_start)


def write_windows(name, windows, targets, folder, options, key, batch_size=1):
    """Writes the records of windows, or finds them written. -> their path.

    The file's name holds the hash of all it depends on. Rows to score are sorted by
    length, and for a TPU filled up to whole batches.

    Args:
      name: of the split; "train" keeps the order.
      windows: reading_comprehension_windows.Windows.
      targets: [Target or None], one a question.
      folder: where to write.
      options: Options.
      key: what else the ids depend on, for JSON.
      batch_size: of a TPU, else 1.
    """
    path = os.path.join(folder, "%s_%s_%d_%s.tfrecord" % (
        key["task"], name, options.max_seq_length, features.fingerprint(
            RECORD_VERSION, key, name, batch_size, windows.fingerprint())))
    order = list(range(len(windows.windows)))
    if name != "train":
        order.sort(key=windows.num_tokens)
    if features.read_notes(path) is None:
        storage.make_folder(folder)
        features.write_records(
            path, _rows(windows, targets, order, -len(order) % batch_size),
            features.span_spec(options.max_seq_length), {"windows": len(order)})
    logging.info("%s: %d questions, %d windows of up to %d tokens.", name,
                 len(windows.questions), len(order), options.max_seq_length)
    return path


def _rows(windows, targets, order, num_more):
    for number in order:
        yield windows.row(number, targets[windows.windows[number].question])
    last = windows.row(order[-1], None)
    for _ in range(num_more):
        yield dict(last, is_real_example=0)
