"""Which pre-training records a run reads, and whether they fit it.

Records of this program have a meta file beside them; those of other programs are taken
as their first record is.
"""

import collections
import glob
import itertools
import json
import os

import numpy as np
import tensorflow.compat.v1 as tf

import errors
import records
import storage

# fields: {name: (records.INT64 | records.FLOAT, length)}; num_rows, meta: None if unknown.
Records = collections.namedtuple(
    "Records", ["paths", "compression", "fields", "max_seq_length",
                "max_predictions_per_seq", "num_rows", "meta"])


def open_records(patterns, flag):
    """The Records of a comma list of files and globs; their first records are looked at.

    Raises errors.InputError for a pattern without a file, for what is no TFRecord file
    of instances, and for files of different lengths.
    """
    paths = _expand(patterns, flag)
    compression = _compression(paths[0])
    shapes = {path: _first_record(path, compression)[0] for path in paths}
    fields = shapes[paths[0]]
    for path, other in shapes.items():
        if other != fields:
            raise errors.InputError(
                "%s holds %s, but %s holds %s. Give files that were made together." % (
                    paths[0], _in_words(fields), path, _in_words(other)))
    metas = [meta for meta in map(find_meta, paths) if meta is not None]
    count = sum(meta["summary"]["instances"] for meta in _distinct(metas))
    return Records(
        paths, compression, fields, fields["input_ids"][1],
        fields.get("masked_lm_positions", (None, 0))[1],
        count if metas and _cover(metas, paths) else None, metas[0] if metas else None)


def _expand(patterns, flag):
    paths = []
    for pattern in filter(None, patterns.split(",")):
        found = storage.find(pattern)
        if not found:
            raise errors.InputError("--%s: no file matches %s." % (flag, pattern))
        paths += found
    if not paths:
        raise errors.InputError("--%s names no file." % flag)
    return paths


def _compression(path):
    with storage.open_file(path, "rb") as source:
        return "GZIP" if source.read(2) == b"\x1f\x8b" else ""


def _first_record(path, compression):
    """({name: (type, length)}, the tf.train.Example) of a file's first record."""
    try:
        data = next(_read(path, compression))
        example = tf.train.Example.FromString(data)
    except StopIteration:
        raise errors.InputError("%s holds no record." % path)
    except Exception as error:  # protobuf's DecodeError has no stable place
        raise errors.InputError(
            "%s is no TFRecord file of tf.Examples: %s" % (path, _first_line(error)))
    fields = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind in ("int64_list", "float_list"):
            fields[name] = (records.FLOAT if kind == "float_list" else records.INT64,
                            len(getattr(feature, kind).value))
    wanted = _wanted(fields)
    missing = sorted(set(wanted) - set(fields))
    if missing:
        raise errors.InputError(
            "%s has no %s: it holds no pre-training records. create_pretraining_data.py "
            "makes them." % (path, ", ".join(missing)))
    return {name: fields[name] for name in wanted}, example


def _wanted(fields):
    unmasked = "token_boundary" in fields and "masked_lm_positions" not in fields
    return records.unmasked_fields(0) if unmasked else records.pretraining_fields(0, 0)


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]


def _in_words(fields):
    text = "sequences of %d tokens" % fields["input_ids"][1]
    if "masked_lm_positions" in fields:
        return text + " with %d predictions" % fields["masked_lm_positions"][1]
    return text + " without masks"


def _read(path, compression):
    options = tf.io.TFRecordOptions(compression_type=compression)
    return tf.io.tf_record_iterator(path, options)


def find_meta(path):
    """What the meta file that names `path` says, or None."""
    folder = os.path.dirname(path)
    for meta_path in storage.find(os.path.join(glob.escape(folder), "*.meta.json")):
        try:
            with storage.open_file(meta_path) as source:
                meta = json.load(source)
        except (OSError, ValueError) as error:
            raise errors.InputError("%s is damaged: %s" % (meta_path, error))
        names = meta.get("files", [])
        if isinstance(names, str):
            names = [os.path.basename(p) for p in storage.find(os.path.join(folder, names))]
        if os.path.basename(path) in names:
            return meta
    return None


