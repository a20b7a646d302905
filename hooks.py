"""What watches a run: its history, the progress line, signals, saved checkpoints."""

import collections
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
import storage

SECONDS_BETWEEN_LINES = 30.0


_VALUE, _WORK = "progress/value/", "progress/work/"


def observed(update, loss, learning_rate, values=None, work=None):
    """The training op, with what ProgressHook and TensorBoard read.

    `values`: {name: scalar} of a batch to show; `work`: {name: amount done in a batch},
    of which the rate a second is shown.
    """
    tf.summary.scalar("learning_rate", learning_rate)
    for name, value in (values or {}).items():
        tf.summary.scalar(name, value)
    with tf.name_scope("progress/"):
        seen = [tf.identity(learning_rate, "learning_rate"), tf.identity(loss, "loss")]
        seen += [tf.identity(v, "value/" + name) for name, v in (values or {}).items()]
        seen += [tf.identity(v, "work/" + name) for name, v in (work or {}).items()]
        with tf.control_dependencies([update] + seen):
            step = tf.identity(tf.train.get_global_step().read_value(), "step")
    return tf.group(update, step)


class History(object):
    """The run's measurements: one JSON object a line, read back when it is resumed."""

    def __init__(self, folder, last_step):
        self.path = os.path.join(folder, run_record.HISTORY)
        self.rows = []
        if storage.exists(self.path):
            with storage.open_file(self.path) as source:
                rows = [json.loads(line) for line in source if line.endswith("}\n")]
            # What a killed run measured after its last checkpoint happens again.
            self.rows = [row for row in rows if row["step"] <= last_step]
            run_record.write_text(self.path, "".join(map(self._line, self.rows)))

    @staticmethod
    def _line(row):
        return json.dumps(row, sort_keys=True) + "\n"

    def add(self, **row):
        self.rows.append(row)
        with storage.open_file(self.path, "a") as out:
            out.write(self._line(row))

    def evaluations(self):
        """The rows of what was measured on dev."""
        return [row for row in self.rows
                if any(name.startswith("eval_") for name in row)]


