"""LCQMC, models and CLUE against a server on this machine that also misbehaves."""

import hashlib
import io
import json
import os
import tarfile
import zipfile

import pytest

import errors
from tests import site as servers
from tools import download
from tools import transfer

BODY = bytes(bytearray(i * 7 % 251 for i in range(300000)))


@pytest.fixture
def site():
    yield from servers.serve()


def read(path):
    with open(str(path), "rb") as stream:
        return stream.read()


@pytest.fixture
def lcqmc(site, monkeypatch):
    """A published LCQMC of three small files on the server."""
    files = {name: name.encode() * 9 for name in ("dev.txt", "test.txt", "train.txt")}
    for name, body in files.items():
        site.add("lcqmc/" + name, body)
    monkeypatch.setattr(download, "LCQMC_SOURCES", [site.url + "/lcqmc/"])
    monkeypatch.setattr(download, "LCQMC_FILES", {
        name: transfer.Content(sha256=hashlib.sha256(body).hexdigest())
        for name, body in files.items()})
    return files


def test_lcqmc_command_brings_three_files(lcqmc, tmp_path, capsys):
    folder = tmp_path / "lc qmc"
    assert download.main(["lcqmc", "--to", str(folder)]) == 0
    assert {p.name: read(p) for p in folder.iterdir()} == lcqmc
    assert "lc qmc is there" in capsys.readouterr().out


def test_exit_codes_tell_what_went_wrong(lcqmc, site, tmp_path, monkeypatch, capsys):
    site.add("lcqmc/dev.txt", b"other")
    assert download.main(["lcqmc", "--to", str(tmp_path / "a")]) == 4
    monkeypatch.setattr(download, "LCQMC_SOURCES", [servers.closed_port_url()])
    assert download.main(["lcqmc", "--to", str(tmp_path / "a")]) == 3
    (tmp_path / "dev.txt").write_text("mine")
    assert download.main(["lcqmc", "--to", str(tmp_path)]) == 2
    with pytest.raises(SystemExit) as stopped:
        download.main(["model", "albert_giant", "--to", str(tmp_path)])
    assert stopped.value.code == 2
    assert "albert_tiny_489k" in capsys.readouterr().err


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return stream.getvalue()


def tarred(files):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return stream.getvalue()


MODEL = {"m/albert_config_tiny.json": b"{}", "m/vocab.txt": b"[PAD]\n",
         "m/albert_model.ckpt.index": BODY[:5000], "__MACOSX/m/._vocab.txt": b"junk"}


@pytest.fixture
def publish(site, monkeypatch):
    """Publishes bytes as the archive of the model `toy`."""

    def put(body, name="toy.zip", behaviour="whole"):
        monkeypatch.setitem(download.MODELS, "toy", site.add(name, body, behaviour))
        monkeypatch.setattr(download, "check_model", lambda name, folder: None)
        monkeypatch.setattr(download, "check_model", lambda name, folder: None)

    return put


@pytest.mark.parametrize("pack, name", [(zipped, "toy.zip"), (tarred, "toy.tar.gz")])
def test_model_is_unpacked_and_its_hash_recorded(publish, tmp_path, pack, name):
    body = pack(MODEL)
    publish(body, name)
    assert download.fetch_model("toy", str(tmp_path / "toy"))
    assert sorted(os.listdir(str(tmp_path / "toy"))) == [
        "albert_config_tiny.json", "albert_model.ckpt.index", "vocab.txt"]
    assert sorted(os.listdir(str(tmp_path))) == ["toy", "toy.download.json"]
    record = json.loads((tmp_path / "toy.download.json").read_text())
    assert record["sha256"] == hashlib.sha256(body).hexdigest()
    assert not download.fetch_model("toy", str(tmp_path / "toy"))


def test_model_that_changed_since_it_was_recorded_is_refused(publish, tmp_path):
    publish(zipped(MODEL))
    download.fetch_model("toy", str(tmp_path / "toy"))
    os.rename(str(tmp_path / "toy"), str(tmp_path / "moved"))
    publish(zipped(dict(MODEL, extra=b"1")))
    with pytest.raises(transfer.WrongContent):
        download.fetch_model("toy", str(tmp_path / "toy"))


def spoilt(body):
    middle = len(body) // 2
    return body[:middle] + b"?" * 40 + body[middle + 40:]


@pytest.mark.parametrize("body", [
    zipped(MODEL)[:-40], b"not an archive", zipped({"readme.txt": b"no model"}),
    spoilt(zipped(MODEL))])
def test_damaged_archive_leaves_nothing_behind(publish, tmp_path, body):
    publish(body)
    with pytest.raises(transfer.WrongContent):
        download.fetch_model("toy", str(tmp_path / "toy"))
    assert os.listdir(str(tmp_path)) == []


def test_archive_cannot_write_outside_its_folder(publish, tmp_path):
    publish(tarred(dict(MODEL, **{"../escaped.txt": b"!"})), "toy.tar.gz")
    with pytest.raises(transfer.WrongContent, match="escaped"):
        download.fetch_model("toy", str(tmp_path / "toy"))
    assert os.listdir(str(tmp_path)) == []


def test_archive_that_broke_off_is_resumed(publish, site, tmp_path):
    publish(zipped(MODEL), behaviour="breaks")
    assert download.fetch_model("toy", str(tmp_path / "toy"))
    assert any(asked and asked.endswith("-") for _, asked in site.asked)


def test_model_folder_of_the_user_stays_as_it_is(publish, tmp_path):
    publish(zipped(MODEL))
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "sentinel").write_text("mine")
    with pytest.raises(errors.InputError, match="not empty"):
        download.fetch_model("toy", str(tmp_path / "toy"))
    assert (tmp_path / "toy" / "sentinel").read_text() == "mine"
    assert os.listdir(str(tmp_path)) == ["toy"]


