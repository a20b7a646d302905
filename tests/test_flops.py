"""Model FLOPs: against a count by hand and against the products of the real graph."""

import pytest
import tensorflow.compat.v1 as tf

import flops
import modeling
import modeling_google
import pretraining

SIZES = dict(vocab_size=50, embedding_size=8, hidden_size=12, num_hidden_layers=3,
             num_attention_heads=2, intermediate_size=20, max_position_embeddings=16,
             type_vocab_size=2)
MODELS = [(modeling.BertConfig(**SIZES), modeling.BertModel),
          (modeling_google.AlbertConfig(**SIZES), modeling_google.AlbertModel),
          (modeling_google.AlbertConfig(**dict(SIZES, inner_group_num=2)),
           modeling_google.AlbertModel),
          (modeling_google.AlbertConfig(**dict(SIZES, embedding_size=12)),
           modeling_google.AlbertModel)]


def flops_of_graph(config, model_class, rows, length, predictions):
    """Of the matrix products in the real graph."""
    with tf.Graph().as_default() as graph:
        model = model_class(config, False, tf.zeros([rows, length], tf.int32))
        pretraining.masked_lm_logits(model, tf.zeros([rows, predictions], tf.int32))
        pretraining.sentence_order_logits(model)
        total = 0
        for op in graph.get_operations():
            if op.type in ("MatMul", "BatchMatMulV2"):
                depth = op.inputs[0].shape.as_list()[-2 if is_transposed(op) else -1]
                total += 2 * op.outputs[0].shape.num_elements() * depth
    return total


def is_transposed(op):
    return op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")


@pytest.mark.parametrize("config, model_class", MODELS)
def test_the_formula_counts_the_products_of_the_real_graph(config, model_class):
    rows, length, predictions = 5, 7, 3
    assert flops.forward_flops(
        config, config.layout, rows * length, rows * length ** 2, rows * predictions,
        rows) == flops_of_graph(config, model_class, rows, length, predictions)


def test_tiny_has_the_flops_of_a_count_by_hand():
    config = modeling.BertConfig(
        vocab_size=21128, embedding_size=128, hidden_size=312, num_hidden_layers=4,
        num_attention_heads=12, intermediate_size=1248)
    # Two rows of 10 and 20 tokens, three predictions.
    layers = 4 * (30 * (4 * 312 ** 2 + 2 * 312 * 1248) + 2 * 312 * (100 + 400))
    words = 30 * 128 * 312
    heads = 3 * (312 ** 2 + 312 * 128 + 128 * 21128) + 2 * (312 ** 2 + 2 * 312)
    assert flops.forward_flops(config, "B", 30, 500, 3, 2) == 2 * (
        layers + words + heads)


def test_training_is_three_forward_passes():
    config = MODELS[0][0]
    assert flops.training_flops(config, "B", 30, 500, 3, 2) == 3 * flops.forward_flops(
        config, "B", 30, 500, 3, 2)


def test_padding_is_not_counted():
    config = MODELS[0][0]
    one = flops.forward_flops(config, "B", 4, 16, 1, 1)
    two_rows = flops.forward_flops(config, "B", 4 + 9, 16 + 81, 2, 2)
    assert two_rows - one == flops.forward_flops(config, "B", 9, 81, 1, 1)


@pytest.mark.parametrize("layout", ["B", "G"])
def test_the_graph_can_compute_it_from_a_mask(layout):
    config = (modeling.BertConfig if layout == "B" else modeling_google.AlbertConfig)(
        **dict(SIZES, vocab_size=21128, hidden_size=4096, intermediate_size=16384))
    with tf.Graph().as_default(), tf.Session() as session:
        lengths = tf.reduce_sum(tf.constant([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]), 1)
        computed = session.run(flops.training_flops(
            config, layout, tf.reduce_sum(lengths), tf.reduce_sum(lengths * lengths),
            tf.constant(2.0), tf.constant(2.0)))
    assert computed == pytest.approx(
        flops.training_flops(config, layout, 5, 4 + 9, 2, 2), rel=1e-6)
