"""One run of reading comprehension: train, keep the best on dev, predict, report.

Deaf to the variant; the course of a run is in fine_tuning.
"""

import json
import logging
import os

import numpy as np

import errors
import fine_tuning
import features
import reading_comprehension_answers as decoding
import reading_comprehension_data as data
import reading_comprehension_model as span_model
import reading_comprehension_scoring as scoring
import reading_comprehension_windows as windowing
import report
import run_record
import simplified

MOST_LISTED = 20
LONG_PASSAGE = 20000  # characters; those of CMRC2018 have less than 1,000


class Split(object):
    """One part of the data, read and cut into windows; `records` once it is written."""

    def __init__(self, name, questions, tokenizer, options):
        convert = simplified.convert if options.convert_to_simplified else None
        self.name = name
        self.lost = data.unanswerable(questions)
        if name == "train":
            questions = [q for q in questions if q.is_impossible or any(
                answer.start is not None for answer in q.answers)]
        self.questions = questions
        self.windows = windowing.Windows(questions, tokenizer, options, convert)
        self.targets = [self.windows.target(i) for i in range(len(questions))]
        self.widened = [q.id for q, target in zip(questions, self.targets)
                        if target and not target.is_exact]
        self.records = None


def read_splits(task, tokenizer, options):
    """{split: Split} of what the options need.

    What a reader should know is logged. Raises errors.InputError for files that cannot
    be used, and where nothing is to be done.
    """
    wanted = {"train": options.do_train, "dev": options.do_eval,
              "test": options.do_predict}
    if not any(wanted.values()):
        raise errors.InputError(
            "Nothing to do: give --do_train, --do_eval or --do_predict.")
    windowing.check_sizes(options)
    splits = {}
    for name in data.SPLITS:
        if wanted[name]:
            path = options.split_files.get(name) or data.find_file(
                task, name, options.data_dir)
            questions = data.read_questions(path, options.max_rows)
            splits[name] = Split(name, questions, tokenizer, options)
            _check(splits[name], path)
    return splits


def _check(split, path):
    longest = max(split.questions, key=lambda q: len(q.passage), default=None)
    if longest and len(longest.passage) > LONG_PASSAGE:
        logging.warning(
            "Warning: %s: question %s has a passage of %d characters; %d windows are made "
            "of the file.", path, longest.id, len(longest.passage),
            len(split.windows.windows))
    empty = [q.id for q in split.questions if not q.text.strip()]
    if empty:
        logging.warning("Warning: %s: %d questions are empty: %s.", path, len(empty),
                        _listed(empty))
    if split.lost:
        logging.warning(
            "Warning: %s: the answers of %d questions do not stand in their passages%s: "
            "%s.", path, len(split.lost),
            ", these are left out" * (split.name == "train"), _listed(split.lost))
    if split.widened:
        logging.warning(
            "Warning: %s: the answers of %d questions begin or end inside a token and are "
            "widened to whole ones: %s.", path, len(split.widened), _listed(split.widened))
    if split.name == "train" and not split.questions:
        raise errors.InputError("%s: no question has an answer to learn from." % path)
    if split.name == "dev" and not data.is_labelled(split.questions):
        raise errors.InputError(
            "%s: not every question has answers, so it cannot be scored. Give it by "
            "--test_file and --do_predict instead." % path)


def _listed(ids):
    return ", ".join(ids[:MOST_LISTED]) + ", ..." * (len(ids) > MOST_LISTED)


