"""What every run shares: settings, the estimator, hooks, weights to start from.

The Estimator API is named here and in the modules that define a model_fn, nowhere else.
"""

import dataclasses
import logging
import os

import tensorflow.compat.v1 as tf

import checkpoints
import errors
import hooks
import run_record


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


def train(estimator, input_fn, num_steps, batch_size, history, after_checkpoint):
    """Trains up to `num_steps` updates. Returns the signal that ended it, or None."""
    stop = hooks.StopOnSignalHook()
    watching = [stop]
    if not isinstance(estimator, tf.estimator.tpu.TPUEstimator):
        watching.append(hooks.ProgressHook(num_steps, batch_size, history))
    estimator.train(input_fn, max_steps=num_steps, hooks=watching,
                    saving_listeners=[hooks.AfterCheckpoint(after_checkpoint)])
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
    return run_record.read_json(os.path.join(folder, "best.json"))
