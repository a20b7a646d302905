"""What a run computes on: one device, several GPUs, several machines, or a TPU.

Gradients are averaged over replicas by the optimizer (tf.distribute, TPU) or by
`average_gradients` (Horovod); batch sizes in the settings are of all replicas together.
"""

import collections
import json
import logging
import os

import tensorflow.compat.v1 as tf

import errors

# How many replicas share a batch, and which worker's share of the input this process has.
Distribution = collections.namedtuple(
    "Distribution", ["strategy", "num_replicas", "num_workers", "worker", "is_chief"])


def visible_gpus():
    return [d.name for d in tf.config.experimental.list_physical_devices("GPU")]


def session_config(amp=False, xla=False, gpu=None):
    """Memory as needed; with `amp` on a CPU the products run in bfloat16 (TF 2.15).

    `gpu` is the only one that this process may use.
    """
    config = tf.ConfigProto(allow_soft_placement=True)
    config.gpu_options.allow_growth = True
    if gpu is not None:
        config.gpu_options.visible_device_list = str(gpu)
    if xla:
        if not visible_gpus():
            # Read when the first session is made; without it XLA leaves CPUs alone.
            os.environ.setdefault("TF_XLA_FLAGS", "--tf_xla_cpu_global_jit")
        config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
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


def distribution(settings):
    """The Distribution of training that the settings and TF_CONFIG ask for.

    Raises errors.InputError for more GPUs than there are, a broken TF_CONFIG, a missing
    Horovod, or two ways at once.
    """
    cluster = _tf_config()
    chosen = [name for name, wanted in (
        ("--use_tpu", settings.use_tpu), ("--use_horovod", settings.use_horovod),
        ("TF_CONFIG", cluster and not settings.use_tpu)) if wanted]
    if len(chosen) > 1:
        raise errors.InputError("Give one of %s, not both." % " and ".join(chosen))
    if settings.use_tpu:
        return Distribution(None, 1, 1, 0, True)
    if settings.use_horovod:
        hvd = horovod()
        return Distribution(None, hvd.size(), hvd.size(), hvd.rank(), hvd.rank() == 0)
    if cluster:
        return _of_machines(*cluster)
    return _of_gpus(settings.num_gpus)


def _of_gpus(num_gpus):
    gpus = visible_gpus()
    wanted = num_gpus or len(gpus)
    if wanted > max(len(gpus), 1):
        raise errors.InputError("--num_gpus=%d, but TensorFlow sees %d: %s" % (
            num_gpus, len(gpus), gpus or "none"))
    if wanted < 2:
        return Distribution(None, 1, 1, 0, True)
    strategy = tf.distribute.MirroredStrategy(["/gpu:%d" % i for i in range(wanted)])
    return Distribution(strategy, wanted, 1, 0, True)


def _of_machines(num_workers, worker):
    strategy = tf.distribute.experimental.MultiWorkerMirroredStrategy()
    num_replicas = num_workers * max(len(visible_gpus()), 1)
    return Distribution(strategy, num_replicas, num_workers, worker, worker == 0)


def _tf_config():
    """(number of workers, this one's index) if TF_CONFIG names several, else None."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        return None
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster", {}), config.get("task", {})
        chiefs, workers = len(cluster.get("chief", ())), len(cluster.get("worker", ()))
        place = {"chief": 0, "worker": chiefs}[task["type"]] + int(task["index"])
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise errors.InputError(
            "TF_CONFIG cannot be used: %r. Give {\"cluster\": {\"worker\": [HOST:PORT, "
            "...]}, \"task\": {\"type\": \"worker\", \"index\": N}} on each machine."
            % (error,))
    if place >= chiefs + workers:
        raise errors.InputError("TF_CONFIG: task %s is not one of the %d machines." % (
            task, chiefs + workers))
    return (chiefs + workers, place) if chiefs + workers > 1 else None


def horovod():
    """Horovod, ready; raises errors.InputError where it is not installed."""
    try:
        import horovod.tensorflow as hvd
    except ImportError as error:
        raise errors.InputError(
            "--use_horovod needs Horovod for TensorFlow (%s). Install it (docs/"
            "training.md says how), or use --num_gpus or TF_CONFIG." % error)
    hvd.init()
    return hvd


def mean_over_replicas(value, settings):
    """A scalar of this replica's part of the batch -> its mean over all parts."""
    if settings.use_tpu:
        return tf.tpu.cross_replica_sum(value) / tf.cast(settings.num_tpu_cores, tf.float32)
    if settings.use_horovod:
        return horovod().allreduce(value)
    if tf.distribute.has_strategy():
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.MEAN, value)
    return value


def average_gradients(pairs, settings):
    """[(gradient, variable)], averaged over the processes of Horovod if there are any."""
    if not settings.use_horovod:
        return pairs
    hvd = horovod()
    return [(g if g is None else hvd.allreduce(tf.convert_to_tensor(g)), v)
            for g, v in pairs]
