"""A classifier as TensorFlow Lite files against the TensorFlow session, row by row:
`python -m benchmarks.tflite --model_dir PATH [--litert PYTHON]`.

Exports the model in three types and measures each in a process of its own: the median
time of a row, the memory that loading and running it takes beyond the engine's own, and
the size of the file. --litert names a Python that has ai-edge-litert, the interpreter
that phones have; it needs no TensorFlow. Contenders take turns, and the best turn
counts, so that what else the machine does meets all of them.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

import encoding
import export_check
import export_formats
import export_model
import model_files
import tasks
import tokenization

TIMER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tflite_timer.py")
QUOTED = ("quoted from this model family's documentation, not measured here: tiny on "
          "an SD845 phone, 4 threads, length 128: about 120 ms, 60 MB")


def export_all(args, folder):
    """[(format, type, file)]: the frozen graph and three TensorFlow Lite files."""
    found = []
    for to, dtypes in (("frozen", ["float32"]), ("tflite", export_formats.DTYPES)):
        for dtype in dtypes:
            target = os.path.join(folder, "%s-%s" % (to, dtype))
            export_model.main([
                "--model_dir=" + args.model_dir, "--output_dir=" + target, "--to=" + to,
                "--dtype=" + dtype, "--max_seq_length=%d" % args.max_seq_length,
                "--verify=%d" % args.verify])
            found.append((to, dtype, os.path.join(
                target, export_formats.FORMATS[to].file)))
    return found


def write_rows(args, path):
    """Pairs of our sample, padded to the length."""
    files = model_files.find(args.model_dir)
    tokenizer = tokenization.FullTokenizer(
        files.vocab_file, files.settings["do_lower_case"])
    examples, _ = tasks.read_examples(
        tasks.TASKS["lcqmc"], export_model.SAMPLE, max_rows=16)
    batch, = export_check.make_batches(
        examples, None, tokenizer, "classifier", args.max_seq_length,
        args.max_seq_length, len(examples))
    np.savez(path, **{name: batch.inputs[name] for name in encoding.INPUTS})


def contenders(args, exports):
    """[(name, Python, engine, file, threads)]."""
    found = []
    for (to, dtype, path), threads in itertools.product(exports, args.threads):
        if to == "frozen":
            found.append(("session float32", sys.executable, "session", path, threads))
            continue
        if threads == 1 or not tf.__version__.startswith("1."):
            found.append(("tf.lite " + dtype, sys.executable, "tf.lite", path, threads))
        if args.litert:
            found.append(("litert " + dtype, args.litert, "litert", path, threads))
    return found


def race(args, runners, rows):
    """{contender: its best turn}."""
    best = {}
    for _ in range(args.turns):
        for name, python, engine, path, threads in runners:
            said = subprocess.run(
                [python, "-W", "ignore", TIMER, engine, path, rows, "--threads",
                 str(threads), "--rounds", str(args.rounds)],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                universal_newlines=True, check=True).stdout
            result = json.loads(said.splitlines()[-1])
            result["size"] = os.path.getsize(path) / 1e6
            key = name, threads
            if key not in best or result["ms"] < best[key]["ms"]:
                best[key] = result
    return best


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model_dir", required=True)
    parser.add_argument("--max_seq_length", type=int, default=128)
    parser.add_argument("--threads", type=lambda text: list(map(int, text.split(","))),
                        default=[1, 2])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--verify", type=int, default=50,
                        help="rows to verify exports on")
    parser.add_argument("--litert", metavar="PYTHON",
                        help="a Python with ai-edge-litert, to measure that too")
    args = parser.parse_args(arguments)
    print("TensorFlow %s, length %d, a row at a time" % (
        tf.__version__, args.max_seq_length))
    with tempfile.TemporaryDirectory() as folder:
        exports = export_all(args, folder)
        rows = os.path.join(folder, "rows.npz")
        write_rows(args, rows)
        best = race(args, contenders(args, exports), rows)
    print("%-18s %7s %9s %9s %10s %8s" % (
        "engine and type", "threads", "median ms", "90 % ms", "memory MB", "file MB"))
    for (name, threads), result in best.items():
        print("%-18s %7d %9.1f %9.1f %10.1f %8.2f" % (
            name, threads, result["ms"], result["ms_90"], result["mb"], result["size"]))
    print(QUOTED)


if __name__ == "__main__":
    main()
