"""LAMB (You et al. 2020, algorithm 2) as the published ALBERT checkpoints were trained.

Adam's moments without bias correction, decoupled weight decay, and a trust ratio for each
variable. The state lives in slots, and gradients are averaged over the replicas, then
clipped, then applied, so one update is the same on one device and on many.
"""

import re

import tensorflow.compat.v1 as tf


class LAMBOptimizer(tf.train.Optimizer):
    """Layer-wise adaptive moments.

    Args:
      learning_rate: float or scalar tensor.
      weight_decay_rate: added to the update as rate * weight.
      exclude_from_weight_decay: patterns (re.search) of variables that do not decay.
      exclude_from_layer_adaptation: patterns of variables with trust ratio 1; None
        adapts every variable, as layout B's pre-training did.
      clip_norm: largest global norm of the averaged gradients, or None.
      slot_prefix: "adam" or "lamb": slots are called <variable>/<prefix>_m and _v.
    """

    def __init__(self, learning_rate, weight_decay_rate=0.0, beta_1=0.9, beta_2=0.999,
                 epsilon=1e-6, exclude_from_weight_decay=None,
                 exclude_from_layer_adaptation=None, name="LAMBOptimizer",
                 clip_norm=None, slot_prefix="adam"):
        super(LAMBOptimizer, self).__init__(use_locking=False, name=name)
        self.learning_rate = learning_rate
        self.weight_decay_rate = weight_decay_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.exclude_from_weight_decay = exclude_from_weight_decay or []
        self.exclude_from_layer_adaptation = exclude_from_layer_adaptation or []
        self.clip_norm = clip_norm
        self.slot_prefix = slot_prefix

    def compute_gradients(self, loss, var_list=None, **kwargs):
        """Plain gradients; the base class would scale them by the number of replicas."""
        variables = var_list or tf.trainable_variables()
        return list(zip(tf.gradients(loss, variables), variables))

    def apply_gradients(self, grads_and_vars, global_step=None, name=None):
        """Averages over replicas, clips by global norm, updates, counts the step."""
        # The embeddings' gradients are sparse, but moments decay everywhere.
        pairs = [(tf.convert_to_tensor(g), v) for g, v in grads_and_vars if g is not None]
        if tf.distribute.has_strategy():
            return tf.distribute.get_replica_context().merge_call(
                self._apply_across_replicas, args=(pairs, global_step))
        gradients, variables = zip(*pairs)
        if self.clip_norm:
            gradients, _ = tf.clip_by_global_norm(list(gradients), self.clip_norm)
        return super(LAMBOptimizer, self).apply_gradients(
            list(zip(gradients, variables)), global_step, name)

    def _apply_across_replicas(self, strategy, pairs, global_step):
        gradients, variables = zip(*pairs)
        reduced = strategy.extended.batch_reduce_to(
            tf.distribute.ReduceOp.MEAN, list(zip(gradients, variables)))
        self._prepare()
        self._create_slots(variables)

        def update(variable, gradient, *everything):
            if self.clip_norm:
                norm = tf.global_norm(list(everything))
                gradient *= self.clip_norm / tf.maximum(norm, self.clip_norm)
            return self._resource_apply_dense(gradient, variable)

        updates = [
            strategy.extended.update(v, update, args=(g,) + tuple(reduced), group=True)
            for g, v in zip(reduced, variables)]
        if global_step is not None:
            with tf.control_dependencies(updates):
                updates.append(strategy.extended.update(
                    global_step, lambda step: step.assign_add(1), group=True))
        return tf.group(*updates)

    def _create_slots(self, var_list):
        for variable in var_list:
            for moment in ("m", "v"):
                self._zeros_slot(variable, moment, "%s_%s" % (self.slot_prefix, moment))

    def _resource_apply_dense(self, grad, handle):
        variable = handle
        m, v = self.get_slot(variable, "m"), self.get_slot(variable, "v")
        next_m = self.beta_1 * m + (1.0 - self.beta_1) * grad
        next_v = self.beta_2 * v + (1.0 - self.beta_2) * tf.square(grad)
        update = next_m / (tf.sqrt(next_v) + self.epsilon)
        if self.weight_decay_rate and not _matches(
                variable.op.name, self.exclude_from_weight_decay):
            # The decay joins the step, not the loss, so the moments never see it.
            update += self.weight_decay_rate * variable
        update *= self._trust_ratio(variable, update) * self.learning_rate
        return tf.group(m.assign(next_m), v.assign(next_v), variable.assign_sub(update))

    _apply_dense = _resource_apply_dense

    def _trust_ratio(self, variable, update):
        if _matches(variable.op.name, self.exclude_from_layer_adaptation):
            return 1.0
        weight_norm, update_norm = tf.norm(variable), tf.norm(update)
        usable = tf.logical_and(weight_norm > 0.0, update_norm > 0.0)
        safe = tf.where(usable, update_norm, tf.ones_like(update_norm))
        return tf.where(usable, weight_norm / safe, tf.ones_like(weight_norm))


def _matches(name, patterns):
    return any(re.search(pattern, name) for pattern in patterns)
