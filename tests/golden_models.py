"""Holds our models against the golden data: `python -m tests.golden_models` prints the
largest differences of every folder on the TensorFlow that runs it."""

import os

import numpy as np
import tensorflow.compat.v1 as tf

import classification
import modeling
import modeling_google
import pretraining

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
MODELS = {
    "brightmart_postln": (modeling.BertConfig, modeling.BertModel),
    "brightmart_preln": (modeling.BertConfig, modeling.BertModel),
    "google_shared": (modeling_google.AlbertConfig, modeling_google.AlbertModel),
    "google_groups": (modeling_google.AlbertConfig, modeling_google.AlbertModel),
}


def load(folder, name):
    with np.load(os.path.join(GOLDEN, folder, name)) as arrays:
        return {key: arrays[key] for key in arrays.files}


def build(folder, dynamic, use_one_hot=False):
    """Placeholders fed with the golden inputs, and the model over them."""
    config_class, model_class = MODELS[folder]
    config = config_class.from_json_file(os.path.join(GOLDEN, folder, "config.json"))
    inputs = load(folder, "inputs.npz")
    fed = {name: tf.placeholder(
        value.dtype, [None] * value.ndim if dynamic else value.shape, name)
        for name, value in inputs.items()}
    model = model_class(config, True, fed["input_ids"], fed["input_mask"],
                        fed["segment_ids"], use_one_hot_embeddings=use_one_hot)
    return model, fed, {fed[name]: value for name, value in inputs.items()}


def run(folder, checkpoint, fetches, feed):
    with tf.Session() as session:
        tf.train.Saver(tf.trainable_variables()).restore(
            session, os.path.join(GOLDEN, folder, checkpoint))
        return session.run(fetches, feed)


def pretraining_outputs(model, fed):
    """The tensors of outputs.npz under its names."""
    words = tf.nn.log_softmax(
        pretraining.masked_lm_logits(model, fed["masked_lm_positions"]))
    order = tf.nn.log_softmax(pretraining.sentence_order_logits(model))
    word_losses = -tf.batch_gather(
        words, tf.reshape(fed["masked_lm_ids"], [-1, 1]))[:, 0]
    order_losses = -tf.batch_gather(order, fed["next_sentence_labels"])[:, 0]
    weights = tf.reshape(fed["masked_lm_weights"], [-1])
    word_loss = tf.reduce_sum(weights * word_losses) / (tf.reduce_sum(weights) + 1e-5)
    order_loss = tf.reduce_mean(order_losses)
    outputs = {
        "embedding_output": model.get_embedding_output(),
        "sequence_output": model.get_sequence_output(),
        "pooled_output": model.get_pooled_output(),
        "masked_lm_loss": word_loss, "masked_lm_example_loss": word_losses,
        "masked_lm_log_probs": words, "sentence_order_loss": order_loss,
        "sentence_order_example_loss": order_losses,
        "sentence_order_log_probs": order, "total_loss": word_loss + order_loss}
    for i, layer in enumerate(model.get_all_encoder_layers()):
        outputs["encoder_layer_%d" % i] = layer
    return outputs


def largest_difference(expected, actual):
    assert sorted(expected) == sorted(actual)
    return max(np.max(np.abs(expected[k] - actual[k])) for k in expected)


def pretraining_differences(folder, dynamic=True, use_one_hot=False):
    """(activations and losses, gradients): the largest absolute differences."""
    with tf.Graph().as_default():
        model, fed, feed = build(folder, dynamic, use_one_hot)
        outputs = pretraining_outputs(model, fed)
        variables = tf.trainable_variables()
        gradients = [tf.convert_to_tensor(g)
                     for g in tf.gradients(outputs["total_loss"], variables)]
        names = [v.op.name.replace("/", "|") for v in variables]
        values, slopes = run(folder, "albert_model.ckpt", (outputs, gradients), feed)
    return (largest_difference(load(folder, "outputs.npz"), values),
            largest_difference(load(folder, "gradients.npz"), dict(zip(names, slopes))))


def classifier_difference(folder):
    """The largest absolute difference of loss, logits and probabilities."""
    with tf.Graph().as_default():
        model, fed, feed = build(folder, dynamic=True)
        logits = classification.class_logits(model, 3, is_training=False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=fed["label_ids"], logits=logits)
        outputs = {
            "logits": logits, "per_example_loss": losses, "loss": tf.reduce_mean(losses),
            "probabilities": tf.nn.softmax(logits), "predictions": tf.argmax(logits, 1)}
        values = run(folder, "classifier.ckpt", outputs, feed)
    expected = load(folder, "classifier_outputs.npz")
    return largest_difference(expected, {k: values[k] for k in expected})


def main():
    print("TensorFlow %s: largest absolute differences" % tf.__version__)
    print("%-20s %14s %12s %12s" % ("folder", "activations", "gradients", "classifier"))
    for folder in sorted(MODELS):
        print("%-20s %14.1e %12.1e %12.1e" % (
            (folder,) + pretraining_differences(folder) + (classifier_difference(folder),)))


if __name__ == "__main__":
    main()
