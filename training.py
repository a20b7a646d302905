"""What every run shares: settings, the estimator, hooks, weights to start from.

The Estimator API is named here and in the modules that define a model_fn, nowhere else.
"""

import dataclasses
import logging
import os

import tensorflow.compat.v1 as tf

import checkpoints
import devices
import errors
import hooks
import optimization
import run_record
import storage


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
    xla: bool = False
    gradient_checkpointing: bool = False
    seed: int = 12345
    save_checkpoints_steps: int = 1000
    keep_checkpoint_max: int = 5
    resume: bool = False
    overwrite_output_dir: bool = False
    num_gpus: int = 1
    iterations_per_loop: int = 1000
    use_horovod: bool = False
    use_tpu: bool = False
    tpu_name: str = None
    tpu_zone: str = None
    gcp_project: str = None
    master: str = None
    num_tpu_cores: int = 8


@dataclasses.dataclass(frozen=True)
class FineTuningSettings(Settings):
    """What fine-tuning adds; `split_files` overrides where a split is read."""
    data_dir: str = None
    split_files: dict = dataclasses.field(default_factory=dict)
    max_rows: int = None
    cached_dir: str = None
    max_seq_length: int = 128
    do_lower_case: bool = True
    num_train_epochs: float = 3.0
    warmup_proportion: float = 0.1
    early_stopping_patience: int = 0


def device_batch_size(settings):
    """The rows that one device takes of each training batch."""
    replicas = devices.distribution(settings).num_replicas
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
    shared = devices.distribution(settings)
    common = dict(model_dir=settings.output_dir, tf_random_seed=settings.seed,
                  save_checkpoints_steps=settings.save_checkpoints_steps,
                  keep_checkpoint_max=settings.keep_checkpoint_max)
    if settings.use_horovod and not shared.is_chief:
        # Only the first process writes; the others get its weights when they begin.
        common.update(model_dir=None, save_checkpoints_steps=None)
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
    gpu = devices.horovod().local_rank() if settings.use_horovod else None
    config = tf.estimator.RunConfig(
        session_config=devices.session_config(settings.amp, settings.xla, gpu),
        log_step_count_steps=None,
        train_distribute=shared.strategy, **common)
    logging.info("Devices: %s.", ", ".join(devices.visible_gpus()) or "CPU only")
    return tf.estimator.Estimator(
        lambda features, labels, mode, params:
        model_fn(features, labels, mode, params).as_estimator_spec(), config=config)


def fine_tuning_model_fn(losses_fn, outputs_fn, options, num_train_steps,
                         warm_start=None):
    """A model_fn for training and prediction, for TPUEstimator and Estimator alike.

    Args:
      losses_fn: features -> [B], the loss of each row of a batch in training.
      outputs_fn: features -> {name: [B, ...]}, what is predicted.
      options: FineTuningSettings.
      num_train_steps: updates in all.
      warm_start: checkpoints.WarmStart, or None.
    """
    def model_fn(features, labels, mode, params):
        del labels, params
        spec = tf.estimator.tpu.TPUEstimatorSpec
        if mode == tf.estimator.ModeKeys.PREDICT:
            outputs = dict(outputs_fn(features), example_index=features["example_index"],
                           is_real_example=features["is_real_example"])
            return spec(mode=mode, predictions=outputs, scaffold_fn=weights_only_scaffold)
        loss, update = _fine_tuning_op(losses_fn, features, options, num_train_steps)
        scaffold_fn = None
        if warm_start is not None:
            scaffold_fn = warm_start_scaffold(
                warm_start.assignment, warm_start.prefix, options.use_tpu)
        return spec(mode=mode, loss=loss, train_op=update, scaffold_fn=scaffold_fn)
    return model_fn


def _fine_tuning_op(losses_fn, batch, options, num_train_steps):
    num_warmup_steps = int(num_train_steps * options.warmup_proportion)
    rate = optimization.learning_rate_schedule(
        options.learning_rate, num_train_steps, num_warmup_steps)
    optimizer = with_loss_scaling(
        optimization.OPTIMIZERS[options.optimizer](rate), options)
    if options.use_tpu:
        optimizer = tf.tpu.CrossShardOptimizer(optimizer)
    num_rows = tf.cast(tf.shape(batch["input_ids"])[0], tf.float32)
    (loss,), gradients = optimization.sum_over_slices(
        lambda part: [tf.reduce_sum(losses_fn(part)) / num_rows],
        batch, options.accumulate_steps, optimizer)
    update = optimizer.apply_gradients(gradients, tf.train.get_global_step())
    if options.use_tpu:
        return loss, update
    return loss, hooks.observed(update, loss, rate)


