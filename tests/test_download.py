"""Downloads against a server on this machine that also misbehaves."""

import hashlib
import http.server
import io
import json
import os
import re
import socket
import tarfile
import threading
import zipfile

import pytest

import errors
from tools import download

BODY = bytes(bytearray(i * 7 % 251 for i in range(300000)))
WHOLE = download.Content(size=len(BODY), sha256=hashlib.sha256(BODY).hexdigest())


class Site(object):
    """What the server has: path -> (body, behaviour); and what it was asked for."""

    def __init__(self):
        self.pages, self.asked, self.url = {}, [], None

    def add(self, path, body, behaviour="whole"):
        self.pages["/" + path] = (body, behaviour)
        return self.url + "/" + path


class Handler(http.server.BaseHTTPRequestHandler):
    """`breaks` ends each answer half-way; `deaf` does so and never resumes."""

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.site.asked.append((self.path, asked))
        if self.path not in self.server.site.pages:
            return self.send_error(404)
        body, behaviour = self.server.site.pages[self.path]
        start, end = re.match(r"bytes=(\d+)-(\d*)", asked or "bytes=0-").groups()
        start = 0 if behaviour == "deaf" else int(start)
        if start >= len(body):
            return self.send_error(416)
        answer = body[start:int(end) + 1 if end and behaviour != "deaf" else None]
        self.send_response(206 if asked and behaviour != "deaf" else 200)
        self.send_header("Content-Length", str(len(answer)))
        if asked and behaviour != "deaf":
            self.send_header("Content-Range", "bytes %d-%d/%d" % (
                start, start + len(answer) - 1, len(body)))
        kind = "text/html; charset=utf-8" if behaviour == "html" else "text/plain"
        self.send_header("Content-Type", kind)
        self.end_headers()
        half = (len(answer) + 1) // 2
        self.wfile.write(answer[:half] if behaviour in ("breaks", "deaf") else answer)
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.site = Site()
    server.site.url = "http://127.0.0.1:%d" % server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.site
    server.shutdown()
    server.server_close()


@pytest.fixture
def target(tmp_path):
    return str(tmp_path / "a folder" / "train.txt")


def read(path):
    with open(str(path), "rb") as stream:
        return stream.read()


def closed_port_url():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return "http://127.0.0.1:%d/x" % listener.getsockname()[1]


def test_good_file_arrives_whole_and_nothing_else_is_left(site, target):
    seen = []
    source = site.add("x", BODY)
    assert download.fetch([source], target, WHOLE, lambda *call: seen.append(call))
    assert read(target) == BODY
    assert os.listdir(os.path.dirname(target)) == ["train.txt"]
    assert seen[-1] == (len(BODY), len(BODY))


def test_file_that_is_there_already_is_not_asked_for_again(site, target):
    source = site.add("x", BODY)
    download.fetch([source], target, WHOLE)
    del site.asked[:]
    assert not download.fetch([source], target, WHOLE)
    assert site.asked == []


def test_git_blob_id_is_verified(site, target):
    blob = hashlib.sha1(b"blob %d\0" % len(BODY) + BODY).hexdigest()
    source = site.add("x", BODY)
    download.fetch([source], target, download.Content(git_blob=blob))
    with pytest.raises(errors.InputError, match="git blob"):
        download.fetch([source], target, download.Content(git_blob="0" * 40))