class Run(fine_tuning.Run):
    """One run.

    Args:
      model_class: modeling.BertModel or modeling_google.AlbertModel.
      config: its configuration.
      task: a reading_comprehension_data.Task.
      options: reading_comprehension_model.Options.
      files: {"config": path, "vocab": path} for the run's record.
      splits: what read_splits gives.

    Raises errors.InputError for everything a user can mend.
    """

    best_by = "eval_average"

    def __init__(self, model_class, config, task, options, files, splits):
        self.task = task
        logits_fn = span_model.make_logits_fn(model_class, config, options)
        self.read = splits
        train = splits.get("train")
        super(Run, self).__init__(config, task.name, options, files, logits_fn,
                                  len(train.windows.windows) if train else 0)
        for split in splits.values():
            split.records = self._write(split)
        self.splits = splits
        self.threshold = None

    def _make_model_fn(self, warm_start):
        return span_model.make_model_fn(
            self.logits_fn, self.options, self.num_train_steps, warm_start)

    def _check_head(self, prefix):
        """A span head has one shape; what it was trained with may differ."""
        beside = span_model.read_settings(prefix)
        changed = ["--%s was %s, is %s" % (name, beside[name], self._settings()[name])
                   for name in span_model.READING_SETTINGS
                   if beside.get(name) not in (None, self._settings()[name])]
        if changed:
            logging.warning("Warning: %s was trained with other settings: %s.", prefix,
                            ", ".join(changed))

    def _settings(self):
        return {name: getattr(self.options, name) for name in span_model.READING_SETTINGS}

    def _facts(self):
        facts = {"task": self.task.name}
        for name, split in self.read.items():
            facts["%s data" % name] = "%d questions (%s)" % (
                len(split.questions), split.windows.fingerprint())
        return facts

    def _spec(self):
        return features.span_spec(self.options.max_seq_length)

    def _write(self, split):
        return span_model.write_windows(
            split.name, split.windows, split.targets, self.options.output_dir,
            self.options, self._record_key(), self._rows_at_once(split.name))

    def _train_facts(self):
        train = self.splits["train"]
        return {"rows": len(train.questions), "windows": self.num_train_rows,
                "left_out": train.lost, "widened": train.widened}

    # Evaluation.

    def _score(self, split, prefix):
        """([reading_comprehension_answers.Answer] of the questions, mean loss)."""
        decoder, losses = decoding.Decoder(split.windows, self.options), []
        for batch in self._outputs(split, prefix):
            for i in np.flatnonzero(batch["is_real_example"]):
                starts, ends = batch["starts"][i], batch["ends"][i]
                if not (np.isfinite(starts).all() and np.isfinite(ends).all()):
                    raise errors.InputError(
                        "%s predicts NaN: train with a lower --learning_rate." % prefix)
                decoder.add(batch["example_index"][i], starts, ends)
                losses.append(-(starts[batch["start_positions"][i]]
                                + ends[batch["end_positions"][i]]) / 2.0)
        return decoder.answers(), float(np.mean(losses))

    def _measure(self, prefix):
        dev = self.splits["dev"]
        answers, loss = self._score(dev, prefix)
        self.threshold = None
        if any(question.is_impossible for question in dev.questions):
            self.threshold = decoding.find_threshold(
                answers, dev.questions, self.task.metric)
        result = self._evaluate_answers(dev, answers, self.threshold)
        measured = {"eval_" + name: result[name] for name in ("average", "em", "f1")}
        return dict(measured, eval_loss=loss), (answers, loss)

    def _evaluate_answers(self, split, answers, threshold):
        return scoring.evaluate(
            split.questions, decoding.choose(answers, split.questions, threshold),
            self.task.metric)

    def _best_files(self):
        return {span_model.SETTINGS_FILE: json.dumps(
            dict(self._settings(), metric=self.task.metric,
                 no_answer_threshold=self.threshold), indent=1, sort_keys=True) + "\n"}

    # After training.

    def _score_best(self, name):
        """Writes the predictions of a split; what was measured, {} without answers."""
        split = self.splits[name]
        prefix = self._final_checkpoint()
        scored = self.best_on_dev.get(prefix) if name == "dev" else None
        answers, loss = scored or self._score(split, prefix)
        threshold = self._threshold(prefix)
        chosen = self._write_predictions(split, answers, threshold)
        if not data.is_labelled(split.questions):
            return {}
        result = self._evaluate_answers(split, answers, threshold)
        summary = {"checkpoint": prefix, "rows": len(split.questions),
                   "windows": len(split.windows.windows), "not_in_passage": split.lost,
                   "no_answer_threshold": threshold, "eval_loss": loss}
        for key, value in result.items():
            summary[key if isinstance(value, dict) else "eval_" + key] = value
        logging.info("%s F1 %.2f, exact match %.2f (%d questions, %s).", name,
                     result["f1"], result["em"], len(split.questions), prefix)
        if name == "dev":
            self._write_report(split, answers, chosen, summary)
        return summary

    def _threshold(self, prefix):
        """What was best on dev; without dev, whatever is likelier, if need be."""
        beside = span_model.read_settings(prefix)
        if "no_answer_threshold" in beside:
            return beside["no_answer_threshold"]
        return 0.0 if any(question.is_impossible for split in self.splits.values()
                          for question in split.questions) else None

    def _write_predictions(self, split, answers, threshold):
        """-> {id: text}, as in predictions.json; dev's files have its name in front."""
        folder = self.options.output_dir
        before = "dev_" * (split.name == "dev")
        chosen = decoding.choose(answers, split.questions, threshold)
        files = {before + "predictions.json": chosen, before + "nbest_predictions.json": {
            question.id: [dict(candidate._asdict()) for candidate in answer.candidates]
            for question, answer in zip(split.questions, answers)}}
        if threshold is not None:
            files[before + "null_odds.json"] = {
                question.id: answer.no_answer
                for question, answer in zip(split.questions, answers)}
        if split.name == "test" and self.task.submission:
            files[self.task.submission] = chosen
        for name, content in files.items():
            run_record.write_json(os.path.join(folder, name), content)
        return chosen

    def _predict(self, results):
        summary = self._score_best("test")
        if summary:
            results["test"] = summary

    def _write_report(self, split, answers, chosen, summary):
        facts = self._facts_of_report(summary, (
            "checkpoint", "rows", "windows", "eval_f1", "eval_em", "eval_average",
            "no_answer_threshold"))
        title = "%s: dev F1 %.2f, exact match %.2f" % (
            self.task.name, summary["eval_f1"], summary["eval_em"])
        report.write_report(
            os.path.join(self.options.output_dir, "report.html"),
            report.Report(title, facts, self._draw_curves(), [], [], worst(
                split.questions, answers, chosen, self.task.metric)))


def worst(questions, answers, chosen, metric, most=30):
    """The wrong answers that were given with most confidence, as report.Mistake."""
    mistakes = []
    for number, (question, answer) in enumerate(zip(questions, answers), 1):
        if not scoring.score_question(chosen[question.id], question, metric).em:
            gold = " / ".join(a.text for a in question.answers) or "–"
            mistakes.append(report.Mistake(
                number, question.text, question.passage, gold, chosen[question.id] or "–",
                answer.candidates[0].probability))
    return sorted(mistakes, key=lambda mistake: -mistake.probability)[:most]


def run(model_class, config, task, tokenizer, options, files):
    """Reads the data by a tokenization.FullTokenizer and does what the options ask.

    The other arguments, and what is raised, are those of Run.
    """
    fine_tuning.check_sizes(config, tokenizer, options, files)
    splits = read_splits(task, tokenizer, options)
    return Run(model_class, config, task, options, files, splits).go()
