"""One fine-tuning run of a classifier: scores dev, predicts, reports.

Deaf to the variant and to the task; the course of a run is in fine_tuning.
"""

import logging
import os

import numpy as np

import classification
import errors
import features
import fine_tuning
import metrics
import predictions
import report
import tasks


class Run(fine_tuning.Run):
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

    best_by = "eval_accuracy"

    def __init__(self, model_class, config, task, tokenizer, options, files, examples):
        self.task = task
        self.tokenizer = tokenizer
        self.examples = examples
        self.labels = task.labels
        logits_fn = classification.make_logits_fn(
            model_class, config, len(self.labels), options)
        super(Run, self).__init__(
            config, task.name, options, files, logits_fn, len(examples.get("train", ())))
        if options.do_train:
            tasks.write_labels(os.path.join(options.output_dir, "labels.txt"), self.labels)
        self.splits = {name: self._prepare(name, rows) for name, rows in examples.items()}
        self.probabilities = {}

    def predict(self):
        """Predicts after `go`, as --do_predict would have. Returns the results."""
        results = self._read_results()
        self._predict(results)
        self._write_results(results)
        return results

    def _make_model_fn(self, warm_start):
        return classification.make_model_fn(
            self.logits_fn, self.options, self.num_train_steps, warm_start)

    def _check_head(self, prefix):
        classification.check_head(prefix, self.task)

    def _facts(self):
        facts = {"task": self.task.name, "labels": self.labels}
        for name, rows in self.examples.items():
            facts["%s data" % name] = "%d rows (%s)" % (
                len(rows), features.fingerprint([e[:4] for e in rows]))
        return facts

    def _prepare(self, name, examples):
        options = self.options
        return classification.write_split(
            classification.Split(name, examples), self.labels, self.tokenizer,
            options.cached_dir or options.output_dir, options, self._record_key(),
            self._rows_at_once(name))

    def _train_facts(self):
        return {"rows": self.num_train_rows,
                "truncated": self.splits["train"].num_truncated}

    # Evaluation.

    def _measure(self, prefix):
        dev = self.splits["dev"]
        probabilities = self._score(dev, prefix)
        result = metrics.evaluate(probabilities, self._label_ids(dev))
        return {"eval_accuracy": result["accuracy"],
                "eval_loss": result["loss"]}, probabilities

    def _best_files(self):
        return {"labels.txt": "".join(label + "\n" for label in self.labels)}

    def _spec(self):
        return features.classification_spec(self.options.max_seq_length)

    def _label_ids(self, split):
        return np.array([self.labels.index(e.label) for e in split.examples])

    def _score(self, split, prefix):
        """[rows, labels]: the probabilities of every row, in the order of the data."""
        result = np.zeros([len(split.examples), len(self.labels)], np.float32)
        for batch in self._outputs(split, prefix):
            real = batch["is_real_example"] == 1
            result[batch["example_index"][real]] = batch["probabilities"][real]
        if not np.isfinite(result).all():
            raise errors.InputError(
                "%s predicts NaN: train with a lower --learning_rate." % prefix)
        return result

    # After training.

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

    def _write_report(self, split, probabilities, summary):
        facts = self._facts_of_report(summary, (
            "checkpoint", "rows", "eval_accuracy", "eval_loss", "macro_f1", "majority"))
        title = "%s: dev accuracy %.4f" % (self.task.name, summary["eval_accuracy"])
        report.write_report(
            os.path.join(self.options.output_dir, "report.html"),
            report.Report(title, facts, self._draw_curves(), self.labels,
                          summary["confusion"],
                          predictions.worst(split.examples, self.labels, probabilities)))
