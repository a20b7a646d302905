"""The same weights under other names: layout B as layout G, layout G as Hugging Face's.

A layout-B model adds positions and types after its word vectors were widened to H, so it
is a layout-G model whose vectors are H wide from the start: its word table is the product
`word_embeddings` x `word_embeddings_2`, and nothing is lost but the table's compactness.
Kernels are [in, out] here and [out, in] there.
"""

import collections
import itertools

import numpy as np

import errors
import modeling
import modeling_google
import transformer

# config: modeling.BertConfig or modeling_google.AlbertConfig; variables: {name: float32}.
Model = collections.namedtuple("Model", ["config", "variables"])

WORDS = "bert/embeddings/word_embeddings"
PROJECTION = "bert/embeddings/word_embeddings_2"
CLASSIFIER = "output_weights"
_MAPPING = "albert.encoder.embedding_hidden_mapping_in."
_HUGGINGFACE_SCOPES = transformer.LayerScopes(
    attention="attention",
    attention_output="attention.dense",
    attention_norm="attention.LayerNorm",
    intermediate="ffn",
    output="ffn_output",
    output_norm="full_layer_layer_norm",
)
# Scopes outside the layers: layout G, Hugging Face.
_SCOPES = [
    ("bert/embeddings/LayerNorm", "albert.embeddings.LayerNorm"),
    ("bert/encoder/embedding_hidden_mapping_in", _MAPPING[:-1]),
    ("bert/pooler/dense", "albert.pooler"),
    ("cls/predictions/transform/dense", "predictions.dense"),
    ("cls/predictions/transform/LayerNorm", "predictions.LayerNorm"),
]
_PLAIN = [
    (WORDS, "albert.embeddings.word_embeddings.weight"),
    ("bert/embeddings/position_embeddings", "albert.embeddings.position_embeddings.weight"),
    ("bert/embeddings/token_type_embeddings",
     "albert.embeddings.token_type_embeddings.weight"),
    ("cls/predictions/output_bias", "predictions.bias"),
    ("cls/seq_relationship/output_weights", "sop_classifier.classifier.weight"),
    ("cls/seq_relationship/output_bias", "sop_classifier.classifier.bias"),
    (CLASSIFIER, "classifier.weight"),
    ("output_bias", "classifier.bias"),
]
# How far a table may be from the product of two, relative to its largest value.
_RANK_TOLERANCE = 2e-6


def to_layout_g(model):
    """A Model of either layout -> the same function as a Model of layout G.

    Raises errors.InputError for a pre-LN model.
    """
    if model.config.layout == "G":
        return model
    config = to_layout_g_config(model.config)
    names = _layer_names(model.config.share_parameter_across_layers,
                         config.num_hidden_groups)
    variables = {names.get(name, name): value for name, value in model.variables.items()
                 if name != PROJECTION}
    variables[WORDS] = np.matmul(variables[WORDS], model.variables[PROJECTION])
    return Model(config, variables)


def to_layout_g_config(config):
    """The config that goes with `to_layout_g`; raises as that does."""
    if config.layout == "G":
        return config
    if config.ln_type == "preln":
        raise errors.InputError(
            'A pre-LN model (ln_type "preln") norms what enters each branch, and neither '
            "layout G nor Hugging Face's ALBERT has such a layer: its weights cannot be "
            "converted. export_model.py exports it as it is.")
    values = {key: getattr(config, key) for key in modeling_google.AlbertConfig.DEFAULTS
              if hasattr(config, key)}
    values.update(
        vocab_size=config.vocab_size, embedding_size=config.hidden_size,
        num_hidden_groups=1 if config.share_parameter_across_layers
        else config.num_hidden_layers)
    return modeling_google.AlbertConfig.from_dict(values)


