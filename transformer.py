"""The encoder that both ALBERT variants share.

A variant (modeling.py, modeling_google.py) decides how ids become hidden states, which
layers share weights, and what the variables are called. The mathematics of a layer is
written here, once: Vaswani et al. 2017, section 3; Devlin et al. 2019; Lan et al. 2020.

Shapes: B batch, S sequence, H hidden, E embedding, V vocabulary, N heads, D head size.
"""

import collections
import copy
import json
import math

import tensorflow.compat.v1 as tf

import errors
import formulas
import initializers

MASKED_SCORE = -10000.0
SMALL_HEAD = 32

LayerScopes = collections.namedtuple(
    "LayerScopes",
    ["attention", "attention_output", "attention_norm",
     "intermediate", "output", "output_norm"])

ACTIVATIONS = {"gelu": formulas.gelu, "relu": tf.nn.relu, "tanh": tf.tanh,
               "linear": tf.identity}


class TransformerConfig(object):
    """Sizes and rates of a model, read from and written to JSON.

    A variant lists its fields in `DEFAULTS`; keys it does not know are kept and ignored.
    """

    DEFAULTS = {}
    FOREIGN_KEY = None  # a key that only the other variant's files have
    layout = None
    embedding_start = "normal"  # of random weights: see initializers

    def __init__(self, vocab_size=None, **values):
        self.__dict__.update(self.DEFAULTS)
        self.__dict__.update(values)
        self.vocab_size = vocab_size

    @classmethod
    def from_dict(cls, values):
        config = cls(**values)
        config.check("the config")
        return config

    @classmethod
    def from_json_file(cls, path):
        """Raises errors.InputError for a missing, broken or other layout's file."""
        try:
            with tf.gfile.GFile(path, "r") as reader:
                values = json.load(reader)
        except (tf.errors.OpError, UnicodeDecodeError, ValueError) as error:
            raise errors.InputError(
                "%s cannot be read as a config: %s. Give one of albert_config/*.json or "
                "the JSON file that came with the weights." % (path, error))
        if not isinstance(values, dict) or "vocab_size" not in values:
            raise errors.InputError("%s: no vocab_size, so it is no model config." % path)
        if cls.FOREIGN_KEY in values:
            raise errors.InputError(
                "%s has %r, so it describes the other model family; this program reads "
                "layout %s. %s" % (path, cls.FOREIGN_KEY, cls.layout, cls.OTHER_PROGRAM))
        config = cls(**{k: v for k, v in values.items() if v is not None})
        config.check(path)
        return config

    def check(self, origin):
        """Raises errors.InputError where the fields cannot make a model."""
        if self.hidden_size % self.num_attention_heads:
            raise errors.InputError(
                "%s: hidden_size %d is not a multiple of num_attention_heads %d."
                % (origin, self.hidden_size, self.num_attention_heads))
        check_choice(origin, "hidden_act", self.hidden_act, ACTIVATIONS)
        check_choice(origin, "embedding_start", self.embedding_start, initializers.STARTS)

    def to_dict(self):
        return copy.deepcopy(self.__dict__)

    def to_json_string(self):
        return json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n"

    def without_dropout(self):
        config = copy.copy(self)
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
        return config


def check_choice(origin, key, value, known):
    if value not in known:
        raise errors.InputError("%s: %s is %r; known: %s." % (
            origin, key, value, ", ".join(sorted(known))))


def variable(name, shape, initializer):
    """A resource variable: reads never race with an optimizer's update."""
    return tf.get_variable(name, shape, initializer=initializer, use_resource=True)


def shape_list(x):
    """The shape of `x`, as ints where they are known and as tensors where not."""
    dynamic = tf.shape(x)
    return [dynamic[i] if size is None else size
            for i, size in enumerate(x.shape.as_list())]


def dropout(x, rate, seed=None, place=0):
    """`x` with zeros at `rate` and the rest scaled up to the same mean.

    A `seed`, int32 [2], fixes the zeros; `place` tells apart those that share a seed.
    """
    if not rate:
        return x
    if seed is None:
        return tf.nn.dropout(x, rate=rate)
    kept = tf.random.stateless_uniform(tf.shape(x), seed + [0, place]) >= rate
    return x * (tf.cast(kept, x.dtype) * (1.0 / (1.0 - rate)))


def layer_norm(x, scope):
    """Normalises the last axis (Ba et al. 2016); variables `scope`/beta and gamma."""
    width = x.shape.as_list()[-1]
    with tf.variable_scope(scope):
        beta = variable("beta", [width], tf.zeros_initializer())
        gamma = variable("gamma", [width], tf.ones_initializer())
    return formulas.normalize(x) * gamma + beta