class ProgressHook(tf.train.SessionRunHook):
    """One bar or line with step, loss, examples/s and the time left; stops at a NaN.

    The graph names its tensors progress/step (after the update), progress/loss and
    progress/learning_rate, and those of `observed`'s values and work. Rates leave out
    the time that `listener` spends on checkpoints.
    """

    def __init__(self, num_steps, batch_size, history, listener=None, num_replicas=1,
                 rows_wanted=200):
        self.num_steps = num_steps
        self.batch_size = batch_size
        self.history = history
        self.listener = listener or AfterCheckpoint(None)
        self.num_replicas = num_replicas
        self.every = max(1, num_steps // rows_wanted)
        self.bar = None

    def begin(self):
        graph = tf.get_default_graph()
        names = ["progress/step", "progress/loss", "progress/learning_rate"]
        names += [op.name for op in graph.get_operations()
                  if op.name.startswith((_VALUE, _WORK)) and op.type == "Identity"]
        self.tensors = {name: graph.get_tensor_by_name(name + ":0") for name in names}
        self.work = dict.fromkeys((n for n in names if n.startswith(_WORK)), 0.0)

    def after_create_session(self, session, coord):
        self.first_step = session.run(tf.train.get_global_step())
        self.started = self.last_line = time.time()
        if sys.stderr.isatty():
            self.bar = tqdm.tqdm(total=self.num_steps, initial=self.first_step, unit="step")

    def before_run(self, run_context):
        return tf.train.SessionRunArgs(self.tensors)

    def after_run(self, run_context, run_values):
        results = run_values.results
        step, loss = int(results["progress/step"]), float(results["progress/loss"])
        learning_rate = float(results["progress/learning_rate"])
        self._check(step, loss, learning_rate)
        seconds = max(time.time() - self.started - self.listener.seconds, 1e-9)
        done = max(step - self.first_step, 1)
        rates = {"examples_per_second": done * self.batch_size / seconds}
        for name in self.work:
            self.work[name] += float(results[name]) * self.num_replicas
            rates[name[len(_WORK):] + "_per_second"] = self.work[name] / seconds
        values = {name[len(_VALUE):]: round(float(value), 6)
                  for name, value in results.items() if name.startswith(_VALUE)}
        if step % self.every == 0 or step == self.num_steps:
            self.history.add(
                step=step, loss=round(loss, 6), learning_rate=learning_rate,
                **dict(values, **{name: round(rate, 1) for name, rate in rates.items()}))
        self._show(step, loss, values, rates, (self.num_steps - step) * seconds / done)

    def _check(self, step, loss, learning_rate):
        if loss != loss or loss in (float("inf"), float("-inf")):
            self._close()
            # The loss before was a number, and it saw the weights of two updates ago.
            raise errors.InputError(
                "The loss is %s at step %d (learning rate %.3g). Checkpoints in %s are "
                "sound up to step %d. Lower --learning_rate, or check the weights you "
                "start from." % (
                    loss, step, learning_rate, os.path.dirname(self.history.path),
                    max(step - 2, 0)))

    def _show(self, step, loss, values, rates, seconds_left):
        if self.bar is None and time.time() - self.last_line < SECONDS_BETWEEN_LINES:
            return
        text = "loss %.4f" % loss
        text += "".join(", %s %.3f" % (name.replace("_", " "), value)
                        for name, value in sorted(values.items()))
        text += "".join(", " + _per_second(name, rate)
                        for name, rate in sorted(rates.items()))
        if self.bar is not None:
            self.bar.update(step - self.bar.n)
            self.bar.set_postfix_str(text)
        else:
            self.last_line = time.time()
            logging.info("Step %d of %d: %s, %s left.", step, self.num_steps, text,
                         duration(seconds_left))

    def _close(self):
        if self.bar is not None:
            self.bar.close()

    def end(self, session):
        self._close()


class DivergenceHook(tf.train.SessionRunHook):
    """Stops a run whose loss has risen far above where it began: training is lost."""

    def __init__(self, history, window=100, factor=1.5):
        self.history = history
        self.window = window
        self.factor = factor
        self.first, self.recent = [], collections.deque(maxlen=window)

    def before_run(self, run_context):
        return tf.train.SessionRunArgs(
            tf.get_default_graph().get_tensor_by_name("progress/loss:0"))

    def after_run(self, run_context, run_values):
        self.recent.append(float(run_values.results))
        if len(self.first) < self.window:
            self.first.append(self.recent[-1])
            return
        before, now = sum(self.first) / self.window, sum(self.recent) / self.window
        if now > self.factor * before:
            raise errors.InputError(
                "Training diverges: the mean loss of %d updates was %.3f and is %.3f. "
                "The best checkpoints of %s are older ones. Lower --learning_rate, or "
                "warm up longer." % (self.window, before, now,
                                     os.path.dirname(self.history.path)))


def _per_second(name, rate):
    what = name[:-len("_per_second")]
    if what == "flops":
        return "%.1f GFLOP/s" % (rate / 1e9)
    return "%.0f %s/s" % (rate, what)


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
    """A signal ended the run; what the first process had is saved."""

    def __init__(self, number, folder, is_chief=True):
        text = "Stopped by signal %d; " % number
        if is_chief:
            text += ("the last step is saved in %s. The same command with --resume goes on "
                     "from there." % folder)
        else:
            text += ("only the first process saves: stop the others too, and start all of "
                     "them with --resume.")
        super(Stopped, self).__init__(text)
        self.number = number


class AfterCheckpoint(tf.train.CheckpointSaverListener):
    """Calls `action` after each checkpoint; training ends where it returns True."""

    def __init__(self, action):
        self.action = action
        self.seconds = 0.0

    def after_save(self, session, global_step_value):
        if not global_step_value:
            return None
        started = time.time()
        should_stop = self.action()
        self.seconds += time.time() - started
        return should_stop


def write_scalars(folder, step, values):
    """Adds {name: number} at a step to a TensorBoard folder."""
    with tf.Graph().as_default():
        writer = tf.summary.FileWriter(folder)
    summary = tf.Summary(value=[
        tf.Summary.Value(tag=name, simple_value=value) for name, value in values.items()])
    writer.add_summary(summary, step)
    writer.close()
