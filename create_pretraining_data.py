"""Pre-training data: raw Chinese text to TFRecords of masked sentence-order pairs.

    python create_pretraining_data.py --input_file=data/news_zh_1.txt \\
        --output_file=data/news.tfrecord --vocab_file=albert_config/vocab.txt

The text is spread over parts by the hash of each document; workers turn parts into
shuffled records; parts are merged to shards. What is in a shard, and in which order,
depends on the input, the settings and the number of shards only. A killed run goes on
with --resume and ends with the same bytes.
"""

import collections
import contextlib
import functools
import json
import logging
import os
import shutil
import time

import corpus
import create_pretraining_data_flags
import data_report
import errors
import instances
import parallel
import pretraining_meta
import shards

_MANY_PARTS = 128
_SMALL_PART_BYTES = 128 << 10
_LARGE_PART_BYTES = 8 << 20
_MAX_PARTS_PER_SHARD = 512  # files that one merge holds open
_SUFFIX = ".tfrecord"

# What to read and write: paths, encoding of the text, whether lines are raw paragraphs,
# "" or "GZIP".
Files = collections.namedtuple(
    "Files", ["inputs", "outputs", "encoding", "split_sentences", "compression"])

# One run: `fingerprint` is all that its bytes depend on.
Job = collections.namedtuple(
    "Job", ["settings", "files", "stem", "work_dir", "parts_per_shard", "fingerprint"])


def name_outputs(output_file, num_shards):
    """--output_file and --num_shards -> paths of the shards.

    One path and N shards give `name-00000-of-0000N.tfrecord`, as Beam would name them.
    """
    names = [name.strip() for name in output_file.split(",") if name.strip()]
    if len(set(names)) != len(names) or not names:
        raise errors.InputError("--output_file=%s must name one or more different files"
                                % output_file)
    if not num_shards:
        return names
    if len(names) > 1 and len(names) != num_shards:
        raise errors.InputError(
            "--num_shards=%d, but --output_file names %d files; give one name, or "
            "leave --num_shards out" % (num_shards, len(names)))
    if len(names) > 1 or num_shards == 1:
        return names
    root, extension = os.path.splitext(names[0])
    return ["%s-%05d-of-%05d%s" % (root, shard, num_shards, extension)
            for shard in range(num_shards)]


