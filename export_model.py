"""Exports a checkpoint: SavedModel, frozen graph, TensorFlow Lite or ONNX.

    python export_model.py --model_dir=lcqmc_output --to=tflite --dtype=int8 \
        --output_dir=phone

The layout is told by the weights. What was written is opened again and held against the
checkpoint before it gets its name.
"""

import json
import logging
import os
import shutil

# TensorFlow reads this when it is imported: of its own messages only errors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import command_line
import errors
import export_check
import export_formats
import export_graph
import model_files
import reading_comprehension_model
import run_record
import tasks
import tokenization

DYNAMIC = "dynamic"
SAMPLE = os.path.join(model_files.PROJECT, "data", "lcqmc_sample", "dev.txt")


def make_parser():
    parser = command_line.Parser(
        prog="export_model.py", description=__doc__.split("\n")[0])
    add = parser.add_argument_group("model").add_argument
    add("--model_dir", required=True, metavar="PATH", help="the weights: a folder (of "
        "a run its best/), a prefix or any of a checkpoint's files")
    add("--config_name", metavar="FILE",
        help="instead of the config beside the weights")
    add("--vocab_file", metavar="FILE", help="instead of the vocab.txt beside them")
    add = parser.add_argument_group("export").add_argument
    add("--output_dir", required=True, metavar="FOLDER", help="the folder to make")
    add("--to", required=True, choices=sorted(export_formats.FORMATS),
        help="the format")
    add("--head", default="classifier", choices=sorted(export_graph.HEADS),
        help="what the model answers (%(default)s)")
    add("--dtype", default="float32", choices=export_formats.DTYPES,
        help="type of the weights; float16 and int8 for tflite (%(default)s)")
    add("--max_seq_length", metavar="N", help="tokens in a row, or dynamic; without it "
        "dynamic, but for tflite what the model was trained with")
    add = parser.add_argument_group("check").add_argument
    add("--verify", type=command_line.natural, default=200, metavar="N",
        help="rows to compare with the checkpoint (%(default)s)")
    add("--verify_file", metavar="FILE", help="the rows, with a header or as text, "
        "text, label; with labels the accuracy is compared. Without it our sample's")
    return parser


def choose_length(given, form, files):
    """What --max_seq_length means: tokens in a row, or None for any number.

    Raises errors.InputError for a length that the format or the model cannot have.
    """
    if given is None:
        return files.settings["max_seq_length"] if form.fixed else None
    if given == DYNAMIC and not form.fixed:
        return None
    limit = files.config.max_position_embeddings
    if not given.isdigit() or not 4 <= int(given) <= limit:
        raise errors.InputError("--max_seq_length=%s: give a number from 4 to %d%s." % (
            given, limit, "; this format has a fixed length" if form.fixed
            else ", or %s" % DYNAMIC))
    return int(given)


def check_request(options):
    """Raises errors.InputError for what cannot be made, before anything is built."""
    dtypes = export_formats.FORMATS[options.to].dtypes
    if options.dtype not in dtypes:
        raise errors.InputError("--dtype=%s: --to=%s has only %s; use --to=tflite." % (
            options.dtype, options.to, ", ".join(dtypes)))
    if os.path.lexists(options.output_dir):
        raise errors.InputError(
            "--output_dir=%s exists; give a new one." % options.output_dir)
    folder = os.path.dirname(os.path.abspath(options.output_dir))
    if not os.path.isdir(folder):
        raise errors.InputError("--output_dir=%s: there is no folder %s." % (
            options.output_dir, folder))


def texts_of(files, frozen, head, dtype):
    """{file name: bytes} of all that one needs to use the graph."""
    with open(files.vocab_file, "rb") as source:
        texts = {"vocab.txt": source.read()}
    facts = {
        "head": head, "dtype": dtype, "inputs": frozen.inputs,
        "outputs": frozen.outputs, "layout": files.config.layout,
        "checkpoint": os.path.basename(files.prefix),
        "do_lower_case": files.settings["do_lower_case"],
        "max_seq_length": files.settings["max_seq_length"]}
    if head == "classifier":
        facts["labels"] = files.labels
        texts["labels.txt"] = "".join(label + "\n" for label in files.labels).encode()
    if head == "answer":
        name = reading_comprehension_model.SETTINGS_FILE
        settings = reading_comprehension_model.read_settings(files.prefix)
        texts[name] = json.dumps(settings, indent=1, sort_keys=True).encode() + b"\n"
    texts["albert_config.json"] = files.config.to_json_string().encode()
    texts["export.json"] = json.dumps(facts, indent=1, sort_keys=True).encode() + b"\n"
    return texts


def read_batches(options, files, length):
    """[export_check.Batch] of the first --verify rows."""
    if options.verify_file:
        task = tasks.custom_task()._replace(labels=files.labels)
        examples, _ = tasks.read_examples(
            task, options.verify_file, needs_labels=False, max_rows=options.verify)
    else:
        examples, _ = tasks.read_examples(
            tasks.TASKS["lcqmc"], SAMPLE, max_rows=options.verify)
    if not examples:
        raise errors.InputError("%s holds no rows." % options.verify_file)
    tokenizer = tokenization.FullTokenizer(
        files.vocab_file, files.settings["do_lower_case"])
    return export_check.make_batches(
        examples, files.labels if options.verify_file else None, tokenizer,
        options.head,
        length or files.settings["max_seq_length"], length,
        1 if export_formats.FORMATS[options.to].fixed else None)


def write(options, files, folder, length):
    """Writes the export into a new folder; nothing is checked yet."""
    form = export_formats.FORMATS[options.to]
    graph = export_graph.InferenceGraph(
        files, options.head, 1 if form.fixed else None, length)
    frozen = graph.freeze()
    graph.close()
    form.write(frozen, folder, options.dtype,
               texts_of(files, frozen, options.head, options.dtype))


def verify(options, files, folder, batches):
    """Raises errors.InputError where the export is not the checkpoint's model."""
    source = export_graph.InferenceGraph(files, options.head)
    exported = export_formats.FORMATS[options.to].open(folder)
    result = export_check.compare(source.run, exported, batches, options.head)
    source.close()
    logging.info("%s.", export_check.describe(result))
    export_check.require(result, options.dtype)


def main(arguments=None):
    """Runs the command; raises errors.InputError for a mistake of the user's."""
    options = make_parser().parse_args(arguments)
    check_request(options)
    files = model_files.find(options.model_dir, options.config_name, options.vocab_file)
    form = export_formats.FORMATS[options.to]
    length = choose_length(options.max_seq_length, form, files)
    batches = read_batches(options, files, length)
    target = options.output_dir.rstrip("/")
    temporary = "%s.tmp-%d" % (target, os.getpid())
    try:
        write(options, files, temporary, length)
        verify(options, files, temporary, batches)
        os.rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    path = os.path.join(target, form.file)
    logging.info("Written: %s, %.2f MB (sha256 %s).", path, os.path.getsize(path) / 1e6,
                 run_record.sha256(path)[:12])


if __name__ == "__main__":
    command_line.run(main)
