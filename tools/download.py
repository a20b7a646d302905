"""Downloads that can be trusted: several sources, verified, resumed, in place at last.

    python -m tools.download lcqmc --to FOLDER
    python -m tools.download model NAME --to FOLDER

Whether anything can be reached is asked of all sources at once, so that a machine
without a network learns it within seconds. Nothing that was there before is changed: a
file of the same name with other content is an error. What is under way is called
`TARGET.part`; a later run goes on from there.

Exit codes: 0 it is there; 2 a mistake in the call, or a file in the way; 3 nothing
could be reached; 4 something came, but not what was published.
"""

import argparse
import collections
import glob
import hashlib
import http.client
import json
import os
import shutil
import sys
import tarfile
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib

import errors

PROBE_SECONDS = 5
READ_SECONDS = 30
CHUNK = 1 << 16
_NETWORK_ERRORS = (OSError, http.client.HTTPException)
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError)

Content = collections.namedtuple("Content", ["size", "sha256", "git_blob"])
Content.__new__.__defaults__ = (None, None, None)

# Copyright keeps LCQMC out of this repository; this public copy is byte-identical.
LCQMC_SOURCES = [
    "https://raw.githubusercontent.com/zejunwang1/CSTS/main/LCQMC/",
    "https://cdn.jsdelivr.net/gh/zejunwang1/CSTS@main/LCQMC/",
]
LCQMC_FILES = {
    "dev.txt": Content(
        sha256="d3cd41ed89b8f6196a76ebff2aa03d5ecf42edcd12942aa865d34f7e570af7c2"),
    "test.txt": Content(
        sha256="8969f9c16050f40df9da6f591443a47bc14c17a504a354ee4cc4ab5b9aa303d9"),
    "train.txt": Content(git_blob="90ec20b9b0126f5ce5dd33ce3c7c24e27c28f520"),
}

_BRIGHTMART = "https://storage.googleapis.com/albert_zh/%s.zip"
_GOOGLE = "https://storage.googleapis.com/albert_models/albert_%s_zh.tar.gz"
MODELS = {
    name: _BRIGHTMART % name
    for name in (
        "albert_tiny", "albert_tiny_489k", "albert_tiny_zh_google",
        "albert_small_zh_google", "albert_base_zh",
        "albert_base_zh_additional_36k_steps", "albert_large_zh",
        "albert_xlarge_zh_177k", "albert_xlarge_zh_183k")
}
MODELS.update(
    ("albert_%s_google_zh" % size, _GOOGLE % size)
    for size in ("base", "large", "xlarge", "xxlarge"))


class Unreachable(errors.InputError):
    """No source could be reached, or none has the file any more."""


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
    answering, reasons = _probe(sources)
    failure = Unreachable
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
            reasons[source] = str(error)
    raise failure("%s could not be had. %s" % (target, "; ".join(
        "%s: %s" % (urllib.parse.urlsplit(s).netloc, reasons[s]) for s in sources)))


def _probe(sources):
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
        before = _size(part)
        try:
            if not before or content == Content() or _difference(part, content):
                _append(source, part, content.size, report)
        except urllib.error.HTTPError as error:
            if error.code != 416 or not before:
                raise
            _remove(part)  # longer than the file: not a part of it
            continue
        except _NETWORK_ERRORS:
            if _size(part) > before:
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
    done = _size(part)
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
    size = _size(path)
    if content.size is not None and size != content.size:
        return "%d bytes, expected %d" % (size, content.size)
    for name, expected, digest in (
            ("sha256", content.sha256, hashlib.sha256()),
            ("git blob", content.git_blob, hashlib.sha1(b"blob %d\0" % size))):
        if expected is not None and _digest(path, digest) != expected:
            return "%s %s, expected %s" % (name, digest.hexdigest(), expected)
    return None