def identity_mapping(config):
    """{variable: array}: what maps E to H where both are the same, else {}.

    Layout G has no such variables then, but bert-for-tf2 takes random ones without them.
    """
    if config.layout != "G" or config.embedding_size != config.hidden_size:
        return {}
    width = config.hidden_size
    return {"bert/encoder/embedding_hidden_mapping_in/kernel":
            np.eye(width, dtype=np.float32),
            "bert/encoder/embedding_hidden_mapping_in/bias":
            np.zeros([width], np.float32)}


def to_layout_b(model):
    """The way back, for a Model of layout G that is a layout-B model in disguise.

    Raises errors.InputError for any other.
    """
    config = model.config
    problem = _what_layout_b_lacks(config)
    if problem:
        raise errors.InputError(
            "This model is none of layout B: %s. Convert it to layout G." % problem)
    table, projection = _factorize(model.variables[WORDS])
    shared = config.num_hidden_groups == 1
    values = {key: getattr(config, key) for key in modeling.BertConfig.DEFAULTS
              if hasattr(config, key)}
    values.update(vocab_size=config.vocab_size, embedding_size=table.shape[1],
                  share_parameter_across_layers=shared)
    names = {new: old for old, new in
             _layer_names(shared, config.num_hidden_groups).items()}
    variables = {names.get(name, name): value
                 for name, value in model.variables.items()}
    variables[WORDS], variables[PROJECTION] = table, projection
    return Model(modeling.BertConfig.from_dict(values), variables)


def _what_layout_b_lacks(config):
    if config.embedding_size != config.hidden_size:
        return "its positions are %d wide, its hidden states %d" % (
            config.embedding_size, config.hidden_size)
    if config.inner_group_num != 1:
        return "it has %d inner groups" % config.inner_group_num
    if config.num_hidden_groups not in (1, config.num_hidden_layers):
        return "it shares %d groups among %d layers" % (
            config.num_hidden_groups, config.num_hidden_layers)
    return None


def _factorize(product):
    """[V, H] of rank E < H -> [V, E], [E, H] with orthonormal rows."""
    wide = product.astype(np.float64)
    _, vectors = np.linalg.eigh(np.matmul(wide.T, wide))
    vectors = vectors[:, ::-1]  # [H, H], the strongest direction first
    parts = np.matmul(wide, vectors)
    limit = _RANK_TOLERANCE * np.abs(wide).max()
    rank = int(np.sum(np.abs(parts).max(axis=0) > limit))
    if rank == product.shape[1]:
        raise errors.InputError(
            "The word table is no product of two smaller ones: it was trained on after "
            "the conversion, or never was of layout B. Convert it to layout G.")
    return (parts[:, :rank].astype(np.float32),
            np.ascontiguousarray(vectors[:, :rank].T).astype(np.float32))


def _layer_names(shared, num_groups):
    """{variable of a layout-B layer: its name in layout G}."""
    names = {}
    for group in range(num_groups):
        ours = "bert/encoder/" + ("layer_shared/" if shared else "layer_%d/" % group)
        theirs = "bert/encoder/transformer/group_%d/inner_group_0/" % group
        for old, new in zip(_scopes_in(modeling.SCOPES, "/"),
                            _scopes_in(modeling_google.SCOPES, "/")):
            for old_part, new_part in zip(_parts(ours + old), _parts(theirs + new)):
                names[old_part] = new_part
    return names


def _scopes_in(scopes, joint):
    """The eight scopes of a layer that hold variables."""
    return [scopes.attention + joint + part
            for part in ("query", "key", "value")] + list(scopes[1:])


def _is_norm(scope):
    return scope.rsplit("/", 1)[-1].startswith("LayerNorm")


def _parts(scope):
    """The two variables of a scope: the multiplied one first."""
    return [scope + part for part in (
        ("/gamma", "/beta") if _is_norm(scope) else ("/kernel", "/bias"))]


