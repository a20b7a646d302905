"""Classification of a text or a pair: its records, its head, its model_fn.

Deaf to the variant: the model class and the tokenizer are arguments.
"""

import dataclasses
import logging
import os

import tensorflow.compat.v1 as tf

import checkpoints
import data_checks
import encoding
import errors
import features
import initializers
import storage
import tasks
import training
import transformer

HEAD_DROPOUT = 0.1
RECORD_VERSION = 2  # part of a cache's name: change it with what encoding writes


@dataclasses.dataclass(frozen=True)
class Options(training.FineTuningSettings):
    """Settings of a fine-tuning run.

    Several `learning_rates` are compared (see sweep), and `learning_rate` is one run's.
    """
    skip_bad_rows: bool = False
    use_pooled_output: bool = True
    num_seeds: int = 1
    learning_rates: list = None


@dataclasses.dataclass(frozen=True)
class Split(object):
    """One part of the data, read and converted."""
    name: str
    examples: list
    records: str = None
    num_truncated: int = 0

    @property
    def labelled(self):
        return bool(self.examples) and all(e.label is not None for e in self.examples)


def read_splits(task, options):
    """(the task with its labels, {split: [Example]} as needed).

    Labels that the task does not have come from train, or from the labels.txt of the
    run that is evaluated. CLUE's earlier test set is read where it stands beside test.
    """
    wanted = {"train": options.do_train, "dev": options.do_eval,
              "test": options.do_predict}
    if not any(wanted.values()):
        raise errors.InputError(
            "Nothing to do: give --do_train, --do_eval or --do_predict.")
    if options.max_rows:
        logging.warning("Warning: --max_rows=%d: a trial on the first rows of each "
                        "file; its results are not the task's.", options.max_rows)
    if not options.do_train and task.labels is None:
        task = task._replace(labels=_labels_of_earlier_run(options))
    splits = {}
    for name in tasks.SPLITS:
        if wanted[name]:
            path = _find_file(task, name, options)
            splits[name] = _read(task, name, path, options)
            if name == "train":
                task = tasks.learn(task, splits[name])
    if options.do_predict and task.versions:
        path = os.path.join(os.path.dirname(path), tasks.OLD_TEST + ".json")
        if storage.exists(path):
            splits[tasks.OLD_TEST] = _read(task, tasks.OLD_TEST, path, options)
    for warning in data_checks.check_examples(splits):
        logging.warning("Warning: %s.", warning)
    return task, splits


def _read(task, name, path, options):
    examples, skipped = tasks.read_examples(
        task, path, options.skip_bad_rows and name == "train",
        name in ("train", "dev"), options.max_rows)
    for message in skipped:
        logging.warning("Left out: %s", message)
    return examples


def _find_file(task, split, options):
    if split in options.split_files:
        return options.split_files[split]
    if not options.data_dir:
        raise errors.InputError("No %s data: give --%s_file, or --data_dir." % (
            split, split))
    return task.find_file(options.data_dir, split)


def _labels_of_earlier_run(options):
    folders = [options.output_dir]
    if options.init_checkpoint:
        folders.append(options.init_checkpoint if storage.is_folder(options.init_checkpoint)
                       else os.path.dirname(options.init_checkpoint))
    for folder in folders:
        path = os.path.join(folder, "labels.txt")
        if storage.exists(path):
            return tasks.read_labels(path)
    raise errors.InputError(
        "No labels.txt in %s. Labels are learnt from the training file: train first, or "
        "give the --output_dir of the run that did." % " or ".join(folders))


def check_head(prefix, task):
    """Raises errors.InputError where weights to score tell other labels apart."""
    beside = os.path.join(os.path.dirname(prefix), "labels.txt")
    if storage.exists(beside) and tasks.read_labels(beside) != task.labels:
        raise errors.InputError(
            "%s was trained for the labels in %s, but task %s has other ones: %s." % (
                prefix, beside, task.name, ", ".join(task.labels[:20])))
    found = checkpoints.list_variables(prefix).get("output_weights")
    if found is not None and found[0] != len(task.labels):
        raise errors.InputError(
            "%s tells %d classes apart, but task %s has %d labels." % (
                prefix, found[0], task.name, len(task.labels)))