def _digest(path, digest):
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _size(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def _remove(part):
    if os.path.exists(part):
        os.remove(part)


def fetch_lcqmc(folder, report=None):
    """train.txt, dev.txt, test.txt of LCQMC into `folder`. Raises as `fetch` does."""
    for name, content in LCQMC_FILES.items():
        sources = [base + name for base in LCQMC_SOURCES]
        fetch(sources, os.path.join(folder, name), content, report)


def fetch_model(name, folder, report=None):
    """A published model, unpacked, as `folder`; returns False if it was there already.

    No hash of these archives was published: the first one that comes is recorded in
    `FOLDER.download.json`, and a later download must equal it.
    """
    url, folder = MODELS[name], folder.rstrip("/")
    known = _read_record(folder, url)
    if os.path.isdir(folder) and os.listdir(folder):
        if known != Content():
            return False
        raise errors.InputError(
            "%s is not empty, and not what this command made of %s. It was left as it "
            "is: choose another folder." % (folder, name))
    archive = folder + ".download" + os.path.splitext(url)[1]
    fetch([url], archive, known, report)
    _write_record(folder, url, archive)
    try:
        unpack(archive, folder)
    except WrongContent:
        os.remove(archive)
        os.remove(folder + ".download.json")
        raise
    os.remove(archive)
    return True


def _read_record(folder, url):
    """-> what is known of the archive that was once fetched from `url`."""
    path = folder + ".download.json"
    if not os.path.exists(path):
        return Content()
    with open(path) as stream:
        record = json.load(stream)
    if record.get("url") != url:
        return Content()
    return Content(size=record["size"], sha256=record["sha256"])


def _write_record(folder, url, archive):
    record = {"url": url, "size": _size(archive),
              "sha256": _digest(archive, hashlib.sha256())}
    path = folder + ".download.json"
    with open(path + ".part", "w") as stream:
        json.dump(record, stream)
    os.replace(path + ".part", path)


def unpack(archive, folder):
    """Unpacks the model beside `folder` and moves it in place when whole.

    What becomes `folder` is the part of the archive that holds the checkpoint. Raises
    WrongContent if the archive is damaged or has none.
    """
    parent = os.path.dirname(os.path.abspath(folder))
    temporary = tempfile.mkdtemp(prefix=".unpacking-", dir=parent)
    try:
        inside = os.path.join(temporary, "model")
        os.mkdir(inside)
        _extract(archive, inside)
        found = glob.glob(os.path.join(inside, "**", "*.index"), recursive=True)
        if not found:
            raise WrongContent("%s holds no checkpoint (*.index)" % archive)
        os.replace(os.path.dirname(found[0]), folder)
    except _DAMAGED as error:
        raise WrongContent("%s is no whole archive of a model: %s" % (archive, error))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(archive, folder):
    if archive.endswith(".zip"):
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)  # checks each CRC; never leaves `folder`
        return
    with tarfile.open(archive) as opened:
        for member in opened:
            outside = os.path.isabs(member.name) or ".." in member.name.split("/")
            if outside or not (member.isfile() or member.isdir()):
                raise WrongContent("%s is not a plain file" % member.name)
            opened.extract(member, folder)


def _show_progress(done, total):
    if sys.stderr.isatty():
        share = " of %.1f" % (total / 1e6) if total else ""
        sys.stderr.write("\r%.1f%s MB " % (done / 1e6, share))
        sys.stderr.write("\n" if done == total else "")


def main(arguments=None):
    """Runs the command; returns the exit code (see the module's text)."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.download", description=__doc__.split("\n\n")[0])
    commands = parser.add_subparsers(dest="what", metavar="lcqmc | model")
    commands.required = True
    lcqmc = commands.add_parser("lcqmc", help="the three files of LCQMC")
    model = commands.add_parser("model", help="a published model")
    model.add_argument("name", metavar="NAME", choices=sorted(MODELS),
                       help="one of " + ", ".join(sorted(MODELS)))
    for command in (lcqmc, model):
        command.add_argument("--to", metavar="FOLDER", required=True)
    options = parser.parse_args(arguments)
    try:
        if options.what == "lcqmc":
            fetch_lcqmc(options.to, _show_progress)
        else:
            fetch_model(options.name, options.to, _show_progress)
    except errors.InputError as error:
        print(error, file=sys.stderr)
        return {Unreachable: 3, WrongContent: 4}.get(type(error), 2)
    print("%s is there." % options.to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
