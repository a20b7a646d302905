"""A fine-tuning run: read, train, keep the best on dev, predict, report.

Everything is written under `output_dir`. Deaf to the variant and to the task.
"""

import dataclasses
import logging
import os

import numpy as np
import tensorflow.compat.v1 as tf

import checkpoints
import classification
import errors
import features
import hooks
import metrics
import predictions
import report
import run_record
import tasks
import training


def run(model_class, config, task, tokenizer, options, files):
    """Trains, evaluates and predicts as `options` say; with num_seeds, once a seed.

    Args:
      model_class: modeling.BertModel or modeling_google.AlbertModel.
      config: its configuration.
      task: a tasks.Task.
      tokenizer: a tokenization.FullTokenizer.
      options: classification.Options.
      files: {"config": path, "vocab": path} for the run's record.

    Raises errors.InputError for everything a user can mend.
    """
    if tokenizer.vocab_size != config.vocab_size:
        raise errors.InputError(
            "The vocabulary has %d entries, but the model of %s has vocab_size %d. Give "
            "the vocabulary the model was trained with." % (
                tokenizer.vocab_size, files["config"], config.vocab_size))
    if options.max_seq_length > config.max_position_embeddings:
        raise errors.InputError(
            "--max_seq_length=%d, but this model has %d positions; choose at most those."
            % (options.max_seq_length, config.max_position_embeddings))
    every_seed = _options_by_seed(options)
    task, examples = classification.read_splits(task, options)
    runs = [Run(model_class, config, task, tokenizer, one, files, examples)
            for one in every_seed]
    results = [one.go() for one in runs]
    if options.num_seeds > 1:
        summarize_seeds(results, options)
    return results


def _options_by_seed(options):
    """The options themselves, or with --num_seeds those of each seed, in its folder."""
    if options.num_seeds == 1:
        return [options]
    if not options.do_train:
        raise errors.InputError("--num_seeds needs --do_train: else nothing differs.")
    if run_record.read(options.output_dir):
        raise errors.InputError("--output_dir=%s holds a run with one seed; --num_seeds "
                                "needs another folder." % options.output_dir)
    return [dataclasses.replace(
        options, seed=seed, cached_dir=options.cached_dir or options.output_dir,
        output_dir=os.path.join(options.output_dir, "seed_%d" % seed))
            for seed in range(options.seed, options.seed + options.num_seeds)]


def summarize_seeds(results, options):
    """Mean and standard deviation over the seeds, logged and written as JSON."""
    summary = {}
    for split in ("dev", "test"):
        values = [r[split]["eval_accuracy"] for r in results if split in r]
        if values:
            mean, deviation = metrics.summarize(values)
            summary[split] = {"eval_accuracy": {"mean": mean, "std": deviation,
                                                "values": values}}
            logging.info("%s accuracy over %d seeds: %.4f +- %.4f", split, len(values),
                         mean, deviation)
    run_record.write_json(os.path.join(options.output_dir, "eval_results.json"),
                          dict(summary, seeds=[r["seed"] for r in results]))


