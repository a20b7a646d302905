"""A toy vocabulary, config and pair data on which the real scripts run in seconds."""

import json
import os
import random
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHARACTERS = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏"
SCRIPTS = {"b": ("run_classifier.py", "bert_config_file"),
           "g": ("run_classifier_sp_google.py", "albert_config_file")}


def write(path, text, encoding="utf-8"):
    with open(str(path), "w", encoding=encoding, newline="") as out:
        out.write(text)
    return str(path)


def vocabulary(folder):
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list(CHARACTERS)
    return write(os.path.join(str(folder), "vocab.txt"), "\n".join(tokens) + "\n")


def config(folder, layout, **changes):
    values = {
        "vocab_size": 5 + len(CHARACTERS), "embedding_size": 8, "hidden_size": 16,
        "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
        "hidden_act": "gelu", "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0, "max_position_embeddings": 64,
        "type_vocab_size": 2, "initializer_range": 0.2}
    values.update({"ln_type": "postln"} if layout == "b" else {"num_hidden_groups": 1})
    values.update(changes)
    return write(os.path.join(str(folder), "config_%s.json" % layout), json.dumps(values))


def pairs(rows, seed):
    """LCQMC lines; the label says which half of the alphabet both texts are made of,
    which a tiny model learns at once."""
    rng = random.Random(seed)
    lines = []
    for _ in range(rows):
        label = rng.randint(0, 1)
        half = CHARACTERS[:12] if label else CHARACTERS[12:]
        texts = ["".join(rng.choice(half) for _ in range(rng.randint(2, 12)))
                 for _ in range(2)]
        lines.append("%s\t%s\t%d\n" % (texts[0], texts[1], label))
    return "".join(lines)


def data(folder, rows=96):
    """A folder with train.txt, dev.txt and test.txt."""
    os.makedirs(str(folder), exist_ok=True)
    for i, (split, count) in enumerate((("train", rows), ("dev", 40), ("test", 40))):
        write(os.path.join(str(folder), split + ".txt"), pairs(count, i))
    return str(folder)


def command(folder, layout="b", **flags):
    """The fine-tuning command on toy data under `folder`; a flag of None is left out."""
    folder = str(folder)
    script, config_flag = SCRIPTS[layout]
    values = {
        config_flag: os.path.join(folder, "config_%s.json" % layout),
        "vocab_file": os.path.join(folder, "vocab.txt"), "task_name": "lcqmc",
        "data_dir": os.path.join(folder, "data"), "max_seq_length": 32,
        "output_dir": os.path.join(folder, "output"), "train_batch_size": 8,
        "learning_rate": 0.003, "num_train_epochs": 4, "save_checkpoints_steps": 12}
    values.update(flags)
    return [sys.executable, "-W", "ignore", os.path.join(ROOT, script)] + [
        "--%s=%s" % (name, str(value).lower() if isinstance(value, bool) else value)
        for name, value in values.items() if value is not None]


def setup(folder, layout="b", rows=96, **changes):
    """Writes vocabulary, config and data under `folder`."""
    vocabulary(folder)
    config(folder, layout, **changes)
    data(os.path.join(str(folder), "data"), rows)


def run(arguments, **options):
    """(exit code, standard output and error together)."""
    result = subprocess.run(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        universal_newlines=True, **options)
    return result.returncode, result.stdout
