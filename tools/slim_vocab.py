"""The model without the rows of its word table that no text can reach.

    python -m tools.slim_vocab CHECKPOINT --to FOLDER [--verify TEXTS]

The tokenizer sets every ideograph apart, so it never gives `##` before one: 7,322 rows of
the published vocabulary. Without them checkpoint and vocabulary are smaller and each text
gets the same vectors, bit for bit. `id_map.tsv` holds the old id of each new one.

The masked-LM head loses those words: its probabilities are shared out among the others.
A published layout-B model was trained to predict them, so take the whole one to fill masks
or to train on.

Exit codes: 0 it is there; 2 a mistake in the call, or the outputs differ.
"""

import os

import numpy as np

import characters
import command_line
import conversion
import errors
import modeling
import modeling_google
import tokenization
from tools import inspect_checkpoint
from tools import strip_checkpoint
from tools import weights

# What has a row for each word.
_BY_WORD = (conversion.WORDS, "cls/predictions/output_bias")
_CONFIGS = {"B": modeling.BertConfig, "G": modeling_google.AlbertConfig}
_OUTPUTS = ("layers", "pooled", "classifier")
_BATCH, _MAX_TOKENS = 50, 128


def is_unreachable(token):
    """Whether it is `##` before one ideograph."""
    return token.startswith("##") and len(token) == 3 and characters.is_ideograph(token[2])


def reachable_ids(vocab_file):
    """[the old id of each word that is kept], and the lines of the new vocabulary."""
    vocab = tokenization.load_vocab(vocab_file)
    kept = sorted(id_ for token, id_ in vocab.items() if not is_unreachable(token))
    lines = weights.bytes_of(vocab_file).split(b"\n")
    return kept, [lines[id_].rstrip(b"\r") for id_ in kept]


def slim(model, kept):
    """A conversion.Model with the rows `kept`, in their order."""
    config = _CONFIGS[model.config.layout].from_dict(
        dict(model.config.to_dict(), vocab_size=len(kept)))
    return conversion.Model(config, {
        name: value[kept] if name in _BY_WORD else value
        for name, value in model.variables.items()})


def compare(model, slimmed, tokenizers, texts):
    """The number of texts whose outputs are equal bit for bit, given both tokenizers."""
    networks = [weights.Network(each) for each in (model, slimmed)]
    length = min(_MAX_TOKENS, model.config.max_position_embeddings)
    # Texts of one length together: padding costs the most.
    texts = sorted(texts, key=len)
    equal = 0
    for start in range(0, len(texts), _BATCH):
        part = texts[start:start + _BATCH]
        old, new = [network.compute(weights.batch_of(part, tokenizer, length), _OUTPUTS)
                    for network, tokenizer in zip(networks, tokenizers)]
        same = np.ones([len(part)], bool)
        for name in old:
            rows = [np.moveaxis(each[name], 1, 0) if name == "layers" else each[name]
                    for each in (old, new)]
            same &= np.array([a.tobytes() == b.tobytes() for a, b in zip(*rows)])
        equal += int(same.sum())
    return equal


def run(options):
    """Lines that say what was dropped and what was compared."""
    files, model = weights.read(options.checkpoint, options.config_file,
                                options.vocab_file)
    kept, lines = reachable_ids(files.vocab_file)
    slimmed = slim(model, kept)
    with weights.new_folder(options.to) as folder:
        weights.write(folder, slimmed, b"\n".join(lines) + b"\n", files.labels)
        with open(os.path.join(folder, "id_map.tsv"), "w") as out:
            out.write("new id\told id\n")
            out.writelines("%d\t%d\n" % pair for pair in enumerate(kept))
        sizes = [inspect_checkpoint.take_inventory(each).prefix
                 for each in (files.prefix, folder)]
        said = ["%d of %d words can be reached; %d rows were dropped" % (
                    len(kept), model.config.vocab_size,
                    model.config.vocab_size - len(kept)),
                "%.1f MiB -> %.1f MiB" % tuple(
                    strip_checkpoint.size_of(each) / 2.0 ** 20 for each in sizes)]
        if options.verify:
            said.append(_verify(options.verify, files, model, slimmed, folder))
    return said


def _verify(path, files, model, slimmed, folder):
    try:
        with open(path, encoding="utf-8") as source:
            texts = [line.strip() for line in source if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise errors.InputError("--verify=%s is no text in UTF-8: %s." % (path, error))
    if not texts:
        raise errors.InputError("--verify=%s has no text." % path)
    tokenizers = [tokenization.FullTokenizer(each, files.settings["do_lower_case"])
                  for each in (files.vocab_file, os.path.join(folder, "vocab.txt"))]
    equal = compare(model, slimmed, tokenizers, texts)
    if equal < len(texts):
        raise errors.InputError("Only %d of %d texts give equal outputs: nothing was "
                                "written." % (equal, len(texts)))
    return "%d of %d texts give equal outputs, bit for bit" % (equal, len(texts))


def main(arguments=None):
    """Runs the command; raises errors.InputError for what a user can mend."""
    parser = command_line.Parser(
        prog="python -m tools.slim_vocab", description=__doc__.split("\n\n")[0])
    parser.add_argument("checkpoint", metavar="CHECKPOINT",
                        help="a folder, a prefix or any of its files")
    parser.add_argument("--to", metavar="FOLDER", required=True)
    parser.add_argument("--config_file", help="instead of the one beside it")
    parser.add_argument("--vocab_file", help="instead of the one beside it")
    parser.add_argument("--verify", metavar="TEXTS",
                        help="a file of a text a line, on which both models must agree")
    options = parser.parse_args(arguments)
    print("\n".join(run(options)))


if __name__ == "__main__":
    command_line.run(main)
