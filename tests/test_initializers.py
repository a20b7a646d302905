"""How random weights begin, in both layouts."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import errors
import initializers
import modeling
import modeling_google

SIZES = dict(vocab_size=400, embedding_size=24, hidden_size=48, num_hidden_layers=1,
             num_attention_heads=2, intermediate_size=32, max_position_embeddings=40,
             type_vocab_size=2, initializer_range=0.05)
LAYOUTS = {"b": (modeling.BertModel, modeling.BertConfig,
                 "bert/embeddings/word_embeddings_2"),
           "g": (modeling_google.AlbertModel, modeling_google.AlbertConfig,
                 "bert/encoder/embedding_hidden_mapping_in/kernel")}
layouts = pytest.mark.parametrize("layout", sorted(LAYOUTS))


def begin(layout, **settings):
    """{name: value} of a model's random weights, and the name of its projection."""
    model_class, config_class, projection = LAYOUTS[layout]
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        config = config_class(**dict(SIZES, **settings))
        model_class(config, False, tf.zeros([1, 4], tf.int32))
        session.run(tf.global_variables_initializer())
        return {v.name[:-2]: v.eval() for v in tf.trainable_variables()}, projection


def size(x):
    return float(np.sqrt(np.mean(np.square(x))))


@layouts
def test_a_balanced_projection_keeps_the_size_of_words_and_positions_are_as_large(layout):
    weights, projection = begin(layout, embedding_start="balanced")
    words = weights["bert/embeddings/word_embeddings"]
    assert size(words @ weights[projection]) == pytest.approx(size(words), rel=0.2)
    positions = weights["bert/embeddings/position_embeddings"]
    assert size(positions) == pytest.approx(SIZES["initializer_range"], rel=0.01)


@layouts
def test_balanced_positions_are_told_by_how_far_apart_they_are(layout):
    weights, _ = begin(layout, embedding_start="balanced")
    positions = weights["bert/embeddings/position_embeddings"]
    products = positions @ positions.T
    for distance in range(6):
        diagonal = np.diag(products, distance)
        assert np.ptp(diagonal) < 1e-6
        if distance:
            assert diagonal[0] < 0.95 * products[0, 0]


@layouts
def test_without_the_key_weights_begin_as_published_models_did(layout):
    weights, projection = begin(layout)
    for name in (projection, "bert/embeddings/position_embeddings"):
        assert 0.8 < size(weights[name]) / SIZES["initializer_range"] < 1.0, name
        assert np.abs(weights[name]).max() <= 2 * SIZES["initializer_range"] + 1e-6
    config = LAYOUTS[layout][1](**SIZES)
    assert "embedding_start" not in config.to_dict()


@layouts
def test_an_unknown_start_is_refused(layout):
    with pytest.raises(errors.InputError, match="embedding_start is 'sine'; known: bal"):
        LAYOUTS[layout][1].from_dict(dict(SIZES, embedding_start="sine"))


def test_an_odd_width_has_positions_too():
    config = modeling.BertConfig(**dict(SIZES, embedding_start="balanced"))
    with tf.Graph().as_default():
        assert initializers.positions(config, 7)([40, 7]).shape == [40, 7]
