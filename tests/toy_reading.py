"""Toy passages with questions, which the toy models of tests/toy.py learn at once."""

import json
import os
import random
import sys

from tests import toy

SMALL = {"max_seq_length": 24, "max_query_length": 4, "doc_stride": 6,
         "max_answer_length": 3}


def content(rows, seed, impossible=0.0, passage_length=(8, 14)):
    """A file in SQuAD's shape; the answer is the one character of the alphabet's second
    half, and there is none in the share `impossible` of the passages."""
    rng = random.Random(seed)
    paragraphs = []
    for number in range(rows):
        text = [rng.choice(toy.CHARACTERS[:12])
                for _ in range(rng.randint(*passage_length))]
        qa = {"id": "Q%d_%d" % (seed, number), "question": "天地", "answers": [],
              "is_impossible": rng.random() < impossible}
        if not qa["is_impossible"]:
            place = rng.randrange(len(text))
            text[place] = rng.choice(toy.CHARACTERS[12:])
            qa["answers"] = [{"text": text[place], "answer_start": place}]
        paragraphs.append({"context": "".join(text), "qas": [qa]})
    return {"data": [{"paragraphs": paragraphs}]}


def setup(folder, layout="b", rows=96, **more):
    """Writes vocabulary, config and data under `folder`."""
    toy.vocabulary(folder)
    toy.config(folder, layout)
    os.makedirs(os.path.join(str(folder), "data"))
    for seed, (split, count) in enumerate((("train", rows), ("dev", 40), ("test", 40))):
        write(folder, split, content(count, seed, **more))


def write(folder, split, data):
    path = os.path.join(str(folder), "data", split + ".json")
    return toy.write(path, json.dumps(data, ensure_ascii=False))


def command(folder, layout="b", **flags):
    """The command on toy data under `folder`; a flag of None is left out."""
    folder = str(folder)
    values = dict({
        toy.SCRIPTS[layout][1]: os.path.join(folder, "config_%s.json" % layout),
        "vocab_file": os.path.join(folder, "vocab.txt"),
        "data_dir": os.path.join(folder, "data"),
        "output_dir": os.path.join(folder, "output"), "train_batch_size": 8,
        "learning_rate": 0.01, "num_train_epochs": 5, "save_checkpoints_steps": 40},
        **SMALL)
    values.update(flags)
    return [sys.executable, "-W", "ignore",
            os.path.join(toy.ROOT, "run_reading_comprehension.py")] + [
        "--%s=%s" % (name, str(value).lower() if isinstance(value, bool) else value)
        for name, value in values.items() if value is not None]