# CLUE.

CLUE_TASKS = ("afqmc", "cmnli", "csl", "iflytek", "tnews", "wsc")
CLUE_FILES = {name + ".json": b'{"id": 0}\n' * 50 for name in ("train", "dev", "test")}


@pytest.fixture
def clue(site, monkeypatch):
    """Publishes {task: bytes, behaviour} as the tasks' archives; 404 without bytes."""

    def put(archives):
        for task in CLUE_TASKS:
            path = "%s_public.zip" % task
            monkeypatch.setitem(download.CLUE, task, site.url + "/" + path)
            if task in archives:
                site.add(path, *archives[task])

    return put


def clue_archive(folder):
    """The zip of a task: its files in `folder`, and what else such archives hold."""
    files = {folder + name: body for name, body in CLUE_FILES.items()}
    return zipped(dict(files, **{"__MACOSX/._train.json": b"junk",
                                 folder + "README.md": b"about"}))


def fetch_clue(folder, names=CLUE_TASKS):
    return download.main(["clue"] + list(names) + ["--to", str(folder)])


@pytest.mark.parametrize("inside", ["", "cmnli_public/", "a/b/"])
def test_all_tasks_of_clue_arrive_flat_or_deeper_and_once(clue, site, tmp_path, inside):
    body = clue_archive(inside)
    clue({task: (body,) for task in CLUE_TASKS})
    assert fetch_clue(tmp_path) == 0
    for task in CLUE_TASKS:
        for name, content in CLUE_FILES.items():
            assert read(tmp_path / task / name) == content
        record = json.loads((tmp_path / (task + ".download.json")).read_text())
        assert record["sha256"] == hashlib.sha256(body).hexdigest()
        assert record["size"] == len(body)
    assert len(os.listdir(str(tmp_path))) == 2 * len(CLUE_TASKS)
    del site.asked[:]
    assert fetch_clue(tmp_path) == 0
    assert site.asked == []


BAD_ARCHIVES = {
    "truncated": ((clue_archive("")[:-60],), "no whole archive"),
    "spoilt": ((spoilt(clue_archive("")),), "no whole archive"),
    "a web page": ((b"<html>moved</html>", "html"), "a web page came"),
    "a web page that says it is a zip": ((b"<html>moved</html>",), "no whole archive"),
    "broken off": ((clue_archive(""), "deaf"), "the connection ended"),
    "without dev.json": ((zipped({"train.json": b"{}", "test.json": b"{}"}),),
                         "has no folder with train.json, dev.json, test.json"),
    "not there": (None, "404"),
}


@pytest.mark.parametrize("fault", sorted(BAD_ARCHIVES))
def test_a_bad_archive_of_clue_is_one_message_and_stops_no_other(
        clue, tmp_path, capsys, fault):
    served, message = BAD_ARCHIVES[fault]
    archives = {task: (clue_archive(""),) for task in CLUE_TASKS}
    archives["csl"] = served
    clue({task: what for task, what in archives.items() if what})
    assert fetch_clue(tmp_path) == 4
    said = capsys.readouterr().err
    assert said.startswith("csl: ") and message in said and said.count("\n") == 1
    assert sorted(name for name in os.listdir(str(tmp_path))
                  if (tmp_path / name).is_dir()) == sorted(set(CLUE_TASKS) - {"csl"})
    leftovers = [name for name in os.listdir(str(tmp_path)) if name.startswith("csl")]
    assert leftovers in ([], ["csl.download.zip.part"])


def test_an_archive_of_clue_that_changed_since_is_refused(clue, tmp_path, capsys):
    clue({"csl": (clue_archive(""),)})
    assert fetch_clue(tmp_path, ["csl"]) == 0
    os.rename(str(tmp_path / "csl"), str(tmp_path / "moved"))
    clue({"csl": (clue_archive("deeper/"),)})
    assert fetch_clue(tmp_path, ["csl"]) == 4
    assert "bytes" in capsys.readouterr().err and not (tmp_path / "csl").exists()


def test_without_a_network_clue_is_one_message_and_code_3(
        monkeypatch, tmp_path, capsys):
    for task in CLUE_TASKS:
        monkeypatch.setitem(download.CLUE, task, servers.closed_port_url())
    assert fetch_clue(tmp_path) == 3
    assert capsys.readouterr().err.count("\n") == 1
    assert os.listdir(str(tmp_path)) == []


def test_files_of_clue_that_were_put_there_by_hand_are_taken(clue, tmp_path):
    clue({})
    (tmp_path / "csl").mkdir()
    for name, body in CLUE_FILES.items():
        (tmp_path / "csl" / name).write_bytes(body)
    assert fetch_clue(tmp_path, ["csl"]) == 0
    assert sorted(os.listdir(str(tmp_path))) == ["csl"]
    assert sorted(os.listdir(str(tmp_path / "csl"))) == sorted(CLUE_FILES)


def test_a_folder_in_the_way_of_a_task_stays_as_it_is(clue, tmp_path, capsys):
    clue({"csl": (clue_archive(""),)})
    (tmp_path / "csl").mkdir()
    (tmp_path / "csl" / "mine").write_text("mine")
    assert fetch_clue(tmp_path, ["csl"]) == 4
    assert "left as it is" in capsys.readouterr().err
    assert os.listdir(str(tmp_path / "csl")) == ["mine"]


def test_the_addresses_are_those_of_the_published_archives():
    base = "https://storage.googleapis.com/cluebenchmark/tasks/%s_public.zip"
    assert download.CLUE["wsc"] == base % "cluewsc2020"
    assert download.CLUE["tnews"] == base % "tnews"
    assert set(CLUE_TASKS) <= set(download.CLUE)
