"""A pre-training run of 200 steps that is killed over and over, at random moments, by
SIGKILL and SIGTERM in turn: `python -m tests.killed_often [KILLS]`.

Exits with an error unless every checkpoint is readable after each kill, the run ends at
its last step, and its curve has each step once and goes down.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import checkpoints
from tests import toy_pretraining

NUM_STEPS = 200


def newest_step(folder):
    found = checkpoints.all_checkpoints(folder)
    return found[-1][0] if found else 0


def start(arguments):
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            universal_newlines=True)


def kill_once(arguments, folder, number, seconds):
    """Starts the run and signals it `seconds` after its next checkpoint; its exit code
    and what it said."""
    process, before = start(arguments), newest_step(folder)
    while process.poll() is None and newest_step(folder) == before:
        time.sleep(0.02)
    time.sleep(seconds)
    process.send_signal(number)
    said = process.communicate()[0]
    return process.returncode, said


def check_checkpoints(folder):
    for step, prefix in checkpoints.all_checkpoints(folder):
        reader = checkpoints.open_checkpoint(prefix)
        values = {name: reader.get_tensor(name)
                  for name in reader.get_variable_to_shape_map()}
        if values["global_step"] != step:
            sys.exit("%s is of step %d" % (prefix, values["global_step"]))


def steps_of(folder):
    """{step: loss} of the curve; a step that stands there twice is an error."""
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as source:
        rows = [json.loads(line) for line in source]
    rows = [row for row in rows if "examples_per_second" in row]
    losses = {row["step"]: row["loss"] for row in rows}
    if len(losses) < len(rows) or list(losses) != sorted(losses):
        sys.exit("the curve has steps twice, or out of order")
    return losses


def main(kills, seed=1):
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        toy_pretraining.setup(folder)
        arguments = toy_pretraining.command(
            folder, num_train_steps=NUM_STEPS, save_checkpoints_steps=10,
            learning_rate=0.003, keep_checkpoint_max=3) + ["--resume"]
        output = os.path.join(folder, "output")
        reached = []
        for kill in range(kills):
            number = (signal.SIGKILL, signal.SIGTERM)[kill % 2]
            code, said = kill_once(arguments, output, number, rng.uniform(0.0, 0.5))
            if code not in (-signal.SIGKILL, 128 + signal.SIGTERM):
                sys.exit("kill %d came too late, or: %s" % (kill + 1, said))
            check_checkpoints(output)
            reached.append(newest_step(output))
        process = start(arguments)
        said = process.communicate()[0]
        if process.returncode or "step %d of %d" % (reached[-1], NUM_STEPS) not in said:
            sys.exit("the last part: %d %s" % (process.returncode, said))
        check_checkpoints(output)
        losses = steps_of(output)
        last = newest_step(output)
    print("killed at steps %s, ended at %d; curve of %d steps, loss %.3f -> %.3f" % (
        reached, last, len(losses), losses[min(losses)], losses[max(losses)]))
    if last != NUM_STEPS or sorted(losses) != list(range(1, NUM_STEPS + 1)):
        sys.exit("steps are missing")
    if losses[max(losses)] > losses[min(losses)] - 0.5:
        sys.exit("the loss did not go down")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10)
