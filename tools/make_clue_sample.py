"""Writes data/clue_sample: small files in CLUE's formats, of our own sentences.

    python -m tools.make_clue_sample [--output data/clue_sample] [--seed 1]

They let the whole chain run where CLUE cannot be downloaded: six tasks, three splits,
no row in two of them, labels that follow from the texts. Scores on them say nothing
about CLUE. The same seed gives the same bytes.
"""

import argparse
import itertools
import json
import os
import random
import sys

from tools import clue_sample_texts as texts

SIZES = {"train": 240, "dev": 60, "test": 60}
# Test ids of CLUE neither start at 0 everywhere nor stand in the same field.
FIRST_TEST_ID = {"csl": 3000, "tnews": 1}
NUM_UNDECIDED = 3

README = """# 这不是 CLUE · This is not CLUE

本目录的句子全部由我们自己编写，由 `python -m tools.make_clue_sample` 生成，只有格式与 CLUE 相同，
用途是在没有网络时把整个流程跑通。在它上面得到的分数不说明模型的好坏，也不能提交或引用。

The sentences here are our own, written by `python -m tools.make_clue_sample`. Only the
formats are those of CLUE: they let the whole chain run without a network. A score on
them says nothing about a model; neither submit nor quote it. What the class numbers of
iflytek stand for here is ours too.

每个任务：train %(train)d 条，dev %(dev)d 条，test %(test)d 条（无标签）；
cmnli 的 dev 另有 %(undecided)d 条标签为 "-" 的数据。
Each task has %(train)d / %(dev)d / %(test)d rows, those of test without labels;
the dev split of cmnli has %(undecided)d more, labelled "-".
"""


# --- one row of a task: (fields of every split, fields of labelled splits) -------

def _afqmc(rng, label):
    same, other = rng.sample(texts.QUESTIONS, 2)
    first, second = rng.sample(same, 2)
    if label == "0":
        second = rng.choice(other)
    return {"sentence1": first, "sentence2": second}, {"label": label}


_HYPOTHESES = {"entailment": 1, "contradiction": 2, "neutral": 3}


def _cmnli(rng, label):
    person, fact = rng.choice(texts.PEOPLE), rng.choice(texts.FACTS)
    hypothesis = fact[_HYPOTHESES.get(label, 3)]
    return {"sentence1": "%s%s。" % (person, fact[0]),
            "sentence2": "%s%s。" % (person, hypothesis)}, {"label": label}


def _csl(rng, label):
    field, other = rng.sample(texts.FIELDS, 2)
    terms = rng.sample(field, 4)
    abstract = rng.choice(texts.ABSTRACTS).format(*terms)
    if label == "0":
        terms[rng.randrange(4)] = rng.choice(other)
    return {"abst": abstract, "keyword": terms}, {"label": label}


def _iflytek(rng, key):
    label, name = key
    phrases = rng.sample(texts.APPS[key], 4) + rng.sample(texts.APP_PRAISE, 2)
    return ({"sentence": "%s，%s。%s，%s。%s，%s！" % tuple(phrases)},
            {"label": label, "label_des": name})


def _tnews(rng, key):
    subjects, endings = texts.HEADLINES[key]
    subject = rng.choice(subjects)
    return ({"sentence": subject + rng.choice(endings), "keywords": subject},
            {"label": key[0], "label_desc": key[1]})


def _wsc(rng, label):
    template, meant = rng.choice(texts.PRONOUNS)
    people = dict(zip("ab", rng.sample(texts.NAMES, 2)))
    marked = template.format(**people)
    start = marked.index("<")
    text = marked.replace("<", "").replace(">", "")
    person = people[meant if label == "true" else {"a": "b", "b": "a"}[meant]]
    target = {"span1_text": person, "span1_index": text.index(person),
              "span2_text": marked[start + 1:marked.index(">")], "span2_index": start}
    return {"target": target, "text": text}, {"label": label}


TASKS = {
    "afqmc": (_afqmc, ["0", "1"]),
    "cmnli": (_cmnli, sorted(_HYPOTHESES)),
    "csl": (_csl, ["0", "1"]),
    "iflytek": (_iflytek, sorted(texts.APPS)),
    "tnews": (_tnews, sorted(texts.HEADLINES)),
    "wsc": (_wsc, ["true", "false"]),
}


# --- the files -------------------------------------------------------------------

def make_splits(task, seed):
    """-> {split: [record]}; labels are balanced, and no text stands there twice."""
    make, labels = TASKS[task]
    rng = random.Random("%s %d" % (task, seed))
    seen, rows = set(), []
    for label in itertools.cycle(labels):
        row = _unseen(lambda: make(rng, label), seen)
        rows.append(row)
        if len(rows) == sum(SIZES.values()):
            break
    rng.shuffle(rows)
    remaining = iter(rows)
    splits = {split: list(itertools.islice(remaining, size))
              for split, size in SIZES.items()}
    if task == "cmnli":
        splits["dev"] += [_unseen(lambda: make(rng, "-"), seen)
                          for _ in range(NUM_UNDECIDED)]
    return {split: [_record(task, split, *numbered) for numbered in enumerate(rows)]
            for split, rows in splits.items()}


def _unseen(draw, seen):
    """A row that was not drawn before."""
    while True:
        row = draw()
        key = json.dumps(row[0], sort_keys=True)
        if key not in seen:
            seen.add(key)
            return row


def _record(task, split, number, row):
    inputs, answers = row
    if split == "test":
        return dict(inputs, id=FIRST_TEST_ID.get(task, 0) + number)
    numbered = {"csl": {"id": number}, "wsc": {"idx": number}}.get(task, {})
    return dict(inputs, **answers, **numbered)


def write(output, seed):
    """Writes TASK/{train,dev,test}.json of all tasks and README.md under `output`."""
    for task in TASKS:
        for split, records in make_splits(task, seed).items():
            lines = [json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n"
                     for record in records]
            _write(os.path.join(output, task, split + ".json"), "".join(lines))
    _write(os.path.join(output, "README.md"),
           README % dict(SIZES, undecided=NUM_UNDECIDED))


def _write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".part", "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
    os.replace(path + ".part", path)


def main(arguments=None):
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.make_clue_sample", description=__doc__.splitlines()[0])
    parser.add_argument("--output", default=os.path.join("data", "clue_sample"))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    write(options.output, options.seed)
    print("%s: %d tasks, this is not CLUE" % (options.output, len(TASKS)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
