"""The shell scripts, with a stand-in for Python that notes how it was called."""

import json
import os
import shutil
import subprocess
import sys

import pytest

import errors
from tools import show_accuracy

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCRIPTS = sorted(name for name in os.listdir(ROOT) if name.endswith(".sh"))

# `tools.download WHAT` exits with the number in the file WHAT of the home folder; a run
# notes its arguments in run.json of its home, one call after another.
INTERPRETER = """#!%s
import json, os, sys
home, arguments = os.environ["HOME"], sys.argv[1:]
if arguments[0] == "-c":
    sys.exit(0)
with open(os.path.join(home, "calls"), "a") as stream:
    stream.write(json.dumps(arguments) + "\\n")
if arguments[:2] == ["-m", "tools.download"]:
    with open(os.path.join(home, arguments[2])) as stream:
        sys.exit(int(stream.read()))
if arguments[:2] == ["-m", "tools.show_accuracy"]:
    print("test accuracy: 0.9000 (500 rows)")
""" % sys.executable


class Checkout(object):
    """The scripts in a folder of their own, started from its parent."""

    script = "run_classifier_lcqmc.sh"

    def __init__(self, folder):
        self.home, self.folder = folder, folder / "a checkout"
        self.folder.mkdir()
        for name in SCRIPTS:
            shutil.copy(os.path.join(ROOT, name), str(self.folder))
        self.python = folder / "python"
        self.python.write_text(INTERPRETER)
        self.python.chmod(0o755)
        self.download(lcqmc=3, model=3, clue=3)

    def download(self, **ends):
        for what, status in ends.items():
            (self.home / what).write_text(str(status))

    def file(self, path, text=""):
        path = self.home / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, *arguments, **settings):
        environment = dict(PATH=os.environ["PATH"], HOME=str(self.home),
                           ALBERT_PYTHON=str(self.python), **settings)
        process = subprocess.Popen(
            ["bash", str(self.folder / self.script)] + list(arguments),
            cwd=str(self.home), env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, universal_newlines=True)
        out, err = process.communicate()
        return process.returncode, out, err

    def calls(self, word):
        """Arguments of the calls in which `word` is one."""
        path = self.home / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [call for call in map(json.loads, lines) if word in call]

    def training(self, *arguments, **settings):
        """Flags of the one training that a run of the script starts."""
        before = len(self.calls("--do_train"))
        status, _, err = self.run(*arguments, **settings)
        assert status == 0, err
        new = self.calls("--do_train")[before:]
        assert len(new) == 1
        return dict(f.partition("=")[::2] for f in new[0][1:]), new[0][0]


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS + [".ci/run"])
def test_script_is_valid_bash(script):
    subprocess.check_call(["bash", "-n", os.path.join(ROOT, script)])


def test_offline_run_uses_the_sample_and_says_so(checkout):
    status, out, err = checkout.run()
    assert status == 0
    assert "LCQMC cannot be reached" in err and "going on with random weights" in err
    assert "test accuracy: 0.9000" in out
    assert "lcqmc_sample" in out and "not comparable with LCQMC" in out
    assert "random start" in out
    flags, script = checkout.training()
    assert script == "run_classifier.py"
    assert flags["--data_dir"] == "data/lcqmc_sample"
    assert flags["--bert_config_file"] == "albert_config/albert_config_tiny.json"
    assert flags["--vocab_file"] == "albert_config/vocab.txt"
    assert "--init_checkpoint" not in flags


def test_downloaded_data_and_model_are_used(checkout):
    checkout.download(lcqmc=0, model=0)
    status, out, _ = checkout.run()
    assert status == 0 and "not comparable" not in out
    assert "Data: LCQMC" in out and "albert_tiny_489k" in out
    flags, _ = checkout.training()
    assert flags["--data_dir"] == "data/lcqmc"
    assert flags["--init_checkpoint"] == "prev_trained_model/albert_tiny_489k"
    assert flags["--learning_rate"] == "1e-4"


@pytest.mark.parametrize("ends, status", [
    (dict(lcqmc=4), 4), (dict(lcqmc=2), 2), (dict(lcqmc=0, model=4), 4)])
def test_download_of_wrong_content_starts_no_training(checkout, ends, status):
    checkout.download(**ends)
    assert checkout.run()[0] == status
    assert checkout.calls("--do_train") == []


def test_own_data_is_neither_copied_nor_replaced_by_a_download(checkout):
    mine = checkout.file("my data/train.txt", "mine")
    flags, _ = checkout.training(LCQMC_DIR="my data")
    assert flags["--data_dir"] == str(mine.parent)
    assert checkout.calls("lcqmc") == []


