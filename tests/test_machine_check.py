"""The doctor of a machine: each state it tells apart, and what it says to do."""

import os
import shutil
import subprocess
import sys

import pytest

import version
from tests import toy
from tools import doctor
from tools import machine_check

PINS = {tf: machine_check.read_pins(os.path.join(toy.ROOT, name))
        for tf, name in machine_check.PINS.items()}


def machine(python=(3, 7, 16), packages=None, **changes):
    """A machine on which all is well, but for the changes."""
    tf = machine_check.SUPPORTED.get(python[:2], machine_check.TF_2)
    pins = PINS[tf]
    well = machine_check.Machine(
        python=python, packages={name: pins[name] for name in
                                 ("numpy", "protobuf", "jieba")},
        pins=PINS, tensorflow=machine_check.Probe(tf, [], None), cards=[], hidden=False,
        disk=40 << 30, memory=8 << 30, jieba_cache=("/tmp/jieba.cache", None),
        vocabulary=machine_check.PUBLISHED_VOCABULARY, models=[])
    return well._replace(packages=dict(well.packages, **(packages or {})), **changes)


def bad(seen):
    """{subject: Finding} of what is not ok."""
    return {finding.subject: finding for finding in machine_check.findings(seen)
            if finding.state != machine_check.OK}


@pytest.mark.parametrize("python", sorted(machine_check.SUPPORTED))
def test_on_a_good_machine_every_line_is_ok(python):
    assert bad(machine(python + (1,))) == {}


@pytest.mark.parametrize("python, package, has, state, remedy", [
    ((3, 7, 16), "numpy", "1.21.6", "warning", "pip install numpy==1.18.5"),
    ((3, 7, 16), "numpy", "1.20.0", "warning", "pip install numpy==1.18.5"),
    ((3, 7, 16), "numpy", "1.19.5", "warning", "pip install numpy==1.18.5"),
    ((3, 7, 16), "protobuf", "4.24.4", "problem", "pip install protobuf==3.20.3"),
    ((3, 7, 16), "protobuf", "3.20.1", "warning", "pip install protobuf==3.20.3"),
    ((3, 11, 7), "numpy", "2.0.1", "problem", "pip install numpy==1.26.4"),
    ((3, 11, 7), "numpy", "1.24.0", "warning", "pip install numpy==1.26.4"),
    ((3, 11, 7), "protobuf", "5.29.0", "problem", "pip install protobuf==4.25.8"),
    ((3, 11, 7), "numpy", None, "problem", ". ./env.sh")])
def test_a_neighbour_of_another_version_is_told_with_the_command(
        python, package, has, state, remedy):
    found = bad(machine(python, {package: has}))
    assert list(found) == [package] and found[package].state == state
    assert remedy in found[package].zh and remedy in found[package].en


@pytest.mark.parametrize("subject, state, words, changes", [
    ("Python", "problem", "3.9 to 3.11", dict(python=(3, 12, 1), tensorflow=None)),
    ("Python", "problem", "3.9 to 3.11", dict(python=(3, 8, 18), tensorflow=None)),
    ("TensorFlow", "problem", "env.sh", dict(tensorflow=None)),
    ("TensorFlow", "problem", "below", dict(tensorflow=machine_check.Probe(
        None, [], "TypeError: Descriptors cannot not be created directly."))),
    ("TensorFlow", "warning", "Estimator", dict(tensorflow=machine_check.Probe(
        "1.14.0", [], None))),
    ("GPU", "warning", "CUDA 10.0", dict(cards=["Tesla T4"])),
    ("disk", "warning", "make room", dict(disk=3 << 30)),
    ("disk", "problem", "make room", dict(disk=1 << 29)),
    ("memory", "warning", "--accumulate_steps", dict(memory=3 << 29)),
    ("jieba", "warning", "TMPDIR", dict(jieba_cache=("/tmp/jieba.cache", "unreadable"))),
    ("jieba", "warning", "pip install jieba", dict(packages={"jieba": None})),
    ("vocabulary", "problem", "git checkout", dict(vocabulary="0" * 64)),
    ("vocabulary", "problem", "git checkout", dict(vocabulary=None)),
    ("model", "warning", "git checkout", dict(models=["albert_mini_zh/*.index"]))])
def test_each_trouble_is_told_in_both_languages(subject, state, words, changes):
    found = bad(machine(**changes))
    assert list(found)[0] == subject and found[subject].state == state
    assert set(found) <= {subject, "TensorFlow"}
    assert words in found[subject].en
    printed = machine_check.lines(found[subject])
    assert len(printed) == 3
    assert any("\u4e00" <= character <= "\u9fff" for character in printed[1])
    assert printed[2].isascii()


