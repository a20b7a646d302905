"""Transfers against a server on this machine that also misbehaves."""

import hashlib
import os
import socket

import pytest

import errors
from tests import site as servers
from tools import transfer

BODY = bytes(bytearray(i * 7 % 251 for i in range(300000)))
WHOLE = transfer.Content(size=len(BODY), sha256=hashlib.sha256(BODY).hexdigest())


@pytest.fixture
def site():
    yield from servers.serve()


@pytest.fixture
def target(tmp_path):
    return str(tmp_path / "a folder" / "train.txt")


def read(path):
    with open(str(path), "rb") as stream:
        return stream.read()


def test_good_file_arrives_whole_and_nothing_else_is_left(site, target):
    seen = []
    source = site.add("x", BODY)
    assert transfer.fetch([source], target, WHOLE, lambda *call: seen.append(call))
    assert read(target) == BODY
    assert os.listdir(os.path.dirname(target)) == ["train.txt"]
    assert seen[-1] == (len(BODY), len(BODY))


def test_file_that_is_there_already_is_not_asked_for_again(site, target):
    source = site.add("x", BODY)
    transfer.fetch([source], target, WHOLE)
    del site.asked[:]
    assert not transfer.fetch([source], target, WHOLE)
    assert site.asked == []


def test_git_blob_id_is_verified(site, target):
    blob = hashlib.sha1(b"blob %d\0" % len(BODY) + BODY).hexdigest()
    source = site.add("x", BODY)
    transfer.fetch([source], target, transfer.Content(git_blob=blob))
    with pytest.raises(errors.InputError, match="git blob"):
        transfer.fetch([source], target, transfer.Content(git_blob="0" * 40))


def test_server_that_breaks_off_is_asked_for_the_rest(site, target):
    transfer.fetch([site.add("x", BODY, "breaks")], target, WHOLE)
    assert read(target) == BODY
    assert ("/x", "bytes=%d-" % (len(BODY) // 2)) in site.asked


def test_truncated_file_is_not_put_in_place(site, target):
    with pytest.raises(transfer.Unreachable, match="ended after 150000 of 300000"):
        transfer.fetch([site.add("x", BODY, "deaf")], target, WHOLE)
    assert not os.path.exists(target)


def test_part_of_an_earlier_run_is_completed(site, target):
    with pytest.raises(transfer.Unreachable):
        transfer.fetch([site.add("x", BODY, "deaf")], target, WHOLE)
    site.add("x", BODY)
    del site.asked[:]
    transfer.fetch([site.url + "/x"], target, WHOLE)
    assert read(target) == BODY
    assert site.asked[-1] == ("/x", "bytes=150000-")


@pytest.mark.parametrize("part", [b"other" * 1000, BODY + b"more"])
def test_part_of_another_file_is_fetched_anew(site, target, part):
    os.makedirs(os.path.dirname(target))
    with open(target + ".part", "wb") as stream:
        stream.write(part)
    transfer.fetch([site.add("x", BODY)], target, WHOLE)
    assert read(target) == BODY


def test_complete_part_is_not_fetched_again(site, target):
    os.makedirs(os.path.dirname(target))
    with open(target + ".part", "wb") as stream:
        stream.write(BODY)
    transfer.fetch([site.add("x", BODY)], target, WHOLE)
    assert read(target) == BODY
    assert [asked for _, asked in site.asked] == ["bytes=0-0"]  # whether it answers


@pytest.mark.parametrize("body, behaviour, message", [
    (b"<html>error</html>", "html", "a web page came"),
    (BODY[:-1] + b"!", "whole", "sha256 .* expected"),
    (BODY[:-9], "whole", "299991 bytes, expected 300000"),
    (BODY + b"more", "whole", "more than the expected 300000 bytes"),
])
def test_wrong_content_is_refused(site, target, body, behaviour, message):
    with pytest.raises(transfer.WrongContent, match=message):
        transfer.fetch([site.add("x", body, behaviour)], target, WHOLE)
    assert os.listdir(os.path.dirname(target)) == []


def test_second_source_helps_where_the_first_is_wrong_or_away(site, target):
    sources = [servers.closed_port_url(), site.url + "/missing", site.add("bad", b"bad"),
               site.add("x", BODY)]
    transfer.fetch(sources, target, WHOLE)
    assert read(target) == BODY


def test_refused_connection_is_unreachable_and_leaves_nothing(target):
    with pytest.raises(transfer.Unreachable, match="127.0.0.1"):
        transfer.fetch([servers.closed_port_url()], target, WHOLE)
    assert not os.path.exists(os.path.dirname(target))


def test_silent_server_is_given_up_after_the_probe(target, monkeypatch):
    monkeypatch.setattr(transfer, "PROBE_SECONDS", 0.2)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        silent = "http://127.0.0.1:%d/x" % listener.getsockname()[1]
        with pytest.raises(transfer.Unreachable):
            transfer.fetch([silent], target, WHOLE)


def test_other_file_of_the_user_stays_as_it_is(site, target):
    os.makedirs(os.path.dirname(target))
    with open(target, "wb") as stream:
        stream.write(b"mine")
    with pytest.raises(errors.InputError, match="left as it is"):
        transfer.fetch([site.add("x", BODY)], target, WHOLE)
    assert read(target) == b"mine"