def _renaming(config):
    """[(name in layout G, name in Hugging Face, whether it is transposed)]."""
    scopes = list(_SCOPES)
    for group, inner in itertools.product(
            range(config.num_hidden_groups), range(config.inner_group_num)):
        ours = "bert/encoder/transformer/group_%d/inner_group_%d/" % (group, inner)
        theirs = "albert.encoder.albert_layer_groups.%d.albert_layers.%d." % (group, inner)
        scopes += [(ours + old, theirs + new) for old, new in zip(
            _scopes_in(modeling_google.SCOPES, "/"),
            _scopes_in(_HUGGINGFACE_SCOPES, "."))]
    names = [(ours, theirs, False) for ours, theirs in _PLAIN]
    for ours, theirs in scopes:
        weight, bias = _parts(ours)
        names += [(weight, theirs + ".weight", not _is_norm(ours)),
                  (bias, theirs + ".bias", False)]
    return names


def to_huggingface(model):
    """A Model of either layout -> {tensor of Hugging Face's ALBERT: array}.

    Raises errors.InputError for what cannot be expressed and for what would be left.
    """
    model = to_layout_g(model)
    _check_groups(model.config)
    left, tensors = dict(model.variables), {}
    for ours, theirs, is_transposed in _renaming(model.config):
        if ours in left:
            value = left.pop(ours)
            tensors[theirs] = value.T if is_transposed else value
    if model.config.embedding_size == model.config.hidden_size:
        # Hugging Face always maps; layout G does so only where the widths differ.
        kernel, bias = identity_mapping(model.config).values()
        tensors.update({_MAPPING + "weight": kernel, _MAPPING + "bias": bias})
    if left:
        raise errors.InputError("Nothing in Hugging Face's ALBERT takes %s." % (
            ", ".join(sorted(left)[:5])))
    return tensors


def from_huggingface(tensors, config):
    """{tensor: array} and an AlbertConfig -> a Model of layout G.

    Raises errors.InputError for what layout G does not have, and for a part that lacks.
    """
    _check_groups(config)
    left = _without_ties(tensors)
    if config.embedding_size == config.hidden_size:
        _drop_identity(left)
    variables = {}
    for ours, theirs, is_transposed in _renaming(config):
        if theirs in left:
            value = left.pop(theirs)
            variables[ours] = np.ascontiguousarray(value.T) if is_transposed else value
    if left:
        raise errors.InputError(
            "Nothing in layout G takes %s; is it an ALBERT of the size that its "
            "config.json tells?" % ", ".join(sorted(left)[:5]))
    return Model(config, variables)


def _without_ties(tensors):
    """The tensors without copies of others, under the names of a model with heads."""
    left = dict(tensors)
    if not any(name.startswith("albert.") for name in left):
        left = {"albert." + name: value for name, value in left.items()}
    left.pop("albert.embeddings.position_ids", None)
    for copy, original in (
            ("predictions.decoder.weight", "albert.embeddings.word_embeddings.weight"),
            ("predictions.decoder.bias", "predictions.bias")):
        value = left.pop(copy, None)
        if value is not None and not np.array_equal(left.setdefault(original, value),
                                                    value):
            raise errors.InputError(
                "%s is not %s: the two are one in this program." % (copy, original))
    return left


def _drop_identity(tensors):
    weight, bias = [tensors.pop(_MAPPING + part, None) for part in ("weight", "bias")]
    if weight is not None and (
            np.any(bias) or not np.array_equal(weight, np.eye(len(weight)))):
        raise errors.InputError(
            "embedding_hidden_mapping_in changes the vectors, but layout G has it only "
            "where embedding_size and hidden_size differ.")


def _check_groups(config):
    """Both programs must run the same group in each layer: theirs finds it in floats."""
    layers, groups = config.num_hidden_layers, config.num_hidden_groups
    for layer in range(layers):
        if layer * groups // layers != int(layer / (layers / groups)):
            raise errors.InputError(
                "Hugging Face would run layer %d of %d in another of the %d groups: use "
                "a number of groups that divides the layers." % (layer, layers, groups))
