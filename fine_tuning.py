"""What every fine-tuning run does, whatever it learns: its folder, training, the best.

Everything is written under `output_dir`. Deaf to the variant and to the task: a kind of
run (classifier, reading_comprehension) says what is learnt and how it is scored.
"""

import logging
import os
import time

import tensorflow.compat.v1 as tf

import checkpoints
import curves
import errors
import features
import hooks
import predictions
import run_record
import training

# Options that best.json tells, for who uses the model: see model_files.DEFAULTS.
HOW_TRAINED = ("max_seq_length", "do_lower_case", "use_pooled_output")


class Run(object):
    """One run with one learning rate and one seed.

    A kind of run sets `splits` ({name: what was read and converted, with `records`}) and
    defines the methods below that raise NotImplementedError; `best_by` is the key of its
    measurements that the best checkpoint has most of.

    Args:
      config: the model's configuration.
      task_name: for the results.
      options: training.FineTuningSettings.
      files: {"config": path, "vocab": path} for the run's record.
      logits_fn: (features, is_training) -> logits: the model with its head.
      num_train_rows: rows of a pass over train.

    Raises errors.InputError for everything a user can mend.
    """

    best_by = None

    def __init__(self, config, task_name, options, files, logits_fn, num_train_rows):
        self.config = config
        self.task_name = task_name
        self.options = options
        self.files = files
        self.logits_fn = logits_fn
        self.num_train_rows = num_train_rows
        self.best_folder = os.path.join(options.output_dir, "best")
        self.shapes = training.model_shapes(self._build)
        self.device_batch_size = training.device_batch_size(options)
        self.num_train_steps = self._count_steps()
        warm_start = self._check_weights()
        self.estimator = training.make_estimator(
            self._make_model_fn(warm_start), options)
        # Nothing is written before this line, so a run that is refused leaves no trace.
        self._claim_folder(warm_start)
        self.finished = (run_record.read(options.output_dir) or {}).get("finished")
        self.splits = {}
        self.best_on_dev = {}  # by prefix: what need not be scored again
        newest = checkpoints.all_checkpoints(options.output_dir)
        self.history = hooks.History(
            options.output_dir, newest[-1][0] if newest else 0)

    # What a kind of run defines.

    def _make_model_fn(self, warm_start):
        raise NotImplementedError

    def _check_head(self, prefix):
        """Raises errors.InputError for weights to score that have another head."""
        raise NotImplementedError

    def _facts(self):
        """What the run's record says of the data."""
        raise NotImplementedError

    def _spec(self):
        """The specification of the records."""
        raise NotImplementedError

    def _measure(self, prefix):
        """Scores dev. -> ({"eval_..": number}, what _score_best need not find again)."""
        raise NotImplementedError

    def _best_files(self):
        """{name: text} to stand beside the best weights."""
        raise NotImplementedError

    def _score_best(self, name):
        """Scores a split with the best weights; a dict for the results."""
        raise NotImplementedError

    def _predict(self, results):
        """Writes the files of the test sets; adds what was measured."""
        raise NotImplementedError

    def _train_facts(self):
        """What the results say of the training data."""
        raise NotImplementedError

    # The run.

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
        results.setdefault("task", self.task_name)
        results.setdefault("seed", options.seed)
        results.setdefault("weights", options.init_checkpoint or "random start")
        if options.max_rows:
            results["max_rows"] = options.max_rows
        if options.do_eval:
            results["dev"] = self._score_best("dev")
            text = predictions.eval_results_text(
                options.output_dir, self.history.evaluations())
            run_record.write_text(
                os.path.join(options.output_dir, "eval_results.txt"), text)
        if options.do_predict:
            self._predict(results)
        if trained:
            results.update(train=self._train_facts(), learning_rate=options.learning_rate,
                           seconds=round(time.time() - started, 1))
        self._write_results(results)
        if options.do_train:
            run_record.mark_finished(options.output_dir)
        return results

    def _read_results(self):
        return run_record.read_json(self._results_path()) or {}

    def _draw_curves(self):
        """Draws the run's curves; returns the picture's path."""
        picture = os.path.join(self.options.output_dir, "curves.png")
        curves.draw([(self.task_name, self.history.rows)], picture)
        return picture

    def _facts_of_report(self, summary, names):
        """[(name, fact)] for the head of a report; `names`: what of the summary."""
        facts = [("task", self.task_name), ("config", self.files["config"]),
                 ("weights", self.options.init_checkpoint or "random start")]
        facts += [("max_rows", self.options.max_rows)] * bool(self.options.max_rows)
        return facts + [(name, summary[name]) for name in names]

    def _write_results(self, results):
        run_record.write_json(self._results_path(), results)

    def _results_path(self):
        return os.path.join(self.options.output_dir, "eval_results.json")

    # Before training.

    def _build(self):
        """Puts the model into the default graph, for its variables."""
        ids = {name: tf.placeholder(tf.int32, [None, None])
               for name in ("input_ids", "input_mask", "segment_ids")}
        self.logits_fn(ids, False)

    def _record_key(self):
        """What records depend on beside data and lengths, for JSON."""
        return {"task": self.task_name, "vocab": run_record.sha256(self.files["vocab"]),
                "do_lower_case": self.options.do_lower_case}

    def _rows_at_once(self, name):
        """Records of a split come in multiples of it: whole batches for a TPU."""
        fills_batches = self.options.use_tpu and name != "train"
        return self.options.predict_batch_size if fills_batches else 1

    def _check_weights(self):
        """What training starts from, None at random; without training, raises
        errors.InputError unless there are weights to score."""
        options = self.options
        if not options.do_train:
            prefix = self._final_checkpoint()
            self._check_head(prefix)
            check_all_loaded(checkpoints.plan_warm_start(
                prefix, self.shapes, self.config.layout, self.files["config"]))
            return None
        if not options.init_checkpoint:
            return None
        return training.plan_warm_start(
            options, self.shapes, self.config.layout, self.files["config"])

    def _claim_folder(self, warm_start):
        options = self.options
        if options.do_train:
            training.claim_folder(options, self.files, self._facts(), warm_start)
        else:
            run_record.make_folder(options.output_dir, "output_dir")

    def _count_steps(self):
        options = self.options
        if options.do_train and not options.num_train_epochs > 0:
            raise errors.InputError(
                "--num_train_epochs=%g trains nothing: give more than 0, or leave "
                "--do_train out." % options.num_train_epochs)
        steps = self.num_train_rows / options.train_batch_size * options.num_train_epochs
        return max(int(steps), 1)

    # Training and evaluation.

    def _train(self):
        options = self.options
        if self.finished:
            logging.info("The training in %s is finished: nothing is left to train.",
                         options.output_dir)
            return
        done = checkpoints.all_checkpoints(options.output_dir)
        start = done[-1][0] if done else 0
        logging.info(
            "%s: %d rows, %d steps of %d rows, from step %d%s.",
            "Resuming %s" % done[-1][1] if done else "Training", self.num_train_rows,
            self.num_train_steps, options.train_batch_size, start,
            "" if self.device_batch_size == options.train_batch_size
            else " (%d rows a device)" % self.device_batch_size)
        if start < self.num_train_steps:
            input_fn = features.training_input_fn(
                self.splits["train"].records, self._spec(), self.num_train_rows,
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
        best = max(range(len(rows)), key=lambda i: rows[i][self.best_by], default=0)
        patience = self.options.early_stopping_patience
        if patience and len(rows) - 1 - best >= patience:
            logging.info("No better dev %s in %d evaluations: stopping.",
                         _in_words(self.best_by), patience)
            return True
        return False

    def _evaluate(self, step, prefix):
        measured, scored = self._measure(prefix)
        facts = dict(measured, step=step)
        best = training.read_best(self.best_folder)
        is_best = best is None or facts[self.best_by] > best[self.best_by]
        if is_best:
            with open(self.files["vocab"], encoding="utf-8", newline="") as source:
                vocabulary = source.read()
            # What best/ needs to be used as it was trained, wherever it is taken.
            trained = {name: getattr(self.options, name) for name in HOW_TRAINED
                       if hasattr(self.options, name)}
            training.keep_best(prefix, self.best_folder, dict(facts, **trained), dict(
                self._best_files(), **{"albert_config.json": self.config.to_json_string(),
                                       "vocab.txt": vocabulary}))
            kept = os.path.join(self.best_folder, "model.ckpt-%d" % step)
            self.best_on_dev = {kept: scored}
        logging.info("Step %d: dev %s%s.", step, ", ".join(
            "%s %.4f" % (_in_words(name), value)
            for name, value in sorted(measured.items())), " (best)" if is_best else "")
        self.history.add(**facts)
        hooks.write_scalars(os.path.join(self.options.output_dir, "eval"), step, facts)

    def _outputs(self, split, prefix):
        """Yields what is predicted of a split, {output: array} of each batch."""
        options = self.options
        input_fn = features.inference_input_fn(
            split.records, self._spec(), options.predict_batch_size
            if options.use_tpu or split.name != "dev" else options.eval_batch_size,
            options.use_tpu)
        return self.estimator.predict(
            input_fn, checkpoint_path=prefix, yield_single_examples=False)

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


def check_sizes(config, tokenizer, options, files):
    """Raises errors.InputError where vocabulary or length do not fit the model."""
    if tokenizer.vocab_size != config.vocab_size:
        raise errors.InputError(
            "The vocabulary has %d entries, but the model of %s has vocab_size %d. Give "
            "the vocabulary the model was trained with." % (
                tokenizer.vocab_size, files["config"], config.vocab_size))
    if options.max_seq_length > config.max_position_embeddings:
        raise errors.InputError(
            "--max_seq_length=%d, but this model has %d positions; choose at most those."
            % (options.max_seq_length, config.max_position_embeddings))


def check_all_loaded(warm_start):
    """Raises errors.InputError where weights to score lack the head."""
    if warm_start.new:
        raise errors.InputError(
            "%s has no such head (%s): it is a pre-trained model, or was fine-tuned for "
            "something else. Fine-tune it first with --do_train." % (
                warm_start.prefix, ", ".join(warm_start.new)))


def _in_words(metric):
    return metric[len("eval_"):].replace("_", " ")
