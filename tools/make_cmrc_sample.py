"""Writes the reading-comprehension sample: `python -m tools.make_cmrc_sample`.

The words are ours (tools/cmrc_sample_texts.txt): topics, each with five facts that a
passage tells in two wordings, in any order, and that two or three questions ask for.
Names, places, people, dates and numbers are drawn.
"""

import argparse
import json
import os
import random

FOLDER = os.path.dirname(os.path.abspath(__file__))
SIZES = (("train", 600), ("dev", 80), ("test", 80))  # passages
QUESTIONS = 4  # of each passage
_NAMES = "云川 石河 白塔 东林 青山 南浦 西岭 安平 龙泉 清溪 长宁 永安 花桥 双石 海丰 新田".split()
_REGIONS = "江州市 定远县 平湖市 丰阳县 兰西市 和顺县 宁海市 武川县".split()
_PARTS = "东郊 西郊 老城区 城南 北门外 河东镇 柳林镇 火车站旁".split()
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙马朱胡林何高罗郑"
_GIVEN = "明华建国文志永春秀英海云天成立新德广玉兰"
_MONTHS = "一二三四五六七八九十"


def _draw_person(rng):
    return rng.choice(_SURNAMES) + "".join(rng.sample(_GIVEN, rng.choice((1, 2, 2))))


_DRAW = {
    "place": lambda rng: rng.choice(_REGIONS) + rng.choice(_PARTS),
    "person": _draw_person,
    "year": lambda rng: "%d年" % rng.randint(1905, 2019),
    "date": lambda rng: "%s月%s日" % (rng.choice(_MONTHS), rng.choice(_MONTHS)),
}


def draw_value(kind, rng):
    """A value of what stands before the first | of a fact."""
    if kind in _DRAW:
        return _DRAW[kind](rng)
    if kind.startswith("number:"):
        return "%d%s" % (rng.randint(11, 999) * rng.choice((1, 10)), kind[7:])
    return rng.choice(kind.split(","))


def read_topics(path):
    """[(endings, names when it comes up again, [(kind, clauses, questions)])]"""
    topics = []
    with open(path, encoding="utf-8") as source:
        lines = [line.strip() for line in source if line.strip() and line[0] != "#"]
    for line in lines:
        parts = [part.split("/") for part in line.lstrip("= ").split(" | ")]
        if line.startswith("=="):
            topics.append((parts[0], parts[1], []))
        else:
            topics[-1][2].append((parts[0][0], parts[1], parts[2]))
    return topics


def make_passage(topic, rng):
    """-> (text, [(question, answer, where the answer starts)])"""
    endings, pronouns, facts = topic
    name = rng.choice(_NAMES) + rng.choice(endings)
    text, asked = "", []
    chosen = rng.sample(facts, len(facts))
    for number, (kind, clauses, questions) in enumerate(chosen):
        if number % 2 == 0:
            text += rng.choice(pronouns) if number else name
        before, after = rng.choice(clauses).split("{}")
        value = draw_value(kind, rng)
        asked.append((name + rng.choice(questions) + "？", value, len(text + before)))
        is_last = number % 2 or number == len(chosen) - 1
        text += before + value + after + ("。" if is_last else "，")
    return text, rng.sample(asked, QUESTIONS)


def make_split(split, count, topics, rng, seen):
    """The file of a split in CMRC2018's shape; no passage stands in two splits."""
    data = []
    while len(data) < count:
        text, asked = make_passage(topics[len(data) % len(topics)], rng)
        if text in seen:
            continue
        seen.add(text)
        id_ = "SAMPLE_%s_%d" % (split.upper(), len(data))
        data.append({"id": id_, "title": text[:4], "paragraphs": [{
            "id": id_, "context": text, "qas": [
                {"id": "%s_QUERY_%d" % (id_, number), "question": question,
                 "answers": [{"text": answer, "answer_start": start}]}
                for number, (question, answer, start) in enumerate(asked)]}]})
    return {"version": "sample", "data": data}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output_dir", default=os.path.join("data", "cmrc_sample"))
    parser.add_argument("--seed", type=int, default=20181018)
    args = parser.parse_args()
    os.makedirs(args.output_dir, exist_ok=True)
    topics = read_topics(os.path.join(FOLDER, "cmrc_sample_texts.txt"))
    rng, seen = random.Random(args.seed), set()
    for split, count in SIZES:
        path = os.path.join(args.output_dir, split + ".json")
        with open(path + ".tmp", "w", encoding="utf-8", newline="\n") as out:
            json.dump(make_split(split, count, topics, rng, seen), out,
                      ensure_ascii=False, separators=(",", ":"))
            out.write("\n")
        os.replace(path + ".tmp", path)


if __name__ == "__main__":
    main()
