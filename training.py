"""What every run shares: settings, the estimator, hooks, weights to start from.

The Estimator API is named here and in the modules that define a model_fn, nowhere else.
"""

import dataclasses
import json
import logging
import os
import signal
import sys
import time

import tensorflow.compat.v1 as tf
import tqdm

import checkpoints
import errors
import run_record

HISTORY = "metrics.jsonl"
SECONDS_BETWEEN_LINES = 30.0


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to train; the batch sizes are of all devices together."""
    output_dir: str
    init_checkpoint: str = None
    init_from_group0: bool = False
    do_train: bool = False
    do_eval: bool = False
    do_predict: bool = False
    train_batch_size: int = 32
    eval_batch_size: int = 8
    predict_batch_size: int = 8
    optimizer: str = "adamw"
    learning_rate: float = 5e-5
    accumulate_steps: int = 1
    amp: bool = False
    seed: int = 12345
    save_checkpoints_steps: int = 1000
    keep_checkpoint_max: int = 5
    resume: bool = False
    overwrite_output_dir: bool = False
    num_gpus: int = 1
    iterations_per_loop: int = 1000
    use_tpu: bool = False
    tpu_name: str = None
    tpu_zone: str = None
    gcp_project: str = None
    master: str = None
    num_tpu_cores: int = 8


def session_config(amp):
    """Memory as needed; with `amp` on a CPU the products run in bfloat16 (TF 2.15)."""
    config = tf.ConfigProto(allow_soft_placement=True)
    config.gpu_options.allow_growth = True
    if amp and not visible_gpus():
        rewrite = config.graph_options.rewrite_options
        if not hasattr(rewrite, "auto_mixed_precision_onednn_bfloat16"):
            raise errors.InputError(
                "--amp on a CPU needs TensorFlow 2.15 (ALBERT_TF=2); this is %s. "
                "Leave --amp out." % tf.__version__)
        if not _has_matrix_tiles():
            logging.warning(
                "Warning: this processor has no AMX; without it bfloat16 products were "
                "slower than float32 ones where we measured. Consider leaving out --amp.")
        rewrite.auto_mixed_precision_onednn_bfloat16 = rewrite.ON
    return config


def _has_matrix_tiles():
    try:
        with open("/proc/cpuinfo") as source:
            return "amx_bf16" in source.read()
    except OSError:
        return False


def visible_gpus():
    return [d.name for d in tf.config.experimental.list_physical_devices("GPU")]


def _strategy(num_gpus):
    gpus = visible_gpus()
    wanted = num_gpus or len(gpus)
    if wanted > max(len(gpus), 1):
        raise errors.InputError("--num_gpus=%d, but TensorFlow sees %d: %s" % (
            num_gpus, len(gpus), gpus or "none"))
    if wanted < 2:
        return None
    return tf.distribute.MirroredStrategy(["/gpu:%d" % i for i in range(wanted)])


def device_batch_size(settings):
    """The rows that one device takes of each training batch."""
    strategy = None if settings.use_tpu else _strategy(settings.num_gpus)
    replicas = strategy.num_replicas_in_sync if strategy else 1
    pieces = replicas * settings.accumulate_steps
    if settings.train_batch_size % pieces:
        raise errors.InputError(
            "--train_batch_size=%d cannot be split over %d devices in %d slices each "
            "(--accumulate_steps)." % (
                settings.train_batch_size, replicas, settings.accumulate_steps))
    return settings.train_batch_size // replicas


def make_estimator(model_fn, settings):
    """A TPUEstimator with use_tpu, else an Estimator, mirrored over the GPUs asked for.

    Checkpoints are written by the hook of `train`, which knows what to do after each.
    """
    common = dict(model_dir=settings.output_dir, tf_random_seed=settings.seed,
                  save_checkpoints_steps=settings.save_checkpoints_steps,
                  keep_checkpoint_max=settings.keep_checkpoint_max)
    if settings.use_tpu:
        api = tf.estimator.tpu
        cluster = None
        if settings.tpu_name:
            cluster = tf.distribute.cluster_resolver.TPUClusterResolver(
                settings.tpu_name, zone=settings.tpu_zone, project=settings.gcp_project)
        config = api.RunConfig(
            cluster=cluster, master=settings.master, tpu_config=api.TPUConfig(
                iterations_per_loop=settings.iterations_per_loop,
                num_shards=settings.num_tpu_cores,
                per_host_input_for_training=api.InputPipelineConfig.PER_HOST_V2),
            **common)
        return api.TPUEstimator(
            model_fn, config=config, use_tpu=True,
            train_batch_size=settings.train_batch_size,
            eval_batch_size=settings.eval_batch_size,
            predict_batch_size=settings.predict_batch_size)
    config = tf.estimator.RunConfig(
        session_config=session_config(settings.amp), log_step_count_steps=None,
        train_distribute=_strategy(settings.num_gpus), **common)
    logging.info("Devices: %s.", ", ".join(visible_gpus()) or "CPU only")
    return tf.estimator.Estimator(
        lambda features, labels, mode, params:
        model_fn(features, labels, mode, params).as_estimator_spec(), config=config)


def with_loss_scaling(optimizer, settings):
    """float16 on a GPU: scaled losses; updates with infinite gradients do not count."""
    if settings.amp and visible_gpus():
        return tf.train.experimental.enable_mixed_precision_graph_rewrite(optimizer)
    return optimizer


def model_shapes(build):
    """{variable: shape} of what `build` puts into an empty graph; nothing is run."""
    with tf.Graph().as_default():
        build()
        return {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}


def warm_start_scaffold(assignment, prefix, use_tpu):
    """Lets the first session begin with the checkpoint's values.

    `assignment` lists (name in the file, variable); a name may serve several variables.
    """
    def start():
        left = list(assignment)
        while left:
            once = dict(reversed(left))
            tf.train.init_from_checkpoint(prefix, once)
            left = [pair for pair in left if pair not in once.items()]

    if not use_tpu:
        start()
        return None

    def scaffold_fn():
        start()
        return tf.train.Scaffold()
    return scaffold_fn


def weights_only_scaffold():
    """Restores the model's variables alone: released weights have no step and no slots."""
    weights = tf.trainable_variables()
    ready = tf.report_uninitialized_variables(weights)
    return tf.train.Scaffold(
        saver=tf.train.Saver(weights), ready_op=ready, ready_for_local_init_op=ready)


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
            raise errors.InputError(
                "The loss is %s at step %d (learning rate %.3g). The last good checkpoint "
                "is the newest in %s. Lower --learning_rate, or check the weights you "
                "start from." % (loss, step, values["learning_rate"],
                                 os.path.dirname(self.history.path)))
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


