"""Fetches published data and models, verified, each in place only when it is whole.

    python -m tools.download lcqmc --to FOLDER
    python -m tools.download clue TASK.. --to FOLDER
    python -m tools.download reading NAME --to FOLDER
    python -m tools.download model NAME --to FOLDER

How a file comes is told in tools/transfer.py. Of several CLUE tasks each comes or fails
on its own, into FOLDER/TASK.

Exit codes: 0 it is there; 2 a mistake in the call, or a file in the way; 3 nothing
could be reached; 4 something came, but not what was published, or not all of it.
"""

import argparse
import glob
import hashlib
import json
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
import zlib

import errors
import reading_comprehension_data
import tasks
from tools import transfer

_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError,
            NotImplementedError)

# Copyright keeps LCQMC out of this repository; this public copy is byte-identical.
LCQMC_SOURCES = [
    "https://raw.githubusercontent.com/zejunwang1/CSTS/main/LCQMC/",
    "https://cdn.jsdelivr.net/gh/zejunwang1/CSTS@main/LCQMC/",
]
LCQMC_FILES = {
    "dev.txt": transfer.Content(
        sha256="d3cd41ed89b8f6196a76ebff2aa03d5ecf42edcd12942aa865d34f7e570af7c2"),
    "test.txt": transfer.Content(
        sha256="8969f9c16050f40df9da6f591443a47bc14c17a504a354ee4cc4ab5b9aa303d9"),
    "train.txt": transfer.Content(git_blob="90ec20b9b0126f5ce5dd33ce3c7c24e27c28f520"),
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
_CLUE = "https://storage.googleapis.com/cluebenchmark/tasks/%s_public.zip"
CLUE = {task.name: _CLUE % task.archive for task in tasks.TASKS.values() if task.archive}
READING = {name: _CLUE % name for name in ("cmrc2018", "drcd")}
_CHECKPOINT = [("*.index",)]


def fetch_lcqmc(folder, report=None):
    """train.txt, dev.txt, test.txt of LCQMC into `folder`. Raises as `fetch` does."""
    for name, content in LCQMC_FILES.items():
        sources = [base + name for base in LCQMC_SOURCES]
        transfer.fetch(sources, os.path.join(folder, name), content, report)


def fetch_model(name, folder, report=None):
    """A published model, unpacked, as `folder`; False if it was there already."""
    return fetch_archive(MODELS[name], folder, _CHECKPOINT, report)


def fetch_reading(name, folder, report=None):
    """Passages with questions, unpacked, as `folder`; False if they were there already."""
    files = reading_comprehension_data.TASKS[name].files
    return fetch_archive(READING[name], folder, [files["train"], files["dev"]], report)


def fetch_clue(names, folder, report=None):
    """The files of CLUE's tasks as FOLDER/NAME. -> {name: the error} of what failed.

    Raises: Unreachable if nothing can be reached.
    """
    wanted = {name: [tasks.TASKS[name].files[split] for split in tasks.SPLITS]
              for name in names}
    absent = [name for name in names
              if not _part_with(os.path.join(folder, name), wanted[name])]
    answering, reasons = transfer.probe([CLUE[name] for name in absent])
    if absent and not answering:
        raise transfer.Unreachable("%s: %s" % (
            CLUE[absent[0]], reasons[CLUE[absent[0]]]))
    failed = {}
    for name in absent:
        try:
            fetch_archive(CLUE[name], os.path.join(folder, name), wanted[name], report)
        except errors.InputError as error:
            failed[name] = error
    return failed


def fetch_archive(url, folder, wanted, report=None):
    """An archive, unpacked, as `folder`; returns False if it was there already.

    No hash of these archives was published: the first one that comes is recorded in
    `FOLDER.download.json`, and a later download must equal it.

    Args:
      url: of a .zip or .tar.gz.
      folder: what becomes of the part of the archive that holds what is wanted.
      wanted: for each file that must be there, the patterns of its possible names.
      report: see transfer.fetch.
    """
    folder = folder.rstrip("/")
    if os.path.isdir(folder) and os.listdir(folder):
        if _part_with(folder, wanted):
            return False
        raise errors.InputError(
            "%s is not empty, and has no %s. It was left as it is: move it away, or "
            "choose another folder." % (folder, _in_words(wanted)))
    archive = folder + ".download" + os.path.splitext(url)[1]
    transfer.fetch([url], archive, _read_record(folder, url), report)
    _write_record(folder, url, archive)
    try:
        unpack(archive, folder, wanted)
    except transfer.WrongContent:
        os.remove(archive)
        os.remove(folder + ".download.json")
        raise
    os.remove(archive)
    return True


def _part_with(folder, wanted):
    """The folder, or the first one in it, that has all that is wanted; None if none."""
    for part, _, _ in sorted(os.walk(folder)):
        inside = glob.escape(part)
        if all(any(glob.glob(os.path.join(inside, name)) for name in names)
               for names in wanted):
            return part
    return None


def _in_words(wanted):
    return ", ".join(" or ".join(names) for names in wanted)


def _read_record(folder, url):
    """-> what is known of the archive that was once fetched from `url`."""
    path = folder + ".download.json"
    if not os.path.exists(path):
        return transfer.Content()
    with open(path) as stream:
        record = json.load(stream)
    if record.get("url") != url:
        return transfer.Content()
    return transfer.Content(size=record["size"], sha256=record["sha256"])


def _write_record(folder, url, archive):
    record = {"url": url, "size": transfer.size_of(archive),
              "sha256": transfer.digest_of(archive, hashlib.sha256())}
    path = folder + ".download.json"
    with open(path + ".part", "w") as stream:
        json.dump(record, stream)
    os.replace(path + ".part", path)


def unpack(archive, folder, wanted):
    """Unpacks beside `folder` and moves the part with all that is wanted in place.

    Raises WrongContent if the archive is damaged or has no such part.
    """
    parent = os.path.dirname(os.path.abspath(folder))
    temporary = tempfile.mkdtemp(prefix=".unpacking-", dir=parent)
    try:
        inside = os.path.join(temporary, "unpacked")
        os.mkdir(inside)
        _extract(archive, inside)
        part = _part_with(inside, wanted)
        if not part:
            raise transfer.WrongContent("%s has no folder with %s" % (
                archive, _in_words(wanted)))
        os.replace(part, folder)
    except _DAMAGED as error:
        raise transfer.WrongContent("%s is no whole archive: %s" % (archive, error))
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
                raise transfer.WrongContent("%s is not a plain file" % member.name)
            opened.extract(member, folder)


def _show_progress(done, total):
    if sys.stderr.isatty():
        share = " of %.1f" % (total / 1e6) if total else ""
        sys.stderr.write("\r%.1f%s MB " % (done / 1e6, share))
        sys.stderr.write("\n" if done == total else "")


def _parse(arguments):
    parser = argparse.ArgumentParser(
        prog="python -m tools.download", description=__doc__.split("\n\n")[0])
    commands = parser.add_subparsers(dest="what", metavar="lcqmc | clue | reading | model")
    commands.required = True
    lcqmc = commands.add_parser("lcqmc", help="the three files of LCQMC")
    clue = commands.add_parser("clue", help="the files of CLUE's tasks")
    clue.add_argument("names", metavar="TASK", nargs="+", choices=sorted(CLUE),
                      help="of " + ", ".join(sorted(CLUE)))
    reading = commands.add_parser("reading", help="passages with questions")
    reading.add_argument("name", metavar="NAME", choices=sorted(READING),
                         help="one of " + ", ".join(sorted(READING)))
    model = commands.add_parser("model", help="a published model")
    model.add_argument("name", metavar="NAME", choices=sorted(MODELS),
                       help="one of " + ", ".join(sorted(MODELS)))
    for command in (lcqmc, clue, reading, model):
        command.add_argument("--to", metavar="FOLDER", required=True)
    return parser.parse_args(arguments)


def main(arguments=None):
    """Runs the command; returns the exit code (see the module's text)."""
    options = _parse(arguments)
    failed = {}
    try:
        if options.what == "lcqmc":
            fetch_lcqmc(options.to, _show_progress)
        elif options.what == "reading":
            fetch_reading(options.name, options.to, _show_progress)
        elif options.what == "model":
            fetch_model(options.name, options.to, _show_progress)
        else:
            failed = fetch_clue(options.names, options.to, _show_progress)
    except errors.InputError as error:
        print(error, file=sys.stderr)
        return {transfer.Unreachable: 3, transfer.WrongContent: 4}.get(type(error), 2)
    for name, error in failed.items():
        print("%s: %s" % (name, error), file=sys.stderr)
    if failed:
        return 4
    print("%s is there." % options.to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