def write_split(split, labels, tokenizer, folder, options, key, batch_size=1):
    """Converts a split, or finds it converted. Returns the Split with its records.

    The file's name holds the hash of all it depends on. Rows to score are sorted by
    length, and for a TPU filled up to whole batches.
    """
    in_order = split.name == "train"
    rows = [tuple(e[:4]) for e in split.examples]
    name = "%s_%s_%d_%s.tfrecord" % (
        key["task"], split.name, options.max_seq_length,
        features.fingerprint(RECORD_VERSION, key, labels, in_order, batch_size, rows))
    path = os.path.join(folder, name)
    notes = features.read_notes(path)
    if notes is None:
        rows, truncated = _convert(split, labels, tokenizer, options.max_seq_length)
        if not in_order:
            rows.sort(key=lambda row: len(row["input_ids"]))
        padding = dict(rows[-1], is_real_example=0)
        rows += [padding] * (-len(rows) % batch_size)
        notes = {"rows": len(split.examples), "truncated": truncated}
        storage.make_folder(folder)
        features.write_records(
            path, rows, features.classification_spec(options.max_seq_length), notes)
    share = 100.0 * notes["truncated"] / max(notes["rows"], 1)
    logging.info("%s: %d rows, %d (%.1f %%) cut to %d tokens.", split.name, notes["rows"],
                 notes["truncated"], share, options.max_seq_length)
    return dataclasses.replace(split, records=path, num_truncated=notes["truncated"])


def _convert(split, labels, tokenizer, max_seq_length):
    label_ids = {label: i for i, label in enumerate(labels)}
    rows, num_truncated = [], 0
    for index, example in enumerate(split.examples):
        ids, segments, truncated = encoding.convert_example(
            example, tokenizer, max_seq_length)
        num_truncated += truncated
        rows.append({
            "input_ids": ids, "input_mask": [1] * len(ids), "segment_ids": segments,
            "label_ids": label_ids.get(example.label, 0), "is_real_example": 1,
            "example_index": index})
    return rows, num_truncated


def mean_of_tokens(sequence_output, input_mask):
    """[B, S, H] -> [B, H]; padding does not count."""
    mask = tf.expand_dims(tf.cast(input_mask, tf.float32), -1)
    return tf.reduce_sum(sequence_output * mask, 1) / tf.reduce_sum(mask, 1)


def class_logits(model, num_labels, is_training, input_mask=None):
    """[B, num_labels] from the pooled output, or from the mean where a mask is given."""
    if input_mask is None:
        output = model.get_pooled_output()
    else:
        output = mean_of_tokens(model.get_sequence_output(), input_mask)
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        if model.normalizes_pooled_output:
            with tf.variable_scope("loss"):
                output = transformer.layer_norm(output, "LayerNorm")
        output = transformer.dropout(output, HEAD_DROPOUT if is_training else 0.0)
        weights = transformer.variable(
            "output_weights", [num_labels, model.config.hidden_size],
            initializers.normal(model.config.initializer_range))
        bias = transformer.variable("output_bias", [num_labels], tf.zeros_initializer())
    return tf.nn.bias_add(tf.matmul(output, weights, transpose_b=True), bias)


def make_logits_fn(model_class, config, num_labels, options):
    """(features, is_training) -> [B, num_labels]."""
    def logits_fn(batch, is_training):
        model = model_class(
            config, is_training, batch["input_ids"], batch["input_mask"],
            batch["segment_ids"], use_one_hot_embeddings=options.use_tpu,
            gradient_checkpointing=options.gradient_checkpointing)
        mask = None if options.use_pooled_output else batch["input_mask"]
        return class_logits(model, num_labels, is_training, mask)
    return logits_fn


def make_model_fn(logits_fn, options, num_train_steps, warm_start=None):
    """The classifier's model_fn: see training.fine_tuning_model_fn."""
    def losses_fn(part):
        return tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=part["label_ids"], logits=logits_fn(part, True))

    def outputs_fn(batch):
        return {"probabilities": tf.nn.softmax(logits_fn(batch, False))}

    return training.fine_tuning_model_fn(
        losses_fn, outputs_fn, options, num_train_steps, warm_start)
