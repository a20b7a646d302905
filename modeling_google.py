"""Layout G, the "Google" model family: position and type vectors are E wide.

ALBERT (Lan et al. 2020) with groups: layer i runs the inner groups of group
i * num_hidden_groups // num_hidden_layers, so one group means that all layers share.
"""

import tensorflow.compat.v1 as tf

import initializers
import transformer

SCOPES = transformer.LayerScopes(
    attention="attention_1/self",
    attention_output="attention_1/output/dense",
    attention_norm="LayerNorm",
    intermediate="ffn_1/intermediate/dense",
    output="ffn_1/intermediate/output/dense",
    output_norm="LayerNorm_1",
)


class AlbertConfig(transformer.TransformerConfig):
    """Sizes of a layout-G model; `inner_group_num` layers run for each counted layer."""

    layout = "G"
    FOREIGN_KEY = "ln_type"
    OTHER_PROGRAM = (
        "Use run_classifier.py or run_pretraining.py for it, or a config such as "
        "albert_config_tiny_google.json.")
    DEFAULTS = dict(
        embedding_size=128, hidden_size=4096, num_hidden_layers=12, num_hidden_groups=1,
        num_attention_heads=64, intermediate_size=16384, inner_group_num=1,
        down_scale_factor=1, hidden_act="gelu", hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, max_position_embeddings=512,
        type_vocab_size=2, initializer_range=0.02)


class AlbertModel(transformer.TransformerModel):
    """See transformer.TransformerModel."""

    def embed(self, input_ids, token_type_ids, use_one_hot):
        config = self.config
        self.embedding_table = transformer.variable(
            "word_embeddings", [config.vocab_size, config.embedding_size],
            initializers.normal(config.initializer_range))
        words = transformer.embedding_lookup(input_ids, self.embedding_table, use_one_hot)
        return transformer.add_positions_and_types(
            words, token_type_ids, config, self.use_one_hot_types)

    def encode(self, x, attend):
        config = self.config
        if config.embedding_size != config.hidden_size:
            x = transformer.dense(x, config.hidden_size, "embedding_hidden_mapping_in",
                                  initializers.widening_range(config))
        layers = []
        for i in range(config.num_hidden_layers):
            group = i * config.num_hidden_groups // config.num_hidden_layers
            for inner in range(config.inner_group_num):
                with tf.variable_scope(
                        "transformer/group_%d/inner_group_%d" % (group, inner)):
                    x = self.run_layer(x, attend, SCOPES, len(layers))
                layers.append(x)
        return layers

    @property
    def masked_lm_width(self):
        return self.config.embedding_size

    def vocabulary_logits(self, hidden):
        """[P, E] -> [P, V], without the bias."""
        return tf.matmul(hidden, self.embedding_table, transpose_b=True)