@pytest.mark.parametrize("changes, words", [
    (dict(cards=[]), "the CPU is used"),
    (dict(cards=["T4"], hidden=True), "CUDA_VISIBLE_DEVICES"),
    (dict(cards=["T4"], tensorflow=machine_check.Probe(
        machine_check.TF_1, ["GPU:0"], None)), "TensorFlow sees 1"),
    (dict(memory=None), "does not say")])
def test_what_is_no_trouble_is_said_too(changes, words):
    found = machine_check.findings(machine(**changes))
    assert all(finding.state == machine_check.OK for finding in found)
    assert any(words in finding.fact for finding in found)


def test_the_version_is_said():
    assert machine_check.findings(machine())[0].fact == version.VERSION


# What is observed.

def test_a_tensorflow_that_does_not_start_is_quoted():
    found = machine_check.probe(
        [sys.executable, "-c", "raise TypeError('Descriptors cannot be created')"])
    assert found == (None, [], "TypeError: Descriptors cannot be created")
    found = machine_check.probe([sys.executable, "-c", "import os; os._exit(9)"])
    assert found.error == "exit code 9"


def test_a_tensorflow_that_starts_tells_its_version():
    found = machine_check.probe(
        [sys.executable, "-c", "print('noise'); print('[\"2.15.1\", [\"GPU:0\"]]')"])
    assert found == ("2.15.1", ["GPU:0"], None)


def test_installed_packages_are_found_and_others_left_out():
    found = machine_check.installed(["pytest", "no-such-package-of-ours"])
    assert found == {"pytest": pytest.__version__}


def test_cards_are_those_of_the_driver_program(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine_check.driver_cards() == []
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'Tesla T4'\n")
    program.chmod(0o755)
    assert machine_check.driver_cards() == ["Tesla T4"]
    program.write_text("#!/bin/sh\necho 'has failed'\nexit 9\n")
    assert machine_check.driver_cards() == []


def test_the_cache_of_jieba_is_read(tmp_path):
    path = tmp_path / "jieba.cache"
    assert machine_check.jieba_cache(str(tmp_path)) == (str(path), None)
    path.write_bytes(b"")
    assert machine_check.jieba_cache(str(tmp_path)) == (str(path), "unreadable")


def test_memory_is_what_the_system_says(tmp_path):
    path = toy.write(tmp_path / "meminfo", "MemTotal: 9 kB\nMemAvailable:    2048 kB\n")
    assert machine_check.free_memory(path) == 2 << 20
    assert machine_check.free_memory(str(tmp_path / "none")) is None


def test_a_damaged_vocabulary_has_another_hash(tmp_path):
    whole = os.path.join(toy.ROOT, "albert_config", "vocab.txt")
    assert machine_check.digest(whole) == machine_check.PUBLISHED_VOCABULARY
    damaged = str(tmp_path / "vocab.txt")
    shutil.copy(whole, damaged)
    with open(damaged, "ab") as out:
        out.write(b"\n")
    assert machine_check.digest(damaged) not in (None, machine_check.PUBLISHED_VOCABULARY)
    assert machine_check.digest(str(tmp_path / "none")) is None


def test_what_an_embedded_model_lacks_is_named(tmp_path):
    parts = ["*.json", "*.index", "*.data-*"]
    for number, model in enumerate(machine_check.EMBEDDED):
        (tmp_path / model).mkdir()
        for name in ("a.json", "a.index", "a.data-00000-of-00001")[:1 + 2 * number]:
            (tmp_path / model / name).write_text("")
    assert machine_check.missing_of_models(str(tmp_path)) == [
        machine_check.EMBEDDED[0] + "/" + part for part in parts[1:]]
    assert len(machine_check.missing_of_models(str(tmp_path / "none"))) == 6


# The command.

def run_doctor(monkeypatch, seen, arguments=()):
    monkeypatch.setattr(machine_check, "observe", lambda: seen)
    return doctor.main(list(arguments))


def test_the_exit_code_says_whether_there_is_a_problem(monkeypatch, capsys):
    assert run_doctor(monkeypatch, machine()) == 0
    assert capsys.readouterr().out.endswith("0 problem(s), 0 warning(s)\n")
    assert run_doctor(monkeypatch, machine(packages={"jieba": None})) == 0
    assert run_doctor(monkeypatch, machine(python=(3, 12, 1))) == 1
    assert "problem  Python      3.12.1\n" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["config"], ["config", "checkpoint"],
                                       ["--helf"]])
def test_an_incomplete_call_is_one_line_and_exit_2(monkeypatch, capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        run_doctor(monkeypatch, machine(), arguments)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_it_starts_on_a_python_that_has_no_packages():
    done = subprocess.run(
        [sys.executable, "-S", "-m", "tools.doctor"], cwd=toy.ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert (done.returncode, done.stderr) == (1, "")
    assert "problem  TensorFlow  not installed" in done.stdout