def prepare(settings, files, stem):
    """-> the Job of these settings.

    Report and meta file are called `stem`.*; work goes on in the folder `stem`.partial.
    """
    instances.check_settings(settings)
    corpus.check_encoding(files.encoding)
    size = sum(os.path.getsize(path) for path in files.inputs)
    wanted = max(min(_MANY_PARTS, size // _SMALL_PART_BYTES), size // _LARGE_PART_BYTES)
    parts_per_shard = min(max(1, wanted // len(files.outputs)), _MAX_PARTS_PER_SHARD)
    overlap = {os.path.realpath(path) for path in files.inputs}.intersection(
        os.path.realpath(path) for path in files.outputs)
    if overlap:
        raise errors.InputError("%s is both input and output" % overlap.pop())
    return Job(settings, files, stem, stem + ".partial", parts_per_shard,
               pretraining_meta.fingerprint(settings, files))


def run(job, num_workers, resume):
    """Makes all shards of a job, their report and their meta file.

    Raises: InputError if the input cannot be used, nothing came of it, the disk is full
    or another run left its work behind.
    """
    if resume and _is_complete(job):
        logging.info("%s.meta.json: this run is complete already", job.stem)
        return
    _open_work(job, resume)
    summary_file = os.path.join(job.work_dir, "complete.json")
    if not os.path.exists(summary_file):
        _spread(job)
        counts, seconds = _make_shards(job, num_workers)
        _require_instances(job, counts)
        _write_json(summary_file, _report(job, counts, seconds))
    with open(summary_file) as source:
        summary = json.load(source)
    for path in job.files.outputs:
        with contextlib.suppress(FileNotFoundError):
            os.replace(_complete_path(path), path)
    meta = pretraining_meta.describe(job.settings, job.files.outputs, summary)
    _write_json(job.stem + ".meta.json", dict(meta, fingerprint=job.fingerprint))
    shutil.rmtree(job.work_dir)


def _is_complete(job):
    meta_path = job.stem + ".meta.json"
    if os.path.exists(job.work_dir) or not os.path.exists(meta_path):
        return False
    with open(meta_path) as source:
        pretraining_meta.require_same(json.load(source).get("fingerprint", {}),
                                      job.fingerprint, meta_path)
    return all(os.path.exists(path) for path in job.files.outputs)


def _open_work(job, resume):
    run_file = os.path.join(job.work_dir, "run.json")
    if os.path.exists(run_file):
        if not resume:
            raise errors.InputError(
                "%s holds an unfinished run; go on with it by --resume, or remove that "
                "folder to start again" % job.work_dir)
        with open(run_file) as source:
            pretraining_meta.require_same(json.load(source), job.fingerprint,
                                          job.work_dir)
        return
    try:
        for path in job.files.outputs:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.remove(_complete_path(path))
        os.mkdir(job.work_dir)
    except OSError as error:
        raise errors.InputError(
            "--output_file: %s cannot be made: %s; name a folder that can be written to"
            % (error.filename, error.strerror))
    _write_json(run_file, job.fingerprint)


def _write_json(path, value):
    with shards.writing_to(path) as temporary, open(temporary, "w") as out:
        json.dump(value, out, indent=1, sort_keys=True)


def _spread(job):
    """The text, spread over the parts; a half-done spreading is done again."""
    num_parts = job.parts_per_shard * len(job.files.outputs)
    done_file = os.path.join(job.work_dir, "spread.json")
    if os.path.exists(done_file):
        return
    for part in range(num_parts):
        with contextlib.suppress(FileNotFoundError):
            os.remove(_text_path(job, part))
    try:
        num_documents, num_lines = shards.spread_documents(
            _read_inputs(job.files), job.settings.random_seed, num_parts,
            functools.partial(_text_path, job))
        if not num_documents:
            raise errors.InputError(
                "--input_file: only blank lines in %d file(s); the input is a sentence "
                "a line, a blank line between documents" % len(job.files.inputs))
    except errors.InputError:
        shutil.rmtree(job.work_dir)
        raise
    logging.info("%d documents, %d lines; working on %d part(s)", num_documents,
                 num_lines, num_parts)
    _write_json(done_file, {"documents": num_documents, "lines": num_lines})


def _read_inputs(files):
    for path in files.inputs:
        try:
            with open(path, "rb") as stream:
                yield from corpus.read_documents(stream, path, files.encoding,
                                                 files.split_sentences)
        except OSError as error:
            raise errors.InputError("--input_file: %s cannot be read: %s"
                                    % (path, error.strerror))


def _text_path(job, part):
    return os.path.join(job.work_dir, "text-%05d" % part)


def _part_path(job, part):
    return os.path.join(job.work_dir, "part-%05d" % part)


def _complete_path(output):
    return output + ".complete"


def make_part(job, part):
    """The shuffled records of one part of the text, if they are not there yet.

    -> (part, notes): number of records, counts, seconds and bytes of text.
    """
    path = _part_path(job, part)
    if os.path.exists(path + ".json"):
        with open(path + ".json") as source:
            return part, json.load(source)
    started = time.time()
    maker = instances.record_maker(job.settings)
    maker.counts = data_report.Counts()
    num_records = shards.shuffle_to(
        path, (record for lines in shards.read_part(_text_path(job, part))
               for record in maker.records(lines)), job.settings.random_seed + part)
    notes = {"records": num_records, "counts": maker.counts.as_json(),
             "seconds": time.time() - started,
             "text_bytes": os.path.getsize(_text_path(job, part))}
    _write_json(path + ".json", notes)
    return part, notes


def merge_shard(job, shard):
    """One shard of its parts, under the name that it keeps until all are complete."""
    path = _complete_path(job.files.outputs[shard])
    parts = _parts_of(job, shard)
    if os.path.exists(path):
        return
    if len(parts) == 1 and not job.files.compression:
        os.replace(_part_path(job, parts[0]), path)
        return
    sizes = [make_part(job, part)[1]["records"] for part in parts]
    shards.merge_to(path, list(zip([_part_path(job, part) for part in parts], sizes)),
                    job.settings.random_seed + shard, job.files.compression)
    for part in parts:
        os.remove(_part_path(job, part))


def _parts_of(job, shard):
    return range(shard * job.parts_per_shard, (shard + 1) * job.parts_per_shard)


def _make_shards(job, num_workers):
    """-> (data_report.Counts, seconds of work in all workers)"""
    num_shards = len(job.files.outputs)
    parts = range(num_shards * job.parts_per_shard)
    left = [job.parts_per_shard] * num_shards

    def follow(result):
        if result is None:
            return []
        shard = result[0] // job.parts_per_shard
        left[shard] -= 1
        return [] if left[shard] else [(merge_shard, job, shard)]

    counts, seconds = data_report.Counts(), 0.0
    progress = data_report.Progress(
        sum(os.path.getsize(_text_path(job, part)) for part in parts))
    for result in parallel.run([(make_part, job, part) for part in parts], num_workers,
                               follow):
        if num_workers > 1:  # by now they run, and this process only waits
            data_report.prepare_to_draw()
        if result is None:
            continue
        _, notes = result
        counts.add(data_report.Counts(**notes["counts"]))
        seconds += notes["seconds"]
        progress.tell(notes["text_bytes"], counts.totals)
    return counts, seconds


def _require_instances(job, counts):
    totals = counts.totals
    if totals["instances"]:
        return
    shutil.rmtree(job.work_dir)
    for path in job.files.outputs:
        os.remove(_complete_path(path))
    raise errors.InputError(
        "no instance came of %d document(s) with %d sentence(s): a pair needs two "
        "sentences, or one that can be cut at a comma; put a sentence on a line and a "
        "blank line between documents, or try --split_sentences"
        % (totals["documents"], totals["sentences"]))


def _report(job, counts, seconds):
    summary = data_report.summarize(counts, job.settings.max_seq_length,
                                    job.settings.dupe_factor)
    text = data_report.describe(counts, summary, seconds)
    for line in text.split("\n"):
        logging.info("%s", line)
    with shards.writing_to(job.stem + ".report.txt") as temporary:
        with open(temporary, "w", encoding="utf-8") as out:
            out.write(text + "\n")
    with shards.writing_to(job.stem + ".report.png") as temporary:
        data_report.draw(counts, summary, temporary)
    return summary


def main(options):
    """`options`: the values of the flags."""
    settings = create_pretraining_data_flags.settings(options)
    outputs = name_outputs(options.output_file, options.num_shards)
    files = Files(corpus.find_files(options.input_file), outputs, options.encoding,
                  options.split_sentences, options.compression)
    stem = options.output_file.split(",")[0].strip()
    if stem.endswith(_SUFFIX):
        stem = stem[:-len(_SUFFIX)]
    run(prepare(settings, files, stem), options.num_workers, options.resume)


if __name__ == "__main__":
    create_pretraining_data_flags.define_local()
    create_pretraining_data_flags.run(main)
