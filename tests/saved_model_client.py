"""A program that has TensorFlow and none of ours: runs a SavedModel on batches.npz and
writes answers.npz, both in the current folder."""

import sys

import numpy as np
import tensorflow.compat.v1 as tf


def main(folder):
    tf.disable_v2_behavior()
    with np.load("batches.npz") as held, tf.Session() as session:
        loaded = tf.saved_model.load(session, ["serve"], folder)
        signature = loaded.signature_def["serving_default"]
        answers = {}
        for key in sorted({name.split("/")[0] for name in held.files}):
            answers[key] = session.run(
                signature.outputs["probabilities"].name,
                {info.name: held["%s/%s" % (key, name)]
                 for name, info in signature.inputs.items()})
    np.savez("answers.npz", **answers)


if __name__ == "__main__":
    main(sys.argv[1])