def _distinct(metas):
    return list({json.dumps(meta, sort_keys=True): meta for meta in metas}.values())


def _cover(metas, paths):
    """Whether the records of the meta files are those of the paths, all and only."""
    return sum(len(meta["files"]) for meta in _distinct(metas)
               if isinstance(meta["files"], list)) == len(paths)


def check(found, flag, max_seq_length, max_predictions, vocab_size, vocab_sha256):
    """Refuses records that contradict the flags given (None: not given) or the model.

    Raises errors.InputError naming the file and both values.
    """
    path = found.paths[0]
    for name, wanted, held in (
            ("max_seq_length", max_seq_length, found.max_seq_length),
            ("max_predictions_per_seq", max_predictions,
             found.max_predictions_per_seq or max_predictions)):
        if wanted is not None and wanted != held:
            raise errors.InputError(
                "--%s=%d, but the records of %s (--%s) have %d. Leave the flag out, or "
                "make the records again." % (name, wanted, path, flag, held))
    meta_hash = (found.meta or {}).get("vocab_sha256")
    if vocab_sha256 and meta_hash and vocab_sha256 != meta_hash:
        raise errors.InputError(
            "%s was made with another vocabulary (sha256 %s...) than --vocab_file (%s...). "
            "Give the vocabulary the records were made with." % (
                path, meta_hash[:12], vocab_sha256[:12]))
    for path in found.paths:
        ids = _first_record(path, found.compression)[1].features.feature["input_ids"]
        largest = max(ids.int64_list.value)
        if largest >= vocab_size:
            raise errors.InputError(
                "%s has the token id %d, but the model's vocab_size is %d: it was made "
                "with another vocabulary." % (path, largest, vocab_size))


def log_frequencies(found, vocab_size, num_rows):
    """Logarithms [V] of the words' shares among those masked in `num_rows` rows, an equal
    part of each file; in rows without masks, among all. One is added to every count.

    Raises errors.InputError for a file that breaks off in these rows.
    """
    counts = np.ones([vocab_size])
    for path in found.paths:
        rows = itertools.islice(_read(path, found.compression),
                                -(-num_rows // len(found.paths)))
        try:
            for data in rows:
                counts += np.bincount(_words(data), minlength=vocab_size)
        except (tf.errors.DataLossError, ValueError):
            raise errors.InputError(describe_damage(found, vocab_size))
    return np.log(counts / counts.sum()).astype(np.float32)


def _words(data):
    held = tf.train.Example.FromString(data).features.feature
    if "masked_lm_ids" not in held:
        ids = np.array(held["input_ids"].int64_list.value)
        ids = ids[np.array(held["input_mask"].int64_list.value) > 0]
        return ids[(ids != ids[0]) & (ids != ids[-1])]  # [CLS] and [SEP] are not masked
    weights = np.array(held["masked_lm_weights"].float_list.value)
    return np.array(held["masked_lm_ids"].int64_list.value)[weights > 0.0]


def describe_damage(found, vocab_size):
    """Names the first damaged record, read one by one after training stumbled, or None."""
    for path in found.paths:
        number = 0
        try:
            for number, data in enumerate(_read(path, found.compression), 1):
                held = tf.train.Example.FromString(data).features.feature
                for name, (kind, length) in found.fields.items():
                    values = getattr(held[name], kind.lower() + "_list").value
                    if len(values) != length:
                        return "%s, record %d: %s has %d values, not %d." % (
                            path, number, name, len(values), length)
                for name in ("input_ids", "masked_lm_ids"):
                    if max(held[name].int64_list.value, default=0) >= vocab_size:
                        return ("%s, record %d: a token id is not in the vocabulary of %d."
                                % (path, number, vocab_size))
        except Exception as error:  # protobuf's DecodeError has no stable place
            return "%s, after record %d: %s. Make the file again or leave it out." % (
                path, number, _first_line(error))
    return None
