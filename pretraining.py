"""The two objectives of pre-training: masked words and the order of sentences.

Heads on any model of transformer.TransformerModel's kind; they never ask which variant
they have. Lan et al. 2020, section 3.1; Devlin et al. 2019, section 3.1.
"""

import tensorflow.compat.v1 as tf

import transformer


def gather_positions(sequence_output, positions):
    """[B, S, H] and positions [B, P] -> [B * P, H]."""
    batch, length, hidden = transformer.shape_list(sequence_output)
    offsets = tf.expand_dims(tf.range(batch) * length, 1)
    flat = tf.reshape(sequence_output, [-1, hidden])
    return tf.gather(flat, tf.reshape(positions + offsets, [-1]))


def masked_lm_logits(model, positions):
    """Scores of every word at the masked positions [B, P]: [B * P, V]."""
    config = model.config
    hidden = gather_positions(model.get_sequence_output(), positions)
    with tf.variable_scope("cls/predictions", reuse=tf.AUTO_REUSE):
        with tf.variable_scope("transform"):
            hidden = transformer.dense(
                hidden, model.masked_lm_width, "dense", config.initializer_range,
                transformer.ACTIVATIONS[config.hidden_act])
            hidden = transformer.layer_norm(hidden, "LayerNorm")
        bias = transformer.variable(
            "output_bias", [config.vocab_size], tf.zeros_initializer())
    return tf.nn.bias_add(model.vocabulary_logits(hidden), bias)


def sentence_order_logits(model):
    """[B, 2]: class 0 for sentences in order, class 1 for swapped ones."""
    config = model.config
    with tf.variable_scope("cls/seq_relationship", reuse=tf.AUTO_REUSE):
        weights = transformer.variable(
            "output_weights", [2, config.hidden_size],
            transformer.normal(config.initializer_range))
        bias = transformer.variable("output_bias", [2], tf.zeros_initializer())
    logits = tf.matmul(model.get_pooled_output(), weights, transpose_b=True)
    return tf.nn.bias_add(logits, bias)
