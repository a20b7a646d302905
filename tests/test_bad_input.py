"""A user's mistake: one message that says what to do, exit code 2, no file changed.

Run as a script, this prints the messages as a table for people.
"""

import hashlib
import os
import subprocess
import sys
import tempfile

import pytest
import tensorflow.compat.v1 as tf

import modeling_google
from tests import forked
from tests import toy

TRAIN = dict(do_train=True, do_eval=True)


class World(object):
    """Toy data, bad files beside it, a finished run, and layout-G weights."""

    def __init__(self, folder, scripts):
        self.folder = str(folder)
        self.scripts = scripts
        toy.setup(self.folder)
        toy.config(self.folder, "g")
        good = toy.pairs(20, 7)
        self.file("two_columns.txt", good + "天地\t玄黄\n" + good)
        self.file("label.txt", good + "天地\t玄黄\t好\n" + good)
        self.file("gbk.txt", good, "gbk")
        self.file("empty.txt", "")
        rows = [line.split("\t") for line in good.splitlines()]
        single = "".join("%s\t%s\n" % (row[2], row[0]) for row in rows)
        self.file("own_train.tsv", "label\ttext\n" + single)
        self.file("own_dev.tsv", "label\ttext\n" + single + "2\t天地\n")
        other_size = toy.config(self.folder, "b", vocab_size=99)
        os.rename(other_size, self.path("vocab_99.json"))
        toy.config(self.folder, "b")
        code, said = self.run("b", OTHER_RUN)
        assert code == 0, said
        self.save_google_weights()

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def file(self, name, text, encoding="utf-8"):
        toy.write(self.path(name), text, encoding)

    def save_google_weights(self):
        config = modeling_google.AlbertConfig.from_json_file(self.path("config_g.json"))
        os.makedirs(self.path("weights_g"))
        with tf.Graph().as_default(), tf.Session() as session:
            ids = tf.zeros([1, 4], tf.int32)
            modeling_google.AlbertModel(config, False, ids, ids, ids)
            session.run(tf.global_variables_initializer())
            tf.train.Saver().save(session, self.path("weights_g", "albert.ckpt"))

    def run(self, layout, flags):
        """(exit code, messages); a path in `flags` begins with {}."""
        flags = {name: value.format(self.folder) if isinstance(value, str) else value
                 for name, value in dict(TRAIN, **flags).items()}
        command = toy.command(self.folder, layout, **flags)
        return self.scripts.run(command[command.index("ignore") + 1:])

    def snapshot(self):
        """{path: hash} of every file and None for every folder."""
        found = {}
        for folder, _, names in os.walk(self.folder):
            found[folder] = None
            for name in names:
                with open(os.path.join(folder, name), "rb") as source:
                    found[os.path.join(folder, name)] = hashlib.sha256(
                        source.read()).hexdigest()
        return found


