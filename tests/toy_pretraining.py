"""Toy pre-training records and the commands that train on them in seconds."""

import collections
import os
import random
import sys

import tensorflow.compat.v1 as tf

import features
import records as record_files
from tests import toy

LENGTH, PREDICTIONS = 24, 4
SCRIPTS = {"b": ("run_pretraining.py", "bert_config_file", "next_sentence"),
           "g": ("run_pretraining_google.py", "albert_config_file", "sentence_order")}
FIRST_ORDINARY = 5


def rows(count, seed=0, length=LENGTH, predictions=PREDICTIONS):
    """Instances whose label says of which half of the alphabet they are made, and whose
    masked tokens are the first of that half: both can be learnt at once."""
    rng = random.Random(seed)
    result = []
    for _ in range(count):
        size = rng.randint(length // 2, length)
        label = rng.randint(0, 1)
        half = len(toy.CHARACTERS) // 2
        ids = [2] + [FIRST_ORDINARY + label * half + rng.randrange(half)
                     for _ in range(size - 2)] + [3]
        cut = size // 2
        places = sorted(rng.sample(range(2, size - 1), rng.randint(1, predictions)))
        answers = [FIRST_ORDINARY + label * half] * len(places)
        for place in places:
            ids[place] = 4
        result.append({
            "input_ids": ids, "input_mask": [1] * size,
            "segment_ids": [0] * cut + [1] * (size - cut),
            "masked_lm_positions": places, "masked_lm_ids": answers,
            "masked_lm_weights": [1.0] * len(places), "next_sentence_labels": [label]})
    return result


def records(path, count, seed=0, length=LENGTH, predictions=PREDICTIONS):
    """Writes them as the ancestors did, without a meta file. Returns the path."""
    return write_rows(path, rows(count, seed, length, predictions), length, predictions)


def spec(length, predictions):
    """What a record holds, for features.parse: the program's own fields."""
    dtypes = {record_files.INT64: tf.int64, record_files.FLOAT: tf.float32}
    return collections.OrderedDict(
        (name, features.Feature(dtypes[kind], size)) for name, (kind, size)
        in record_files.pretraining_fields(length, predictions).items())


def write_rows(path, some_rows, length=LENGTH, predictions=PREDICTIONS):
    features.write_records(str(path), some_rows, spec(length, predictions), {})
    os.remove(str(path) + ".json")
    return str(path)


def setup(folder, layout="b", count=200, **changes):
    """Writes vocabulary, config, train.tfrecord and held.tfrecord under `folder`."""
    toy.vocabulary(folder)
    toy.config(folder, layout, **changes)
    records(os.path.join(str(folder), "train.tfrecord"), count, 1)
    records(os.path.join(str(folder), "held.tfrecord"), 37, 2)


def command(folder, layout="b", **flags):
    """The pre-training command on toy data under `folder`; a flag of None is left out."""
    folder = str(folder)
    script, config_flag, _ = SCRIPTS[layout]
    values = {
        config_flag: os.path.join(folder, "config_%s.json" % layout),
        "input_file": os.path.join(folder, "train.tfrecord"),
        "eval_input_file": os.path.join(folder, "held.tfrecord"),
        "output_dir": os.path.join(folder, "output"), "do_train": True, "do_eval": True,
        "train_batch_size": 8, "eval_batch_size": 8, "learning_rate": 0.01,
        "num_train_steps": 20, "num_warmup_steps": 2, "save_checkpoints_steps": 10}
    values.update(flags)
    return [sys.executable, "-W", "ignore", os.path.join(toy.ROOT, script)] + [
        "--%s=%s" % (name, str(value).lower() if isinstance(value, bool) else value)
        for name, value in values.items() if value is not None]
