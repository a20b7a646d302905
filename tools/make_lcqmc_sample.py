"""Writes the LCQMC-like sample: `python -m tools.make_lcqmc_sample`.

The sentences are ours (tools/lcqmc_sample_texts.txt): kinds of things people ask about,
six intents each, six wordings an intent. A positive pair is two wordings of one intent
about one thing, preferably with few characters in common; a negative pair two intents
about the same thing, preferably with many.
"""

import argparse
import os
import random

FOLDER = os.path.dirname(os.path.abspath(__file__))
SIZES = (("train", 6000), ("dev", 600), ("test", 600))
# The first intents of a kind are asked again more often, as with real customers: a tiny
# model from a random start needs such a foothold (see data/lcqmc_sample/README.md).
NUM_FREQUENT = 3
FREQUENT_IN_POSITIVE = 0.9
FREQUENT_IN_NEGATIVE = 0.2


def read_kinds(path):
    """[(things, [[wording of an intent]])]"""
    kinds = []
    with open(path, encoding="utf-8") as source:
        lines = [line.strip() for line in source if line.strip() and line[0] != "#"]
    for line in lines:
        if line.startswith("=="):
            kinds.append([])
        else:
            kinds[-1].append(line.split("/"))
    return [(rows[0], rows[1:]) for rows in kinds]


def overlap(a, b):
    """Characters in common, as a share of all (Jaccard)."""
    return len(set(a) & set(b)) / float(len(set(a) | set(b)))


def choose_intent(intents, frequent_share, rng):
    if rng.random() < frequent_share:
        return rng.randrange(NUM_FREQUENT)
    return rng.randrange(NUM_FREQUENT, len(intents))


def draw_pair(kinds, label, rng):
    things, intents = rng.choice(kinds)
    thing = rng.choice(things)
    if label:
        wordings = intents[choose_intent(intents, FREQUENT_IN_POSITIVE, rng)]
        return [w.replace("{}", thing) for w in rng.sample(wordings, 2)]
    first = choose_intent(intents, FREQUENT_IN_NEGATIVE, rng)
    second = first
    while second == first:
        second = choose_intent(intents, FREQUENT_IN_NEGATIVE, rng)
    pair = [rng.choice(intents[first]), rng.choice(intents[second])]
    rng.shuffle(pair)
    return [w.replace("{}", thing) for w in pair]


def make_pairs(kinds, count, seed):
    """[(text, text, label)], half of either label, no pair twice in any order."""
    rng = random.Random(seed)
    seen, pairs = set(), []
    while len(pairs) < count:
        label = len(pairs) % 2
        candidates = [draw_pair(kinds, label, rng) for _ in range(2)]
        candidates.sort(key=lambda pair: overlap(*pair), reverse=not label)
        key = tuple(sorted(candidates[0]))
        if key not in seen:
            seen.add(key)
            pairs.append((candidates[0][0], candidates[0][1], label))
    rng.shuffle(pairs)
    return pairs


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output_dir", default=os.path.join("data", "lcqmc_sample"))
    parser.add_argument("--seed", type=int, default=20191001)
    args = parser.parse_args()
    os.makedirs(args.output_dir, exist_ok=True)
    pairs = make_pairs(read_kinds(os.path.join(FOLDER, "lcqmc_sample_texts.txt")),
                       sum(size for _, size in SIZES), args.seed)
    start = 0
    for split, size in SIZES:
        path = os.path.join(args.output_dir, split + ".txt")
        with open(path + ".tmp", "w", encoding="utf-8", newline="\n") as out:
            out.writelines("%s\t%s\t%d\n" % row for row in pairs[start:start + size])
        os.replace(path + ".tmp", path)
        start += size


if __name__ == "__main__":
    main()
