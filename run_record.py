"""What a run was made of, kept in its folder, so that no run is mistaken for another.

`run.json` holds the flags, the versions, and the hashes of data, config and weights. A
folder that holds another run is refused, resumed or overwritten, never silently reused.
"""

import hashlib
import json
import logging
import os
import platform
import sys

import numpy

import errors
import storage
import version

NAME = "run.json"
# Each measurement of a run, a line of JSON.
HISTORY = "metrics.jsonl"
# What may differ when a run is resumed: how it is watched or measured, not what it learns.
FREE_TO_CHANGE = frozenset([
    "resume", "overwrite_output_dir", "do_train", "do_eval", "do_predict",
    "eval_batch_size", "predict_batch_size", "keep_checkpoint_max", "output_dir",
    "save_checkpoints_steps", "early_stopping_patience", "data_dir", "split_files",
    "cached_dir", "num_gpus", "num_seeds", "accumulate_steps", "use_horovod", "xla",
    "gradient_checkpointing",
    "input_file", "eval_input_file", "vocab_file", "export_dir", "max_eval_steps",
    "legacy_labels", "n_best_size", "tpu_name", "tpu_zone", "gcp_project",
    "master"])
# What a run leaves in its folder; overwriting removes these and nothing else.
OUTPUTS = (NAME, "checkpoint", HISTORY, "curves.png", "report.html", "labels.txt",
           "eval_results.txt", "eval_results.json", "test_results.tsv",
           "predictions.tsv", "graph.pbtxt")
OUTPUT_PREFIXES = ("model.ckpt-", "events.out.tfevents.")
OUTPUT_ENDINGS = ("_predict.json", "predictions.json", "null_odds.json")
OUTPUT_FOLDERS = ("best", "eval")


def sha256(path):
    """Hexadecimal digest of a file's bytes."""
    digest = hashlib.sha256()
    with storage.open_file(path, "rb") as source:
        for block in iter(lambda: source.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def write_json(path, value):
    """Writes through a temporary name, so that a killed run leaves the old file."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n")


def write_text(path, text):
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path, content):
    temporary = "%s.tmp-%d" % (path, os.getpid())
    with storage.open_file(temporary, "wb") as out:
        out.write(content)
    storage.replace(temporary, path)


def describe(settings, files, facts, tensorflow_version):
    """The record: settings (a dict), files (name -> path) by hash, other facts
    (name -> what can be compared and printed)."""
    return {
        "settings": settings,
        "files": {name: {"path": path, "sha256": sha256(path)}
                  for name, path in sorted(files.items())},
        "facts": facts,
        "versions": {"albert_zh": version.VERSION, "tensorflow": tensorflow_version,
                     "numpy": numpy.__version__, "python": platform.python_version()},
        "command": sys.argv,
        "finished": False,
    }


def read(folder):
    """The record of the run in `folder`, or None."""
    return read_json(os.path.join(folder, NAME))


def read_json(path):
    """What a file of ours holds, or None where there is none."""
    if not storage.exists(path):
        return None
    try:
        with storage.open_file(path) as source:
            return json.load(source)
    except ValueError:
        raise errors.InputError(
            "%s is damaged. Give another --output_dir, or --overwrite_output_dir." % path)


def differences(old, new):
    """Lines that say in which settings, files and facts two records differ."""
    lines = []
    for key in sorted(set(old["settings"]) | set(new["settings"])):
        before, now = old["settings"].get(key), new["settings"].get(key)
        if before != now and key not in FREE_TO_CHANGE:
            lines.append("--%s was %s, is %s" % (key, before, now))
    for name in sorted(set(old["files"]) & set(new["files"])):
        if old["files"][name]["sha256"] != new["files"][name]["sha256"]:
            lines.append("the content of %s (%s) has changed" % (
                name, new["files"][name]["path"]))
    for name in sorted(set(old["facts"]) & set(new["facts"])):
        if old["facts"][name] != new["facts"][name]:
            lines.append("%s: was %s, is %s" % (
                name, old["facts"][name], new["facts"][name]))
    return lines


def make_folder(path, flag):
    """Raises errors.InputError where the folder cannot be made or written to."""
    try:
        storage.make_folder(path)
        if storage.is_remote(path) or os.access(path, os.W_OK):
            return
        reason = "it cannot be written to"
    except OSError as error:
        reason = error.strerror
    raise errors.InputError(
        "--%s=%s is of no use as a folder: %s." % (flag, path, reason))


def claim(folder, record, resume, overwrite):
    """Makes `folder` this run's. Returns True where an earlier part of it goes on.

    Raises errors.InputError where the folder holds a run and neither `resume` nor
    `overwrite` is set, where `resume` would continue a different run, and where a file
    that no run of ours made would be overwritten.
    """
    if resume and overwrite:
        raise errors.InputError("Give --resume or --overwrite_output_dir, not both.")
    make_folder(folder, "output_dir")
    if overwrite and os.path.exists(os.path.join(folder, NAME)):
        remove_outputs(folder)
    old = read(folder)
    if old is None:
        _refuse_foreign(folder)
    else:
        _refuse_unless_resumed(folder, old, record, resume)
        record["finished"] = old["finished"]
    write_json(os.path.join(folder, NAME), record)
    return old is not None


def _refuse_foreign(folder):
    found = [name for name in sorted(storage.list_folder(folder))
             if _is_output(folder, name)]
    if found:
        raise errors.InputError(
            "--output_dir=%s holds %s, but no %s: no training run of this program made "
            "them, and this one would overwrite them. Give another --output_dir." % (
                folder, ", ".join(found[:5]), NAME))


def _refuse_unless_resumed(folder, old, record, resume):
    changed = differences(old, record)
    listing = "".join("\n  " + line for line in changed) or "\n  nothing differs"
    if not resume:
        raise errors.InputError(
            "--output_dir=%s holds another run (%s). Give another folder, or %s"
            "--overwrite_output_dir to start again. Compared with that run:%s" % (
                folder, "finished" if old["finished"] else "unfinished",
                "" if changed else "--resume to go on with it, or ", listing))
    if changed:
        raise errors.InputError(
            "--resume goes on with the run in %s, but this one is different:%s\nUse "
            "the same settings, or --overwrite_output_dir." % (folder, listing))


def _is_output(folder, name):
    if name in OUTPUT_FOLDERS:
        return storage.is_folder(os.path.join(folder, name))
    return (name in OUTPUTS or name.startswith(OUTPUT_PREFIXES)
            or name.endswith(OUTPUT_ENDINGS))


def remove_outputs(folder):
    """Deletes what a run writes, by name; a user's own files stay.

    The record goes last: until then a killed removal can be begun again.
    """
    found = [name for name in storage.list_folder(folder) if _is_output(folder, name)]
    for name in sorted(found, key=lambda name: (name == NAME, name)):
        path = os.path.join(folder, name)
        if name in OUTPUT_FOLDERS:
            storage.remove_folder(path)
        else:
            storage.remove(path)
    logging.info("Overwriting %s: %d outputs of an earlier run removed.", folder,
                 len(found))


def mark_finished(folder):
    record = read(folder)
    record["finished"] = True
    write_json(os.path.join(folder, NAME), record)
