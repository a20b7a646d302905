"""The learning-rate schedule, AdamW, and one update from a large batch in slices."""

import tensorflow.compat.v1 as tf

import lamb_optimizer

NO_DECAY = ["LayerNorm", "layer_norm", "bias"]
CLIP_NORM = 1.0


class AdamWeightDecayOptimizer(lamb_optimizer.LAMBOptimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019) and no bias
    correction, as BERT trains: LAMB with every trust ratio 1."""

    def __init__(self, learning_rate, weight_decay_rate=0.0, beta_1=0.9, beta_2=0.999,
                 epsilon=1e-6, exclude_from_weight_decay=None,
                 name="AdamWeightDecayOptimizer", clip_norm=None):
        super(AdamWeightDecayOptimizer, self).__init__(
            learning_rate, weight_decay_rate, beta_1, beta_2, epsilon,
            exclude_from_weight_decay, name=name, clip_norm=clip_norm)

    def _trust_ratio(self, variable, update):
        return 1.0


def _adamw(learning_rate):
    return AdamWeightDecayOptimizer(
        learning_rate, weight_decay_rate=0.01, exclude_from_weight_decay=NO_DECAY,
        clip_norm=CLIP_NORM)


def _lamb(learning_rate):
    return lamb_optimizer.LAMBOptimizer(
        learning_rate, weight_decay_rate=0.01, exclude_from_weight_decay=NO_DECAY,
        exclude_from_layer_adaptation=NO_DECAY, clip_norm=CLIP_NORM)


def _lamb_all(learning_rate):
    return lamb_optimizer.LAMBOptimizer(
        learning_rate, weight_decay_rate=0.01, exclude_from_weight_decay=NO_DECAY,
        clip_norm=CLIP_NORM, slot_prefix="lamb")


# "lamb" is Google's; "lamb_all" adapts every variable, as layout B's pre-training did.
OPTIMIZERS = {"adamw": _adamw, "lamb": _lamb, "lamb_all": _lamb_all}


def learning_rate_schedule(learning_rate, num_train_steps, num_warmup_steps,
                           poly_power=1.0, start_warmup_step=0):
    """Scalar tensor: polynomial decay from step 0 to 0 at the last step, overridden
    while warming up by learning_rate * (step - start_warmup_step) / num_warmup_steps."""
    step = tf.cast(tf.train.get_or_create_global_step(), tf.float32)
    last = float(max(num_train_steps, 1))
    remaining = 1.0 - tf.minimum(step, last) / last
    decayed = learning_rate * tf.pow(remaining, poly_power)
    if not num_warmup_steps:
        return decayed
    warm_step = step - start_warmup_step
    warming = learning_rate * warm_step / num_warmup_steps
    return tf.where(warm_step < num_warmup_steps, warming, decayed)


def create_optimizer(loss, init_lr, num_train_steps, num_warmup_steps, use_tpu,
                     optimizer="adamw", poly_power=1.0, start_warmup_step=0):
    """The training op of a loss, under the name and arguments other code calls it by."""
    rate = learning_rate_schedule(
        init_lr, num_train_steps, num_warmup_steps, poly_power, start_warmup_step)
    chosen = OPTIMIZERS[optimizer](rate)
    if use_tpu:
        chosen = tf.tpu.CrossShardOptimizer(chosen)
    return chosen.apply_gradients(
        chosen.compute_gradients(loss), tf.train.get_or_create_global_step())


def sum_over_slices(sums_fn, features, num_slices, optimizer):
    """Sums and gradients over a batch, taken through memory in `num_slices` slices.

    Args:
      sums_fn: features of one slice -> list of scalars that add up over slices; the
        first is the loss. It normalises by the whole batch, not by its slice.
      features: {name: [B, ...]}; B is a multiple of `num_slices`.
      num_slices: 1 takes the batch at once.
      optimizer: what computes the gradients.

    Returns:
      (list of scalars, list of (gradient, variable)) of the whole batch.
    """
    if num_slices == 1:
        sums = sums_fn(features)
        return sums, optimizer.compute_gradients(sums[0])
    stacked = {name: _split_rows(value, num_slices) for name, value in features.items()}
    # Variables cannot be born inside a loop: this first, never executed copy makes them.
    template = sums_fn({name: value[0] for name, value in stacked.items()})
    variables = tf.trainable_variables()

    def body(i, sums, gradients):
        part = sums_fn({name: value[i] for name, value in stacked.items()})
        with tf.control_dependencies(list(sums)):  # one slice in memory at a time
            pairs = optimizer.compute_gradients(part[0], var_list=variables)
        added = [total + (0.0 if g is None else tf.convert_to_tensor(g))
                 for total, (g, _) in zip(gradients, pairs)]
        return i + 1, [a + b for a, b in zip(sums, part)], added

    zeros = [tf.zeros(v.shape) for v in variables]
    _, sums, gradients = tf.while_loop(
        lambda i, *_: i < num_slices, body,
        [tf.constant(0), [tf.zeros_like(s) for s in template], zeros],
        parallel_iterations=1)
    return sums, list(zip(gradients, variables))


def _split_rows(value, num_slices):
    """[B, ...] -> [num_slices, B / num_slices, ...]"""
    shape = tf.shape(value)
    rows = tf.reshape(value, tf.concat([[num_slices, -1], shape[1:]], 0))
    rows.set_shape([num_slices, None] + value.shape.as_list()[1:])
    return rows
