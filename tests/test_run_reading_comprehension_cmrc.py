"""The one-click script of reading comprehension, with a stand-in for Python."""

import pytest

from tests import readme
from tests import test_one_click


@pytest.fixture(name="checkout")
def fixture_checkout(tmp_path):
    checkout = test_one_click.Checkout(tmp_path)
    checkout.script = "run_reading_comprehension_cmrc.sh"
    checkout.download(reading=3)
    checkout.file("a checkout/data/cmrc_sample/dev.json")
    checkout.file("a checkout/data/cmrc2018/cmrc2018_dev.json")
    return checkout


def test_offline_run_uses_the_sample_and_says_so(checkout):
    flags, script = checkout.training()
    assert script == "run_reading_comprehension.py"
    assert flags["--data_dir"] == "data/cmrc_sample"
    assert flags["--bert_config_file"] == "albert_config/albert_config_tiny.json"
    assert flags["--output_dir"] == "cmrc_output"
    assert {name[2:] for name in flags} <= set(readme.declared_flags(script))
    status, out, err = checkout.run()
    assert status == 0 and "CMRC2018 cannot be reached" in err
    assert "not comparable with CMRC2018" in out and "random start" in out
    baseline, model = checkout.calls("tools.score_reading_comprehension")[-2:]
    assert baseline[2:] == ["data/cmrc_sample/dev.json", "--baseline"]
    assert model[2:] == ["data/cmrc_sample/dev.json", "cmrc_output/dev_predictions.json"]


def test_downloaded_data_and_model_are_used_in_either_layout(checkout):
    checkout.download(reading=0, model=0)
    flags, script = checkout.training(LAYOUT="g")
    assert script == "run_reading_comprehension.py"
    assert flags["--data_dir"] == "data/cmrc2018"
    assert flags["--albert_config_file"].endswith("albert_config_tiny_google.json")
    assert flags["--init_checkpoint"] == "prev_trained_model/albert_tiny_zh_google"
    assert flags["--max_seq_length"] == "512"
    assert checkout.calls("tools.score_reading_comprehension")[-1][2] == (
        "data/cmrc2018/cmrc2018_dev.json")


def test_own_data_is_not_downloaded_and_flags_come_last(checkout):
    dev = checkout.file("my data/dev.json")
    flags, _ = checkout.training("--num_train_epochs=1", CMRC_DIR="my data")
    assert flags["--data_dir"] == str(dev.parent)
    assert flags["--num_train_epochs"] == "1"
    assert checkout.calls("reading") == []


@pytest.mark.parametrize("settings, said", [
    (dict(CMRC_DIR="nowhere"), "nowhere is no folder"),
    (dict(CMRC_DIR="."), "no dev.json")])
def test_a_folder_without_data_stops_before_training(checkout, settings, said):
    status, _, err = checkout.run(**settings)
    assert status == 2 and said in err
    assert checkout.calls("--do_train") == []
