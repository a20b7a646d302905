"""Pre-training data on a cluster: the records of create_pretraining_data.py by Beam.

    python create_pretraining_data_beam.py --input_file='gs://BUCKET/text-*.txt' \\
        --output_file=gs://BUCKET/records --vocab_file=albert_config/vocab.txt \\
        --beam_options='--runner=DataflowRunner --setup_file=./setup.py ...'

The same settings give the same records as the local program; their order, and the file
that a record is in, are the runner's. Needs requirements-beam.txt.
"""

import json

import apache_beam as beam
from apache_beam.io import fileio
from apache_beam.io import filesystem
from apache_beam.io import filesystems
from apache_beam.options import pipeline_options
from apache_beam.transforms import window
from apache_beam.utils import windowed_value

import corpus
import create_pretraining_data_flags
import data_report
import errors
import instances
import pretraining_meta

_COUNTS = "counts"


class MakeRecords(beam.DoFn):
    """Documents (lists of lines) to serialised examples; counts on the side."""

    def __init__(self, settings):
        super().__init__()
        self._settings = settings._asdict()

    def start_bundle(self):
        """Dictionaries are loaded once a process."""
        self._maker = instances.record_maker(instances.Settings(**self._settings))
        self._counts = data_report.Counts()

    def process(self, lines):
        """[line] -> serialised examples"""
        self._maker.counts = self._counts
        return self._maker.records(lines)

    def finish_bundle(self):
        """What the bundle met and made."""
        yield beam.pvalue.TaggedOutput(_COUNTS, windowed_value.WindowedValue(
            json.dumps(self._counts.as_json()), window.GlobalWindow().max_timestamp(),
            [window.GlobalWindow()]))


def read_file(file, encoding, split_sentences):
    """A matched file -> its documents."""
    with file.open() as stream:
        yield from corpus.read_documents(stream, file.metadata.path, encoding,
                                         split_sentences)


def add_counts(counts):
    """Counts as JSON texts -> their sum."""
    total = data_report.Counts()
    for part in counts:
        total.add(data_report.Counts(**json.loads(part)))
    return json.dumps(total.as_json())


def write_meta(counts, settings, prefix):
    """Report and meta file beside the records. Raises: InputError without instances."""
    counts = data_report.Counts(**json.loads(counts))
    summary = data_report.summarize(counts, settings.max_seq_length,
                                    settings.dupe_factor)
    if not summary["instances"]:
        raise errors.InputError(
            "no instance came of %d document(s) with %d sentence(s)"
            % (summary["documents"], summary["sentences"]))
    meta = pretraining_meta.describe(settings, [prefix + "-*-of-*.tfrecord"], summary)
    report = data_report.describe(counts, summary, None) + "\n"
    for name, text in [("meta.json", json.dumps(meta, indent=1, sort_keys=True)),
                       ("report.txt", report)]:
        path = "%s.%s" % (prefix, name)
        with filesystems.FileSystems.create(path) as out:
            out.write(text.encode("utf-8"))


def run(settings, patterns, encoding, split_sentences, prefix, num_shards, options):
    """Builds the pipeline and waits for its end; `options`: beam's PipelineOptions."""
    with beam.Pipeline(options=options) as pipeline:
        made = (
            pipeline
            | "patterns" >> beam.Create(patterns)
            | "files" >> fileio.MatchAll(fileio.EmptyMatchTreatment.DISALLOW)
            | "open" >> fileio.ReadMatches(filesystem.CompressionTypes.UNCOMPRESSED)
            | "documents" >> beam.FlatMap(read_file, encoding, split_sentences)
            | "spread" >> beam.Reshuffle()
            | "records" >> beam.ParDo(MakeRecords(settings)).with_outputs(
                _COUNTS, main="records"))
        _ = (made.records
             | "shuffle" >> beam.Reshuffle()
             | "write" >> beam.io.WriteToTFRecord(
                 prefix, file_name_suffix=".tfrecord", num_shards=num_shards))
        _ = (made[_COUNTS]
             | "sum" >> beam.CombineGlobally(add_counts)
             | "meta" >> beam.Map(write_meta, settings, prefix))


def main(options):
    """`options`: the values of the flags."""
    settings = create_pretraining_data_flags.settings(options)
    corpus.check_encoding(options.encoding)
    patterns = [pattern.strip() for pattern in options.input_file.split(",")]
    for pattern in patterns:
        if "://" not in pattern:
            corpus.find_files(pattern)
    run(settings, patterns, options.encoding, options.split_sentences,
        options.output_file, options.num_shards,
        pipeline_options.PipelineOptions(options.beam_options.split()))


if __name__ == "__main__":
    create_pretraining_data_flags.define_beam()
    create_pretraining_data_flags.run(main)
