"""Hugging Face's AlbertForPreTraining as a contender of benchmarks.pretraining_step:
`python -m benchmarks.pretraining_step_torch CASE THREADS float32|bfloat16`, in an
environment of requirements-torch.txt.

The heads see only what they score: the masked words, and the first token's vector.
"""

import sys

import torch
import transformers

from benchmarks import step_server

PRODUCT_SIZE = 2048


def make_step(case, dtype):
    values = step_server.config_values(case)
    shared = ("vocab_size", "embedding_size", "hidden_size", "num_hidden_layers",
              "num_attention_heads", "intermediate_size", "max_position_embeddings",
              "type_vocab_size", "hidden_dropout_prob", "attention_probs_dropout_prob")
    config = transformers.AlbertConfig(
        hidden_act="gelu_new", classifier_dropout_prob=0.0,
        **{key: values[key] for key in shared})
    model = transformers.AlbertForPreTraining(config)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    batch = {key: torch.from_numpy(value).long()
             for key, value in step_server.batch(case).items()}
    weighted = batch["masked_lm_weights"] > 0
    offsets = torch.arange(weighted.shape[0])[:, None] * batch["input_ids"].shape[1]
    places = (batch["masked_lm_positions"] + offsets)[weighted]
    labels = batch["masked_lm_ids"][weighted]
    order = batch["next_sentence_labels"][:, 0]

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
            hidden, pooled = model.albert(
                batch["input_ids"], attention_mask=batch["input_mask"],
                token_type_ids=batch["segment_ids"])[:2]
            words = model.predictions(hidden.flatten(0, 1)[places])
            orders = model.sop_classifier(pooled)
            cross_entropy = torch.nn.functional.cross_entropy
            loss = cross_entropy(words, labels) + cross_entropy(orders, order)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()
    return step


def main():
    case, threads, dtype = sys.argv[1:]
    torch.set_num_threads(int(threads))
    matrix = torch.rand([PRODUCT_SIZE, PRODUCT_SIZE]).to(getattr(torch, dtype))
    step_server.serve(make_step(case, dtype), lambda: step_server.product_rate(
        lambda: matrix @ matrix, PRODUCT_SIZE))


if __name__ == "__main__":
    main()
