"""The programs with toy models and data in place of the real ones, and what runs the
commands of a page of documentation there."""

import glob
import json
import os
import shutil
import sys

import tensorflow.compat.v1 as tf

import modeling
import modeling_google
import pretraining
from tests import toy


def write_weights(folder, model_class, config):
    """As published ones: the encoder and both pre-training heads."""
    folder.mkdir(parents=True)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        model = model_class(config, False, tf.zeros([1, 4], tf.int32))
        pretraining.word_logits(model, [0])
        pretraining.sentence_order_logits(model)
        session.run(tf.global_variables_initializer())
        tf.train.Saver(tf.trainable_variables()).save(
            session, str(folder / "albert_model.ckpt"), write_meta_graph=False)


def write_own_data(folder):
    folder.mkdir()
    for seed, split in enumerate(("train", "dev", "test")):
        rows = toy.pairs(64, seed).replace("\t", ",")
        toy.write(folder / (split + ".csv"), "text_a,text_b,label\n" + rows)
    rows = [dict(zip(("text_a", "text_b"), line.split("\t")))
            for line in toy.pairs(10, 9).splitlines()]
    toy.write(folder / "pairs.tsv", toy.pairs(10, 8))
    toy.write(folder / "new.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def write_models(folder):
    """Toy configs under the real names, and weights where downloads would put them."""
    configs = folder / "albert_config"
    configs.mkdir()
    with open(toy.vocabulary(configs), "a", encoding="utf-8") as vocabulary:
        vocabulary.writelines("##%s\n" % character for character in toy.CHARACTERS)
    for layout, size, archive, model_class, config_class in [
            ("b", "tiny", "albert_tiny_489k", modeling.BertModel, modeling.BertConfig),
            ("g", "tiny_google", "albert_tiny_zh_google", modeling_google.AlbertModel,
             modeling_google.AlbertConfig)]:
        path = str(configs / ("albert_config_%s.json" % size))
        os.rename(toy.config(configs, layout, max_position_embeddings=512,
                             vocab_size=5 + 2 * len(toy.CHARACTERS)), path)
        write_weights(folder / "prev_trained_model" / archive, model_class,
                      config_class.from_json_file(path))


def write_texts(folder):
    """Documents of few sentences: the first of ours, the others of toy characters."""
    for part, documents in (("train", 60), ("held_out", 12)):
        (folder / part).mkdir(parents=True)
        lines = toy.pairs(3 * documents, documents).splitlines()
        toy.write(folder / part / "1.txt", "".join(
            "".join(line.split("\t")[:2]) + "\n" + "\n" * (number % 3 == 2)
            for number, line in enumerate(lines)))


def make(folder):
    """Fills an empty folder (a pathlib.Path); returns it."""
    for pattern in ("*.py", "*.sh", "tools"):
        for path in glob.glob(os.path.join(toy.ROOT, pattern)):
            os.symlink(path, str(folder / os.path.basename(path)))
    write_models(folder)
    write_own_data(folder / "my_data")
    toy.data(folder / "data" / "lcqmc_sample", rows=64)
    write_texts(folder / "my_text")
    for name in ("data", "my_text"):
        shutil.copy(os.path.join(toy.ROOT, "data", "news_zh_1.txt"), str(folder / name))
    return folder


def run(folder, blocks, substitutions):
    """{block: (exit code, output)} of shell commands, run in their order.

    `substitutions` {what is printed: what runs}; each must occur.
    """
    assert all(any(old in block for block in blocks) for old in substitutions)
    environment = dict(os.environ, ALBERT_PYTHON=sys.executable)
    environment.pop("PYTHON", None)
    results = {}
    for block in blocks:
        command = block
        for old, new in substitutions.items():
            command = command.replace(old, new)
        results[block] = toy.run(["bash", "-e", "-c", ". ./env.sh\n" + command],
                                 cwd=str(folder), env=environment)
    return results
