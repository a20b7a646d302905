"""Weights for other programs, and back: every tensor is used, and the outputs compared.

    python -m tools.convert huggingface CHECKPOINT --to FOLDER
    python -m tools.convert layout_g CHECKPOINT --to FOLDER
    python -m tools.convert tensorflow HUGGINGFACE_FOLDER --to FOLDER [--layout G]

A checkpoint is a folder, a prefix or any of its files; config, vocabulary and labels are
those beside it. What each conversion can and cannot express: docs/conversion.md.

Exit codes: 0 it is there; 2 it cannot be made, and nothing was written.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile

import numpy as np

import command_line
import conversion
import errors
import huggingface
import modeling_google
import tokenization
from tools import weights

# The largest differences that rounding explains.
TOLERANCES = {"layers": 1e-5, "pooled": 1e-5, "masked_lm": 1e-4, "order": 1e-5,
              "classifier": 1e-5}
_OTHER_SIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                           "huggingface_outputs.py")


def to_huggingface(options):
    files, model = weights.read(options.source, options.config_file, options.vocab_file)
    if not files.settings["use_pooled_output"]:
        raise errors.InputError(
            "%s classifies by the mean of all tokens (--use_pooled_output=false), but "
            "Hugging Face's ALBERT does by the pooled output: it cannot be converted."
            % files.prefix)
    _check_head(files)
    tensors = conversion.to_huggingface(model)
    tokenizer = tokenizer_of(files)
    with weights.new_folder(options.to) as folder:
        huggingface.write_folder(
            folder, tensors, conversion.to_layout_g_config(model.config), tokenizer,
            files.vocab_file, files.labels or [])
        if options.verify:
            verify(model, folder, tokenizer, options.torch)


def tokenizer_of(files):
    """The FullTokenizer of model_files.ModelFiles."""
    return tokenization.FullTokenizer(files.vocab_file, files.settings["do_lower_case"])


def _check_head(files):
    """A folder with labels promises a classifier."""
    labels = os.path.join(os.path.dirname(files.prefix), "labels.txt")
    if files.labels is None and os.path.exists(labels):
        raise errors.InputError(
            "%s has no classifier head (output_weights), though %s names its labels. "
            "Give the fine-tuned checkpoint, or take the labels away." % (
                files.prefix, labels))


def to_layout_g(options):
    files, model = weights.read(options.source, options.config_file, options.vocab_file)
    converted = conversion.to_layout_g(model)
    tokenizer = tokenizer_of(files)
    with weights.new_folder(options.to) as folder:
        weights.write(folder, converted, weights.bytes_of(files.vocab_file),
                      files.labels, weights.GOOGLE_CHECKPOINT)
        if options.verify:
            batch = _batch(tokenizer, model.config)
            compare(*[weights.Network(each).compute(batch)
                       for each in (model, converted)])


def to_tensorflow(options):
    values, is_erf = huggingface.read_config(options.source)
    if is_erf:
        logging.warning(
            'Its config says hidden_act "gelu", the erf form; this program computes the '
            "tanh form, which ALBERT was trained with. If the model was trained in "
            "PyTorch with the erf form, outputs differ by about 1e-3.")
    config = modeling_google.AlbertConfig.from_dict(
        {key: values[key] for key in list(modeling_google.AlbertConfig.DEFAULTS)
         + ["vocab_size"] if values.get(key) is not None})
    model = conversion.from_huggingface(_read_tensors(options), config)
    labels = huggingface.labels_of(values) if (
        conversion.CLASSIFIER in model.variables) else []
    vocab_file = os.path.join(options.source, "vocab.txt")
    tokenizer = tokenization.FullTokenizer(vocab_file)
    weights.check_whole(model, options.source, huggingface.CONFIG)
    if options.layout == "B":
        model = conversion.to_layout_b(model)
    with weights.new_folder(options.to) as folder:
        weights.write(folder, model, weights.bytes_of(vocab_file), labels)
        if options.verify:
            verify(model, options.source, tokenizer, options.torch)


def _read_tensors(options):
    path = os.path.join(options.source, huggingface.WEIGHTS)
    pickled = os.path.join(options.source, huggingface.TORCH_WEIGHTS)
    if os.path.exists(path) or not os.path.exists(pickled):
        return huggingface.read_tensors(path)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tensors.npz")
        _ask_other_side(options.torch, [pickled, path], pickled)
        with np.load(path) as arrays:
            return {name: arrays[name] for name in arrays.files}


def _ask_other_side(python, arguments, reason):
    """Runs tools/huggingface_outputs.py where torch is."""
    try:
        done = subprocess.run([python, _OTHER_SIDE] + arguments, stderr=subprocess.PIPE,
                              universal_newlines=True)
    except OSError as error:
        raise errors.InputError("--torch=%s does not run: %s." % (python, error.strerror))
    said = (done.stderr.strip().splitlines() or [""])[-1]
    if done.returncode == 3:
        raise errors.InputError(
            "%s needs torch and transformers, which %s lacks (%s). Install "
            "requirements-torch.txt in an environment of its own and name its Python: "
            "--torch=PYTHON." % (reason, python, said))
    if done.returncode:
        raise errors.InputError("transformers refused %s: %s" % (arguments[0], said))


def verify(model, folder, tokenizer, python):
    """Compares our outputs with those that transformers computes from the folder."""
    batch = _batch(tokenizer, model.config)
    with tempfile.TemporaryDirectory() as temporary:
        inputs, outputs = [os.path.join(temporary, name)
                           for name in ("inputs.npz", "outputs.npz")]
        np.savez(inputs, sentences=np.array(weights.SENTENCES), **batch)
        _ask_other_side(python, [folder, inputs, outputs], "--verify")
        with np.load(outputs) as arrays:
            theirs = {name: arrays[name] for name in arrays.files}
    same = [tokenizer.convert_tokens_to_ids(
        ["[CLS]"] + tokenizer.tokenize(text) + ["[SEP]"]) == ids
            for text, ids in zip(weights.SENTENCES, json.loads(str(theirs.pop("ids"))))]
    print("%d of %d sentences have the same token ids" % (sum(same), len(same)))
    if not all(same):
        raise errors.InputError("AutoTokenizer cuts other tokens: nothing was written.")
    compare(weights.Network(model).compute(batch), theirs)


def _batch(tokenizer, config):
    return weights.batch_of(weights.SENTENCES, tokenizer, config.max_position_embeddings)


def compare(ours, theirs):
    """Prints the largest differences; raises errors.InputError above the tolerances."""
    worst = {}
    for name in sorted(ours):
        if name not in theirs:
            raise errors.InputError("The converted model lost its %s output." % name)
        worst[name] = float(np.max(np.abs(ours[name] - theirs[name])))
        print("%-10s largest difference %.2g (values to %.3g)" % (
            name, worst[name], np.max(np.abs(ours[name]))))
    beyond = sorted(name for name in worst if not worst[name] <= TOLERANCES[name])
    if beyond:
        raise errors.InputError(
            "The outputs differ by more than rounding: %s. Nothing was written."
            % ", ".join(beyond))


def _parse(arguments):
    parser = command_line.Parser(
        prog="python -m tools.convert", description=__doc__.split("\n\n")[0])
    commands = parser.add_subparsers(
        dest="what", metavar="huggingface | layout_g | tensorflow")
    commands.required = True
    made = {}
    for name, source, run, help_text in (
            ("huggingface", "CHECKPOINT", to_huggingface, "a folder for transformers"),
            ("layout_g", "CHECKPOINT", to_layout_g, "layout B as Google's names"),
            ("tensorflow", "FOLDER", to_tensorflow, "a Hugging Face folder as ours")):
        made[name] = command = commands.add_parser(name, help=help_text)
        command.set_defaults(run=run)
        command.add_argument("source", metavar=source)
        command.add_argument("--to", metavar="FOLDER", required=True)
        command.add_argument("--verify", action="store_true",
                             help="compare the outputs of both models")
        if name != "tensorflow":
            command.add_argument("--config_file", help="instead of the one beside it")
            command.add_argument("--vocab_file", help="instead of the one beside it")
        if name != "layout_g":
            command.add_argument("--torch", metavar="PYTHON", default=sys.executable,
                                 help="a Python that has torch and transformers")
    made["tensorflow"].add_argument("--layout", choices=["B", "G"], default="G")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Runs the command; raises errors.InputError for what a user can mend."""
    options = _parse(arguments)
    options.run(options)
    print("%s is there." % options.to)


if __name__ == "__main__":
    command_line.run(main)
