"""Every command of the README runs: on toy models and data, or with a stand-in."""

import fnmatch
import glob
import json
import os
import re
import shutil
import sys

import pytest
import tensorflow.compat.v1 as tf

import modeling
import modeling_google
from tests import readme
from tests import test_one_click
from tests import toy
from tools import download

# Commands that install, download or run the tests: they meet a stand-in for Python.
STAND_IN = re.compile(r"run_classifier_(lcqmc|clue)\.sh|tools\.download|run_tests\.sh")
# The rest runs as it is printed, but for these, on toy files of the same names.
SUBSTITUTIONS = {"--num_train_epochs=5": "--num_train_epochs=1",
                 "--num_train_epochs=3": "--num_train_epochs=1",
                 "--num_seeds=3": "--num_seeds=2"}

BLOCKS = readme.fences(readme.LANGUAGES[0], "bash")
RUN = [block for block in BLOCKS if not STAND_IN.search(block)]


def write_weights(folder, model_class, config):
    folder.mkdir(parents=True)
    with tf.Graph().as_default(), tf.Session() as session:
        model_class(config, False, tf.zeros([1, 4], tf.int32))
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
    toy.write(folder / "new.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def write_models(folder):
    """Toy configs under the real names, and weights where downloads would put them."""
    configs = folder / "albert_config"
    configs.mkdir()
    toy.vocabulary(configs)
    for layout, size, archive, model_class, config_class in [
            ("b", "tiny", "albert_tiny_489k", modeling.BertModel, modeling.BertConfig),
            ("g", "tiny_google", "albert_tiny_zh_google", modeling_google.AlbertModel,
             modeling_google.AlbertConfig)]:
        path = str(configs / ("albert_config_%s.json" % size))
        os.rename(toy.config(configs, layout, max_position_embeddings=512), path)
        write_weights(folder / "prev_trained_model" / archive, model_class,
                      config_class.from_json_file(path))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The programs, with toy models and data in place of the real ones."""
    folder = tmp_path_factory.mktemp("checkout")
    for pattern in ("*.py", "*.sh", "tools"):
        for path in glob.glob(os.path.join(readme.ROOT, pattern)):
            os.symlink(path, str(folder / os.path.basename(path)))
    write_models(folder)
    write_own_data(folder / "my_data")
    toy.data(folder / "data" / "lcqmc_sample", rows=64)
    for name in ("my_text", "my_records"):
        (folder / name).mkdir()
    for name in ("data", "my_text"):
        shutil.copy(os.path.join(readme.ROOT, "data", "news_zh_1.txt"), str(folder / name))
    return folder


@pytest.fixture(scope="module")
def outcomes(checkout):
    """{block: (exit code, output)} of the blocks, run in the order of the page."""
    assert all(any(old in block for block in RUN) for old in SUBSTITUTIONS)
    environment = dict(os.environ, ALBERT_PYTHON=sys.executable)
    environment.pop("PYTHON", None)
    results = {}
    for block in RUN:
        command = block
        for old, new in SUBSTITUTIONS.items():
            command = command.replace(old, new)
        results[block] = toy.run(
            ["bash", "-e", "-c", ". ./env.sh\n" + command], cwd=str(checkout),
            env=environment)
    return results


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
    monkeypatch.setattr(download, "fetch_model", lambda name, folder, report: None)
    downloads = stand_in.calls("tools.download")
    assert len(downloads) > 2
    for call in downloads:
        assert download.main(call[2:]) == 0
    tested = [call[-1] for call in stand_in.calls("pytest")]
    assert len(tested) == 2
    for path in tested:
        assert os.path.exists(os.path.join(readme.ROOT, path))


@pytest.mark.parametrize("name", readme.LANGUAGES)
def test_the_table_of_written_files_is_what_a_run_leaves(outcomes, checkout, name):
    assert outcomes
    table = {readme.code_in(row[0])[0]: row[1]
             for row in readme.table_of(name, "report.html")}
    output = str(checkout / "my_output")
    left = [entry + "/" * os.path.isdir(os.path.join(output, entry))
            for entry in os.listdir(output)]
    for entry in left:
        assert any(fnmatch.fnmatchcase(entry, pattern) for pattern in table), entry
    for pattern in table:
        assert fnmatch.filter(left, pattern), pattern
    for entry in readme.code_in(table["best/"]):
        assert os.path.exists(os.path.join(output, "best", entry)), entry