def train(estimator, input_fn, num_steps, batch_size, history, after_checkpoint):
    """Trains up to `num_steps` updates. Returns the signal that ended it, or None."""
    stop = StopOnSignalHook()
    hooks = [stop]
    if not isinstance(estimator, tf.estimator.tpu.TPUEstimator):
        hooks.append(ProgressHook(num_steps, batch_size, history))
    estimator.train(input_fn, max_steps=num_steps, hooks=hooks,
                    saving_listeners=[AfterCheckpoint(after_checkpoint)])
    return stop.received


def keep_best(prefix, folder, facts, files):
    """Copies a checkpoint's weights, without slots and step, and files into `folder`.

    The new weights are complete before they replace the old ones, and `best.json`, which
    says what they are, follows them.
    """
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, "model.ckpt-%d" % facts["step"])
    for name, text in files.items():
        run_record.write_text(os.path.join(folder, name), text)
    checkpoints.strip(prefix, target)
    run_record.write_json(os.path.join(folder, "best.json"), facts)
    for _, old in checkpoints.all_checkpoints(folder):
        if os.path.basename(old) != os.path.basename(target):
            for suffix in (".index", ".data-00000-of-00001"):
                if os.path.exists(old + suffix):
                    os.remove(old + suffix)


def read_best(folder):
    """The facts of the best checkpoint kept in `folder`, or None."""
    path = os.path.join(folder, "best.json")
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as source:
        return json.load(source)


def write_scalars(folder, step, values):
    """Adds {name: number} at a step to a TensorBoard folder."""
    with tf.Graph().as_default():
        writer = tf.summary.FileWriter(folder)
    summary = tf.Summary(value=[
        tf.Summary.Value(tag=name, simple_value=value) for name, value in values.items()])
    writer.add_summary(summary, step)
    writer.close()
