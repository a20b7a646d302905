"""One update at global batch 16 on two virtual CPU devices against one device:
`python -m tests.two_replicas OPTIMIZER` prints the largest difference of any weight.

A program of its own, because the number of devices is fixed when TensorFlow starts.
"""

import logging
import os
import re
import sys
import tempfile
import types

import numpy as np
import tensorflow.compat.v1 as tf

import classification
import modeling

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
START = os.path.join(GOLDEN, "brightmart_postln", "classifier.ckpt")
GLOBAL_BATCH = 16
LENGTH = 12


def batches(batch_size):
    rng = np.random.RandomState(3)
    rows = {"input_ids": rng.randint(1, 120, [GLOBAL_BATCH, LENGTH]),
            "input_mask": (np.arange(LENGTH) < rng.randint(4, LENGTH, [GLOBAL_BATCH, 1])),
            "segment_ids": rng.randint(0, 2, [GLOBAL_BATCH, LENGTH]),
            "label_ids": rng.randint(0, 3, [GLOBAL_BATCH])}
    rows = {name: value.astype("int32") for name, value in rows.items()}
    return tf.data.Dataset.from_tensor_slices(rows).repeat().batch(
        batch_size, drop_remainder=True)


def weights_after_one_update(optimizer, devices):
    config = modeling.BertConfig.from_json_file(
        os.path.join(GOLDEN, "brightmart_postln", "config.json"))
    with tempfile.TemporaryDirectory() as folder:
        options = classification.Options(
            output_dir=folder, optimizer=optimizer, learning_rate=0.01,
            warmup_proportion=0.0, train_batch_size=GLOBAL_BATCH)
        logits_fn = classification.make_logits_fn(modeling.BertModel, config, 3, options)
        # The same start and no dropout, so that only the number of devices differs.
        model_fn = classification.make_model_fn(
            lambda batch, is_training: logits_fn(batch, False), options, 10,
            types.SimpleNamespace(prefix=START, assignment=[
                (name, name) for name, _ in tf.train.list_variables(START)]))
        strategy = tf.distribute.MirroredStrategy(devices) if len(devices) > 1 else None
        run_config = tf.estimator.RunConfig(
            model_dir=folder, tf_random_seed=1, train_distribute=strategy,
            session_config=tf.ConfigProto(
                device_count={"CPU": 2}, allow_soft_placement=True))
        estimator = tf.estimator.Estimator(
            lambda features, labels, mode, params: model_fn(
                features, labels, mode, params).as_estimator_spec(), config=run_config)
        estimator.train(lambda: batches(GLOBAL_BATCH // len(devices)), max_steps=1)
        reader = tf.train.load_checkpoint(folder)
        return {name: reader.get_tensor(name)
                for name in reader.get_variable_to_shape_map()}


def rounding_alone(name, optimizer):
    """The bias of the keys shifts all scores of a row alike, so its gradient is zero but
    for rounding; a trust ratio for it, which only lamb_all has, makes that full size."""
    return optimizer == "lamb_all" and re.search("key/bias$", name)


def main():
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    tf.disable_v2_behavior()
    tf.enable_resource_variables()
    optimizer = sys.argv[1]
    one = weights_after_one_update(optimizer, ["/cpu:0"])
    two = weights_after_one_update(optimizer, ["/cpu:0", "/cpu:1"])
    if sorted(one) != sorted(two) or two["global_step"] != 1:
        sys.exit("not the same variables: %s" % (set(one) ^ set(two)))
    start = tf.train.load_checkpoint(START)
    moved = max(np.max(np.abs(one[name] - start.get_tensor(name)))
                for name in start.get_variable_to_shape_map())
    difference = max(np.max(np.abs(one[name] - two[name])) for name in one
                     if not rounding_alone(name, optimizer))
    print("TensorFlow %s, %s: moved by %.1e, differs by %.1e" % (
        tf.__version__, optimizer, moved, difference))
    if moved < 1e-3:
        sys.exit("the update did nothing")
    if difference > 1e-6:
        sys.exit("the replicas' update is not that of one device")


if __name__ == "__main__":
    main()
