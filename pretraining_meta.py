"""What pre-training records were made of: the meta file beside them, and `--resume`.

A reader of records takes lengths, vocabulary and label style from `*.meta.json`, in the
folder of the records, whose `files` name them.
"""

import hashlib
import json
import os
import platform

import errors
import instances
import segmentation

FORMAT = "albert_zh pre-training records, version 1"


def fingerprint(settings, files):
    """{name: value} of all that the bytes of a run depend on; values fit into JSON."""
    parts = dict(settings._asdict(), format=FORMAT)
    parts.update(encoding=files.encoding, split_sentences=files.split_sentences,
                 compression=files.compression,
                 output_file=[os.path.basename(path) for path in files.outputs])
    parts["input_file"] = [
        [path, os.path.getsize(path), os.stat(path).st_mtime_ns]
        for path in files.inputs]
    for name in ("vocab_file", "spm_model_file", "user_dict"):
        path = getattr(settings, name)
        parts[name] = path and _sha256(path, "--" + name)
    parts["segmenter_version"] = _segmenter_version(settings)
    return parts


def _sha256(path, flag):
    try:
        with open(path, "rb") as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError as error:
        raise errors.InputError(
    "%s=%s cannot be read: %s" %
     (flag, path, error.strerror))


def _segmenter_version(settings):
    if settings.non_chinese or settings.segmented_input:
        return None
    package = segmentation.import_package(settings.segmenter)
    return str(getattr(package, "__version__", "unknown"))


def describe(settings, paths, summary):
    """What a reader of the records must know, for their meta file."""
    return {
        "format": FORMAT,
        "files": [os.path.basename(path) for path in paths],
        "fields": sorted(instances.fields(settings)),
        "settings": settings._asdict(),
        "vocab_sha256": _sha256(settings.spm_model_file or settings.vocab_file,
                                "--vocab_file"),
        "summary": summary,
        "versions": {"python": platform.python_version(),
                     settings.segmenter: _segmenter_version(settings)},
    }


def require_same(before, now, path):
    """Raises InputError if the fingerprint `before`, of `path`, is not `now`."""
    now = json.loads(json.dumps(now))
    differing = sorted(name for name in now if before.get(name) != now[name])
    if differing:
        raise errors.InputError(
            "--resume: %s belongs to a run that differs in %s (%s before, %s now); run "
            "without --resume, or with the settings of before"
            % (path, ", ".join(differing), before.get(differing[0]), now[differing[0]]))