def with_loss_scaling(optimizer, settings):
    """float16 on a GPU: scaled losses; updates with infinite gradients do not count."""
    if settings.amp and devices.visible_gpus():
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
    others = [v for v in tf.global_variables() if v not in weights]
    return tf.train.Scaffold(
        saver=tf.train.Saver(weights), ready_op=ready, ready_for_local_init_op=ready,
        local_init_op=tf.group(tf.variables_initializer(others),
                               tf.local_variables_initializer()))


def plan_warm_start(options, shapes, layout, config_file):
    """What training takes from --init_checkpoint; raises errors.InputError where that
    cannot be right, or where --overwrite_output_dir would remove it."""
    found = checkpoints.plan_warm_start(
        options.init_checkpoint, shapes, layout, config_file, options.init_from_group0)
    inside = os.path.realpath(found.prefix).startswith(
        os.path.join(os.path.realpath(options.output_dir), ""))
    if inside and options.overwrite_output_dir:
        raise errors.InputError(
            "--overwrite_output_dir would remove the weights to start from, %s. "
            "Give another --output_dir." % found.prefix)
    return found


def claim_folder(options, files, facts, warm_start):
    """Makes --output_dir this run's, or raises errors.InputError: see run_record.claim."""
    record = run_record.describe(
        dataclasses.asdict(options), files, facts, tf.__version__)
    if warm_start:
        record["files"]["init_checkpoint"] = {
            "path": warm_start.prefix,
            "sha256": run_record.sha256(warm_start.prefix + ".index")}
    run_record.claim(
        options.output_dir, record, options.resume, options.overwrite_output_dir)


def train(estimator, input_fn, num_steps, settings, history, after_checkpoint, more=()):
    """Trains up to `num_steps` updates. Returns the signal that ended it, or None.

    `after_checkpoint` and the hooks `more`, which read the loss, run in the first
    process alone, where checkpoints are written; the latter not with a TPU.
    """
    shared = devices.distribution(settings)
    stop = hooks.StopOnSignalHook()
    listener = hooks.AfterCheckpoint(after_checkpoint)
    watching, listeners = [stop], []
    if settings.use_horovod:
        watching.append(devices.horovod().BroadcastGlobalVariablesHook(0))
    if settings.use_tpu:
        listeners = [listener]  # a TPU's losses stay there until it has done its loops
    elif shared.is_chief:
        # In this order a step is noted, and found sound, before it is saved.
        watching += [hooks.ProgressHook(num_steps, settings.train_batch_size, history,
                                        listener, shared.num_replicas)]
        watching += [*more, tf.train.CheckpointSaverHook(
            estimator.model_dir, save_steps=estimator.config.save_checkpoints_steps,
            listeners=[listener])]
    if shared.num_workers > 1 and not settings.use_horovod:
        # Only train_and_evaluate starts the servers; nobody has the role that evaluates.
        tf.estimator.train_and_evaluate(
            estimator, tf.estimator.TrainSpec(input_fn, num_steps, watching),
            tf.estimator.EvalSpec(input_fn, steps=1))
    else:
        estimator.train(input_fn, max_steps=num_steps, hooks=watching,
                        saving_listeners=listeners)
    return stop.received


def keep_best(prefix, folder, facts, files):
    """Copies a checkpoint's weights, without slots and step, and files into `folder`.

    The new weights are complete before they replace the old ones, and `best.json`, which
    says what they are, follows them.
    """
    storage.make_folder(folder)
    target = os.path.join(folder, "model.ckpt-%d" % facts["step"])
    for name, text in files.items():
        run_record.write_text(os.path.join(folder, name), text)
    checkpoints.strip(prefix, target)
    run_record.write_json(os.path.join(folder, "best.json"), facts)
    for _, old in checkpoints.all_checkpoints(folder):
        if os.path.basename(old) != os.path.basename(target):
            for suffix in (".index", ".data-00000-of-00001"):
                if storage.exists(old + suffix):
                    storage.remove(old + suffix)


def read_best(folder):
    """The facts of the best checkpoint kept in `folder`, or None."""
    return run_record.read_json(os.path.join(folder, "best.json"))
