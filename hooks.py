"""What watches a run: its history, the progress line, signals, saved checkpoints."""

import json
import logging
import os
import signal
import sys
import time

import tensorflow.compat.v1 as tf
import tqdm

import errors
import run_record

HISTORY = "metrics.jsonl"
SECONDS_BETWEEN_LINES = 30.0


def observed(update, loss, learning_rate):
    """The training op, with what ProgressHook and TensorBoard read."""
    tf.summary.scalar("learning_rate", learning_rate)
    with tf.name_scope("progress/"):
        rate = tf.identity(learning_rate, "learning_rate")
        loss = tf.identity(loss, "loss")
        with tf.control_dependencies([update, rate, loss]):
            step = tf.identity(tf.train.get_global_step().read_value(), "step")
    return tf.group(update, step)


class History(object):
    """The run's measurements: one JSON object a line, read back when it is resumed."""

    def __init__(self, folder, last_step):
        self.path = os.path.join(folder, HISTORY)
        self.rows = []
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as source:
                rows = [json.loads(line) for line in source if line.endswith("}\n")]
            # What a killed run measured after its last checkpoint happens again.
            self.rows = [row for row in rows if row["step"] <= last_step]
            run_record.write_text(self.path, "".join(map(self._line, self.rows)))

    @staticmethod
    def _line(row):
        return json.dumps(row, sort_keys=True) + "\n"

    def add(self, **row):
        self.rows.append(row)
        with open(self.path, "a", encoding="utf-8") as out:
            out.write(self._line(row))

    def evaluations(self):
        return [row for row in self.rows if "eval_accuracy" in row]


class ProgressHook(tf.train.SessionRunHook):
    """One bar or line with step, loss, examples/s and the time left; stops at a NaN.

    The graph names its tensors progress/step (after the update), progress/loss and
    progress/learning_rate.
    """

    def __init__(self, num_steps, batch_size, history, rows_wanted=200):
        self.num_steps = num_steps
        self.batch_size = batch_size
        self.history = history
        self.every = max(1, num_steps // rows_wanted)
        self.bar = None

    def begin(self):
        graph = tf.get_default_graph()
        self.tensors = {name: graph.get_tensor_by_name("progress/%s:0" % name)
                        for name in ("step", "loss", "learning_rate")}

    def after_create_session(self, session, coord):
        self.first_step = session.run(tf.train.get_global_step())
        self.started = self.last_line = time.time()
        if sys.stderr.isatty():
            self.bar = tqdm.tqdm(total=self.num_steps, initial=self.first_step, unit="step")

    def before_run(self, run_context):
        return tf.train.SessionRunArgs(self.tensors)

    def after_run(self, run_context, run_values):
        values = run_values.results
        step, loss = int(values["step"]), float(values["loss"])
        if loss != loss or loss in (float("inf"), float("-inf")):
            # The loss before was a number, and it saw the weights of two updates ago.
            raise errors.InputError(
                "The loss is %s at step %d (learning rate %.3g). Checkpoints in %s are "
                "sound up to step %d. Lower --learning_rate, or check the weights you "
                "start from." % (
                    loss, step, values["learning_rate"],
                    os.path.dirname(self.history.path), max(step - 2, 0)))
        seconds = time.time() - self.started
        done = max(step - self.first_step, 1)
        rate = done * self.batch_size / max(seconds, 1e-9)
        if step % self.every == 0 or step == self.num_steps:
            self.history.add(step=step, loss=round(loss, 6), examples_per_second=round(
                rate, 1), learning_rate=float(values["learning_rate"]))
        self._show(step, loss, rate, (self.num_steps - step) * seconds / done)

    def _show(self, step, loss, rate, seconds_left):
        if self.bar is not None:
            self.bar.update(step - self.bar.n)
            self.bar.set_postfix_str("loss %.4f, %.0f examples/s" % (loss, rate))
        elif time.time() - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = time.time()
            logging.info("Step %d of %d: loss %.4f, %.0f examples/s, %s left.", step,
                         self.num_steps, loss, rate, duration(seconds_left))

    def end(self, session):
        if self.bar is not None:
            self.bar.close()


def duration(seconds):
    """Seconds as 42s, 3m05s or 2h07m."""
    seconds = int(round(seconds))
    if seconds < 60:
        return "%ds" % seconds
    if seconds < 3600:
        return "%dm%02ds" % divmod(seconds, 60)
    return "%dh%02dm" % divmod(seconds // 60, 60)


class StopOnSignalHook(tf.train.SessionRunHook):
    """SIGTERM or Ctrl-C ends the run after the current step, with a checkpoint."""

    def __init__(self):
        self.received = None

    def begin(self):
        self._previous = {s: signal.signal(s, self._remember)
                          for s in (signal.SIGTERM, signal.SIGINT)}

    def _remember(self, number, frame):
        self.received = number

    def after_run(self, run_context, run_values):
        if self.received:
            run_context.request_stop()

    def end(self, session):
        for number, handler in self._previous.items():
            signal.signal(number, handler)


class Stopped(Exception):
    """A signal ended the run; what it had is saved."""

    def __init__(self, number, folder):
        super(Stopped, self).__init__(
            "Stopped by signal %d; the last step is saved in %s. The same command with "
            "--resume goes on from there." % (number, folder))
        self.number = number


class AfterCheckpoint(tf.train.CheckpointSaverListener):
    """Calls `action` after each checkpoint; training ends where it returns True."""

    def __init__(self, action):
        self.action = action

    def after_save(self, session, global_step_value):
        if global_step_value:
            return self.action()


def write_scalars(folder, step, values):
    """Adds {name: number} at a step to a TensorBoard folder."""
    with tf.Graph().as_default():
        writer = tf.summary.FileWriter(folder)
    summary = tf.Summary(value=[
        tf.Summary.Value(tag=name, simple_value=value) for name, value in values.items()])
    writer.add_summary(summary, step)
    writer.close()