def test_server_that_breaks_off_is_asked_for_the_rest(site, target):
    download.fetch([site.add("x", BODY, "breaks")], target, WHOLE)
    assert read(target) == BODY
    assert ("/x", "bytes=%d-" % (len(BODY) // 2)) in site.asked


def test_truncated_file_is_not_put_in_place(site, target):
    with pytest.raises(download.Unreachable, match="ended after 150000 of 300000"):
        download.fetch([site.add("x", BODY, "deaf")], target, WHOLE)
    assert not os.path.exists(target)


def test_part_of_an_earlier_run_is_completed(site, target):
    with pytest.raises(download.Unreachable):
        download.fetch([site.add("x", BODY, "deaf")], target, WHOLE)
    site.add("x", BODY)
    del site.asked[:]
    download.fetch([site.url + "/x"], target, WHOLE)
    assert read(target) == BODY
    assert site.asked[-1] == ("/x", "bytes=150000-")


@pytest.mark.parametrize("part", [b"other" * 1000, BODY + b"more"])
def test_part_of_another_file_is_fetched_anew(site, target, part):
    os.makedirs(os.path.dirname(target))
    with open(target + ".part", "wb") as stream:
        stream.write(part)
    download.fetch([site.add("x", BODY)], target, WHOLE)
    assert read(target) == BODY


def test_complete_part_is_not_fetched_again(site, target):
    os.makedirs(os.path.dirname(target))
    with open(target + ".part", "wb") as stream:
        stream.write(BODY)
    download.fetch([site.add("x", BODY)], target, WHOLE)
    assert read(target) == BODY
    assert [asked for _, asked in site.asked] == ["bytes=0-0"]  # whether it answers


@pytest.mark.parametrize("body, behaviour, message", [
    (b"<html>error</html>", "html", "a web page came"),
    (BODY[:-1] + b"!", "whole", "sha256 .* expected"),
    (BODY[:-9], "whole", "299991 bytes, expected 300000"),
    (BODY + b"more", "whole", "more than the expected 300000 bytes"),
])
def test_wrong_content_is_refused(site, target, body, behaviour, message):
    with pytest.raises(download.WrongContent, match=message):
        download.fetch([site.add("x", body, behaviour)], target, WHOLE)
    assert os.listdir(os.path.dirname(target)) == []


def test_second_source_helps_where_the_first_is_wrong_or_away(site, target):
    sources = [closed_port_url(), site.url + "/missing", site.add("bad", b"bad"),
               site.add("x", BODY)]
    download.fetch(sources, target, WHOLE)
    assert read(target) == BODY


def test_refused_connection_is_unreachable_and_leaves_nothing(target):
    with pytest.raises(download.Unreachable, match="127.0.0.1"):
        download.fetch([closed_port_url()], target, WHOLE)
    assert not os.path.exists(os.path.dirname(target))


def test_silent_server_is_given_up_after_the_probe(target, monkeypatch):
    monkeypatch.setattr(download, "PROBE_SECONDS", 0.2)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        silent = "http://127.0.0.1:%d/x" % listener.getsockname()[1]
        with pytest.raises(download.Unreachable):
            download.fetch([silent], target, WHOLE)


def test_other_file_of_the_user_stays_as_it_is(site, target):
    os.makedirs(os.path.dirname(target))
    with open(target, "wb") as stream:
        stream.write(b"mine")
    with pytest.raises(errors.InputError, match="left as it is"):
        download.fetch([site.add("x", BODY)], target, WHOLE)
    assert read(target) == b"mine"


@pytest.fixture
def lcqmc(site, monkeypatch):
    """A published LCQMC of three small files on the server."""
    files = {name: name.encode() * 9 for name in ("dev.txt", "test.txt", "train.txt")}
    for name, body in files.items():
        site.add("lcqmc/" + name, body)
    monkeypatch.setattr(download, "LCQMC_SOURCES", [site.url + "/lcqmc/"])
    monkeypatch.setattr(download, "LCQMC_FILES", {
        name: download.Content(sha256=hashlib.sha256(body).hexdigest())
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
    monkeypatch.setattr(download, "LCQMC_SOURCES", [closed_port_url()])
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
    with pytest.raises(download.WrongContent):
        download.fetch_model("toy", str(tmp_path / "toy"))


def spoilt(body):
    middle = len(body) // 2
    return body[:middle] + b"?" * 40 + body[middle + 40:]


@pytest.mark.parametrize("body", [
    zipped(MODEL)[:-40], b"not an archive", zipped({"readme.txt": b"no model"}),
    spoilt(zipped(MODEL))])
def test_damaged_archive_leaves_nothing_behind(publish, tmp_path, body):
    publish(body)
    with pytest.raises(download.WrongContent):
        download.fetch_model("toy", str(tmp_path / "toy"))
    assert os.listdir(str(tmp_path)) == []


def test_archive_cannot_write_outside_its_folder(publish, tmp_path):
    publish(tarred(dict(MODEL, **{"../escaped.txt": b"!"})), "toy.tar.gz")
    with pytest.raises(download.WrongContent, match="escaped"):
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
