"""One fine-tuning run: train, keep the best on dev, predict, report.

Everything is written under `output_dir`. Deaf to the variant and to the task.
"""

import logging
import os
import time

import numpy as np
import tensorflow.compat.v1 as tf

import checkpoints
import classification
import curves
import errors
import features
import hooks
import metrics
import predictions
import report
import run_record
import tasks
import training


class Run(object):
    """One run with one learning rate and one seed.

    Args:
      model_class: modeling.BertModel or modeling_google.AlbertModel.
      config: its configuration.
      task: a tasks.Task with its labels.
      tokenizer: a tokenization.FullTokenizer.
      options: classification.Options.
      files: {"config": path, "vocab": path} for the run's record.
      examples: {split: [tasks.Example]}, as classification.read_splits gives them.

    After `go`, `probabilities` holds {split: [rows, labels]} of what was scored.
    Raises errors.InputError for everything a user can mend.
    """

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
        self.finished = (run_record.read(options.output_dir) or {}).get("finished")
        self.splits = {name: self._prepare(name, rows) for name, rows in examples.items()}
        self.probabilities = {}
        self.best_on_dev = {}  # by prefix: what need not be scored again
        newest = checkpoints.all_checkpoints(options.output_dir)
        self.history = hooks.History(
            options.output_dir, newest[-1][0] if newest else 0)

    def go(self):
        """Does what the options ask. Returns what eval_results.json holds."""
        options = self.options
        started = time.time()
        if options.do_train:
            self._train()
        elif options.do_eval:
            self._evaluate_new_checkpoints()
        trained = options.do_train and not self.finished
        # What is done later, in the folder of the training, adds to its results.
        results = {} if trained else self._read_results()
        results.setdefault("task", self.task.name)
        results.setdefault("seed", options.seed)
        results.setdefault("weights", options.init_checkpoint or "random start")
        if options.max_rows:
            results["max_rows"] = options.max_rows
        if options.do_eval:
            results["dev"] = self._score_best("dev")
            self._write_eval_results_text()
        if options.do_predict:
            self._predict(results)
        if trained:
            train = self.splits["train"]
            results.update(
                train={"rows": len(train.examples), "truncated": train.num_truncated},
                learning_rate=options.learning_rate,
                seconds=round(time.time() - started, 1))
        run_record.write_json(self._results_path, results)
        if options.do_train:
            run_record.mark_finished(options.output_dir)
        return results

    def predict(self):
        """Predicts after `go`, as --do_predict would have. Returns the results."""
        results = self._read_results()
        self._predict(results)
        run_record.write_json(self._results_path, results)
        return results

    @property
    def _results_path(self):
        return os.path.join(self.options.output_dir, "eval_results.json")

    def _read_results(self):
        return run_record.read_json(self._results_path) or {}

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
            classification.check_all_loaded(checkpoints.plan_warm_start(
                prefix, self.shapes, self.config.layout, self.files["config"]))
            return None
        if not options.init_checkpoint:
            return None
        return training.plan_warm_start(
            options, self.shapes, self.config.layout, self.files["config"])

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
        training.claim_folder(options, self.files, facts, warm_start)
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
        if self.options.do_train and not self.options.num_train_epochs > 0:
            raise errors.InputError(
                "--num_train_epochs=%g trains nothing: give more than 0, or leave "
                "--do_train out." % self.options.num_train_epochs)
        steps = num_rows / self.options.train_batch_size * self.options.num_train_epochs
        return max(int(steps), 1)

    # Training and evaluation.

    def _train(self):
        options = self.options
        if self.finished:
            logging.info("The training in %s is finished: nothing is left to train.",
                         options.output_dir)
            return
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
                self.estimator, input_fn, self.num_train_steps, options, self.history,
                self._evaluate_new_checkpoints)
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
        probabilities = self._score(dev, prefix)
        result = metrics.evaluate(probabilities, self._label_ids(dev))
        best = training.read_best(self.best_folder)
        is_best = best is None or result["accuracy"] > best["eval_accuracy"]
        facts = {"step": step, "eval_accuracy": result["accuracy"],
                 "eval_loss": result["loss"]}
        if is_best:
            self.best_on_dev = {self._keep_best(prefix, facts): probabilities}
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
        return os.path.join(self.best_folder, "model.ckpt-%d" % facts["step"])

    def _spec(self):
        return features.classification_spec(self.options.max_seq_length)

    def _label_ids(self, split):
        return np.array([self.labels.index(e.label) for e in split.examples])

    def _score(self, split, prefix):
        """[rows, labels]: the probabilities of every row, in the order of the data."""
        options = self.options
        input_fn = features.inference_input_fn(
            split.records, self._spec(), options.predict_batch_size
            if options.use_tpu or split.name != "dev" else options.eval_batch_size,
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

    def _predict(self, results):
        """Writes the files of the test sets; adds the metrics of those with labels."""
        names = [name for name in self.splits if name not in ("train", "dev")]
        for name in names:
            summary = self._score_best(name)
            if summary:
                results[name] = summary
        predictions.write_test_sets(
            self.options.output_dir,
            {name: self.splits[name].examples for name in names},
            self.labels, self.probabilities, self.task.submissions(names))

    def _score_best(self, name):
        """Scores a split with the best weights; its metrics, {} without labels."""
        split = self.splits[name]
        prefix = self._final_checkpoint()
        probabilities = self.best_on_dev.get(prefix) if name == "dev" else None
        if probabilities is None:
            probabilities = self._score(split, prefix)
        self.probabilities[name] = probabilities
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
        text = predictions.eval_results_text(folder, self.history.evaluations())
        run_record.write_text(os.path.join(folder, "eval_results.txt"), text)

    def _write_report(self, split, probabilities, summary):
        folder = self.options.output_dir
        picture = os.path.join(folder, "curves.png")
        curves.draw([(self.task.name, self.history.rows)], picture)
        facts = [("task", self.task.name), ("config", self.files["config"]),
                 ("weights", self.options.init_checkpoint or "random start")]
        facts += [("max_rows", self.options.max_rows)] * bool(self.options.max_rows)
        facts += [(name, summary[name]) for name in (
            "checkpoint", "rows", "eval_accuracy", "eval_loss", "macro_f1", "majority")]
        report.write_report(os.path.join(folder, "report.html"), report.Report(
            "%s: dev accuracy %.4f" % (self.task.name, summary["eval_accuracy"]),
            facts, picture, self.labels, summary["confusion"],
            predictions.worst(split.examples, self.labels, probabilities)))
