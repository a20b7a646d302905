"""run_classifier_clue.sh with a stand-in for Python: what it asks for and survives."""

import pytest

from tests import test_one_click

TASKS = ["afqmc", "cmnli", "csl", "iflytek", "tnews", "wsc"]


class Checkout(test_one_click.Checkout):
    script = "run_classifier_clue.sh"

    def trainings(self, *arguments, **settings):
        """{task: flags} of the trainings that a run of the script starts."""
        before = len(self.calls("--do_train"))
        status, _, err = self.run(*arguments, **settings)
        assert status == 0, err
        calls = self.calls("--do_train")[before:]
        flags = [dict(f.partition("=")[::2] for f in call[1:]) for call in calls]
        return {one["--task_name"]: dict(one, script=call[0])
                for one, call in zip(flags, calls)}

    def fail_at(self, task, status):
        text = self.python.read_text()
        self.python.write_text(
            text + "if '--task_name=%s' in arguments: sys.exit(%d)\n" % (task, status))


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


def test_offline_all_six_tasks_train_on_the_sample_and_it_is_called_that(checkout):
    status, _, err = checkout.run()
    assert status == 0
    assert "CLUE cannot be reached" in err and "embedded sample" in err
    found = checkout.trainings()
    assert sorted(found) == TASKS
    for task, flags in found.items():
        assert flags["--data_dir"] == "data/clue_sample"
        assert flags["--output_dir"] == "clue_output/" + task
        assert {"--do_train", "--do_eval", "--do_predict", "--resume"} <= set(flags)
        assert "--init_checkpoint" not in flags and "--max_rows" not in flags
        assert (flags["--learning_rate"], flags["--train_batch_size"]) == ("1e-4", "32")
    summary = checkout.calls("tools.clue_summary")[-1]
    assert summary[2] == "clue_output"
    assert any("this is not CLUE" in word for word in summary)
    assert any("random start" in word for word in summary)
    assert checkout.calls("tools.clue_check")[-1][2:] == [
        "clue_output/submission.zip", "--data", "data/clue_sample"]


RECIPES = {  # COMPAT 11: length, batch, rate, epochs, steps between checkpoints
    "afqmc": ("128", "16", "2e-5", "3", "300"),
    "cmnli": ("128", "64", "3e-5", "2", "300"),
    "csl": ("128", "16", "1e-5", "5", "100"),
    "iflytek": ("128", "32", "2e-5", "3", "300"),
    "tnews": ("128", "16", "2e-5", "3", "300"),
    "wsc": ("128", "16", "1e-5", "10", "10")}


def test_with_clue_and_a_model_each_task_has_its_published_recipe(checkout):
    checkout.download(clue=0, model=0)
    found = checkout.trainings()
    names = ("--max_seq_length", "--train_batch_size", "--learning_rate",
             "--num_train_epochs", "--save_checkpoints_steps")
    assert {task: tuple(flags[name] for name in names)
            for task, flags in found.items()} == RECIPES
    assert {flags["--data_dir"] for flags in found.values()} == {"data/clue"}
    assert {flags["--init_checkpoint"] for flags in found.values()} == {
        "prev_trained_model/albert_tiny_489k"}


def test_settings_take_the_place_of_the_recipe(checkout):
    folder = checkout.file("my clue/tnews/train.json").parent.parent
    found = checkout.trainings(
        "tnews", "--seed=7", CLUE_DIR="my clue", OUTPUT_DIR="out put", EPOCHS="7",
        SEEDS="3", LEARNING_RATES="2e-5,1e-4", MAX_ROWS="100", LAYOUT="g",
        OVERWRITE="1")
    assert sorted(found) == ["tnews"]
    flags = found["tnews"]
    assert flags["script"] == "run_classifier_sp_google.py"
    assert flags["--data_dir"] == str(folder)
    assert flags["--output_dir"] == str(checkout.home / "out put" / "tnews")
    assert flags["--num_train_epochs"] == "7" and flags["--num_seeds"] == "3"
    assert flags["--learning_rate"] == "2e-5,1e-4" and flags["--max_rows"] == "100"
    assert flags["--seed"] == "7"
    assert "--overwrite_output_dir" in flags and "--resume" not in flags
    assert checkout.calls("clue") == []
    # The first rows alone are no submission.
    assert "--data" not in checkout.calls("tools.clue_check")[-1]


def test_a_failed_task_does_not_stop_the_others_and_fails_the_script(checkout):
    checkout.fail_at("csl", 1)
    status, _, err = checkout.run()
    assert status == 1 and "Failed, see above: csl." in err
    assert [dict(f.partition("=")[::2] for f in call[1:])["--task_name"]
            for call in checkout.calls("--do_train")] == TASKS
    assert checkout.calls("tools.clue_summary") and checkout.calls("tools.clue_check")


@pytest.mark.parametrize("status", [130, 143])
def test_an_interrupted_task_ends_the_script(checkout, status):
    checkout.fail_at("cmnli", status)
    assert checkout.run()[0] == status
    assert len(checkout.calls("--do_train")) == 2
    assert not checkout.calls("tools.clue_summary")


def test_a_submission_that_does_not_pass_fails_the_script(checkout):
    text = checkout.python.read_text()
    checkout.python.write_text(
        text + "if 'tools.clue_check' in arguments: sys.exit(1)\n")
    assert checkout.run("wsc")[0] == 1


def test_a_task_whose_download_failed_is_not_replaced_by_the_sample(checkout):
    checkout.download(clue=4)
    found = checkout.trainings("tnews", "wsc")
    assert {flags["--data_dir"] for flags in found.values()} == {"data/clue"}
    assert checkout.calls("clue")[0] == [
        "-m", "tools.download", "clue", "tnews", "wsc", "--to", "data/clue"]


@pytest.mark.parametrize("arguments, settings, message", [
    (["tnew"], {}, "tnew is no task; there are: afqmc cmnli"),
    ([], dict(CLUE_DIR="nowhere"), "CLUE_DIR"), ([], dict(LAYOUT="x"), "LAYOUT=x"),
    ([], dict(MODEL_DIR="nowhere"), "MODEL_DIR")])
def test_a_wrong_setting_stops_before_training(checkout, arguments, settings, message):
    status, _, err = checkout.run(*arguments, **settings)
    assert status == 2 and message in err
    assert checkout.calls("--do_train") == []


def test_the_script_is_short():
    with open(test_one_click.ROOT + "/run_classifier_clue.sh") as source:
        assert len(source.readlines()) < 50


def test_files_of_the_user_stay(checkout):
    mine = [checkout.file("a checkout/%s/mine" % folder, "mine") for folder in (
        "clue_output", "clue_output/wsc", "data/clue/wsc")]
    for settings in ({}, dict(OVERWRITE="1")):
        checkout.trainings("wsc", **settings)
    assert [path.read_text() for path in mine] == ["mine"] * 3
