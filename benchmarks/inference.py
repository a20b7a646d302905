"""How fast a fine-tuned tiny model answers: `python -m benchmarks.inference --model_dir
PATH [--onnx PATH] [--tflite PATH] [--torch PATH/TO/python] [--cores N]`.

Contenders take turns, on pairs of LCQMC's lengths: the predictor from texts to answers;
the bare session call on ids; the same with every text padded to 128; and with --torch
Hugging Face's AlbertForSequenceClassification, which gets ids in the predictor's own
batches. Prints the first answer after a process starts (also of exports, given by
--onnx and --tflite), p50 and p99 of one pair, and pairs/s of many.
"""

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import time

import numpy as np

import encoding
import errors
import exported_model
import predictor
import text_files
from benchmarks import service_load

ROOT = service_load.ROOT
PADDED_LENGTH = 128
TORCH_BATCH = 32


class Ours(object):
    """The predictor, or its session called with what it has prepared."""

    def __init__(self, model, call):
        self.model = model
        self.call = call

    def seconds(self, groups):
        """Seconds that each group of pairs takes."""
        taken = []
        for group in groups:
            work = self.call(self.model, group)
            started = time.time()
            work()
            taken.append(time.time() - started)
        return taken


def from_texts(model, group):
    return lambda: model.predict(group)


def _encode(model, group):
    return [encoding.encode(pair, model._tokenizer, model.max_seq_length)
            for pair in group]


def bare(model, group):
    """The session calls alone; ids are padded to the longest row of each batch."""
    batches = batches_of(model, group, model.batch_size)
    return lambda: [model._network.probabilities(batch) for batch in batches]


def padded(model, group):
    """The session calls alone, every row padded to one length."""
    batches = [{name: np.pad(array, [(0, 0), (0, PADDED_LENGTH - array.shape[1])],
                             "constant") for name, array in batch.items()}
               for batch in batches_of(model, group, model.batch_size)]
    return lambda: [model._network.probabilities(batch) for batch in batches]


def batches_of(model, group, batch_size):
    """[{input: [B, S]}] of pairs sorted by length."""
    encoded = sorted(_encode(model, group), key=lambda row: -len(row[0]))
    return [encoding.pad(encoded[i:i + batch_size])
            for i in range(0, len(encoded), batch_size)]


class Torch(object):
    """benchmarks.inference_torch in a process of its own."""

    def __init__(self, python, model):
        self.model = model
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.inference_torch"], cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)
        self.process.stdout.readline()

    def seconds(self, groups):
        taken = []
        for group in groups:
            batches = [{name: array.tolist() for name, array in batch.items()}
                       for batch in batches_of(self.model, group, TORCH_BATCH)]
            self.process.stdin.write(json.dumps(batches) + "\n")
            self.process.stdin.flush()
            taken.append(sum(json.loads(self.process.stdout.readline())))
        return taken


def first_answer(python, engine, model_dir, pair):
    """(seconds from the start of similarity.py until its answer stands there, CPU seconds
    of the whole process)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.time()
    process = subprocess.Popen(
        [python, "-W", "ignore", os.path.join(ROOT, "similarity.py"), "--engine", engine,
         "--model_dir", model_dir] + list(pair),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    process.stdout.readline()
    seconds = time.time() - started
    process.communicate()
    if process.returncode:
        raise errors.InputError("similarity.py --engine=%s --model_dir=%s failed in %s." % (
            engine, model_dir, python))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def show_first_answers(args, pair):
    """The best of a few turns for each engine that there is a model for."""
    chosen = {"tensorflow": (sys.executable, args.model_dir)}
    for engine in exported_model.ENGINES:
        if getattr(args, engine):
            chosen[engine] = args.engines or sys.executable, getattr(args, engine)
    for engine, (python, path) in chosen.items():
        taken = [first_answer(python, engine, path, pair) for _ in range(5)]
        print("first answer after process start, %s: %.2f s, CPU %.2f s" % (
            (engine,) + tuple(map(min, zip(*taken)))))


def race(contenders, pairs, args):
    """{name: (seconds of single pairs, seconds of many)}; contenders take turns."""
    many = (pairs * (args.rows // len(pairs) + 1))[:args.rows]
    results = {name: ([], []) for name in contenders}
    for contender in contenders.values():  # the first turn warms up
        contender.seconds([[pair] for pair in pairs[:20]] + [many])
    for turn in range(args.turns):
        singles = [[pair] for pair in pairs[turn::args.turns][:args.singles]]
        for name, contender in contenders.items():
            results[name][0].extend(contender.seconds(singles))
            results[name][1].extend(contender.seconds([many]))
    return results


def show(results, args):
    print("%-30s %10s %10s %14s" % ("", "p50 ms", "p99 ms", "pairs/s of %d" % args.rows))
    for name, (singles, many) in results.items():
        print("%-30s %10.2f %10.2f %14.0f" % (
            name, 1e3 * service_load.percentile(singles, 0.5),
            1e3 * service_load.percentile(singles, 0.99),
            args.rows / service_load.percentile(many, 0.5)))
    base = service_load.percentile(results["predictor"][0], 0.5)
    for name, (singles, many) in list(results.items())[1:]:
        print("one pair: predictor / %s = %.2f; %d pairs: %.2f times as fast" % (
            name, base / service_load.percentile(singles, 0.5), args.rows,
            service_load.percentile(many, 0.5)
            / service_load.percentile(results["predictor"][1], 0.5)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    models = parser.add_argument_group("models")
    models.add_argument("--model_dir", required=True)
    for engine in exported_model.ENGINES:
        models.add_argument("--" + engine, metavar="PATH", help="the model as an export")
    models.add_argument("--engines", metavar="PYTHON", help="of an environment of "
                        "requirements-engines.txt, for the exports; this one without it")
    models.add_argument("--torch", help="the python of an environment with PyTorch")
    parser.add_argument("--pairs", default=os.path.join(
        ROOT, "data", "lcqmc_sample", "test.txt"))
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--singles", type=int, default=60, help="single pairs a turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--cores", type=int, help="CPU cores to use; all without it")
    args = parser.parse_args()
    if args.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:args.cores])
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    pairs = [pair for _, pair in text_files.read_pairs(args.pairs)[1]]
    show_first_answers(args, pairs[0])
    with predictor.Predictor(args.model_dir) as model:
        contenders = {"predictor": Ours(model, from_texts),
                      "bare session": Ours(model, bare),
                      "padded to %d" % PADDED_LENGTH: Ours(model, padded)}
        if args.torch:
            contenders["PyTorch, from ids"] = Torch(args.torch, model)
        show(race(contenders, pairs, args), args)


if __name__ == "__main__":
    main()
