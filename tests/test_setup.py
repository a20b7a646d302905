"""env.sh picks and installs the right Python; the files it and the models stand on.

The interpreters and the driver are stand-ins: nothing is installed here.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = ("bash", "sh", "dirname", "grep", "sort", "timeout", "cat", "sha256sum", "cut",
         "mkdir", "flock", "tail", "cp", "sleep", "rm", "head", "chmod")

# Answers what env.sh asks of a Python, makes "environments", and notes what pip is told.
INTERPRETER = """#!/bin/sh
case "$1 $2" in
    "-m venv") echo "venv" >>"$HOME/log"; rm -rf "$4"; mkdir -p "$4/bin"
               cp "$0" "$4/bin/python" ;;
    "-m pip") sleep "${PIP_SECONDS:-0}"
              for last; do :; done; echo "pip ${last##*/}" >>"$HOME/log"
              if [ -e "$HOME/offline" ]; then echo "ERROR: no network"; exit 1; fi ;;
    *ensurepip*) echo "VERSION $0" ;;
    *tensorflow*) [ -e "$HOME/tensorflow sees it" ] ;;
    -V*) echo "Python VERSION.0" ;;
esac
"""
SHIM = "#!/bin/sh\necho 'command not found' >&2\nexit 127\n"
DRIVER = """#!/bin/sh
case "$1" in
    *compute_cap) echo "CAPABILITY" ;;
    *name) echo "NAME" ;;
esac
"""
OLD_DRIVER = """#!/bin/sh
case "$1" in
    *compute_cap) echo 'Field "compute_cap" is not a valid field to query.'; exit 2 ;;
    *name) echo "NAME" ;;
