"""Fine-tuning with batches padded to their own longest row against padding to a fixed
length: `python -m benchmarks.finetune_padding --pairs FILE [--amp]`.

Both graphs stand in one process and take turns, so what else the machine does meets both.
Prints examples/s of training and prediction, their ratios, and the largest difference of
the probabilities. With --amp (TensorFlow 2.15) bfloat16 products take a third turn.
"""

import argparse
import logging
import os
import tempfile
import time

import numpy as np
import tensorflow.compat.v1 as tf

import classification
import devices
import features
import modeling
import modeling_google
import tasks
import tokenization

CONFIGS = {"b": (modeling.BertConfig, modeling.BertModel, "albert_config_tiny.json"),
           "g": (modeling_google.AlbertConfig, modeling_google.AlbertModel,
                 "albert_config_tiny_google.json")}


class Contender(object):
    """One graph with its own input, for training or for prediction."""

    def __init__(self, make_input_fn, model_fn, mode, amp=False):
        self.graph = tf.Graph()
        with self.graph.as_default():
            tf.set_random_seed(1)
            tf.train.get_or_create_global_step()
            self.iterator = tf.data.make_initializable_iterator(make_input_fn()())
            self.spec = model_fn(self.iterator.get_next(), None, mode, {})
            self.saver = tf.train.Saver(tf.trainable_variables())
            self.session = tf.Session(config=devices.session_config(amp))
            self.session.run(tf.global_variables_initializer())
            self.session.run(self.iterator.initializer)
        self.seconds, self.rows = 0.0, 0

    def train(self, steps, batch_size):
        started = time.time()
        for _ in range(steps):
            self.session.run(self.spec.train_op)
        self.seconds += time.time() - started
        self.rows += steps * batch_size

    def predict(self, num_rows):
        """[rows, labels] of one pass."""
        self.session.run(self.iterator.initializer)
        result = np.zeros([num_rows, 2], np.float32)
        started = time.time()
        while True:
            try:
                batch = self.session.run(self.spec.predictions)
            except tf.errors.OutOfRangeError:
                break
            result[batch["example_index"]] = batch["probabilities"]
        self.seconds += time.time() - started
        self.rows += num_rows
        return result

    @property
    def rate(self):
        return self.rows / self.seconds

    def forget(self):
        self.seconds, self.rows = 0.0, 0


def prepare(args, folder):
    """Records of the pairs, for training and for prediction."""
    task = tasks.TASKS["lcqmc"]
    examples, _ = tasks.read_examples(task, args.pairs)
    examples = examples[:args.rows]
    tokenizer = tokenization.FullTokenizer("albert_config/vocab.txt")
    config_class, model_class, name = CONFIGS[args.layout]
    config = config_class.from_json_file(os.path.join("albert_config", name))
    options = classification.Options(
        output_dir=folder, max_seq_length=args.max_seq_length,
        train_batch_size=args.batch_size, learning_rate=1e-4)
    splits = [classification.write_split(
        classification.Split(split, examples), task.labels, tokenizer, folder, options,
        {"task": "lcqmc"}, args.batch_size) for split in ("train", "dev")]
    logits_fn = classification.make_logits_fn(model_class, config, 2, options)
    return classification.make_model_fn(logits_fn, options, 1000), splits, len(examples)


def race_training(args, model_fn, records, num_rows):
    spec = features.classification_spec(args.max_seq_length)

    def contender(fixed, amp=False):
        return Contender(lambda: features.training_input_fn(
            records, spec, num_rows, args.batch_size, 1, fixed_length=fixed), model_fn,
            tf.estimator.ModeKeys.TRAIN, amp)

    racers = {"padded": contender(True), "dynamic": contender(False)}
    if args.amp:
        racers["dynamic bf16"] = contender(False, amp=True)
    for racer in racers.values():
        racer.train(3, args.batch_size)
        racer.forget()
    for _ in range(args.turns):
        for name, racer in racers.items():
            racer.train(4 if name == "padded" else 20, args.batch_size)
    return racers


def race_prediction(args, model_fn, records, num_rows, weights):
    spec = features.classification_spec(args.max_seq_length)

    def contender(fixed, amp=False):
        racer = Contender(lambda: features.inference_input_fn(
            records, spec, args.batch_size, fixed_length=fixed), model_fn,
            tf.estimator.ModeKeys.PREDICT, amp)
        racer.saver.restore(racer.session, weights)
        return racer

    racers = {"padded": contender(True), "dynamic": contender(False)}
    if args.amp:
        racers["dynamic bf16"] = contender(False, amp=True)
    results = {}
    for turn in range(3):
        for name, racer in racers.items():
            if turn == 1:
                racer.forget()  # the first turn warms up
            results[name] = racer.predict(num_rows)
    differences = {name: np.max(np.abs(result - results["padded"]))
                   for name, result in results.items()}
    return racers, differences


def show(what, racers):
    base = racers["padded"].rate
    for name, racer in racers.items():
        print("%-10s %-13s %8.0f examples/s %6.2fx" % (
            what, name, racer.rate, racer.rate / base), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", default="data/lcqmc_sample/train.txt")
    parser.add_argument("--layout", choices=sorted(CONFIGS), default="b")
    parser.add_argument("--rows", type=int, default=2000, help="pairs to use")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--max_seq_length", type=int, default=128)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--amp", action="store_true")
    args = parser.parse_args()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    tf.disable_v2_behavior()
    tf.enable_resource_variables()
    print("TensorFlow %s, layout %s, batch %d, length %d, %s" % (
        tf.__version__, args.layout, args.batch_size, args.max_seq_length, args.pairs))
    with tempfile.TemporaryDirectory() as folder:
        model_fn, (train, dev), num_rows = prepare(args, folder)
        racers = race_training(args, model_fn, train.records, num_rows)
        show("training", racers)
        weights = racers["dynamic"].saver.save(
            racers["dynamic"].session, os.path.join(folder, "weights"))
        racers, differences = race_prediction(
            args, model_fn, dev.records, num_rows, weights)
        show("prediction", racers)
    for name, difference in differences.items():
        print("largest difference of probabilities, %s: %.1e" % (name, difference))


if __name__ == "__main__":
    main()
