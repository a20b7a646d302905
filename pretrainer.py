"""A pre-training run: train, measure on held-out records, keep the best, export.

Everything is written under `output_dir`. Deaf to the variant.
"""

import functools
import logging
import math
import os

import tensorflow.compat.v1 as tf

import checkpoints
import curves
import devices
import errors
import flops
import hooks
import pretraining
import pretraining_data
import pretraining_input
import pretraining_records
import run_record
import storage
import training

EVAL_STEPS_OF_TRAINING_RECORDS = 100
REFERENCE_RATE, REFERENCE_BATCH = 0.00176, 4096  # LAMB, as published
UNUSUAL_RATE = 4.0
OUTPUT_BIAS = "cls/predictions/output_bias"
ROWS_OF_FREQUENCIES = 20000


def run(model_class, config, options, config_file, order_key):
    """Trains and evaluates as `options` say.

    Args:
      model_class: modeling.BertModel or modeling_google.AlbertModel.
      config: its configuration.
      options: pretraining.Options.
      config_file: the path of the configuration, for messages and the run's record.
      order_key: what eval_results.txt calls the second objective.

    Raises errors.InputError for everything a user can mend.
    """
    if not options.do_train and not options.do_eval:
        raise errors.InputError("Nothing to do: give --do_train or --do_eval.")
    return Run(model_class, config, options, config_file, order_key).go()


