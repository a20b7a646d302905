"""Hugging Face's ALBERT in NumPy, from its folder: an independent reader of what the
conversion writes, where transformers itself is not installed."""

import json
import os

import numpy as np

import huggingface


def norm(x, weights, scope):
    centred = x - x.mean(-1, keepdims=True)
    x = centred / np.sqrt((centred ** 2).mean(-1, keepdims=True) + 1e-12)
    return x * weights[scope + ".weight"] + weights[scope + ".bias"]


def linear(x, weights, scope):
    return np.matmul(x, weights[scope + ".weight"].T) + weights[scope + ".bias"]


def gelu_new(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def layer(x, mask, weights, scope, heads):
    def split(name):
        y = linear(x, weights, scope + "attention." + name)
        return y.reshape(x.shape[:2] + (heads, -1)).transpose(0, 2, 1, 3)

    query, key, value = [split(name) for name in ("query", "key", "value")]
    scores = np.matmul(query, key.transpose(0, 1, 3, 2)) / np.sqrt(query.shape[-1])
    scores = np.where(mask[:, None, None, :] == 1, scores, -1e9)
    context = np.matmul(softmax(scores), value).transpose(0, 2, 1, 3).reshape(x.shape)
    x = norm(x + linear(context, weights, scope + "attention.dense"), weights,
             scope + "attention.LayerNorm")
    wide = gelu_new(linear(x, weights, scope + "ffn"))
    return norm(x + linear(wide, weights, scope + "ffn_output"), weights,
                scope + "full_layer_layer_norm")


def outputs_of(folder, batch):
    """The outputs that tools.weights.Network gives, from a folder's files."""
    weights = {name: value.astype(np.float64) for name, value in
               huggingface.read_tensors(os.path.join(folder, "model.safetensors")).items()}
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as source:
        config = json.load(source)
    assert config["hidden_act"] == "gelu_new"
    scope = "albert.embeddings."
    ids, mask = batch["input_ids"], batch["input_mask"]
    x = (weights[scope + "word_embeddings.weight"][ids]
         + weights[scope + "token_type_embeddings.weight"][batch["segment_ids"]]
         + weights[scope + "position_embeddings.weight"][:ids.shape[1]])
    x = linear(norm(x, weights, scope + "LayerNorm"), weights,
               "albert.encoder.embedding_hidden_mapping_in")
    layers = []
    for i in range(config["num_hidden_layers"]):
        group = int(i / (config["num_hidden_layers"] / config["num_hidden_groups"]))
        for inner in range(config["inner_group_num"]):
            x = layer(x, mask, weights, "albert.encoder.albert_layer_groups.%d."
                      "albert_layers.%d." % (group, inner), config["num_attention_heads"])
            layers.append(x)
    pooled = np.tanh(linear(x[:, 0], weights, "albert.pooler"))
    outputs = {"layers": np.stack(layers), "pooled": pooled}
    if "classifier.weight" in weights:
        outputs["classifier"] = linear(pooled, weights, "classifier")
    else:
        hidden = norm(gelu_new(linear(x, weights, "predictions.dense")), weights,
                      "predictions.LayerNorm")
        words = np.matmul(hidden, weights["albert.embeddings.word_embeddings.weight"].T)
        words = softmax(words + weights["predictions.bias"])
        outputs["masked_lm"] = np.log(words).reshape([-1, words.shape[-1]])
        outputs["order"] = linear(pooled, weights, "sop_classifier.classifier")
    return outputs