OWN = {"task_name": "custom", "data_dir": None, "train_file": "{}/own_train.tsv"}
OTHER_RUN = {"output_dir": "{}/run_b", "num_train_epochs": 1, "do_eval": False}
# name: (layout, flags, what the message must hold)
CASES = {
    "misspelt flag": ("b", {"do_evla": True}, ["do_evla", "do_eval"]),
    "unknown task": ("b", {"task_name": "lcqcm"}, ["lcqcm", "lcqmc|", "custom"]),
    "required flags left out": (
        "b", {"vocab_file": None, "output_dir": None}, ["--output_dir, --vocab_file"]),
    "a number out of range": (
        "b", {"train_batch_size": 0}, ["--train_batch_size=0", "positive"]),
    "nothing to do": (
        "b", {"do_train": None, "do_eval": None}, ["--do_train", "--do_predict"]),
    "missing data file": (
        "b", {"train_file": "{}/none.txt"}, ["{}/none.txt", "No such file"]),
    "missing data folder": ("b", {"data_dir": "{}/none"}, ["{}/none", "no folder"]),
    "training without dev": ("b", OWN, ["--dev_file"]),
    "missing config": ("b", {"bert_config_file": "{}/none.json"}, ["{}/none.json"]),
    "missing vocabulary": ("b", {"vocab_file": "{}/none.txt"}, ["{}/none.txt"]),
    "wrong checkpoint name": (
        "b", {"init_checkpoint": "{}/weights_g/albert_model.ckpt"},
        ["No checkpoint", "Did you mean {}/weights_g/albert.ckpt?"]),
    "no checkpoint to score": (
        "b", {"do_train": None},
        ["No checkpoint in --output_dir", "--init_checkpoint"]),
    "layout G weights, layout B config": (
        "b", {"init_checkpoint": "{}/weights_g"},
        ["weights_g", "layout G", "config_b.json", "run_classifier_sp_google.py"]),
    "layout B weights, layout G config": (
        "g", {"init_checkpoint": "{}/run_b"},
        ["run_b", "layout B", "config_g.json", "run_classifier.py"]),
    "layout G weights scored with a layout B config": (
        "b", {"init_checkpoint": "{}/weights_g", "do_train": None},
        ["layout G", "run_classifier_sp_google.py"]),
    "layout G config in the layout B program": (
        "b", {"bert_config_file": "{}/config_g.json"},
        ["config_g.json", "num_hidden_groups", "run_classifier_sp_google.py"]),
    "pre-trained weights scored": (
        "g", {"init_checkpoint": "{}/weights_g", "do_train": None},
        ["no such head", "output_weights", "--do_train"]),
    "vocabulary of another size": (
        "b", {"bert_config_file": "{}/vocab_99.json"}, ["29", "99", "vocab_99.json"]),
    "max_seq_length above the positions": (
        "b", {"max_seq_length": 65}, ["--max_seq_length=65", "64 positions"]),
    "row with 2 columns": (
        "b", {"train_file": "{}/two_columns.txt"},
        ["{}/two_columns.txt:21:", "found 2"]),
    "label that lcqmc does not have": (
        "b", {"dev_file": "{}/label.txt"}, ["{}/label.txt:21:", "'好'", "0, 1"]),
    "label not seen in training (custom)": (
        "b", dict(OWN, dev_file="{}/own_dev.tsv"),
        ["{}/own_dev.tsv:22:", "'2'", "0, 1"]),
    "GBK file": ("b", {"dev_file": "{}/gbk.txt"}, ["{}/gbk.txt", "not UTF-8", "iconv"]),
    "empty file": ("b", {"train_file": "{}/empty.txt"}, ["{}/empty.txt is empty"]),
    "output folder of another run": (
        "b", dict(OTHER_RUN, learning_rate=0.5, train_file="{}/data/dev.txt"),
        ["{}/run_b", "--learning_rate was 0.003, is 0.5", "train data: was 96 rows",
         "is 40 rows", "--overwrite_output_dir"]),
    "output folder of the same run": (
        "b", OTHER_RUN, ["finished", "--resume", "nothing differs"]),
    "resuming with other settings": (
        "b", dict(OTHER_RUN, seed=2, resume=True), ["--seed was 12345, is 2"]),
    "overwriting the weights to start from": (
        "b", dict(OTHER_RUN, overwrite_output_dir=True, init_checkpoint="{}/run_b"),
        ["--overwrite_output_dir would remove the weights", "run_b/model.ckpt-12"]),
    "several seeds where one run is": (
        "b", dict(OTHER_RUN, num_seeds=2), ["{}/run_b", "--num_seeds"]),
    "an output folder that is a file": (
        "b", {"output_dir": "{}/empty.txt"}, ["--output_dir={}/empty.txt"]),
    "a batch that cannot be sliced": (
        "b", {"accumulate_steps": 3}, ["--train_batch_size=8", "--accumulate_steps"]),
    "more GPUs than there are": ("b", {"num_gpus": 99}, ["--num_gpus=99"]),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with forked.Scripts() as scripts:
        yield World(tmp_path_factory.mktemp("world"), scripts)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_mistake_is_one_message_and_changes_no_file(world, name):
    layout, flags, expected = CASES[name]
    before = world.snapshot()
    code, said = world.run(layout, flags)
    assert code == 2, said
    assert "Traceback" not in said
    message = said[said.index("error: "):]
    assert message.count("error: ") == 1
    for phrase in expected:
        assert phrase.format(world.folder) in message
    assert world.snapshot() == before


def test_help_lists_the_flags_and_is_no_mistake():
    script = os.path.join(toy.ROOT, "run_classifier.py")
    code, said = toy.run([sys.executable, "-W", "ignore", script, "--help"])
    assert code == 0
    for flag in ("--bert_config_file", "--[no]do_train", "--init_checkpoint"):
        assert flag in said


def test_tensorflow_says_nothing_before_the_message(world):
    result = subprocess.run(
        toy.command(world.folder, task_name="lcqcm"), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True)
    assert result.stderr.startswith("error: ")
    assert not result.stdout


def print_table():
    """The messages as Markdown, for people."""
    with tempfile.TemporaryDirectory() as folder, forked.Scripts() as scripts:
        world = World(folder, scripts)
        print("| case | exit code | what is printed |\n|---|---|---|")
        for name, (layout, flags, _) in CASES.items():
            code, said = world.run(layout, flags)
            message = said[said.index("error: "):].strip().replace(folder, "…")
            print("| %s | %d | %s |" % (
                name, code, message.replace("|", "\\|").replace("\n", "<br>")))


if __name__ == "__main__":
    print_table()
