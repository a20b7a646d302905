"""How a model's random weights begin.

A config's `embedding_start` is "normal", as every published model began, or "balanced".
With "normal" a narrow word vector loses its size on the way to the hidden width (by
initializer_range * sqrt(E)), so that in layout B words are a small part of the sum that
the first norm sees, and positions are noise of which "beside" must be learnt. "balanced"
keeps the size of word vectors and begins positions as sinusoids of that size.
"""

import numpy as np
import tensorflow.compat.v1 as tf

STARTS = ("normal", "balanced")
# Radians a token of the shortest and the longest wave: 4 and 630 tokens.
_SHORT_WAVE, _LONG_WAVE = 1.6, 0.01


def normal(initializer_range):
    return tf.truncated_normal_initializer(stddev=initializer_range)


def widening_range(config):
    """The deviation of the kernel from E to H."""
    if config.embedding_start == "balanced":
        return config.embedding_size ** -0.5
    return config.initializer_range


def positions(config, width):
    """Of the table [positions, width]; its waves are those of Vaswani et al. 2017,
    section 3.5, with shorter ones among them, since most of what tells a word is near."""
    if config.embedding_start == "normal":
        return normal(config.initializer_range)
    rates = np.geomspace(_SHORT_WAVE, _LONG_WAVE, (width + 1) // 2)
    angles = np.arange(config.max_position_embeddings)[:, np.newaxis] * rates
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)[:, :width]
    return tf.constant_initializer(
        (waves * np.sqrt(2) * config.initializer_range).astype(np.float32))
