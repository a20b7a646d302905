"""How many floating-point operations the model's matrix products need.

Model FLOPs in the sense of Chowdhery et al. 2022 (PaLM, appendix B): those of real
tokens and of nothing else, so that the rate of a run can be held against what the
machine reaches in plain products. Padding, look-ups, norms, softmax and recomputed
layers do not count. A multiply-add counts as two.
"""

# The gradient of a product is two products of its size.
_BACKWARD = 2


def forward_flops(config, layout, lengths_sum, lengths_square_sum, num_predictions,
                  num_rows):
    """FLOPs of the encoder and both pre-training heads on one batch.

    The four amounts may be Python numbers or TensorFlow scalars of one floating type:
    they are only multiplied and added.

    Args:
      config: a transformer.TransformerConfig.
      layout: "B" or "G".
      lengths_sum: real tokens of the batch.
      lengths_square_sum: sum of the squares of the rows' lengths, for attention.
      num_predictions: positions whose words are predicted.
      num_rows: rows of the batch.
    """
    hidden, embedding = config.hidden_size, config.embedding_size
    layers = config.num_hidden_layers
    if layout == "B":
        into_encoder = embedding * hidden
        prediction = hidden * hidden + hidden * embedding
    else:
        layers *= config.inner_group_num
        into_encoder = embedding * hidden if embedding != hidden else 0
        prediction = hidden * embedding
    token = layers * (4 * hidden * hidden + 2 * hidden * config.intermediate_size)
    sentence_order = hidden * hidden + 2 * hidden
    return 2 * ((token + into_encoder) * lengths_sum
                + 2 * layers * hidden * lengths_square_sum
                + (prediction + embedding * config.vocab_size) * num_predictions
                + sentence_order * num_rows)


def training_flops(config, layout, lengths_sum, lengths_square_sum, num_predictions,
                   num_rows):
    """FLOPs of one forward and backward pass; the arguments of forward_flops."""
    return (1 + _BACKWARD) * forward_flops(
        config, layout, lengths_sum, lengths_square_sum, num_predictions, num_rows)
