"""Which model a command works with: the flags, and what is taken without them.

The defaults are those of args.py.
"""

import glob
import importlib.util
import logging
import os

import args
import command_line
import errors
import exported_model
import predictor

TENSORFLOW = "tensorflow"
FINE_TUNED = (args.ckpt_name, args.output_dir, args.model_dir, args.one_click_dir)


def add(parser):
    """The flags that say which model, to a command_line.Parser."""
    group = parser.add_argument_group("model")
    group.add_argument("--model_dir", "--output_dir", "--ckpt_name", dest="model",
                       metavar="PATH", help="the weights: a folder, a prefix or any file "
                       "of a checkpoint; see args.py for where they are sought without it")
    group.add_argument("--config_name", metavar="FILE",
                       help="instead of the config beside the weights")
    group.add_argument("--vocab_file", metavar="FILE",
                       help="instead of the vocabulary beside them")
    group.add_argument("--spm_model_file", metavar="FILE",
                       help="for models with a SentencePiece vocabulary")
    group.add_argument("--max_seq_len", type=command_line.natural,
                       default=args.max_seq_len, help="longer texts are cut (%(default)s)")
    group.add_argument("--batch_size", type=command_line.natural,
                       default=args.batch_size,
                       help="texts computed together (%(default)s)")
    group.add_argument("--gpu_memory_fraction", type=float,
                       default=args.gpu_memory_fraction,
                       help="most of a GPU's memory (%(default)s)")


def add_engine(parser):
    """The flag that says what computes, to a parser that has those of `add`."""
    parser.add_argument(
        "--engine", choices=[TENSORFLOW] + sorted(exported_model.ENGINES),
        default=args.engine, help="what computes (%(default)s); onnx and tflite take an "
        "export of that format as --model_dir, and start quickly")


def open_by_engine(options):
    """What answers by the flags of `add` and `add_engine`: see labelling.Labeller.

    Raises errors.InputError where there is no such model.
    """
    if options.engine == TENSORFLOW:
        _check_tensorflow(options.model)
        return open_fine_tuned(options)
    for name in ("config_name", "vocab_file", "spm_model_file"):
        if getattr(options, name):
            raise errors.InputError(
                "--%s=%s goes with --engine=%s: an export brings its own." % (
                    name, getattr(options, name), TENSORFLOW))
    return exported_model.ExportedModel(
        options.model or args.model_dir, options.engine, options.max_seq_len,
        options.batch_size)


def _check_tensorflow(path):
    engine = exported_model.engine_of(path or "")
    if engine:
        raise errors.InputError("%s is an export: add --engine=%s." % (path, engine))
    if importlib.util.find_spec(TENSORFLOW) is None:
        raise errors.InputError(
            "--engine=%s: TensorFlow is not installed here. Run . ./env.sh, or give an "
            "export and --engine=%s." % (
                TENSORFLOW, " or ".join(sorted(exported_model.ENGINES))))


def open_fine_tuned(options):
    """The Predictor of the flags, else of the user's own fine-tuned weights, else of the
    embedded ones; says which, and is ready to answer.

    Raises errors.InputError where there is none, or where it has no classifier.
    """
    path = options.model or _find(FINE_TUNED)
    if path is None and _find([args.embedded_similarity_dir]):
        path = args.embedded_similarity_dir
        logging.info(
            "No weights of your own yet: using the small embedded model in %s.",
            os.path.relpath(path))
    if path is None:
        raise errors.InputError(
            "No fine-tuned weights in %s: train some with bash run_classifier_lcqmc.sh, "
            "or give them by --model_dir." % ", ".join(sorted(set(
                map(os.path.relpath, FINE_TUNED + (args.embedded_similarity_dir,))))))
    opened = _open(path, options)
    opened.warm_up()
    return opened


def open_pretrained(options):
    """The Predictor of the flags, else of the embedded pre-trained weights.

    Raises errors.InputError where there is neither.
    """
    path = options.model or _find([args.embedded_dir])
    if path is None:
        raise errors.InputError(
            "No weights in %s: give some by --model_dir, such as those that python -m "
            "tools.download model fetches." % os.path.relpath(args.embedded_dir))
    return _open(path, options)


def _find(paths):
    """The first where there are weights, or None."""
    for path in paths:
        for pattern in (glob.escape(path) + ".index",
                        os.path.join(glob.escape(path), "*.index"),
                        os.path.join(glob.escape(path), "best", "*.index")):
            if glob.glob(pattern):
                return path
    return None


def _open(path, options):
    return predictor.Predictor(
        path, options.config_name, options.vocab_file, options.spm_model_file,
        options.max_seq_len, options.batch_size, options.gpu_memory_fraction,
        fallback_config=args.config_name, fallback_vocab=args.vocab_file)