class Run(object):
    """One run."""

    def __init__(self, model_class, config, options, config_file, order_key):
        self.config = config
        self.options = options
        self.config_file = config_file
        self.order_key = order_key
        self.data = pretraining_data.Data(options, config, config_file)
        self.distribution = devices.distribution(options)
        self.device_batch_size = training.device_batch_size(options)
        make_scores_fn = functools.partial(
            pretraining.make_scores_fn, model_class, config, options,
            options.legacy_labels and self.data.vocabulary("--legacy_labels").twin_ids)
        shapes = training.model_shapes(lambda: _build(make_scores_fn()))
        warm_start = None
        if options.do_train and options.init_checkpoint:
            warm_start = training.plan_warm_start(options, shapes, config.layout,
                                                  config_file)
        elif not options.do_train:
            self._check_weights(shapes)
        self.estimator = training.make_estimator(pretraining.make_model_fn(
            make_scores_fn(self._log_frequencies(warm_start)), options, warm_start,
            self._flops), options)
        # Nothing is written before this line, so a run that is refused leaves no trace.
        self._claim_folder(warm_start)
        newest = checkpoints.all_checkpoints(options.output_dir)
        if options.overwrite_output_dir and not self.distribution.is_chief:
            newest = []  # the first process removes them
        self.start_step = newest[-1][0] if newest else 0
        self.history = None
        if self.distribution.is_chief:
            self.history = hooks.History(options.output_dir, self.start_step)

    def go(self):
        """Does what the options ask. Returns what eval_results.json holds, if anything."""
        if self.options.do_train:
            self._train()
        if not self.distribution.is_chief:
            return None
        results = self._evaluate_last() if self.options.do_eval else None
        curves.draw([("", self.history.rows)],
                    os.path.join(self.options.output_dir, "curves.png"))
        if self.options.do_train:
            run_record.mark_finished(self.options.output_dir)
        if self.options.export_dir:
            self._export()
        return results

    # Before training.

    def _log_frequencies(self, warm_start):
        """Where the output bias begins, or None where that is known or not wished."""
        options = self.options
        if not (options.do_train and options.unigram_bias):
            return None
        if warm_start and OUTPUT_BIAS not in warm_start.new:
            return None
        if not options.overwrite_output_dir and checkpoints.all_checkpoints(
                options.output_dir):
            return None
        return pretraining_records.log_frequencies(
            self.data.records, self.config.vocab_size, ROWS_OF_FREQUENCIES)

    def _flops(self, batch):
        lengths = tf.cast(tf.reduce_sum(batch["input_mask"], 1), tf.float32)
        return flops.training_flops(
            self.config, self.config.layout, tf.reduce_sum(lengths),
            tf.reduce_sum(tf.square(lengths)),
            tf.reduce_sum(batch["masked_lm_weights"]),
            tf.cast(tf.shape(lengths)[0], tf.float32))

    def _check_weights(self, shapes):
        """Raises errors.InputError unless there is all that is to be measured."""
        found = checkpoints.plan_warm_start(
            self._weights_to_measure(), shapes, self.config.layout, self.config_file)
        if found.new:
            raise errors.InputError(
                "%s has no pre-training heads (%s): only pre-trained weights can be "
                "measured." % (found.prefix, ", ".join(found.new[:5])))

    def _claim_folder(self, warm_start):
        options = self.options
        if not self.distribution.is_chief:
            return
        if not options.do_train:
            run_record.make_folder(options.output_dir, "output_dir")
            return
        facts = {"records": self.data.identity()}
        files = {"config": self.config_file}
        if self.data.vocab_file:
            files["vocab"] = self.data.vocab_file
        training.claim_folder(options, files, facts, warm_start)

    # Training.

    def _train(self):
        options, start = self.options, self.start_step
        left = options.num_train_steps - start
        if left <= 0:
            logging.warning("%s: training has finished already, at step %d. Nothing is "
                            "trained.", options.output_dir, start)
            return
        self._say_what_begins(left)
        _check_rate(options)
        shared = self.distribution
        input_fn = pretraining_input.training_input_fn(
            self.data.records, self.device_batch_size, options.seed,
            start * options.train_batch_size, (shared.num_workers, shared.worker),
            options.use_tpu, self.data.dynamic)
        try:
            received = training.train(
                self.estimator, input_fn, options.num_train_steps, options, self.history,
                self._evaluate_new_checkpoints, [hooks.DivergenceHook(self.history)])
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError):
            damage = pretraining_records.describe_damage(
                self.data.records, self.config.vocab_size)
            if damage is None:
                raise
            raise errors.InputError(damage)
        if received:
            raise hooks.Stopped(received, options.output_dir, shared.is_chief)
        if shared.is_chief:
            self._evaluate_new_checkpoints()

    def _say_what_begins(self, left):
        options, found = self.options, self.data.records
        begins = "Training from random weights"
        if self.start_step:
            begins = "Resuming %s with its optimizer's state" % (
                checkpoints.all_checkpoints(options.output_dir)[-1][1])
        elif options.init_checkpoint:
            begins = "Starting from the weights of %s, optimizer anew" % (
                options.init_checkpoint)
        logging.info("%s: step %d of %d, %d steps remain.", begins, self.start_step,
                     options.num_train_steps, left)
        known = "" if found.num_rows is None else "%d records, " % found.num_rows
        logging.info(
            "%d files, %sat most %d tokens and %s masked ones a record; %d rows an update, "
            "%d a device, %d at a time.", len(found.paths), known, found.max_seq_length,
            found.max_predictions_per_seq or self.data.dynamic.max_predictions_per_seq,
            options.train_batch_size, self.device_batch_size,
            self.device_batch_size // options.accumulate_steps)

    # Evaluation.

    @property
    def _is_held_out(self):
        return bool(self.options.eval_input_file)

    def _evaluate_new_checkpoints(self):
        """Measures each checkpoint that has no measurement yet; keeps the best one."""
        if not self.options.do_eval or not self._is_held_out:
            return
        measured = {row["step"] for row in self.history.rows if "eval_loss" in row}
        for step, prefix in checkpoints.all_checkpoints(self.options.output_dir):
            if step and step not in measured:
                self._add_measurement(step, self._evaluate(prefix))

    def _add_measurement(self, step, result):
        folder = os.path.join(self.options.output_dir, "best")
        best = training.read_best(folder)
        is_best = best is None or result["loss"] < best["eval_loss"]
        facts = dict({"eval_" + k: v for k, v in result.items()}, step=step)
        if is_best:
            prefix = os.path.join(self.options.output_dir, "model.ckpt-%d" % step)
            training.keep_best(prefix, folder, facts, self._companions())
        logging.info(
            "Step %d: held-out loss %.4f, masked LM %.4f (perplexity %.1f), sentence order "
            "%.4f%s.", step, result["loss"], result["masked_lm_accuracy"],
            result["perplexity"], result["sentence_order_accuracy"],
            " (best)" if is_best else "")
        self.history.add(**facts)
        hooks.write_scalars(os.path.join(self.options.output_dir, "eval"), step, facts)

    def _evaluate(self, prefix):
        """{metric: value} of a checkpoint over the evaluation records, each once."""
        options = self.options
        steps = options.max_eval_steps
        if steps is None and not self._is_held_out:
            steps = EVAL_STEPS_OF_TRAINING_RECORDS
        input_fn = pretraining_input.evaluation_input_fn(
            self.data.eval_records, options.eval_batch_size, options.use_tpu,
            self.data.dynamic)
        found = self.estimator.evaluate(input_fn, steps=steps, checkpoint_path=prefix)
        result = {key: float(found[key]) for key in (
            "masked_lm_loss", "masked_lm_accuracy", "sentence_order_loss",
            "sentence_order_accuracy", "num_words", "num_rows")}
        result["loss"] = result["masked_lm_loss"] + result["sentence_order_loss"]
        result["perplexity"] = math.exp(min(result["masked_lm_loss"], 700.0))
        return result

    def _evaluate_last(self):
        """Writes eval_results.txt and .json of the newest, or the given, weights."""
        options = self.options
        prefix = self._weights_to_measure()
        step = int(prefix.rsplit("-", 1)[-1]) if "-" in os.path.basename(prefix) else 0
        measured = [row for row in self.history.rows
                    if "eval_loss" in row and row["step"] == step]
        if options.do_train and measured:
            result = {k[len("eval_"):]: v for k, v in measured[-1].items()
                      if k.startswith("eval_")}
        else:
            result = self._evaluate(prefix)
        data = "held-out records" if self._is_held_out else "the TRAINING records"
        logging.info("Evaluation on %s, %d rows: %s.", data, result["num_rows"], ", ".join(
            "%s %.4f" % item for item in sorted(result.items())))
        named = dict({key.replace("sentence_order", self.order_key): value
                      for key, value in result.items()}, global_step=step)
        run_record.write_text(
            os.path.join(options.output_dir, "eval_results.txt"),
            "".join("%s = %s\n" % item for item in sorted(named.items())))
        run_record.write_json(
            os.path.join(options.output_dir, "eval_results.json"),
            dict(named, data=data, checkpoint=prefix, best=training.read_best(
                os.path.join(options.output_dir, "best"))))
        return named

    def _weights_to_measure(self):
        if self.options.init_checkpoint and not self.options.do_train:
            return checkpoints.find_checkpoint(self.options.init_checkpoint)
        found = checkpoints.all_checkpoints(self.options.output_dir)
        if not found:
            raise errors.InputError(
                "No checkpoint in --output_dir=%s. Train first, or give the weights by "
                "--init_checkpoint." % self.options.output_dir)
        return found[-1][1]

    # After training.

    def _companions(self):
        files = {os.path.basename(self.config_file): self.config.to_json_string()}
        if self.data.vocab_file:
            with storage.open_file(self.data.vocab_file) as source:
                files["vocab.txt"] = source.read()
        return files

    def _export(self):
        """The best weights, else the newest, as a folder like the published ones."""
        best = checkpoints.all_checkpoints(os.path.join(self.options.output_dir, "best"))
        source = best[-1][1] if best else self._weights_to_measure()
        target = os.path.join(self.options.export_dir, "albert_model.ckpt")
        run_record.make_folder(self.options.export_dir, "export_dir")
        for name, text in self._companions().items():
            run_record.write_text(os.path.join(self.options.export_dir, name), text)
        checkpoints.strip(source, target)
        logging.info("Exported %s to %s.", source, target)


def _build(scores_fn):
    ids = {name: tf.placeholder(tf.int32, [None, None]) for name in (
        "input_ids", "input_mask", "segment_ids", "masked_lm_positions", "masked_lm_ids")}
    scores_fn(dict(ids, masked_lm_weights=tf.placeholder(tf.float32, [None, None]),
                   next_sentence_labels=tf.placeholder(tf.int32, [None, 1])), False)


def _check_rate(options):
    """A hint where LAMB's rate is unusual for the batch, by the square-root rule."""
    if not options.optimizer.startswith("lamb"):
        return
    usual = REFERENCE_RATE * math.sqrt(options.train_batch_size / REFERENCE_BATCH)
    if not usual / UNUSUAL_RATE <= options.learning_rate <= usual * UNUSUAL_RATE:
        logging.warning(
            "Hint: --learning_rate=%g is unusual for %d rows an update. Published runs "
            "used %g with %d; the square-root rule makes that %.2g here.",
            options.learning_rate, options.train_batch_size, REFERENCE_RATE,
            REFERENCE_BATCH, usual)
