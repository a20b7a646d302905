"""Gradient checkpointing on two virtual CPU devices, inside the loop over slices:
`python -m tests.checkpointed_replicas` prints how far gradients are from plain ones.

A program of its own, because the number of devices is fixed when TensorFlow starts.
"""

import sys

import numpy as np
import tensorflow.compat.v1 as tf

import formulas
import optimization
from tests import test_gradient_checkpointing as toy


def differences():
    """[largest difference of an entry over the norm of all gradients, that norm]."""
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    rows = tf.range(4) + 4 * replica
    batch = {"ids": tf.gather(toy.IDS, rows), "mask": tf.gather(toy.MASK, rows)}
    model_class, config = toy.MODELS["unshared pre-LN"]

    def gradients(recompute):
        def sums(batch):
            model = model_class(config.without_dropout(), True, batch["ids"],
                                batch["mask"], gradient_checkpointing=recompute)
            return [tf.reduce_sum(model.get_pooled_output()[:, :3])]

        _, pairs = optimization.sum_over_slices(
            sums, batch, 2, optimization.OPTIMIZERS["adamw"](0.1))
        return [tf.convert_to_tensor(g) for g, _ in pairs]

    plain, again = gradients(False), gradients(True)
    norm = tf.global_norm(plain)
    largest = tf.reduce_max(
        [tf.reduce_max(tf.abs(a - b)) for a, b in zip(plain, again)])
    return tf.stack([largest / norm, norm])


def main():
    tf.disable_v2_behavior()
    tf.enable_resource_variables()
    formulas.LONG = 8  # so that attention goes by heads
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    with tf.Graph().as_default(), strategy.scope():
        values = strategy.experimental_local_results(
            strategy.extended.call_for_each_replica(differences))
        config = tf.ConfigProto(device_count={"CPU": 2}, allow_soft_placement=True)
        with tf.Session(config=config) as session:
            session.run(tf.global_variables_initializer())
            results = np.array(session.run(values))
    largest, norms = np.max(results[:, 0]), results[:, 1]
    print("TensorFlow %s: %d replicas, gradients of norm %s, differs by %.1e" % (
        tf.__version__, len(results), norms, largest))
    if len(results) != 2 or abs(norms[0] - norms[1]) < 1e-3:
        sys.exit("not two replicas, each with rows of its own")
    if not largest <= 1e-6:
        sys.exit("recomputed layers have other gradients")


if __name__ == "__main__":
    main()