def test_own_model_brings_its_config_and_vocabulary(checkout):
    model = checkout.file("a model/my_config_x.json").parent
    checkout.file("a model/vocab.txt")
    flags, _ = checkout.training(MODEL_DIR="a model/")
    assert flags["--init_checkpoint"] == str(model)
    assert flags["--bert_config_file"] == str(model / "my_config_x.json")
    assert flags["--vocab_file"] == str(model / "vocab.txt")
    assert checkout.calls("model") == []


def test_model_that_was_unpacked_by_hand_is_used(checkout):
    checkout.file("a checkout/prev_trained_model/albert_tiny_489k/albert_model.ckpt.index")
    flags, _ = checkout.training()
    assert flags["--init_checkpoint"] == "prev_trained_model/albert_tiny_489k"
    assert checkout.calls("model") == []


def test_google_layout_takes_its_script_config_and_model(checkout):
    flags, script = checkout.training(LAYOUT="g")
    assert script == "run_classifier_sp_google.py"
    assert flags["--albert_config_file"] == (
        "albert_config/albert_config_tiny_google.json")
    assert checkout.calls("albert_tiny_zh_google")


@pytest.mark.parametrize("settings", [
    dict(LCQMC_DIR="nowhere"), dict(MODEL_DIR="nowhere"), dict(LAYOUT="x")])
def test_wrong_setting_stops_before_training(checkout, settings):
    status, _, err = checkout.run(**settings)
    assert status == 2 and list(settings.values())[0] in err
    assert checkout.calls("--do_train") == []


def test_finished_run_stays_and_the_next_gets_a_number(checkout):
    assert checkout.training()[0]["--output_dir"] == "lcqmc_output"
    for folder in ("lcqmc_output", "lcqmc_output_2"):
        checkout.file("a checkout/%s/run.json" % folder, '{\n "finished": true\n}')
    flags, _ = checkout.training()
    assert flags["--output_dir"] == "lcqmc_output_3" and "--resume" not in flags


def test_unfinished_run_is_resumed_and_may_be_overwritten(checkout):
    checkout.file("out put/run.json", '{\n "finished": false\n}')
    flags, _ = checkout.training(OUTPUT_DIR="out put")
    assert "--resume" in flags and "--overwrite_output_dir" not in flags
    assert flags["--output_dir"] == str(checkout.home / "out put")
    flags, _ = checkout.training(OUTPUT_DIR="out put", OVERWRITE="1")
    assert "--resume" not in flags and "--overwrite_output_dir" in flags


def test_files_of_the_user_stay(checkout):
    mine = [checkout.file("a checkout/%s/mine" % folder, "mine") for folder in (
        "lcqmc_output", "data/lcqmc", "prev_trained_model/albert_tiny_489k")]
    for settings in ({}, dict(OVERWRITE="1")):
        checkout.training(**settings)
    assert [path.read_text() for path in mine] == ["mine"] * 3


def test_flags_of_the_user_come_last(checkout):
    checkout.training("--num_train_epochs=1", "--seed=7")
    assert checkout.calls("--do_train")[0][-2:] == ["--num_train_epochs=1", "--seed=7"]


def test_failed_training_fails_the_script(checkout):
    text = checkout.python.read_text()
    checkout.python.write_text(text + "if '--do_train' in arguments: sys.exit(9)\n")
    status, out, _ = checkout.run()
    assert (status, out) == (9, "")


@pytest.mark.parametrize("failing, status", [("", 0), ("1", 1), ("2", 1)])
def test_ci_fails_where_either_version_does(tmp_path, failing, status):
    (tmp_path / ".ci").mkdir()
    shutil.copy(os.path.join(ROOT, ".ci", "run"), str(tmp_path / ".ci"))
    (tmp_path / "run_tests.sh").write_text(
        'echo "TF $ALBERT_TF"; [ "$ALBERT_TF" != "%s" ]' % failing)
    process = subprocess.Popen(["bash", ".ci/run"], cwd=str(tmp_path),
                               stdout=subprocess.PIPE, universal_newlines=True)
    assert process.communicate()[0] == "TF 1\nTF 2\n"
    assert process.returncode == status


def test_accuracy_is_shown_for_one_seed_and_for_several(tmp_path, capsys):
    results = {"dev": {"eval_accuracy": 0.81234, "rows": 500},
               "test": {"eval_accuracy": {"mean": 0.8, "std": 0.01, "values": [1, 2]}}}
    (tmp_path / "eval_results.json").write_text(json.dumps(results))
    show_accuracy.main(str(tmp_path))
    assert capsys.readouterr().out == (
        "dev accuracy: 0.8123 (500 rows)\ntest accuracy: 0.8000 +- 0.0100 over 2 seeds\n")
    with pytest.raises(errors.InputError, match="finished run"):
        show_accuracy.main(str(tmp_path / "nowhere"))
