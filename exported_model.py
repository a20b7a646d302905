"""Answers from a file of export_model.py: an ONNX or a TensorFlow Lite model.

It is quick to start: the vocabulary, labels and settings are in the file, and
TensorFlow is not imported where something smaller can run it.
"""

import collections
import json
import os

import engines
import errors
import labelling
import tokenization

HEAD = "classifier"
FILES = ("export.json", "albert_config.json", "vocab.txt")

# open: path -> (a function {input: array} -> {output: array}, {name: text}); file: its
# name in a folder of export_model.py.
Engine = collections.namedtuple("Engine", ["open", "file"])
ENGINES = {"onnx": Engine(engines.open_onnx, "model.onnx"),
           "tflite": Engine(engines.open_tflite, "model.tflite")}


class ExportedModel(labelling.Labeller):
    """A labelling.Labeller from an exported classifier. Threads may share it.

    Args:
      path: the file, which may have been moved, or the folder of export_model.py.
      engine: one of ENGINES.
      max_seq_length: tokens of a row, beyond which it is cut; as in training without
        it, never more than the export takes.
      batch_size: rows that are computed together, at most; TensorFlow Lite takes one.

    Raises errors.InputError for a file that is not such an export, and where the engine
    is not installed.
    """

    def __init__(self, path, engine, max_seq_length=None, batch_size=64):
        path = _find(path, engine)
        self._run, texts = ENGINES[engine].open(path)
        facts = _read_facts(texts, path, engine)
        rows, length = facts["inputs"]["input_ids"]
        positions = json.loads(texts["albert_config.json"])["max_position_embeddings"]
        super(ExportedModel, self).__init__(
            path, facts["labels"], tokenization.FullTokenizer(
                do_lower_case=facts["do_lower_case"],
                vocab=tokenization.parse_vocab(texts["vocab.txt"], path)),
            min(max_seq_length or facts["max_seq_length"], length or positions),
            rows or batch_size, length)

    def close(self):
        """Frees the model; nothing can be asked afterwards."""
        self._run = None

    def _score(self, batch):
        return self._run(batch)["probabilities"]


def engine_of(path):
    """The one of ENGINES for the export at `path`, by its name; None for other things."""
    for name, engine in sorted(ENGINES.items()):
        if path.endswith("." + name) or os.path.isfile(os.path.join(path, engine.file)):
            return name
    return None


def _find(path, engine):
    name = ENGINES[engine].file
    found = os.path.join(path, name) if os.path.isdir(path) else path
    if not os.path.isfile(found):
        raise errors.InputError(
            "--engine=%s: there is no %s. Make a %s from a checkpoint with "
            "export_model.py --to=%s." % (engine, found, name, engine))
    return found


def _read_facts(texts, path, engine):
    """What export.json says."""
    missing = [name for name in FILES if name not in texts]
    if missing:
        raise errors.InputError(
            "%s holds no %s: it was not made by export_model.py --to=%s." % (
                path, ", ".join(missing), engine))
    facts = json.loads(texts["export.json"])
    if facts["head"] != HEAD:
        raise errors.InputError(
            "%s was exported with --head=%s; only --head=%s tells whether texts mean "
            "the same." % (path, facts["head"], HEAD))
    return facts