def dense(x, width, scope, initializer_range, activation=None):
    """[..., I] -> [..., width]; variables `scope`/kernel [I, width] and bias [width]."""
    shape = shape_list(x)
    with tf.variable_scope(scope):
        kernel = variable("kernel", [shape[-1], width],
                          initializers.normal(initializer_range))
        bias = variable("bias", [width], tf.zeros_initializer())
    # One flat product: a batched one is several times slower on TF 1.15's CPU kernels.
    y = tf.nn.bias_add(tf.matmul(tf.reshape(x, [-1, shape[-1]]), kernel), bias)
    if activation is not None:
        y = activation(y)
    return tf.reshape(y, shape[:-1] + [width])


def embedding_lookup(ids, table, use_one_hot):
    """ids [B, S] and a table [V, E] -> [B, S, E]; one-hot products are for TPUs."""
    if not use_one_hot:
        return tf.gather(table, ids)
    rows, width = table.shape.as_list()
    one_hot = tf.one_hot(tf.reshape(ids, [-1]), depth=rows)
    return tf.reshape(tf.matmul(one_hot, table), shape_list(ids) + [width])


def add_positions_and_types(x, token_type_ids, config, use_one_hot):
    """[B, S, W] plus the position and the token-type vectors, which are W wide."""
    width = x.shape.as_list()[-1]
    length = shape_list(x)[1]
    types = variable("token_type_embeddings", [config.type_vocab_size, width],
                     initializers.normal(config.initializer_range))
    positions = variable("position_embeddings", [config.max_position_embeddings, width],
                         initializers.positions(config, width))
    x += embedding_lookup(token_type_ids, types, use_one_hot)
    x += tf.expand_dims(tf.slice(positions, [0, 0], [length, width]), 0)
    return dropout(layer_norm(x, "LayerNorm"), config.hidden_dropout_prob)


def attention_bias(input_mask):
    """[B, S] of 1 for a token, 0 for padding -> [B, 1, 1, S] to add to the scores."""
    batch, length = shape_list(input_mask)
    mask = tf.reshape(tf.cast(input_mask, tf.float32), [batch, 1, 1, length])
    return (1.0 - mask) * MASKED_SCORE


def make_attention(bias, dropout_rate, by_heads):
    """How queries, keys and values, [B, N, S, D], and a dropout seed make [B, N, S, D].

    `by_heads` is for training on CPUs; passes over the scores count in small heads only.
    """
    def attend(query, key, value, seed):
        if by_heads and not dropout_rate and query.shape.as_list()[-1] <= SMALL_HEAD:
            return formulas.attention_by_heads(query, key, value, bias)
        scores = tf.matmul(query, key, transpose_b=True) + bias  # [B, N, S, S]
        return tf.matmul(dropout(tf.nn.softmax(scores), dropout_rate, seed), value)
    return attend


