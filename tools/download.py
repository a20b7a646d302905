"""Fetches published data and models, verified, each in place only when it is whole.

    python -m tools.download lcqmc --to FOLDER
    python -m tools.download clue TASK.. --to FOLDER
    python -m tools.download reading NAME --to FOLDER
    python -m tools.download model NAME --to FOLDER [--from PATH]

How a file comes is told in tools/transfer.py. Of several CLUE tasks each comes or fails
on its own, into FOLDER/TASK. A model of tools/model_zoo.py must have the names and shapes
of its config; PATH is its archive or folder that came in another way.

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
import huggingface
import reading_comprehension_data
import tasks
from tools import model_zoo
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

MODELS = {name: entry.url for name, entry in model_zoo.ENTRIES.items()}
_CLUE = "https://storage.googleapis.com/cluebenchmark/tasks/%s_public.zip"
CLUE = {task.name: _CLUE % task.archive for task in tasks.TASKS.values() if task.archive}
READING = {name: _CLUE % name for name in ("cmrc2018", "drcd")}
_CHECKPOINT = [("*.index",)]
_HUGGING_FACE = [("config.json",), ("vocab.txt",),
                 (huggingface.WEIGHTS, huggingface.TORCH_WEIGHTS)]
_EXIT_CODES = {transfer.Unreachable: 3, transfer.Absent: 3, transfer.WrongContent: 4}


def fetch_lcqmc(folder, report=None):
    """train.txt, dev.txt, test.txt of LCQMC into `folder`. Raises as `fetch` does."""
    for name, content in LCQMC_FILES.items():
        sources = [base + name for base in LCQMC_SOURCES]
        transfer.fetch(sources, os.path.join(folder, name), content, report)


def fetch_model(name, folder, report=None, source=None):
    """A published model, unpacked, as `folder`; False if it was there already.

    `source`: its archive or folder on this machine, instead of the network. Raises as
    fetch_archive does, and WrongContent for weights of other names or shapes.
    """
    folder = folder.rstrip("/")
    if name in model_zoo.HUGGING_FACE and source is None:
        return _fetch_hugging_face(name, folder, report)
    if name in model_zoo.HUGGING_FACE:
        raise errors.InputError(
            "--from is for the archives: tools.convert reads a Hugging Face folder where "
            "it stands.")

    def check(part):
        check_model(name, part)

    if source is None:
        return fetch_archive(MODELS[name], folder, _CHECKPOINT, report, check)
    if _is_there(folder, _CHECKPOINT):
        return False
    if not os.path.exists(source):
        raise errors.InputError("--from=%s: there is nothing." % source)
    fill = _extract if os.path.isfile(source) else _copy
    _put_in_place(
        lambda inside: fill(source, inside), source, folder, _CHECKPOINT, check)
    return True


def _copy(source, folder):
    shutil.copytree(source, os.path.join(folder, "copy"))


def check_model(name, folder):
    """Raises WrongContent unless the folder's checkpoint is of the published model."""
    import checkpoints  # not above: it imports TensorFlow, which takes seconds
    variables = checkpoints.list_variables(checkpoints.find_checkpoint(folder))
    found = model_zoo.differences(name, variables)
    if found:
        raise transfer.WrongContent("The weights are none of %s: %s%s." % (
            name, "; ".join(found[:3]), " ..." if len(found) > 3 else ""))


def _fetch_hugging_face(name, folder, report):
    """A folder of Hugging Face's, as transformers and tools.convert read it; what has
    come of it stands in `FOLDER.download` until it is whole."""
    if _is_there(folder, _HUGGING_FACE):
        return False
    part = folder + ".download"

    def fetch(file_name):
        transfer.fetch([model_zoo.HUGGING_FACE_URL % (name, file_name)],
                       os.path.join(part, file_name), report=report)

    fetch("config.json")
    huggingface.read_config(part)
    fetch("vocab.txt")
    try:
        fetch(huggingface.WEIGHTS)
        huggingface.read_tensors(os.path.join(part, huggingface.WEIGHTS))
    except transfer.Absent:
        fetch(huggingface.TORCH_WEIGHTS)
    os.replace(part, folder)
    return True


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


def fetch_archive(url, folder, wanted, report=None, check=None):
    """An archive, unpacked, as `folder`; returns False if it was there already.

    No hash of these archives was published: the first one that comes is recorded in
    `FOLDER.download.json`, and a later download must equal it.

    Args:
      url: of a .zip or .tar.gz.
      folder: what becomes of the part of the archive that holds what is wanted.
      wanted: for each file that must be there, the patterns of its possible names.
      report: see transfer.fetch.
      check: called with what will become `folder`; raises WrongContent to refuse it.
    """
    folder = folder.rstrip("/")
    if _is_there(folder, wanted):
        return False
    archive = folder + ".download" + os.path.splitext(url)[1]
    transfer.fetch([url], archive, _read_record(folder, url), report)
    _write_record(folder, url, archive)
    try:
        unpack(archive, folder, wanted, check)
    except transfer.WrongContent:
        os.remove(archive)
        os.remove(folder + ".download.json")
        raise
    os.remove(archive)
    return True


def _is_there(folder, wanted):
    """Whether the folder has all that is wanted; raises InputError if it has something
    else."""
    if not os.path.isdir(folder) or not os.listdir(folder):
        return False
    if _part_with(folder, wanted):
        return True
    raise errors.InputError(
        "%s is not empty, and has no %s. It was left as it is: move it away, or "
        "choose another folder." % (folder, _in_words(wanted)))


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


def unpack(archive, folder, wanted, check=None):
    """Unpacks beside `folder` and moves the part with all that is wanted in place.

    Raises WrongContent if the archive is damaged or has no such part, or as `check` does;
    InputError where it cannot be written.
    """
    _put_in_place(lambda inside: _extract(archive, inside), archive, folder, wanted, check)


def _put_in_place(fill, source, folder, wanted, check):
    """What `fill` puts into an empty folder becomes `folder`, if it is what is wanted."""
    parent = os.path.dirname(os.path.abspath(folder))
    os.makedirs(parent, exist_ok=True)
    temporary = tempfile.mkdtemp(prefix=".unpacking-", dir=parent)
    try:
        inside = os.path.join(temporary, "unpacked")
        os.mkdir(inside)
        fill(inside)
        part = _part_with(inside, wanted)
        if not part:
            raise transfer.WrongContent("%s has no folder with %s" % (
                source, _in_words(wanted)))
        if check:
            check(part)
        os.replace(part, folder)
    except _DAMAGED as error:
        raise transfer.WrongContent("%s is no whole archive: %s" % (source, error))
    except OSError as error:
        raise errors.InputError("%s cannot be written: %s." % (folder, error.strerror))
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
    names = sorted(MODELS) + sorted(model_zoo.HUGGING_FACE)
    model.add_argument("name", metavar="NAME", choices=names,
                       help="one of " + ", ".join(names))
    model.add_argument("--from", dest="source", metavar="PATH",
                       help="its archive or folder, if you have it already")
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
            fetch_model(options.name, options.to, _show_progress, options.source)
        else:
            failed = fetch_clue(options.names, options.to, _show_progress)
    except errors.InputError as error:
        print(error, file=sys.stderr)
        return _EXIT_CODES.get(type(error), 2)
    for name, error in failed.items():
        print("%s: %s" % (name, error), file=sys.stderr)
    if failed:
        return 4
    print("%s is there." % options.to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
