"""The published models: what comes is checked against their configs, and can be resumed,
from a server on this machine."""

import errno
import json
import os
import shutil

import numpy as np
import pytest

import checkpoints
import errors
import huggingface
from tests import converted
from tests import readme
from tests import site as servers
from tests import test_download
from tools import convert
from tools import download
from tools import model_zoo
from tools import transfer


@pytest.fixture
def site():
    yield from servers.serve()


def published(name):
    """{variable: shape} of a published model."""
    variables = readme.read("tests/golden/variables.json")
    return dict(json.loads(variables)[os.path.basename(model_zoo.config_file(name))])


def write_checkpoint(folder, variables):
    os.makedirs(str(folder))
    checkpoints.write({name: np.zeros(shape, np.float32)
                       for name, shape in variables.items()},
                      str(folder / "albert_model.ckpt"))


def test_every_entry_has_a_config_and_an_address():
    assert len(model_zoo.ENTRIES) == 13
    for name, entry in model_zoo.ENTRIES.items():
        assert os.path.exists(model_zoo.config_file(name))
        assert entry.url.startswith("https://storage.googleapis.com/albert_")
    assert len(model_zoo.HUGGING_FACE) == 6


def test_names_and_shapes_of_a_published_model_are_right():
    variables = published("albert_tiny")
    assert model_zoo.differences("albert_tiny", variables) == []
    slots = {name + "/lamb_m": shape for name, shape in variables.items()}
    assert model_zoo.differences(
        "albert_tiny", dict(variables, global_step=[], **slots)) == []
    encoder = {name: shape for name, shape in variables.items()
               if name.startswith("bert/")}
    assert model_zoo.differences("albert_tiny", encoder) == []


def test_what_is_missing_too_much_or_of_another_shape_is_named():
    variables = published("albert_tiny_zh_google")
    del variables["bert/pooler/dense/bias"]
    variables["mine"] = [1]
    variables["bert/pooler/dense/kernel"] = [3, 3]
    assert model_zoo.differences("albert_tiny_zh_google", variables) == [
        "bert/pooler/dense/bias is missing", "mine is not part of it",
        "bert/pooler/dense/kernel has shape [3, 3], not [312, 312]"]
    assert model_zoo.differences("albert_tiny", published("albert_tiny_zh_google"))


def test_a_folder_or_archive_of_the_user_is_checked_and_copied(tmp_path, capsys):
    write_checkpoint(tmp_path / "mine", published("albert_tiny"))
    archive = shutil.make_archive(str(tmp_path / "albert_tiny"), "zip",
                                  str(tmp_path), "mine")
    for source in (str(tmp_path / "mine"), archive):
        target = str(tmp_path / "to" / os.path.basename(source))
        call = ["model", "albert_tiny", "--from", source, "--to", target]
        assert download.main(call) == 0
        assert "albert_model.ckpt.index" in os.listdir(target)
        assert download.main(call) == 0  # it is there already
    assert os.path.exists(archive) and (tmp_path / "mine").is_dir()
    target = str(tmp_path / "other")
    capsys.readouterr()
    assert download.main(["model", "albert_base_zh", "--from", archive,
                          "--to", target]) == 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "none of albert_base_zh" in said
    assert not os.path.exists(target)
    assert not [name for name in os.listdir(str(tmp_path)) if name.startswith(".")]


def test_a_path_that_is_not_there_is_one_message(tmp_path, capsys):
    assert download.main(["model", "albert_tiny", "--from", str(tmp_path / "no.zip"),
                          "--to", str(tmp_path / "to")]) == 2
    assert "no.zip" in capsys.readouterr().err


def test_weights_of_another_size_are_refused_and_nothing_is_kept(
        site, tmp_path, monkeypatch, capsys):
    write_checkpoint(tmp_path / "m", {"bert/pooler/dense/bias": [3]})
    body = test_download.zipped({"m/" + path.name: path.read_bytes()
                                 for path in (tmp_path / "m").iterdir()})
    monkeypatch.setitem(download.MODELS, "albert_tiny", site.add("a.zip", body))
    (tmp_path / "to").mkdir()
    target = tmp_path / "to" / "albert_tiny"
    assert download.main(["model", "albert_tiny", "--to", str(target)]) == 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "bert/embeddings" in said
    assert os.listdir(str(tmp_path / "to")) == []


