"""One step of pre-training: `python -m benchmarks.pretraining_step`, or with
`--torch PATH/TO/python` also against PyTorch (requirements-torch.txt).

Contenders, each in a process of its own, alternating round by round on one thread:
ours (the encoder, both heads, gradients, LAMB), ours with gradient checkpointing, the
same graph with one-hot labels over all padded predictions, and Hugging Face's
AlbertForPreTraining with AdamW. Counted are CPU-seconds; `share` is the rate of model
FLOPs (flops.py) over the highest rate of a large matrix product, in the same precision,
that any contender reached in this run.
"""

import argparse
import collections
import functools
import json
import logging
import os
import subprocess
import sys

import tensorflow.compat.v1 as tf

import devices
import flops
import modeling
import optimization
import pretraining
from benchmarks import step_server

PRODUCT_SIZE = 2048


def one_hot_objective(config, _):
    """features -> [loss]: masked-LM labels as one-hot vectors, over all predictions."""
    def sums(batch):
        model = modeling.BertModel(
            config, True, batch["input_ids"], batch["input_mask"], batch["segment_ids"])
        words = tf.nn.log_softmax(
            pretraining.masked_lm_logits(model, batch["masked_lm_positions"]))
        labels = tf.one_hot(tf.reshape(batch["masked_lm_ids"], [-1]), config.vocab_size)
        weights = tf.reshape(batch["masked_lm_weights"], [-1])
        word_losses = -tf.reduce_sum(words * labels, -1)
        orders = tf.nn.log_softmax(pretraining.sentence_order_logits(model))
        order_labels = tf.one_hot(tf.reshape(batch["next_sentence_labels"], [-1]), 2)
        return [tf.reduce_sum(weights * word_losses) / (tf.reduce_sum(weights) + 1e-5)
                - tf.reduce_mean(tf.reduce_sum(orders * order_labels, -1))]
    return sums


def our_objective(config, batch, gradient_checkpointing=False):
    options = pretraining.Options(
        output_dir=None, gradient_checkpointing=gradient_checkpointing)
    scores_fn = pretraining.make_scores_fn(modeling.BertModel, config, options)
    return pretraining.objective(scores_fn, batch, options)


OBJECTIVES = collections.OrderedDict([
    ("ours", our_objective),
    ("recompute", functools.partial(our_objective, gradient_checkpointing=True)),
    ("onehot", one_hot_objective)])


def open_session(threads, amp):
    config = devices.session_config(amp)
    config.intra_op_parallelism_threads = threads
    config.inter_op_parallelism_threads = 1
    return tf.Session(config=config)


def make_step(name, case, threads, amp):
    config = modeling.BertConfig.from_dict(step_server.config_values(case))
    values = step_server.batch(case)
    tf.train.get_or_create_global_step()
    batch = {key: tf.placeholder(value.dtype, [None] * value.ndim)
             for key, value in values.items()}
    feed = {batch[key]: value for key, value in values.items()}
    optimizer = optimization.OPTIMIZERS["lamb"](1e-5)
    losses, gradients = optimization.sum_over_slices(
        OBJECTIVES[name](config, batch), batch, 1, optimizer)
    update = optimizer.apply_gradients(gradients, tf.train.get_global_step())
    fetches = [update] + losses
    session = open_session(threads, amp)
    session.run(tf.global_variables_initializer())
    return lambda: session.run(fetches, feed)[1]


def our_product_rate(threads, amp):
    with tf.Graph().as_default():
        matrix = tf.Variable(tf.random.uniform([PRODUCT_SIZE] * 2), use_resource=True)
        # A number is fetched, not the matrix: a copy is no part of the product.
        product = tf.slice(tf.matmul(matrix, matrix), [0, 0], [1, 1])
        with open_session(threads, amp) as session:
            session.run(matrix.initializer)
            return step_server.product_rate(lambda: session.run(product), PRODUCT_SIZE)


def serve(name, case, threads, dtype):
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    tf.disable_v2_behavior()
    tf.enable_resource_variables()
    amp = dtype == "bfloat16"
    step_server.serve(make_step(name, case, int(threads), amp),
                      lambda: our_product_rate(int(threads), amp))


class Contender(object):
    """A process that takes steps when asked."""

    def __init__(self, name, command, threads):
        self.name = name
        self.measured = []
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            universal_newlines=True, cwd=step_server.ROOT, env=dict(
                os.environ, OMP_NUM_THREADS=str(threads), TF_CPP_MIN_LOG_LEVEL="2"))
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("%s ended: its message stands above." % self.name)
        return json.loads(line)

    def ask(self, request):
        self.process.stdin.write("%s\n" % request)
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.communicate()


def start(args, case):
    """The contenders of a case, ready."""
    dtype = "bfloat16" if args.amp else "float32"
    tail = [case, str(args.threads), dtype]
    ours = [sys.executable, "-W", "ignore", "-m", "benchmarks.pretraining_step",
            "--serve"]
    commands = collections.OrderedDict(
        (name, ours + [name] + tail) for name in OBJECTIVES)
    if args.torch:
        commands["torch"] = [
            args.torch, "-m", "benchmarks.pretraining_step_torch"] + tail
    return [Contender(name, command, args.threads)
            for name, command in commands.items()]


def race(args, case):
    """[(contender, its steps' figures)] and the best rate of products."""
    contenders = start(args, case)
    rate = max(c.ask("rate")["rate"] for c in contenders)
    for turn in range(args.turns):
        for contender in contenders[::1 if turn % 2 else -1]:
            contender.measured.append(contender.ask(args.steps))
    for contender in contenders:
        contender.close()
    return contenders, rate


def show(case, contenders, rate):
    _, length, rows, _ = step_server.CASES[case]
    config = modeling.BertConfig.from_dict(step_server.config_values(case))
    work = flops.training_flops(config, "B", rows * length, rows * length ** 2,
                                rows * step_server.num_masked(case), rows)
    for contender in contenders:
        turns = sorted(contender.measured, key=lambda figures: figures["cpu"])
        middle = turns[len(turns) // 2]
        print("%-8s %-9s %8.3f %8.3f %8.3f %11.1f %9.0f %7.0f %6.0f%%" % (
            case, contender.name, middle["cpu"], turns[0]["cpu"], middle["wall"],
            rows / middle["wall"], max(t["peak"] for t in turns) / 2.0 ** 20,
            work / middle["cpu"] / 1e9, 100.0 * work / middle["cpu"] / rate),
            flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", default=",".join(step_server.CASES))
    parser.add_argument("--torch", help="the python of an environment with PyTorch")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--amp", action="store_true", help="bfloat16 (TensorFlow 2.15)")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2, help="steps of a turn")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve(*args.serve)
    print("TensorFlow %s, %d threads, %s" % (
        tf.__version__, args.threads, "bfloat16" if args.amp else "float32"))
    print("%-8s %-9s %8s %8s %8s %11s %9s %7s %7s" % (
        "case", "", "CPU s", "least", "wall s", "examples/s", "peak MiB", "GFLOP/s",
        "share"))
    for case in args.cases.split(","):
        contenders, rate = race(args, case)
        show(case, contenders, rate)
        print("%-8s products at %.0f GFLOP per CPU-second" % (case, rate / 1e9))


if __name__ == "__main__":
    main()
