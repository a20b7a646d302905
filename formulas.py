"""Formulas whose gradients are written as wholes, so that they take fewer passes over
memory than TensorFlow's own: on a CPU a third of a step goes into such passes.
"""

import math

import tensorflow.compat.v1 as tf

GELU_CUBIC = 0.044715
GELU_SCALE = math.sqrt(8.0 / math.pi)
LAYER_NORM_EPSILON = 1e-12
# From this length on attention goes head by head: shorter rows fit into the cache.
LONG = 384


def _multiply(x, factor, gradient):
    """x * factor, both made from one tensor; `gradient` goes to it through x alone.

    `gradient` is a name registered below. tf.custom_gradient would leave an IdentityN
    in the graph, which TensorFlow Lite refuses.
    """
    with tf.get_default_graph().gradient_override_map({"Mul": gradient}):
        return tf.multiply(x, factor)


def gelu(x):
    """Gaussian error linear unit, tanh form (Hendrycks and Gimpel 2016, section 2):
    0.5 x (1 + tanh z) is x sigmoid(2 z)."""
    gate = tf.sigmoid(x * (tf.square(x) * (GELU_CUBIC * GELU_SCALE) + GELU_SCALE))
    return _multiply(x, gate, "GeluFromGate")


@tf.RegisterGradient("GeluFromGate")
def _gelu_gradient(op, dy):
    x, gate = op.inputs
    slope = x * (tf.square(x) * (3 * GELU_CUBIC * GELU_SCALE) + GELU_SCALE)
    return dy * gate + tf.raw_ops.SigmoidGrad(y=gate, dy=dy * slope), None


def normalize(x):
    """`x` with mean 0 and variance 1 along the last axis (Ba et al. 2016)."""
    centered = x - tf.stop_gradient(tf.reduce_mean(x, -1, keepdims=True))
    variance = tf.reduce_mean(tf.square(centered), -1, keepdims=True)
    return _multiply(
        centered, tf.rsqrt(variance + LAYER_NORM_EPSILON), "NormalFromCentered")


@tf.RegisterGradient("NormalFromCentered")
def _normal_gradient(op, dy):
    normal, inverse = op.outputs[0], op.inputs[1]
    along = normal * tf.reduce_mean(dy * normal, -1, keepdims=True)
    return inverse * (dy - tf.reduce_mean(dy, -1, keepdims=True) - along), None


def attention_by_heads(query, key, value, bias):
    """Three [B, N, S, D] and bias [B, 1, 1, S] -> [B, N, S, D], for training on CPUs.

    In long rows one head at a time: its scores stay in the cache, and are computed
    again for the gradient (Dao et al. 2022, section 3), so those of all heads are never
    in memory. Other devices do one large product faster than a loop.
    """
    batch, heads, length = tf.unstack(tf.shape(query)[:3])
    biases = tf.tile(tf.reshape(bias, [batch, 1, length]), [1, heads, 1])
    flat = [tf.reshape(x, [batch * heads, length, x.shape.as_list()[-1]])
            for x in (query, key, value)]
    context = _attend(*(flat + [tf.reshape(biases, [batch * heads, 1, length])]))
    return tf.reshape(context, tf.shape(query))


@tf.custom_gradient
def _attend(query, key, value, bias):
    """Three [K, S, D] and bias [K, 1, S] -> [K, S, D], for K heads."""
    inputs = [query, key, value, bias]
    is_long = tf.shape(query)[1] >= LONG

    def together():
        weights = _weights(query, key, bias)
        return tf.matmul(weights, value), weights

    def one_by_one():
        context, = _each(
            lambda q, k, v, b: [tf.matmul(_weights(q, k, b), v)], inputs, 1)
        return context, tf.zeros([0, 0, 0])

    context, kept = tf.cond(is_long, one_by_one, together)

    def gradient(dy):
        slopes = tf.cond(
            is_long,
            lambda: _each(lambda q, k, v, b, y, d: _attention_slopes(
                q, k, v, _weights(q, k, b), y, d), inputs + [context, dy], 3),
            lambda: _attention_slopes(query, key, value, kept, context, dy))
        return slopes + [None]

    return context, gradient


def _weights(query, key, bias):
    return tf.nn.softmax(tf.matmul(query, key, transpose_b=True) + bias)


def _attention_slopes(query, key, value, weights, context, dy):
    """The gradients of query, key and value."""
    inner = tf.reduce_sum(dy * context, -1, keepdims=True)
    slopes = weights * (tf.matmul(dy, value, transpose_b=True) - inner)
    return [tf.matmul(slopes, key), tf.matmul(slopes, query, transpose_a=True),
            tf.matmul(weights, dy, transpose_a=True)]


def _each(function, arrays, num_results):
    """`function` of the first entries of all arrays, of the second ..., stacked."""
    count = tf.shape(arrays[0])[0]

    def body(i, *stores):
        results = function(*[array[i] for array in arrays])
        return (i + 1,) + tuple(s.write(i, r) for s, r in zip(stores, results))

    stores = [tf.TensorArray(arrays[0].dtype, count) for _ in range(num_results)]
    finished = tf.while_loop(lambda i, *_: i < count, body, [0] + stores,
                             parallel_iterations=1, back_prop=False)
    return [store.stack() for store in finished[1:]]


@tf.custom_gradient
def cross_entropy(logits, labels):
    """logits [N, V] and labels [N] -> losses [N], and 1.0 where no score is higher [N].

    tf.nn.sparse_softmax_cross_entropy_with_logits takes its exponentials one by one.
    """
    places = tf.stack([tf.range(tf.shape(labels)[0]), labels], 1)
    chosen = tf.gather_nd(logits, places)
    top = tf.reduce_max(logits, -1, keepdims=True)
    powers = tf.exp(logits - top)
    total = tf.reduce_sum(powers, -1, keepdims=True)
    losses = tf.squeeze(tf.log(total) + top, -1) - chosen
    hits = tf.cast(chosen >= tf.squeeze(top, -1), tf.float32)

    def gradient(dy, _):
        shares = powers * (tf.expand_dims(dy, -1) / total)
        return tf.tensor_scatter_nd_sub(shares, places, dy), None

    return (losses, hits), gradient