esac
"""
NO_DRIVER = "#!/bin/sh\necho 'NVIDIA-SMI has failed' \nexit 9\n"


class Machine(object):
    """A checkout, a home and a PATH of its own, with the given programs on it."""

    def __init__(self, folder):
        self.home = folder / "home"
        self.checkout = folder / "a checkout"
        self.bin = folder / "bin"
        for path in (self.home, self.checkout, self.bin):
            path.mkdir()
        for tool in TOOLS:
            os.symlink(shutil.which(tool), str(self.bin / tool))
        for name in os.listdir(ROOT):
            if name == "env.sh" or name.startswith("requirements"):
                shutil.copy(os.path.join(ROOT, name), str(self.checkout))

    def program(self, path, text):
        path = self.bin / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def python(self, version, name=None):
        return self.program(name or "python" + version,
                            INTERPRETER.replace("VERSION", version))

    def gpu(self, capability):
        self.program("nvidia-smi", DRIVER.replace("CAPABILITY", capability))

    def start(self, command, **settings):
        environment = dict(PATH=str(self.bin), HOME=str(self.home), **settings)
        return subprocess.Popen(
            ["bash", "-c", command], cwd=str(self.checkout), env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)

    def run(self, command, **settings):
        process = self.start(command, **settings)
        out, err = process.communicate()
        return process.returncode, out, err

    def choice(self, **settings):
        """(requirements file, name of the interpreter) that env.sh would use."""
        status, out, err = self.run("bash env.sh", **settings)
        assert status == 0, err
        requirements, interpreter = out.splitlines()
        return requirements, os.path.relpath(interpreter, str(self.bin))

    def set_up(self, **settings):
        return self.run('set -euo pipefail; . ./env.sh; echo "$PYTHON"', **settings)

    def log(self):
        path = self.home / "log"
        return path.read_text().split("\n")[:-1] if path.exists() else []


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize("versions, capability, forced, expected", [
    ("3.7 3.11", None, "", "requirements-cpu.txt python3.7"),
    ("3.8 3.12 3.9", None, "", "requirements-tf2-cpu.txt python3.9"),
    ("3.9 3.10 3.11", None, "", "requirements-tf2-cpu.txt python3.11"),
    ("3.7 3.11", None, "1", "requirements-cpu.txt python3.7"),
    ("3.7 3.11", None, "2", "requirements-tf2-cpu.txt python3.11"),
    ("3.7 3.11", "7.5", "", "requirements.txt python3.7"),
    ("3.7 3.11", "7.5", "2", "requirements-tf2.txt python3.11"),
    ("3.11", "7.5", "", "requirements-tf2.txt python3.11"),
    ("3.7 3.11", "9.0", "", "requirements-tf2.txt python3.11"),
    ("3.7 3.11", "8.0", "", "requirements-tf2.txt python3.11"),
    ("3.7 3.11", "12.0", "", "requirements-tf2.txt python3.11"),
    ("3.7 3.11", "9.0", "1", "requirements-cpu.txt python3.7"),
    ("3.7", "9.0", "", "requirements-cpu.txt python3.7"),
])
def test_choice_follows_the_pythons_and_the_card(
        machine, versions, capability, forced, expected):
    for version in versions.split():
        machine.python(version)
    if capability:
        machine.gpu(capability)
    assert " ".join(machine.choice(ALBERT_TF=forced)) == expected


@pytest.mark.parametrize("name, expected", [
    ("Tesla V100-SXM2-16GB", "requirements.txt"), ("Tesla T4", "requirements.txt"),
    ("Quadro RTX 6000", "requirements.txt"), ("A100-SXM4-40GB", "requirements-tf2.txt"),
    ("NVIDIA A10G", "requirements-tf2.txt"), ("RTX A6000", "requirements-tf2.txt"),
    ("GeForce RTX 3090", "requirements-tf2.txt")])
def test_old_driver_that_knows_no_capability_is_asked_for_the_name(
        machine, name, expected):
    machine.python("3.7")
    machine.python("3.11")
    machine.program("nvidia-smi", OLD_DRIVER.replace("NAME", name))
    assert machine.choice()[0] == expected


def test_driver_program_without_a_card_means_no_gpu(machine):
    machine.python("3.7")
    machine.program("nvidia-smi", NO_DRIVER)
    assert machine.choice()[0] == "requirements-cpu.txt"


def test_shim_that_does_not_run_is_passed_over(machine):
    machine.program("python3.7", SHIM)
    machine.python("3.11")
    assert machine.choice() == ("requirements-tf2-cpu.txt", "python3.11")


def test_python_of_a_version_manager_is_found_behind_its_shim(machine):
    machine.program("python3.7", SHIM)
    machine.python("3.7", "pyenv/versions/3.7.9/bin/python")
    machine.python("3.7", "pyenv/versions/3.7.16/bin/python")
    assert machine.choice(PYENV_ROOT=str(machine.bin / "pyenv")) == (
        "requirements-cpu.txt", "pyenv/versions/3.7.16/bin/python")


def test_plain_python3_of_a_right_version_will_do(machine):
    machine.python("3.10", "python3")
    assert machine.choice() == ("requirements-tf2-cpu.txt", "python3")


@pytest.mark.parametrize("version, forced, message", [
    ("3.13", "", "needs Python 3.7 and 2.15.1 needs 3.9, 3.10 or 3.11"),
    ("3.11", "1", "ALBERT_TF=1 needs Python 3.7"),
    ("3.7", "2", "ALBERT_TF=2 needs Python 3.9, 3.10 or 3.11")])
def test_no_fitting_python_is_one_sentence_and_exit_3(machine, version, forced, message):
    machine.python(version, "python3")
    status, out, err = machine.set_up(ALBERT_TF=forced)
    assert (status, out) == (3, "")
    assert message in err and "Python %s.0" % version in err
    assert len(err.splitlines()) == 1
    assert not (machine.checkout / ".venv").exists()


def test_unknown_tensorflow_is_refused(machine):
    machine.python("3.7")
    status, _, err = machine.set_up(ALBERT_TF="3")
    assert status == 2 and "ALBERT_TF=3" in err


def test_second_run_installs_nothing(machine):
    machine.python("3.7")
    status, out, err = machine.set_up()
    assert status == 0, err
    assert machine.log() == ["venv", "pip requirements-cpu.txt"]
    assert out.startswith(str(machine.checkout / ".venv"))
    assert machine.set_up() == (0, out, "")
    assert machine.log() == ["venv", "pip requirements-cpu.txt"]


def test_changed_requirements_make_another_environment(machine):
    machine.python("3.7")
    before = machine.set_up()[1]
    with open(str(machine.checkout / "requirements-cpu.txt"), "a") as stream:
        stream.write("another==1.0\n")
    assert machine.set_up()[1] != before


def test_failed_set_up_says_why_and_is_made_anew(machine):
    machine.python("3.7")
    (machine.home / "offline").write_text("")
    status, out, err = machine.set_up()
    assert (status, out) == (4, "")
    assert "ERROR: no network" in err and ".log" in err
    (machine.home / "offline").unlink()
    assert machine.set_up()[0] == 0
    assert machine.log().count("venv") == 2


def test_moved_checkout_gets_a_new_environment(machine):
    machine.python("3.7")
    machine.set_up()
    moved = machine.checkout.parent / "moved"
    machine.checkout.rename(moved)
    machine.checkout = moved
    assert machine.set_up()[1].startswith(str(moved))
    assert machine.log().count("venv") == 2


def test_two_scripts_at_once_install_once(machine):
    machine.python("3.7")
    command = '. ./env.sh; echo "$PYTHON"'
    both = [machine.start(command, PIP_SECONDS="0.5") for _ in range(2)]
    ends = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert ends[0][0] == ends[1][0] != ""
    assert machine.log() == ["venv", "pip requirements-cpu.txt"]


def test_test_tools_come_on_top_of_the_same_environment(machine):
    machine.python("3.7")
    plain = machine.set_up()[1]
    assert machine.set_up(ALBERT_DEV="1")[1] == plain
    assert machine.log() == [
        "venv", "pip requirements-cpu.txt", "pip requirements-dev.txt"]


def test_interpreter_of_the_user_is_taken_as_it_is(machine):
    mine = machine.python("3.12", "mine")
    assert machine.set_up(ALBERT_PYTHON=mine)[0] == 3
    (machine.home / "tensorflow sees it").write_text("")
    assert machine.set_up(ALBERT_PYTHON=mine) == (0, mine + "\n", "")
    assert machine.log() == []


@pytest.mark.parametrize("capability, remedy", [
    ("7.5", "CUDA 10.0 and cuDNN 7"), ("9.0", "driver of 525.60 or newer")])
def test_gpu_that_tensorflow_does_not_see_is_told_with_the_remedy(
        machine, capability, remedy):
    machine.python("3.7")
    machine.python("3.11")
    machine.gpu(capability)
    for _ in range(2):
        status, _, err = machine.set_up()
        assert status == 0 and remedy in err
    assert "does not see" not in machine.set_up(CUDA_VISIBLE_DEVICES="")[2]
    (machine.home / "tensorflow sees it").write_text("")
    assert machine.set_up()[2] == ""


def test_settings_of_the_user_are_kept(machine):
    machine.python("3.7")
    machine.set_up()
    command = '. ./env.sh; echo "$TF_CPP_MIN_LOG_LEVEL ${CUDA_VISIBLE_DEVICES-unset}"'
    assert machine.run(command)[1] == "2 unset\n"
    assert machine.run(
        command, TF_CPP_MIN_LOG_LEVEL="0", CUDA_VISIBLE_DEVICES="1")[1] == "0 1\n"


def pins(name):
    with open(os.path.join(ROOT, name)) as stream:
        return [line.strip() for line in stream if not line.startswith("#")]


@pytest.mark.parametrize("gpu, cpu", [
    ("requirements.txt", "requirements-cpu.txt"),
    ("requirements-tf2.txt", "requirements-tf2-cpu.txt")])
def test_gpu_and_cpu_requirements_differ_in_tensorflow_alone(gpu, cpu):
    assert pins(gpu)[0].startswith("tensorflow") and pins(cpu)[0].startswith("tensorflow")
    assert pins(gpu)[0].split("==")[1] == pins(cpu)[0].split("==")[1]
    assert pins(gpu)[1:] == pins(cpu)[1:]
    assert all(re.match(r"[\w-]+==[\d.]+$", pin) for pin in pins(cpu))


def test_vocabulary_is_the_published_one():
    with open(os.path.join(ROOT, "albert_config", "vocab.txt"), "rb") as stream:
        data = stream.read()
    assert hashlib.sha256(data).hexdigest() == (
        "45bbac6b341c319adc98a532532882e91a9cefc0329aa57bac9ae761c27b291c")


SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


@pytest.mark.parametrize("name, sizes, other", [
    ("albert_config_tiny", (312, 4, 12, 1248), {"ln_type": "postln"}),
    ("albert_config_base", (768, 12, 12, 3072), {"ln_type": "postln"}),
    ("albert_config_large", (1024, 24, 16, 4096), {"ln_type": "postln"}),
    ("albert_config_xlarge", (2048, 24, 32, 8192), {"ln_type": "postln"}),
    ("albert_config_xxlarge", (4096, 12, 64, 16384), {"ln_type": "preln"}),
    ("bert_config", (768, 12, 12, 3072), {"ln_type": None, "embedding_size": None}),
    ("albert_config_tiny_google", (312, 4, 12, 1248), {"num_hidden_groups": 1}),
    ("albert_config_small_google", (384, 6, 12, 1536), {"num_hidden_groups": 1}),
    ("albert_config_base_google", (768, 12, 12, 3072), {"num_hidden_groups": 1}),
    ("albert_config_large_google", (1024, 24, 16, 4096), {"num_hidden_groups": 1}),
    ("albert_config_xlarge_google", (2048, 24, 16, 8192),
     {"num_hidden_groups": 1, "hidden_act": "relu", "initializer_range": 0.014}),
    ("albert_config_xxlarge_google", (4096, 12, 64, 16384), {"num_hidden_groups": 1}),
])
def test_config_files_hold_the_published_sizes(name, sizes, other):
    expected = dict(zip(SIZES, sizes), embedding_size=128, hidden_act="gelu",
                    initializer_range=0.02, max_position_embeddings=512,
                    type_vocab_size=2, vocab_size=21128, hidden_dropout_prob=0.0,
                    attention_probs_dropout_prob=0.0)
    expected.update(other)
    with open(os.path.join(ROOT, "albert_config", name + ".json")) as stream:
        config = json.load(stream)
    assert {key: config.get(key) for key in expected} == expected
