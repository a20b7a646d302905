"""Every command of the README runs: on toy models and data, or with a stand-in."""

import fnmatch
import os
import re

import pytest

from tests import checkout
from tests import readme
from tests import test_one_click
from tests import toy
from tools import download

# Commands that install, download or run the tests: they meet a stand-in for Python.
STAND_IN = re.compile(r"run_classifier_(lcqmc|clue)\.sh|tools\.download|run_tests\.sh")
# The rest runs as it is printed, but for these, on toy files of the same names.
SUBSTITUTIONS = {"--num_train_epochs=5": "--num_train_epochs=1",
                 "--num_train_epochs=3": "--num_train_epochs=1",
                 "--num_seeds=3": "--num_seeds=2",
                 "bash create_pretrain_data.sh\n":
                     "bash create_pretrain_data.sh --max_seq_length=64\n",
                 "--max_seq_length=512": "--max_seq_length=64",
                 "albert_config_base": "albert_config_tiny",
                 "--train_batch_size=4096 --accumulate_steps=128":
                     "--train_batch_size=64 --accumulate_steps=4",
                 "--num_train_steps=125000": "--num_train_steps=6",
                 "--num_warmup_steps=12500": "--num_warmup_steps=2",
                 "--num_warmup_steps=3125": "--num_warmup_steps=2",
                 "--save_checkpoints_steps=2000": "--save_checkpoints_steps=6",
                 "--save_checkpoints_steps=5000": "--save_checkpoints_steps=6",
                 " 2>&1 &": " 2>&1"}

BLOCKS = readme.fences(readme.LANGUAGES[0], "bash")
RUN = [block for block in BLOCKS if not STAND_IN.search(block)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return checkout.make(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def outcomes(folder):
    """{block: (exit code, output)} of the blocks, run in the order of the page."""
    return checkout.run(folder, RUN, SUBSTITUTIONS)


@pytest.mark.parametrize("block", RUN, ids=list(map(str, range(len(RUN)))))
def test_command_runs_on_toy_data(outcomes, block):
    status, said = outcomes[block]
    assert status == 0, said


def test_commands_that_install_or_download_call_what_exists(tmp_path, monkeypatch):
    stand_in = test_one_click.Checkout(tmp_path)
    stand_in.download(lcqmc=0, model=0)
    for name in ("my_lcqmc", "my_model"):
        (stand_in.folder / name).mkdir()
    blocks = [block for block in BLOCKS if STAND_IN.search(block)]
    assert blocks
    environment = dict(PATH=os.environ["PATH"], HOME=str(stand_in.home),
                       ALBERT_PYTHON=str(stand_in.python))
    for block in blocks:
        status, said = toy.run(["bash", "-e", "-c", ". ./env.sh\n" + block],
                               cwd=str(stand_in.folder), env=environment)
        assert status == 0, said
    for call in stand_in.calls("--do_train"):
        names = {flag[2:].partition("=")[0] for flag in call[1:]}
        assert names <= set(readme.declared_flags(call[0]))
    monkeypatch.setattr(download, "fetch_lcqmc", lambda folder, report: None)
    monkeypatch.setattr(download, "fetch_clue", lambda names, folder, report: {})
    monkeypatch.setattr(download, "fetch_model", lambda *_: None)
    downloads = stand_in.calls("tools.download")
    assert len(downloads) > 2
    for call in downloads:
        assert download.main(call[2:]) == 0
    tested = [call[-1] for call in stand_in.calls("pytest")]
    assert len(tested) == 2
    for path in tested:
        assert os.path.exists(os.path.join(readme.ROOT, path))


@pytest.mark.parametrize("name", readme.LANGUAGES)
def test_the_table_of_written_files_is_what_a_run_leaves(outcomes, folder, name):
    assert outcomes
    table = {readme.code_in(row[0])[0]: row[1]
             for row in readme.table_of(name, "report.html")}
    output = str(folder / "my_output")
    left = [entry + "/" * os.path.isdir(os.path.join(output, entry))
            for entry in os.listdir(output)]
    for entry in left:
        assert any(fnmatch.fnmatchcase(entry, pattern) for pattern in table), entry
    for pattern in table:
        assert fnmatch.filter(left, pattern), pattern
    for entry in readme.code_in(table["best/"]):
        assert os.path.exists(os.path.join(output, "best", entry)), entry
