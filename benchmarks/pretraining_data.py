"""What it costs to make pre-training records: MB of text per CPU-second, and where to.

    python -m benchmarks.pretraining_data --input_file=CORPUS.txt

Each row runs create_pretraining_data.py on the same text as a user would. The breakdown
then takes the steps one by one in one process, without the shuffling between them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

import corpus
import instances
import records

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_MAX_SEQ_LENGTH, _MAX_PREDICTIONS = 512, 51


def main():
    """Prints the table and the breakdown."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        sample = os.path.join(folder, "text.txt")
        size = _copy_documents(options.input_file, sample,
                               options.megabytes * 1e6) / 1e6
        print("Python %s; %.2f MB of %s; S %d, P %d, dupe_factor %d" % (
            sys.version.split()[0], size, options.input_file, _MAX_SEQ_LENGTH,
            _MAX_PREDICTIONS, options.dupe_factor))
        print("segmenter  workers  CPU s  wall s  MB/CPU-s  instances/s  peak MB")
        for segmenter in options.segmenters.split(","):
            for workers in options.workers.split(","):
                print("%-9s  %7s  %5.1f  %6.1f  %8.3f  %11.0f  %7.0f" % (
                    (segmenter, workers)
                    + _run(sample, segmenter, workers, options.dupe_factor, size)),
                    flush=True)
        for segmenter in options.segmenters.split(","):
            _break_down(sample, segmenter, options.dupe_factor, size)


def _options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--input_file", required=True)
    parser.add_argument("--megabytes", type=float, default=5)
    parser.add_argument("--dupe_factor", type=int, default=10)
    parser.add_argument("--segmenters", default="jieba")
    parser.add_argument("--workers", default="1,2")
    return parser.parse_args()


def _copy_documents(source, target, limit):
    size = 0
    with open(source, "rb") as stream, open(target, "wb") as out:
        for lines in corpus.read_documents(stream, source):
            size += out.write(("\n".join(lines) + "\n\n").encode("utf-8"))
            if size >= limit:
                break
    return size


def _run(sample, segmenter, workers, dupe_factor, size):
    """-> CPU s, s, MB per CPU-second, instances/s, MB of the largest process"""
    output = sample + ".tfrecord"
    command = [
        sys.executable, os.path.join(_ROOT, "create_pretraining_data.py"),
        "--input_file=" + sample, "--output_file=" + output, "--num_workers=" + workers,
        "--vocab_file=" + os.path.join(_ROOT, "albert_config", "vocab.txt"),
        "--max_seq_length=%d" % _MAX_SEQ_LENGTH, "--masked_lm_prob=0.1",
        "--max_predictions_per_seq=%d" % _MAX_PREDICTIONS,
        "--dupe_factor=%d" % dupe_factor, "--segmenter=" + segmenter]
    started = time.time()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, universal_newlines=True)
    messages = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.time() - started
    if status:
        sys.exit(messages)
    cpu = usage.ru_utime + usage.ru_stime
    num_records = _count_records(output)
    return cpu, seconds, size / cpu, num_records / seconds, usage.ru_maxrss / 1024


def _count_records(path):
    with open(path, "rb") as stream:
        return sum(1 for _ in iter(lambda: records.read_frame(stream), b""))


def _break_down(sample, segmenter, dupe_factor, size):
    maker = instances.RecordMaker(instances.Settings(
        vocab_file=os.path.join(_ROOT, "albert_config", "vocab.txt"),
        spm_model_file=None, do_lower_case=True, max_seq_length=_MAX_SEQ_LENGTH,
        max_predictions_per_seq=_MAX_PREDICTIONS, masked_lm_prob=0.1,
        short_seq_prob=0.1, dupe_factor=dupe_factor, random_seed=12345,
        mask_strategy="ngram", ngram=3, favor_shorter_ngram=True, label_style="plain",
        segmenter=segmenter, user_dict=None, segmented_input=False, non_chinese=False,
        dynamic_masking=False))
    clock = [time.process_time()]

    def lap(name):
        clock.append(time.process_time())
        print("  %-28s %6.2f s/MB" % (name, (clock[-1] - clock[-2]) / size))

    print("breakdown, %s:" % segmenter)
    with open(sample, "rb") as stream:
        documents = list(corpus.read_documents(stream, sample))
    lap("read")
    segment = maker.lines.segment
    for lines in documents:
        for line in lines:
            segment(line)
    lap("segment (floor)")
    encoded = [maker.encode_document(lines) for lines in documents]
    lap("segment, tokenize and align")
    made = [maker.make_instances(document, lines)
            for document, lines in zip(encoded, documents)]
    lap("pairs and masks")
    examples = [maker.encoder.encode(instance) for some in made for instance in some]
    lap("encode")
    framed = [records.frame(example) for example in examples]
    lap("checksums")
    with open(sample + ".framed", "wb") as out:
        out.writelines(framed)
    lap("write (floor)")
    print("  %d instances, %.1f MB of records"
          % (len(framed), sum(map(len, framed)) / 1e6))


if __name__ == "__main__":
    main()
