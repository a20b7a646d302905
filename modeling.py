"""Layout B, the "brightmart" model family: position and type vectors are H wide.

ALBERT (Lan et al. 2020): the vocabulary table is factorised into [V, E] x [E, H], and all
layers run with the weights of one.
"""

import tensorflow.compat.v1 as tf

import initializers
import transformer
# Other people's code imports this name from here.
from checkpoints import get_assignment_map_from_checkpoint  # noqa: F401

SCOPES = transformer.LayerScopes(
    attention="attention/self",
    attention_output="attention/output/dense",
    attention_norm="attention/output/LayerNorm",
    intermediate="intermediate/dense",
    output="output/dense",
    output_norm="output/LayerNorm",
)


class BertConfig(transformer.TransformerConfig):
    """`ln_type` is "postln" or "preln"; old files lack it and mean post-LN."""

    layout = "B"
    FOREIGN_KEY = "num_hidden_groups"
    OTHER_PROGRAM = (
        "Use the *_google programs for it (run_classifier_sp_google.py, "
        "run_pretraining_google.py), or a config such as albert_config_tiny.json.")
    DEFAULTS = dict(
        embedding_size=128, hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
        intermediate_size=3072, hidden_act="gelu", hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1, max_position_embeddings=512,
        type_vocab_size=16, initializer_range=0.02, ln_type="postln",
        share_parameter_across_layers=True)

    def check(self, origin):
        super(BertConfig, self).check(origin)
        transformer.check_choice(origin, "ln_type", self.ln_type, ("postln", "preln"))


class BertModel(transformer.TransformerModel):
    """See transformer.TransformerModel."""

    @property
    def normalizes_pooled_output(self):
        """A pre-LN encoder ends without a norm, so a classifier brings its own."""
        return self.config.ln_type == "preln"

    def embed(self, input_ids, token_type_ids, use_one_hot):
        config = self.config
        self.embedding_table = transformer.variable(
            "word_embeddings", [config.vocab_size, config.embedding_size],
            initializers.normal(config.initializer_range))
        self.projection = transformer.variable(
            "word_embeddings_2", [config.embedding_size, config.hidden_size],
            initializers.normal(initializers.widening_range(config)))
        words = transformer.embedding_lookup(input_ids, self.embedding_table, use_one_hot)
        x = tf.matmul(tf.reshape(words, [-1, config.embedding_size]), self.projection)
        x = tf.reshape(x, transformer.shape_list(input_ids) + [config.hidden_size])
        return transformer.add_positions_and_types(
            x, token_type_ids, config, self.use_one_hot_types)

    def encode(self, x, attend):
        layers = []
        for i in range(self.config.num_hidden_layers):
            shared = self.config.share_parameter_across_layers
            with tf.variable_scope("layer_shared" if shared else "layer_%d" % i):
                x = self.run_layer(
                    x, attend, SCOPES, i, self.config.ln_type == "preln")
            layers.append(x)
        return layers

    @property
    def masked_lm_width(self):
        return self.config.hidden_size

    def vocabulary_logits(self, hidden):
        """[P, H] -> [P, V], without the bias."""
        narrow = tf.matmul(hidden, self.projection, transpose_b=True)
        return tf.matmul(narrow, self.embedding_table, transpose_b=True)
