"""Transfers that can be trusted: several sources, verified, resumed, in place at last.

Whether anything can be reached is asked of all sources at once, so that a machine
without a network learns it within seconds. Nothing that was there before is changed: a
file of the same name with other content is an error. What is under way is called
`TARGET.part`; a later transfer goes on from there.
"""

import collections
import errno
import hashlib
import http.client
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import errors

PROBE_SECONDS = 5
READ_SECONDS = 30
CHUNK = 1 << 16
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NETWORK_ERRORS = (OSError, http.client.HTTPException)

Content = collections.namedtuple("Content", ["size", "sha256", "git_blob"])
Content.__new__.__defaults__ = (None, None, None)


class Unreachable(errors.InputError):
    """No source could be reached, or none has the file any more."""


class Absent(Unreachable):
    """Every source answered that there is no such file."""


class WrongContent(errors.InputError):
    """Something came, but not what was published under that name."""


def fetch(sources, target, content=Content(), report=None):
    """Brings the file `target` from the first of `sources` (URLs) that serves it.

    Args:
      sources: URLs of the same file, the preferred one first.
      target: path of the file; its folder is made once a source answers.
      content: what is known of the file; every field given is verified.
      report: called with (bytes so far, bytes in all or None).

    Returns: False if the very file was there already, else True.
    Raises: Unreachable, WrongContent; InputError if another file stands at `target`.
    """
    if os.path.exists(target):
        problem = _difference(target, content)
        if problem:
            raise errors.InputError(
                "%s is there, but is not the published file (%s). It was left as it "
                "is: move it away, or choose another folder." % (target, problem))
        return False
    answering, reasons = probe(sources)
    absent = all(reasons.get(s, "").startswith("HTTP Error 404") for s in sources)
    failure = Absent if absent else Unreachable
    for source in answering:
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        try:
            _fetch_from(source, target + ".part", content, report)
            os.replace(target + ".part", target)
            return True
        except WrongContent as error:
            reasons[source], failure = str(error), WrongContent
            _remove(target + ".part")
        except _NETWORK_ERRORS as error:
            if getattr(error, "errno", None) in _DISK_ERRORS:
                raise errors.InputError(
                    "%s cannot be written: %s. Free some space and call this again, or "
                    "choose another folder: what has come is kept." % (
                        target, error.strerror))
            reasons[source] = str(error)
    raise failure("%s could not be had. %s" % (target, "; ".join(
        "%s: %s" % (urllib.parse.urlsplit(s).netloc, reasons[s]) for s in sources)))


def probe(sources):
    """-> (sources that answer, {source: reason} of the others); all are asked at once.

    In threads, because looking up a name has no time limit of its own.
    """
    answers = {}

    def ask(source):
        request = urllib.request.Request(source, headers={"Range": "bytes=0-0"})
        try:
            urllib.request.urlopen(request, timeout=PROBE_SECONDS).close()
            answers[source] = None
        except _NETWORK_ERRORS as error:
            answers[source] = str(error)

    deadline = time.time() + PROBE_SECONDS
    threads = [threading.Thread(target=ask, args=(s,), daemon=True) for s in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.time()))
    reasons = {s: answers.get(s, "no answer in %d s" % PROBE_SECONDS) for s in sources}
    return ([s for s in sources if reasons[s] is None],
            {s: reason for s, reason in reasons.items() if reason is not None})


def _fetch_from(source, part, content, report):
    """Completes `part` from one source, again and again while that still brings bytes.

    An older `part` may be of another file: if the whole is wrong, it is fetched once
    more from its start.
    """
    resumed = os.path.exists(part)
    while True:
        before = size_of(part)
        try:
            if not before or content == Content() or _difference(part, content):
                _append(source, part, content.size, report)
        except urllib.error.HTTPError as error:
            if error.code != 416 or not before:
                raise
            _remove(part)  # longer than the file: not a part of it
            continue
        except _NETWORK_ERRORS:
            if size_of(part) > before:
                continue
            raise
        problem = _difference(part, content)
        if not problem:
            return
        if not resumed:
            raise WrongContent(problem)
        _remove(part)
        resumed = False


def _append(source, part, size, report):
    """Adds what `part` lacks; OSError if the connection ends before the file does."""
    done = size_of(part)
    headers = {"Range": "bytes=%d-" % done} if done else {}
    request = urllib.request.Request(source, headers=headers)
    with urllib.request.urlopen(request, timeout=READ_SECONDS) as answer:
        if "text/html" in answer.headers.get("Content-Type", ""):
            raise WrongContent("a web page came instead of the file")
        resumes = answer.headers.get("Content-Range", "").startswith("bytes %d-" % done)
        if not resumes:
            done = 0
        length = answer.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        with open(part, "ab" if resumes else "wb") as stream:
            for chunk in iter(lambda: answer.read(CHUNK), b""):
                stream.write(chunk)
                done += len(chunk)
                if size is not None and done > size:
                    raise WrongContent("more than the expected %d bytes" % size)
                if report:
                    report(done, total)
    if total is not None and done < total:
        raise OSError("the connection ended after %d of %d bytes" % (done, total))


def _difference(path, content):
    """What distinguishes the file from `content` in words; None where nothing does."""
    size = size_of(path)
    if content.size is not None and size != content.size:
        return "%d bytes, expected %d" % (size, content.size)
    for name, expected, digest in (
            ("sha256", content.sha256, hashlib.sha256()),
            ("git blob", content.git_blob, hashlib.sha1(b"blob %d\0" % size))):
        if expected is not None and digest_of(path, digest) != expected:
            return "%s %s, expected %s" % (name, digest.hexdigest(), expected)
    return None


def digest_of(path, digest):
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def size_of(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def _remove(part):
    if os.path.exists(part):
        os.remove(part)