class Run(object):
    """One run with one seed."""

    def __init__(self, model_class, config, task, tokenizer, options, files, examples):
        self.config = config
        self.task = task
        self.tokenizer = tokenizer
        self.options = options
        self.files = files
        self.best_folder = os.path.join(options.output_dir, "best")
        self.labels = task.labels
        self.logits_fn = classification.make_logits_fn(
            model_class, config, len(self.labels), options)
        self.shapes = training.model_shapes(self._build)
        self.device_batch_size = training.device_batch_size(options)
        self.num_train_steps = self._count_steps(len(examples.get("train", ())))
        warm_start = self._check_weights()
        self.estimator = training.make_estimator(classification.make_model_fn(
            self.logits_fn, options, self.num_train_steps, warm_start), options)
        # Nothing is written before this line, so a run that is refused leaves no trace.
        self._claim_folder(examples, warm_start)
        self.splits = {name: self._prepare(name, rows) for name, rows in examples.items()}
        newest = checkpoints.all_checkpoints(options.output_dir)
        self.history = hooks.History(
            options.output_dir, newest[-1][0] if newest else 0)

    def go(self):
        """Does what the options ask. Returns what eval_results.json holds."""
        options = self.options
        if options.do_train:
            self._train()
        elif options.do_eval:
            self._evaluate_new_checkpoints()
        path = os.path.join(options.output_dir, "eval_results.json")
        # Predicting later, in the folder of the training, adds to its results.
        results = {} if options.do_train else run_record.read_json(path) or {}
        results.setdefault("task", self.task.name)
        results.setdefault("seed", options.seed)
        results.setdefault("weights", options.init_checkpoint or "random start")
        if options.do_eval:
            results["dev"] = self._score_best(self.splits["dev"], "dev")
            self._write_eval_results_text()
        if options.do_predict:
            test = self._score_best(self.splits["test"], "test")
            if self.splits["test"].labelled:
                results["test"] = test
        run_record.write_json(path, results)
        if options.do_train:
            run_record.mark_finished(options.output_dir)
        return results

    # Before training.

    def _build(self):
        ids = {name: tf.placeholder(tf.int32, [None, None])
               for name in ("input_ids", "input_mask", "segment_ids")}
        self.logits_fn(ids, False)

    def _check_weights(self):
        """What training starts from, None at random; without training, raises
        errors.InputError unless there are weights to score."""
        options = self.options
        if not options.do_train:
            prefix = self._final_checkpoint()
            classification.check_head(prefix, self.task)
            classification.check_all_loaded(self._plan_warm_start(prefix))
            return None
        if not options.init_checkpoint:
            return None
        found = self._plan_warm_start(options.init_checkpoint)
        inside = os.path.realpath(found.prefix).startswith(
            os.path.join(os.path.realpath(options.output_dir), ""))
        if inside and options.overwrite_output_dir:
            raise errors.InputError(
                "--overwrite_output_dir would remove the weights to start from, %s. "
                "Give another --output_dir." % found.prefix)
        return found

    def _plan_warm_start(self, path):
        return checkpoints.plan_warm_start(
            path, self.shapes, self.config.layout, self.files["config"],
            self.options.init_from_group0 and self.options.do_train)

    def _claim_folder(self, examples, warm_start):
        options = self.options
        folder = options.output_dir
        if not options.do_train:
            run_record.make_folder(folder, "output_dir")
            return
        facts = {"task": self.task.name, "labels": self.labels}
        for name, rows in examples.items():
            facts["%s data" % name] = "%d rows (%s)" % (
                len(rows), features.fingerprint([e[:4] for e in rows]))
        record = run_record.describe(
            dataclasses.asdict(options), self.files, facts, tf.__version__)
        if warm_start:
            record["files"]["init_checkpoint"] = {
                "path": warm_start.prefix,
                "sha256": run_record.sha256(warm_start.prefix + ".index")}
        run_record.claim(folder, record, options.resume, options.overwrite_output_dir)
        tasks.write_labels(os.path.join(folder, "labels.txt"), self.labels)

    def _prepare(self, name, examples):
        options = self.options
        key = {"task": self.task.name, "vocab": run_record.sha256(self.files["vocab"]),
               "do_lower_case": options.do_lower_case}
        fills_batches = options.use_tpu and name != "train"
        batch_size = options.predict_batch_size if fills_batches else 1
        return classification.write_split(
            classification.Split(name, examples), self.labels, self.tokenizer,
            options.cached_dir or options.output_dir, options, key, batch_size)

    def _count_steps(self, num_rows):
        steps = num_rows / self.options.train_batch_size * self.options.num_train_epochs
        return max(int(steps), 1)

    # Training and evaluation.

    def _train(self):
        options = self.options
        train = self.splits["train"]
        done = checkpoints.all_checkpoints(options.output_dir)
        start = done[-1][0] if done else 0
        logging.info(
            "%s: %d rows, %d steps of %d rows, from step %d%s.",
            "Resuming %s" % done[-1][1] if done else "Training", len(train.examples),
            self.num_train_steps, options.train_batch_size, start,
            "" if self.device_batch_size == options.train_batch_size
            else " (%d rows a device)" % self.device_batch_size)
        if start < self.num_train_steps:
            input_fn = features.training_input_fn(
                train.records, self._spec(), len(train.examples),
                self.device_batch_size, options.seed, start * options.train_batch_size,
                options.use_tpu)
            received = training.train(
                self.estimator, input_fn, self.num_train_steps,
                options.train_batch_size, self.history, self._evaluate_new_checkpoints)
            if received:
                raise hooks.Stopped(received, options.output_dir)
        self._evaluate_new_checkpoints()

    def _evaluate_new_checkpoints(self):
        """Scores dev at each checkpoint that has no measurement yet and keeps the best.

        Returns True where --early_stopping_patience says that it is enough.
        """
        if "dev" not in self.splits:
            return False
        measured = {row["step"] for row in self.history.evaluations()}
        for step, prefix in checkpoints.all_checkpoints(self.options.output_dir):
            if step and step not in measured:
                self._evaluate(step, prefix)
        rows = self.history.evaluations()
        best = max(range(len(rows)), key=lambda i: rows[i]["eval_accuracy"], default=0)
        patience = self.options.early_stopping_patience
        if patience and len(rows) - 1 - best >= patience:
            logging.info("No better dev accuracy in %d evaluations: stopping.", patience)
            return True
        return False

    def _evaluate(self, step, prefix):
        dev = self.splits["dev"]
        result = metrics.evaluate(self._score(dev, prefix), self._label_ids(dev))
        best = training.read_best(self.best_folder)
        is_best = best is None or result["accuracy"] > best["eval_accuracy"]
        facts = {"step": step, "eval_accuracy": result["accuracy"],
                 "eval_loss": result["loss"]}
        if is_best:
            self._keep_best(prefix, facts)
        logging.info("Step %d: dev accuracy %.4f, loss %.4f%s.", step,
                     result["accuracy"], result["loss"], " (best)" if is_best else "")
        self.history.add(**facts)
        hooks.write_scalars(os.path.join(self.options.output_dir, "eval"), step, facts)

    def _keep_best(self, prefix, facts):
        with open(self.files["vocab"], encoding="utf-8", newline="") as source:
            vocabulary = source.read()
        training.keep_best(prefix, self.best_folder, facts, {
            "albert_config.json": self.config.to_json_string(), "vocab.txt": vocabulary,
            "labels.txt": "".join(label + "\n" for label in self.labels)})

    def _spec(self):
        return features.classification_spec(self.options.max_seq_length)

    def _label_ids(self, split):
        return np.array([self.labels.index(e.label) for e in split.examples])

    def _score(self, split, prefix):
        """[rows, labels]: the probabilities of every row, in the order of the data."""
        options = self.options
        input_fn = features.inference_input_fn(
            split.records, self._spec(), options.predict_batch_size
            if options.use_tpu or split.name == "test" else options.eval_batch_size,
            options.use_tpu)
        result = np.zeros([len(split.examples), len(self.labels)], np.float32)
        for batch in self.estimator.predict(
                input_fn, checkpoint_path=prefix, yield_single_examples=False):
            real = batch["is_real_example"] == 1
            result[batch["example_index"][real]] = batch["probabilities"][real]
        if not np.isfinite(result).all():
            raise errors.InputError(
                "%s predicts NaN: train with a lower --learning_rate." % prefix)
        return result

    # After training.

    def _final_checkpoint(self):
        """Without training the weights given, else the best on dev, else the newest."""
        if self.options.init_checkpoint and not self.options.do_train:
            return checkpoints.find_checkpoint(self.options.init_checkpoint)
        for folder in (self.best_folder, self.options.output_dir):
            found = checkpoints.all_checkpoints(folder)
            if found:
                return found[-1][1]
        raise errors.InputError(
            "No checkpoint in --output_dir=%s. Train first, or give the fine-tuned "
            "weights by --init_checkpoint." % self.options.output_dir)

    def _score_best(self, split, name):
        """Writes the files of a split and returns its metrics, {} without labels."""
        prefix = self._final_checkpoint()
        probabilities = self._score(split, prefix)
        folder = self.options.output_dir
        if name == "test":
            predictions.write(folder, split.examples, self.labels, probabilities)
        if not split.labelled:
            return {}
        result = metrics.evaluate(probabilities, self._label_ids(split))
        summary = {
            "checkpoint": prefix, "rows": len(split.examples),
            "truncated": split.num_truncated, "eval_accuracy": result["accuracy"],
            "eval_loss": result["loss"], "macro_f1": result["macro_f1"],
            "majority": result["majority"], "confusion": result["confusion"],
            "labels": self.labels}
        logging.info("%s accuracy %.4f, loss %.4f, macro F1 %.4f (%d rows, %s).", name,
                     result["accuracy"], result["loss"], result["macro_f1"],
                     len(split.examples), prefix)
        if result["accuracy"] <= result["majority"]:
            logging.warning(
                "No better than always answering the most frequent label (%.4f): the "
                "model has learnt nothing about %s.", result["majority"], name)
        if name == "dev":
            self._write_report(split, probabilities, summary)
        return summary

    def _write_eval_results_text(self):
        folder = self.options.output_dir
        run_record.write_text(
            os.path.join(folder, "eval_results.txt"),
            predictions.eval_results_text(folder, self.history.evaluations()))

    def _write_report(self, split, probabilities, summary):
        folder = self.options.output_dir
        curves = os.path.join(folder, "curves.png")
        report.draw_curves(self.history.rows, curves)
        facts = [("task", self.task.name), ("config", self.files["config"]),
                 ("weights", self.options.init_checkpoint or "random start")]
        facts += [(name, summary[name]) for name in (
            "checkpoint", "rows", "eval_accuracy", "eval_loss", "macro_f1", "majority")]
        title = "%s: dev accuracy %.4f" % (self.task.name, summary["eval_accuracy"])
        report.write_report(os.path.join(folder, "report.html"), report.Report(
            title, facts, curves, self.labels, summary["confusion"],
            predictions.worst(split.examples, self.labels, probabilities)))
