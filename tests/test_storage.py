"""Files where tf.gfile reaches are written and read as local ones are."""

import os
import sys

import pytest
import tensorflow.compat.v1 as tf

import storage
from tests import toy
from tests import toy_pretraining


def has_ram():
    try:
        tf.gfile.MakeDirs("ram:///probe")
        return True
    except tf.errors.OpError:
        return False


@pytest.fixture(params=["local", "remote"])
def folder(request, tmp_path):
    if request.param == "local":
        return str(tmp_path / "folder")
    if not has_ram():
        pytest.skip("TensorFlow %s has no ram:// to stand for gs://" % tf.__version__)
    return "ram:///%s" % tmp_path.name


def test_files_are_written_replaced_listed_and_removed(folder):
    storage.make_folder(os.path.join(folder, "below"))
    path = os.path.join(folder, "a.txt")
    for text in ("第一\r\n", "第二\n"):
        with storage.open_file(path + ".tmp", "w") as out:
            out.write(text)
        storage.replace(path + ".tmp", path)
    with storage.open_file(path, "a") as out:
        out.write("more\n")
    with storage.open_file(path) as source:
        assert list(source) == ["第二\n", "more\n"]
    with storage.open_file(path, "rb") as source:
        assert source.read(2) == "第".encode("utf-8")[:2]
    assert storage.size(path) == len("第二\nmore\n".encode("utf-8"))
    assert sorted(storage.list_folder(folder)) == ["a.txt", "below"]
    assert storage.find(os.path.join(folder, "*.txt")) == [path]
    assert storage.exists(path) and not storage.exists(path + ".tmp")
    assert storage.is_folder(folder) and not storage.is_folder(path)
    storage.remove(path)
    assert not storage.exists(path)
    storage.remove_folder(folder)
    assert not storage.exists(folder)


WITH_RAM = """
import runpy, shutil, sys
import tensorflow.compat.v1 as tf
def run(arguments):
    sys.argv = arguments
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        assert not end.code, end.code
tf.gfile.MakeDirs("ram:///in")
for name in ("train.tfrecord", "held.tfrecord"):
    tf.gfile.Copy(sys.argv[1] + "/" + name, "ram:///in/" + name)
run(sys.argv[2:])
print("NAMES", sorted(tf.gfile.ListDirectory("ram:///out")),
      sorted(tf.gfile.ListDirectory("ram:///export")))
"""


@pytest.mark.skipif(not has_ram(), reason="TensorFlow 1.15 has no ram:// file system")
def test_a_run_reads_and_writes_where_a_tpu_would(tmp_path):
    toy_pretraining.setup(tmp_path)
    arguments = toy_pretraining.command(
        tmp_path, input_file="ram:///in/tr*", eval_input_file="ram:///in/held.tfrecord",
        output_dir="ram:///out", export_dir="ram:///export")[3:]
    code, said = toy.run([sys.executable, "-W", "ignore", "-c", WITH_RAM, str(tmp_path)]
                         + arguments, cwd=toy.ROOT)
    assert code == 0, said
    names = said.split("NAMES")[1]
    for name in ("eval_results.txt", "curves.png", "best", "model.ckpt-20.index",
                 "albert_model.ckpt.index", "metrics.jsonl", "run.json"):
        assert name in names, said
    assert not os.path.exists(os.path.join(toy.ROOT, "ram:"))
