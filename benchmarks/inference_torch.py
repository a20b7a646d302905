"""Hugging Face's AlbertForSequenceClassification as a contender of benchmarks.inference,
in an environment of requirements-torch.txt: reads batches of ids, answers seconds."""

import json
import sys
import time

import torch
import transformers

from benchmarks import step_server


def main():
    values = step_server.config_values("tiny128")
    shared = ("vocab_size", "embedding_size", "hidden_size", "num_hidden_layers",
              "num_attention_heads", "intermediate_size", "max_position_embeddings",
              "type_vocab_size")
    model = transformers.AlbertForSequenceClassification(transformers.AlbertConfig(
        hidden_act="gelu_new", num_labels=2, **{key: values[key] for key in shared}))
    model.eval()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        batches = [{name: torch.tensor(array) for name, array in batch.items()}
                   for batch in json.loads(line)]
        seconds = []
        for batch in batches:
            started = time.time()
            with torch.inference_mode():
                torch.softmax(model(
                    batch["input_ids"], attention_mask=batch["input_mask"],
                    token_type_ids=batch["segment_ids"]).logits, 1).numpy()
            seconds.append(time.time() - started)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
