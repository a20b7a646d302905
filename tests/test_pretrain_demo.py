"""The demonstration from corpus to exported model, with three updates of it."""

import os
import re
import sys

from tests import toy

SCRIPT = os.path.join(toy.ROOT, "resources", "shell_scripts", "pretrain_demo.sh")


def run(folder, *tasks):
    return toy.run(["bash", SCRIPT] + list(tasks), env=dict(
        os.environ, ALBERT_PYTHON=sys.executable, STEPS="2", AGAIN="1", SEEDS="2",
        EPOCHS="1", CORPUS=str(folder / "text.txt"), OUTPUT_DIR=str(folder / "demo")))


def test_a_corpus_becomes_a_model_and_a_second_call_finds_it_finished(tmp_path):
    with open(os.path.join(toy.ROOT, "data", "news_zh_1.txt"), encoding="utf-8") as text:
        documents = text.read().strip().split("\n\n")
    documents = (documents * 5)[:50]  # the fiftieth is held out
    toy.write(tmp_path / "text.txt", "\n\n".join(documents) + "\n")
    code, said = run(tmp_path)
    assert code == 0 and "Step 2: held-out loss" in said, said
    assert said.count("Step 1: held-out loss") == 1, said
    assert sorted(os.listdir(str(tmp_path / "demo" / "model"))) == [
        "albert_config_mini.json", "albert_model.ckpt.data-00000-of-00001",
        "albert_model.ckpt.index", "checkpoint", "vocab.txt"]
    assert os.path.getsize(
        str(tmp_path / "demo/model/albert_model.ckpt.data-00000-of-00001")) < 12e6
    held = (tmp_path / "demo" / "held.txt").read_text(encoding="utf-8").strip()
    assert held == documents[49]
    once, twice = (tmp_path / "demo" / "twice.txt").read_text(
        encoding="utf-8").split("\n\n")[:2]
    assert once == documents[0]
    assert sorted(twice.split("\n")) == sorted(2 * once.split("\n"))
    os.makedirs(str(tmp_path / "pairs"))
    for part in ("train", "dev"):
        toy.write(tmp_path / "pairs" / (part + ".txt"),
                  "怎么还款\t如何还款\t1\n你好\t再见\t0\n" * 4)
    code, said = run(tmp_path, "lcqmc=%s/pairs" % tmp_path)
    assert code == 0 and "training has finished already, at step 2" in said, said
    assert "pre-trained" in said and re.search(r"^lcqmc +[0-9.]+ \+- ", said, re.M), said


def test_a_task_that_is_no_folder_is_refused(tmp_path):
    code, said = run(tmp_path, "lcqmc=%s/none" % tmp_path)
    assert code == 2 and "give NAME=FOLDER" in said
    assert not os.path.exists(str(tmp_path / "demo"))
