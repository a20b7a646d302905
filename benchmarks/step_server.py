"""What the contenders of benchmarks.pretraining_step share: cases, batches, the pipe.

No TensorFlow and no PyTorch here: either side runs in an environment of its own.
"""

import json
import os
import resource
import sys
import time

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MASKED_SHARE = 0.15

# name: config, length, batch, predictions that a record holds (padded)
CASES = {
    "tiny128": ("albert_config_tiny.json", 128, 32, 20),
    "tiny512": ("albert_config_tiny.json", 512, 8, 77),
    "base128": ("albert_config_base.json", 128, 8, 20),
    "base512": ("albert_config_base.json", 512, 2, 77),
}


def config_values(case):
    with open(os.path.join(ROOT, "albert_config", CASES[case][0])) as source:
        return json.load(source)


def num_masked(case):
    """Masked words of each row; the rest of its predictions is padding."""
    return int(MASKED_SHARE * CASES[case][1])


def batch(case):
    """{feature: array} of rows without padding: nobody gains by leaving it out."""
    _, length, rows, predictions = CASES[case]
    rng = np.random.RandomState(1)
    vocab_size = config_values(case)["vocab_size"]
    places = [np.sort(rng.permutation(length - 1)[:num_masked(case)] + 1)
              for _ in range(rows)]
    padding = [(0, 0), (0, predictions - num_masked(case))]
    masked = np.array(places)
    return {
        "input_ids": rng.randint(200, vocab_size, [rows, length]).astype("int32"),
        "input_mask": np.ones([rows, length], "int32"),
        "segment_ids": np.tile(
            (np.arange(length) >= length // 2).astype("int32"), [rows, 1]),
        "masked_lm_positions": np.pad(masked, padding, "constant").astype("int32"),
        "masked_lm_ids": np.pad(rng.randint(200, vocab_size, masked.shape), padding,
                                "constant").astype("int32"),
        "masked_lm_weights": np.pad(np.ones(masked.shape), padding,
                                    "constant").astype("float32"),
        "next_sentence_labels": rng.randint(0, 2, [rows, 1]).astype("int32")}


def seconds_of(function, repeats):
    """CPU-seconds of this process, all its threads, for each call."""
    started = time.process_time()
    for _ in range(repeats):
        function()
    return (time.process_time() - started) / repeats


def product_rate(product, size):
    """FLOP per CPU-second of `product`, a call that multiplies two [size, size]."""
    product()
    return 2.0 * size ** 3 / min(seconds_of(product, 2) for _ in range(3))


def serve(step, rate):
    """Says it is ready, then takes as many steps as each line of the input asks for.

    `step` returns the loss; `rate` measures the FLOP rate of products of this engine.
    """
    step()
    answer = {"ready": True}
    while True:
        print(json.dumps(answer), flush=True)
        request = sys.stdin.readline().strip()
        if not request:
            return
        if request == "rate":
            answer = {"rate": rate()}
            continue
        wall, losses = time.time(), []
        cpu = seconds_of(lambda: losses.append(float(step())), int(request))
        answer = {"cpu": cpu, "wall": (time.time() - wall) / int(request),
                  "loss": losses[-1], "peak": resource.getrusage(
                      resource.RUSAGE_SELF).ru_maxrss * 1024}
