"""Several runs of one task: learning rates compared, seeds averaged and combined.

One rate and one seed are one run in `output_dir`. More of either get folders below it,
`rate_2e-05/seed_12345`; what they come to together is written into `output_dir`: the
results of the rate that is best on dev, and predictions of its seeds as an ensemble.
"""

import collections
import dataclasses
import logging
import os

import numpy as np

import classification
import classifier
import errors
import fine_tuning
import metrics
import predictions
import run_record

Group = collections.namedtuple("Group", ["learning_rate", "runs", "results"])


def run(model_class, config, task, tokenizer, options, files):
    """Trains, evaluates and predicts as `options` say, once for each rate and seed.

    The arguments are those of classifier.Run. Raises errors.InputError for everything a
    user can mend.
    """
    fine_tuning.check_sizes(config, tokenizer, options, files)
    plan = plan_runs(options)
    task, examples = classification.read_splits(task, options)
    if options.cached_dir:
        run_record.make_folder(options.cached_dir, "cached_dir")
    groups = [Group(rate, [classifier.Run(model_class, config, task, tokenizer, one,
                                          files, examples) for one in every_seed], [])
              for rate, every_seed in plan]
    if len(groups) == len(groups[0].runs) == 1:
        groups[0].runs[0].go()
        return
    if options.overwrite_output_dir:
        _remove_earlier_summary(options.output_dir)
    for group in groups:
        for one in group.runs:
            logging.info("Learning rate %g, seed %d: %s", group.learning_rate,
                         one.options.seed, one.options.output_dir)
            group.results.append(one.go())
    best = max(groups, key=_mean_dev_accuracy)
    if options.do_predict and len(groups) > 1:
        best.results[:] = [one.predict() for one in best.runs]
    summary = summarize(groups, best)
    summary.update(_combine(best, task, examples, options.output_dir))
    run_record.write_json(
        os.path.join(options.output_dir, "eval_results.json"), summary)
    for line in table(summary):
        logging.info("%s", line)


def plan_runs(options):
    """-> [(learning rate, [classification.Options of each seed])]; a lone run keeps the
    options as they are."""
    rates = options.learning_rates or [options.learning_rate]
    several = ["--learning_rate=" + ",".join("%g" % rate for rate in rates)] * (
        len(rates) > 1) + ["--num_seeds"] * (options.num_seeds > 1)
    if not several:
        return [(options.learning_rate, [options])]
    if not options.do_train:
        raise errors.InputError("%s needs --do_train: else nothing differs."
                                % " and ".join(several))
    if len(rates) > 1 and not options.do_eval:
        raise errors.InputError("%s needs --do_eval: the best on dev is chosen."
                                % several[0])
    if run_record.read(options.output_dir):
        raise errors.InputError("--output_dir=%s holds a single run; %s needs another "
                                "folder." % (options.output_dir, " and ".join(several)))
    return [(rate, [_options_of_run(options, rate, seed, len(rates) > 1)
                    for seed in range(options.seed, options.seed + options.num_seeds)])
            for rate in rates]


def _options_of_run(options, rate, seed, is_compared):
    """A run of several; rates that are compared wait for the best before predicting."""
    folder = options.output_dir
    if is_compared:
        folder = os.path.join(folder, "rate_%g" % rate)
    if options.num_seeds > 1:
        folder = os.path.join(folder, "seed_%d" % seed)
    return dataclasses.replace(
        options, output_dir=folder, seed=seed, learning_rate=rate, learning_rates=None,
        cached_dir=options.cached_dir or options.output_dir,
        do_predict=options.do_predict and not is_compared)


def _remove_earlier_summary(folder):
    results = run_record.read_json(os.path.join(folder, "eval_results.json"))
    if results and "seeds" in results:
        run_record.remove_outputs(folder)


def _mean_dev_accuracy(group):
    values = _accuracies(group.results, "dev")
    return np.mean(values) if values else 0.0


def _accuracies(results, split):
    return [r[split]["eval_accuracy"] for r in results if r.get(split)]


def summarize(groups, best):
    """What eval_results.json says of several runs.

    The first run of the best rate gives what does not depend on the seed; accuracies
    are {"mean", "std", "values"} where there are several seeds.
    """
    summary = dict(best.results[0], seeds=[r["seed"] for r in best.results])
    del summary["seed"]
    summary["seconds"] = round(sum(
        r.get("seconds", 0.0) for group in groups for r in group.results), 1)
    if len(groups) > 1:
        summary["learning_rates"] = [
            dict(_spread(_accuracies(group.results, "dev")), learning_rate=group[0])
            for group in groups]
    if len(best.results) > 1:
        for split in [name for name in ("dev", "test", "test1.0") if summary.get(name)]:
            first = summary[split]
            summary[split] = {
                "eval_accuracy": _spread(_accuracies(best.results, split)),
                "checkpoints": [r[split]["checkpoint"] for r in best.results]}
            summary[split].update((key, first[key]) for key in (
                "rows", "truncated", "majority", "labels"))
    return summary


def _spread(values):
    mean, deviation = metrics.summarize(values)
    return {"mean": mean, "std": deviation, "values": values}


def _combine(best, task, examples, folder):
    """Predicts test with the seeds together: by mean probability in `folder`, by vote
    in its folder `vote`. -> of several seeds {"ensembles": {way: {split: accuracy}}}."""
    every = [one.probabilities for one in best.runs]
    ways = {"mean_probability": {name: np.mean([p[name] for p in every], axis=0)
                                 for name in every[0]}}
    folders = {"mean_probability": folder}
    if len(every) > 1:
        ways["vote"] = {name: predictions.vote([p[name] for p in every])
                        for name in every[0]}
        folders["vote"] = os.path.join(folder, "vote")
    if "test" in every[0]:
        for way, probabilities in ways.items():
            run_record.make_folder(folders[way], "output_dir")
            predictions.write_test_sets(folders[way], examples, task.labels,
                                        probabilities, task.submissions(examples))
    if len(every) == 1:
        return {}
    return {"ensembles": {
        way: {name: _accuracy(scores, examples[name], task.labels)
              for name, scores in probabilities.items()
              if examples[name][0].label is not None}
        for way, probabilities in ways.items()}}


def _accuracy(probabilities, examples, labels):
    right = np.array([labels.index(example.label) for example in examples])
    return float((probabilities.argmax(axis=1) == right).mean())


def table(summary):
    """Lines that compare the rates and the ways to combine the seeds."""
    lines = []
    for row in summary.get("learning_rates", ()):
        chosen = row["learning_rate"] == summary["learning_rate"]
        lines.append("learning rate %-8g dev accuracy %.4f +- %.4f%s" % (
            row["learning_rate"], row["mean"], row["std"], "  (best)" * chosen))
    num_seeds = len(summary["seeds"])
    if num_seeds > 1:
        for split in ("dev", "test"):
            if split in summary:
                lines.append("%s accuracy over %d seeds: %.4f +- %.4f" % (
                    split, num_seeds, summary[split]["eval_accuracy"]["mean"],
                    summary[split]["eval_accuracy"]["std"]))
        for way, accuracies in summary["ensembles"].items():
            lines += ["%s accuracy of the %d seeds together, by %s: %.4f" % (
                split, num_seeds, way.replace("_", " "), accuracy)
                for split, accuracy in accuracies.items()]
    return lines