def self_attention(x, attend, config, scope, seed=None):
    """[B, S, H] -> [B, S, H]: scaled dot products over N heads, before the output dense."""
    batch, length, hidden = shape_list(x)
    heads = config.num_attention_heads

    def project(name):  # [B, N, S, D]
        y = dense(x, hidden, scope + "/" + name, config.initializer_range)
        y = tf.reshape(y, [batch, length, heads, hidden // heads])
        return tf.transpose(y, [0, 2, 1, 3])

    query = project("query") * (1.0 / math.sqrt(hidden // heads))
    context = attend(query, project("key"), project("value"), seed)
    return tf.reshape(tf.transpose(context, [0, 2, 1, 3]), [batch, length, hidden])


def encoder_layer(x, attend, config, scopes, pre_norm=False, seed=None):
    """[B, S, H] -> [B, S, H]: attention and feed-forward, each with its residual.

    Post-LN norms the sum (Vaswani et al. 2017), pre-LN the input of each branch (Xiong et
    al. 2020); the norms have the same names in both. `seed` is that of every dropout.
    """
    def output_dense(y, scope, place):
        y = dense(y, config.hidden_size, scope, config.initializer_range)
        return dropout(y, config.hidden_dropout_prob, seed, place)

    def attention(y):
        return output_dense(self_attention(y, attend, config, scopes.attention, seed),
                            scopes.attention_output, 1)

    def feed_forward(y):
        y = dense(y, config.intermediate_size, scopes.intermediate,
                  config.initializer_range, ACTIVATIONS[config.hidden_act])
        return output_dense(y, scopes.output, 2)

    for branch, norm in ((attention, scopes.attention_norm),
                         (feed_forward, scopes.output_norm)):
        if pre_norm:
            x = x + branch(layer_norm(x, norm))
        else:
            x = layer_norm(x + branch(x), norm)
    return x


def recompute(layer, x):
    """layer(x), computed again in the backward pass, not kept (Chen et al. 2016).

    `layer` takes and returns one tensor, gives the same each time (dropout by seed),
    and has all its variables in the current variable scope.
    """
    scope = tf.get_variable_scope()
    y = layer(x)
    weights = tf.trainable_variables(scope.name + "/")

    # The weights are arguments: by itself tf.custom_gradient finds variables by the
    # name of their operation, which fails for the second of two replicas.
    @tf.custom_gradient
    def forget(x, y, *_):
        def gradient(dy):
            # Not before dy has come, or all layers would be computed again at once.
            with tf.control_dependencies([dy]), tf.variable_scope(scope, reuse=True):
                start = tf.stop_gradient(x)
                again = layer(start)
            slopes = tf.gradients(again, [start] + weights, dy)
            return [slopes[0], None] + slopes[1:]
        return tf.identity(y), gradient

    return forget(x, tf.stop_gradient(y), *[tf.convert_to_tensor(w) for w in weights])


def _has_gpu():
    return bool(tf.config.experimental.list_physical_devices("GPU"))


class TransformerModel(object):
    """Ids -> hidden states. A variant supplies `embed`, `encode` and the vocabulary head.

    Args:
      config: the variant's TransformerConfig.
      is_training: dropout is applied only where this is true.
      input_ids: int32 [B, S].
      input_mask: int32 [B, S], 1 for tokens; all ones where None.
      token_type_ids: int32 [B, S]; all zeros where None.
      use_one_hot_embeddings: look the words up by a product, for TPUs.
      scope: of all variables; "bert" where None. Building twice shares the weights.
      gradient_checkpointing: keep only what enters each layer, and compute the layer
        again for its gradient: less memory, about a third more time.

    Raises errors.InputError for a sequence longer than the model's positions.
    """

    normalizes_pooled_output = False

    def __init__(self, config, is_training, input_ids, input_mask=None,
                 token_type_ids=None, use_one_hot_embeddings=False, scope=None,
                 gradient_checkpointing=False):
        self.config = config if is_training else config.without_dropout()
        self.gradient_checkpointing = gradient_checkpointing
        length = input_ids.shape.as_list()[1]
        if length is not None and length > config.max_position_embeddings:
            raise errors.InputError(
                "Sequences of %d tokens, but this model has %d positions."
                % (length, config.max_position_embeddings))
        if input_mask is None:
            input_mask = tf.ones_like(input_ids)
        if token_type_ids is None:
            token_type_ids = tf.zeros_like(input_ids)
        # So few types that a product beats a gather's scattered gradient. TensorFlow
        # Lite 1.15 turns it and the positions' sum into another model.
        self.use_one_hot_types = is_training or use_one_hot_embeddings
        with tf.variable_scope(scope or "bert", reuse=tf.AUTO_REUSE):
            with tf.variable_scope("embeddings"):
                self.embedding_output = self.embed(
                    input_ids, token_type_ids, use_one_hot_embeddings)
            if gradient_checkpointing:
                self.dropout_seed = tf.random.uniform([2], maxval=2**30, dtype=tf.int32)
            with tf.variable_scope("encoder"):
                attend = make_attention(
                    attention_bias(input_mask), self.config.attention_probs_dropout_prob,
                    is_training and not use_one_hot_embeddings and not _has_gpu())
                self.all_encoder_layers = self.encode(self.embedding_output, attend)
            self.sequence_output = self.all_encoder_layers[-1]
            self.pooled_output = self.pool()

    def run_layer(self, x, attend, scopes, number, pre_norm=False):
        """[B, S, H] -> [B, S, H]: the encoder's layer `number`, counted from 0, with
        its variables in the current variable scope."""
        if not self.gradient_checkpointing:
            return encoder_layer(x, attend, self.config, scopes, pre_norm)
        with tf.control_dependencies([x]):  # or all layers' zeros would come at once
            seed = self.dropout_seed + [number, 0]
        return recompute(lambda y: encoder_layer(
            y, attend, self.config, scopes, pre_norm, seed), x)

    def pool(self):
        """[B, H] -> tanh dense of the first token's vector."""
        batch, _, hidden = shape_list(self.sequence_output)
        first = tf.reshape(
            tf.slice(self.sequence_output, [0, 0, 0], [-1, 1, -1]), [batch, hidden])
        return dense(first, hidden, "pooler/dense", self.config.initializer_range, tf.tanh)

    def get_pooled_output(self):
        """[B, H]."""
        return self.pooled_output

    def get_sequence_output(self):
        """[B, S, H] of the last layer."""
        return self.sequence_output

    def get_all_encoder_layers(self):
        """A list of [B, S, H], one a layer."""
        return self.all_encoder_layers

    def get_embedding_output(self):
        """What enters the encoder: [B, S, H] in layout B, [B, S, E] in layout G."""
        return self.embedding_output

    def get_embedding_table(self):
        """[V, E]."""
        return self.embedding_table
