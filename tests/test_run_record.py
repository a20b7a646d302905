"""A folder belongs to one run: claimed, refused, resumed, overwritten."""

import json
import os

import pytest

import errors
import run_record
import version

SETTINGS = {"learning_rate": 0.1, "seed": 1, "resume": False, "eval_batch_size": 8}
FACTS = {"task": "lcqmc", "train data": "3 rows (aa)"}


@pytest.fixture(name="folder")
def fixture_folder(tmp_path):
    return str(tmp_path / "output")


@pytest.fixture(name="config")
def fixture_config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text("{}")
    return path


def record(config, facts=FACTS, **changes):
    return run_record.describe(
        dict(SETTINGS, **changes), {"config": str(config)}, facts, "1.15.5")


def files(folder):
    return sorted(os.listdir(folder))


def refusal(folder, new, resume=False, overwrite=False):
    """The message; asserts that the folder is as before."""
    before = {name: open(os.path.join(folder, name), "rb").read()
              for name in files(folder)}
    with pytest.raises(errors.InputError) as caught:
        run_record.claim(folder, new, resume, overwrite)
    assert before == {name: open(os.path.join(folder, name), "rb").read()
                      for name in files(folder)}
    return str(caught.value)


def test_a_fresh_folder_is_claimed_and_says_what_it_is_made_of(folder, config):
    assert not run_record.claim(folder, record(config), False, False)
    found = run_record.read(folder)
    assert found["settings"] == SETTINGS and found["facts"] == FACTS
    assert found["files"]["config"]["sha256"] == run_record.sha256(str(config))
    assert found["versions"]["tensorflow"] == "1.15.5"
    assert found["versions"]["albert_zh"] == version.VERSION
    assert not found["finished"]


def test_another_run_is_refused_with_all_that_differs(folder, config):
    run_record.claim(folder, record(config), False, False)
    config.write_text('{"changed": 1}')
    changed = record(config, dict(FACTS, **{"train data": "4 rows (bb)"}), seed=2)
    message = refusal(folder, changed)
    for phrase in ("unfinished", "--seed was 1, is 2", "config.json) has changed",
                   "train data: was 3 rows (aa), is 4 rows (bb)"):
        assert phrase in message
    assert "learning_rate" not in message and "task:" not in message
    assert "different" in refusal(folder, changed, resume=True)


def test_the_same_run_is_refused_and_told_of_resume(folder, config):
    run_record.claim(folder, record(config), False, False)
    run_record.mark_finished(folder)
    message = refusal(folder, record(config))
    assert "finished" in message and "--resume" in message and "nothing diff" in message


def test_resuming_takes_what_is_only_watched_from_the_new_command(folder, config):
    run_record.claim(folder, record(config), False, False)
    run_record.mark_finished(folder)
    again = record(config, dict(FACTS, **{"dev data": "1 row"}), eval_batch_size=16,
                   resume=True)
    assert run_record.claim(folder, again, True, False)
    found = run_record.read(folder)
    assert found["settings"]["eval_batch_size"] == 16 and found["finished"]


def test_resuming_nothing_begins(folder, config):
    assert not run_record.claim(folder, record(config), True, False)


def test_resume_and_overwrite_exclude_each_other(folder, config):
    run_record.claim(folder, record(config), False, False)
    assert "not both" in refusal(folder, record(config), True, True)


def make_outputs(folder):
    os.makedirs(os.path.join(folder, "best"))
    for name in ("model.ckpt-3.index", "labels.txt", "eval_results.json", "best/x",
                 "events.out.tfevents.1"):
        open(os.path.join(folder, name), "w").close()


def test_overwriting_removes_a_runs_outputs_and_keeps_the_users_files(folder, config):
    run_record.claim(folder, record(config), False, False)
    make_outputs(folder)
    mine = ["model.ckpt.md", "my_best", "notes.txt"]
    for name in mine:
        open(os.path.join(folder, name), "w").close()
    assert not run_record.claim(folder, record(config, seed=5), False, True)
    assert files(folder) == sorted(mine + ["run.json"])
    assert run_record.read(folder)["settings"]["seed"] == 5


def test_a_removal_that_is_killed_can_be_begun_again(folder, config, monkeypatch):
    run_record.claim(folder, record(config), False, False)
    make_outputs(folder)

    def fails(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "remove", fails)
    with pytest.raises(KeyboardInterrupt):
        run_record.claim(folder, record(config), False, True)
    monkeypatch.undo()
    assert "run.json" in files(folder)
    run_record.claim(folder, record(config), False, True)
    assert files(folder) == ["run.json"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["labels.txt", "model.ckpt-7.index", "checkpoint"])
def test_files_of_somebody_else_are_not_overwritten(folder, config, name, overwrite):
    os.makedirs(folder)
    with open(os.path.join(folder, name), "w") as out:
        out.write("mine")
    assert name in refusal(folder, record(config), overwrite=overwrite)


def test_a_damaged_record_is_refused_unless_overwritten(folder, config):
    run_record.claim(folder, record(config), False, False)
    with open(os.path.join(folder, "run.json"), "w") as out:
        out.write('{"settings": ')
    for resume in (False, True):
        assert "run.json is damaged" in refusal(folder, record(config), resume)
    run_record.claim(folder, record(config), False, True)
    assert run_record.read(folder)["settings"] == SETTINGS


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = str(tmp_path / "results.json")
    run_record.write_json(path, {"old": 1})

    def fails(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError):
        run_record.write_json(path, {"new": 1})
    with open(path) as source:
        assert json.load(source) == {"old": 1}
