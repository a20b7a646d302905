"""What stock classes of transformers make of a folder: the other side of a comparison.

    PYTHON tools/huggingface_outputs.py FOLDER INPUTS.npz OUTPUTS.npz
    PYTHON tools/huggingface_outputs.py pytorch_model.bin TENSORS.npz

Runs where torch and transformers are, without TensorFlow and without this project's
modules. Exit codes: 0 done; 3 a package is missing; 4 the folder does not load as a whole.
"""

import json
import os
import sys

import numpy as np

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
try:
    import torch
    import transformers
except ImportError as missing:
    sys.exit(print(missing, file=sys.stderr) or 3)


def load(loader, folder):
    """A model in which every tensor came from the folder; exits with 4 otherwise."""
    model, report = loader.from_pretrained(folder, output_loading_info=True)
    for kind in ("missing_keys", "mismatched_keys"):
        if report[kind]:
            sys.exit(print("%s of %s: %s" % (kind, loader.__name__, report[kind]),
                           file=sys.stderr) or 4)
    return model.eval(), report["unexpected_keys"]


def outputs_of(folder, batch):
    """{output: array} under the names of tools.weights.Network."""
    inputs = dict(input_ids=batch["input_ids"], attention_mask=batch["input_mask"],
                  token_type_ids=batch["segment_ids"])
    inputs = {name: torch.tensor(value.astype(np.int64)) for name, value in inputs.items()}
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as source:
        architecture, = json.load(source)["architectures"]
    encoder, _ = load(transformers.AutoModel, folder)
    made = encoder(output_hidden_states=True, **inputs)
    outputs = {"layers": torch.stack(made.hidden_states[1:]), "pooled": made.pooler_output}
    if architecture == "AlbertModel":
        return outputs
    model, unexpected = load(getattr(transformers, architecture), folder)
    if unexpected:
        sys.exit(print("unused: %s" % unexpected, file=sys.stderr) or 4)
    made = model(**inputs)
    if architecture == "AlbertForSequenceClassification":
        outputs["classifier"] = made.logits
    else:
        words = made["prediction_logits" if "prediction_logits" in made else "logits"]
        outputs["masked_lm"] = torch.log_softmax(words, -1).flatten(0, 1)
    if "sop_logits" in made:
        outputs["order"] = made.sop_logits
    return outputs


def main(arguments):
    if len(arguments) == 2:
        tensors = torch.load(arguments[0], map_location="cpu", weights_only=True)
        np.savez(arguments[1], **{
            name: value.float().numpy() for name, value in tensors.items()})
        return
    folder, inputs, target = arguments
    with np.load(inputs) as arrays:
        batch = {name: arrays[name] for name in arrays.files}
    with torch.no_grad():
        outputs = {name: value.numpy() for name, value in outputs_of(folder, batch).items()}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = [tokenizer(str(text))["input_ids"] for text in batch["sentences"]]
    np.savez(target, ids=json.dumps(ids), **outputs)


if __name__ == "__main__":
    main(sys.argv[1:])