# No space left.

class FullDisk(object):
    """A file that takes `room` bytes and no more."""

    def __init__(self, stream, room):
        self.stream, self.room = stream, room

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    def write(self, data):
        if len(data) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= len(data)
        return self.stream.write(data)


def test_a_full_disk_is_one_message_and_what_has_come_is_used_later(
        site, tmp_path, monkeypatch, capsys):
    body = bytes(bytearray(300000))
    source, target = site.add("x", body), str(tmp_path / "x")
    with monkeypatch.context() as patched:
        patched.setattr(transfer, "open", lambda path, mode: FullDisk(
            open(path, mode), 100000 if "w" in mode else 0), raising=False)
        with pytest.raises(errors.InputError, match="No space left.*is kept") as error:
            transfer.fetch([source], target)
    assert not isinstance(error.value, transfer.Unreachable)
    assert os.listdir(str(tmp_path)) == ["x.part"]
    kept = os.path.getsize(target + ".part")
    assert 0 < kept <= 100000
    transfer.fetch([source], target)
    assert ("/x", "bytes=%d-" % kept) in site.asked
    assert os.path.getsize(target) == len(body)


def test_an_archive_that_does_not_fit_unpacked_is_one_message(tmp_path, monkeypatch):
    def fail(archive, folder):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(download, "_extract", fail)
    (tmp_path / "a.zip").write_bytes(b"")
    with pytest.raises(errors.InputError, match="No space left"):
        download.unpack(str(tmp_path / "a.zip"), str(tmp_path / "to"), [("*.index",)])
    assert os.listdir(str(tmp_path)) == ["a.zip"]


# Hugging Face.

@pytest.fixture
def hub(site, tmp_path, monkeypatch):
    """Publishes a Hugging Face folder; gives its files by name, to publish fewer."""
    source = converted.golden_folder(tmp_path / "source", "google_shared")
    convert.main(["huggingface", source, "--to", str(tmp_path / "published")])
    monkeypatch.setattr(model_zoo, "HUGGING_FACE_URL", site.url + "/%s/%s")

    def publish(*names):
        for name in names:
            content = (tmp_path / "published" / name).read_bytes()
            site.add("voidful/albert_chinese_tiny/" + name, content)

    return publish


def fetch_from_hub(folder):
    return download.main(["model", "voidful/albert_chinese_tiny", "--to", str(folder)])


def test_a_hugging_face_folder_comes_and_is_read(hub, site, tmp_path):
    hub("config.json", "vocab.txt", "model.safetensors")
    assert fetch_from_hub(tmp_path / "got") == 0
    assert sorted(os.listdir(str(tmp_path / "got"))) == [
        "config.json", "model.safetensors", "vocab.txt"]
    assert huggingface.read_tensors(str(tmp_path / "got" / "model.safetensors"))
    del site.asked[:]
    assert fetch_from_hub(tmp_path / "got") == 0 and site.asked == []


def test_without_safetensors_the_pickled_weights_come(hub, tmp_path):
    shutil.copy(str(tmp_path / "published" / "model.safetensors"),
                str(tmp_path / "published" / "pytorch_model.bin"))
    hub("config.json", "vocab.txt", "pytorch_model.bin")
    assert fetch_from_hub(tmp_path / "got") == 0
    assert "pytorch_model.bin" in os.listdir(str(tmp_path / "got"))


def test_a_hugging_face_folder_that_broke_off_goes_on(hub, tmp_path):
    hub("config.json", "vocab.txt")
    assert fetch_from_hub(tmp_path / "got") == 3
    assert not (tmp_path / "got").exists()
    hub("model.safetensors")
    assert fetch_from_hub(tmp_path / "got") == 0
    assert not (tmp_path / "got.download").exists()
