"""A model as a folder that Hugging Face's AutoModel and AutoTokenizer read, and back.

No PyTorch and no package of theirs: config.json, tokenizer_config.json, vocab.txt and
model.safetensors, which is a length, a JSON header and the bytes of each tensor.
"""

import json
import os
import shutil
import struct

import numpy as np

import errors

CONFIG, WEIGHTS, TORCH_WEIGHTS = "config.json", "model.safetensors", "pytorch_model.bin"
# Theirs is "gelu" in the erf form; ours is the tanh form that the models were trained in.
_ACTIVATIONS = {"gelu": "gelu_new", "relu": "relu", "tanh": "tanh", "linear": "linear"}
_ACTIVATIONS_BACK = dict({theirs: ours for ours, theirs in _ACTIVATIONS.items()},
                         gelu="gelu", gelu_pytorch_tanh="gelu")
_LAYER_NORM_EPS = 1e-12
_LENGTH = struct.Struct("<Q")
_TYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
# Which class holds a model, by the first head that it has.
_ARCHITECTURES = [("classifier.weight", "AlbertForSequenceClassification"),
                  ("sop_classifier.classifier.weight", "AlbertForPreTraining"),
                  ("predictions.bias", "AlbertForMaskedLM")]


def write_folder(folder, tensors, config, tokenizer, vocab_file, labels):
    """Fills an empty folder.

    Args:
      folder: path.
      tensors: {name: float32 array}, as conversion.to_huggingface gives them.
      config: the modeling_google.AlbertConfig of the model.
      tokenizer: a tokenization.FullTokenizer of `vocab_file`.
      vocab_file: path; its bytes are copied.
      labels: of the classifier, in the order of their ids; [] without one.
    """
    architecture = next((name for tensor, name in _ARCHITECTURES if tensor in tensors),
                        "AlbertModel")
    pad, begin, end = tokenizer.convert_tokens_to_ids(["[PAD]", "[CLS]", "[SEP]"])
    values = {key: getattr(config, key) for key in config.DEFAULTS}
    values.update(
        model_type="albert", architectures=[architecture],
        tokenizer_class="BertTokenizer", vocab_size=config.vocab_size,
        hidden_act=_ACTIVATIONS[config.hidden_act], layer_norm_eps=_LAYER_NORM_EPS,
        pad_token_id=pad, bos_token_id=begin, eos_token_id=end)
    if labels:
        values["id2label"] = {str(i): label for i, label in enumerate(labels)}
        values["label2id"] = {label: i for i, label in enumerate(labels)}
    _write_json(os.path.join(folder, CONFIG), values)
    _write_json(os.path.join(folder, "tokenizer_config.json"), {
        "tokenizer_class": "BertTokenizer", "do_lower_case": tokenizer.do_lower_case,
        "model_max_length": config.max_position_embeddings})
    shutil.copyfile(vocab_file, os.path.join(folder, "vocab.txt"))
    write_tensors(os.path.join(folder, WEIGHTS), tensors)


def _write_json(path, values):
    with open(path, "w", encoding="utf-8") as out:
        json.dump(values, out, ensure_ascii=False, indent=2, sort_keys=True)
        out.write("\n")


def write_tensors(path, tensors):
    """Writes {name: float32 array} in the format of safetensors."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, value in sorted(tensors.items()):
        header[name] = {"dtype": "F32", "shape": list(value.shape),
                        "data_offsets": [end, end + 4 * value.size]}
        end += 4 * value.size
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(_LENGTH.pack(len(text)) + text)
        for _, value in sorted(tensors.items()):
            out.write(np.ascontiguousarray(value, "<f4").tobytes())


def read_tensors(path):
    """{name: float32 array} of a file of safetensors.

    Raises errors.InputError for a file that is missing, cut off or of another format.
    """
    try:
        with open(path, "rb") as source:
            length, = _LENGTH.unpack(source.read(_LENGTH.size))
            if length > os.path.getsize(path):
                raise ValueError("its header is longer than the file")
            header = json.loads(source.read(length).decode("utf-8"))
            header.pop("__metadata__", None)
            data = np.memmap(source, np.uint8, "r", offset=source.tell())
        return {name: _tensor(name, facts, data) for name, facts in header.items()}
    except (OSError, struct.error, ValueError) as error:
        raise errors.InputError(
            "%s cannot be read as safetensors: %s. Copy or download it again." % (
                path, error))


def _tensor(name, facts, data):
    kind, (start, end) = facts["dtype"], facts["data_offsets"]
    if kind not in _TYPES:
        raise ValueError("%s is of type %s" % (name, kind))
    value = np.frombuffer(data[start:end].tobytes(), _TYPES[kind])
    if kind == "BF16":  # the upper half of a float32
        value = (value.astype("<u4") << 16).view("<f4")
    return value.reshape(facts["shape"]).astype(np.float32)


def read_config(folder):
    """What config.json says, and the fields of a modeling_google.AlbertConfig in it.

    Raises errors.InputError for what is no ALBERT, or one that layout G is not.
    """
    path = os.path.join(folder, CONFIG)
    try:
        with open(path, encoding="utf-8") as source:
            values = json.load(source)
    except (OSError, ValueError) as error:
        raise errors.InputError(
            "%s cannot be read: %s. Give the folder of a Hugging Face model." % (
                path, error))
    if values.get("model_type") != "albert":
        raise errors.InputError('%s: model_type is %r, not "albert".' % (
            path, values.get("model_type")))
    activation = values.get("hidden_act", "gelu_new")
    eps = values.get("layer_norm_eps", _LAYER_NORM_EPS)
    positions = values.get("position_embedding_type", "absolute")
    for key, value, is_known in (
            ("hidden_act", activation, activation in _ACTIVATIONS_BACK),
            ("layer_norm_eps", eps, eps == _LAYER_NORM_EPS),
            ("position_embedding_type", positions, positions == "absolute")):
        if not is_known:
            raise errors.InputError(
                "%s: this program has no model whose %s is %r." % (path, key, value))
    return dict(values, hidden_act=_ACTIVATIONS_BACK[activation]), activation == "gelu"


def labels_of(values):
    """The labels that config.json names, in the order of their ids."""
    names = {int(key): label for key, label in values.get("id2label", {}).items()}
    return [names[key] for key in sorted(names)]
