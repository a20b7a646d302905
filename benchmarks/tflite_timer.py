"""Times one exported model in this process and prints a line of JSON.

Runs by its path under any Python that has numpy and the engine (a phone's, too):

    python benchmarks/tflite_timer.py litert model.tflite rows.npz --threads 1

rows.npz holds the inputs by name, a row each; they take turns, one at a time.
"""

import argparse
import json
import os
import time

import numpy as np


def _invoke_by_name(interpreter):
    """{input: [1, ...]} -> nothing; the model runs."""
    interpreter.allocate_tensors()
    places = {detail["name"].split(":")[0]: detail["index"]
              for detail in interpreter.get_input_details()}

    def run(row):
        for name, place in places.items():
            interpreter.set_tensor(place, row[name])
        interpreter.invoke()
    return run


def open_tf_lite(path, threads):
    import tensorflow.compat.v1 as tf
    # TensorFlow 1.15 has one thread and no word for it.
    options = {} if tf.__version__.startswith("1.") else {"num_threads": threads}
    return lambda: _invoke_by_name(tf.lite.Interpreter(path, **options))


def open_litert(path, threads):
    from ai_edge_litert.interpreter import Interpreter
    return lambda: _invoke_by_name(Interpreter(path, num_threads=threads))


def open_session(path, threads):
    import tensorflow.compat.v1 as tf

    def load():
        graph_def = tf.GraphDef()
        with open(path, "rb") as source:
            graph_def.ParseFromString(source.read())
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(graph_def, name="")
        session = tf.Session(graph=graph, config=tf.ConfigProto(
            intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1))
        names = [n.name for n in graph_def.node if n.op == "Placeholder"]
        return lambda row: session.run(
            "probabilities:0", {name + ":0": row[name] for name in names})
    return load


ENGINES = {"tf.lite": open_tf_lite, "litert": open_litert, "session": open_session}


def memory():
    """Resident bytes of this process."""
    with open("/proc/self/statm") as source:
        return int(source.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(load, rows, rounds):
    """{"ms": the median, "ms_90": nine of ten are faster, "mb": memory it took}."""
    before = memory()
    run = load()
    for row in rows[:3]:
        run(row)
    seconds = []
    for turn in range(rounds):
        started = time.time()
        run(rows[turn % len(rows)])
        seconds.append(time.time() - started)
    return {"ms": 1000 * float(np.median(seconds)),
            "ms_90": 1000 * float(np.percentile(seconds, 90)),
            "mb": (memory() - before) / 1e6}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("engine", choices=sorted(ENGINES))
    parser.add_argument("model")
    parser.add_argument("rows")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    with np.load(options.rows) as held:
        arrays = {name: held[name] for name in held.files}
    rows = [{name: values[i:i + 1] for name, values in arrays.items()}
            for i in range(len(arrays["input_ids"]))]
    # The engine is imported here, so that its own size is no part of the model's.
    load = ENGINES[options.engine](options.model, options.threads)
    print(json.dumps(measure(load, rows, options.rounds)))


if __name__ == "__main__":
    main()
