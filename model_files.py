"""What belongs to a checkpoint: its config, vocabulary and labels, and how it was trained.

They stand beside it, or the record of the run that made it says where they are. The
layout is told by the variables' names, so nobody has to say which program to use.
"""

import collections
import glob
import os

import checkpoints
import errors
import modeling
import modeling_google
import run_record
import storage
import tasks
import tokenization

MODELS = {"B": (modeling.BertConfig, modeling.BertModel),
          "G": (modeling_google.AlbertConfig, modeling_google.AlbertModel)}
PROJECT = os.path.dirname(os.path.abspath(__file__))
PROJECT_VOCABULARY = os.path.join(PROJECT, "albert_config", "vocab.txt")
CONFIG_NAMES = ("albert_config.json", "albert_config*.json", "*config*.json")
# How a model was trained, where no record tells it.
DEFAULTS = {"max_seq_length": 128, "do_lower_case": True, "use_pooled_output": True}

# variables: {name: shape} in the file; labels: None where the model has no classifier;
# settings: those of DEFAULTS; the config is the variant's, and so is the model class.
ModelFiles = collections.namedtuple("ModelFiles", [
    "prefix", "variables", "config", "config_file", "model_class", "vocab_file", "labels",
    "settings"])


def find(path, config_file=None, vocab_file=None, spm_model_file=None,
         fallback_config=None, fallback_vocab=None):
    """-> ModelFiles of a checkpoint.

    Args:
      path: a folder, a prefix or any of its files; of the folder of a run its best/.
      config_file: instead of the config beside the weights.
      vocab_file: instead of the vocabulary beside them.
      spm_model_file: the model's SentencePiece vocabulary, so that it needs no other.
      fallback_config, fallback_vocab: for weights that have none beside them.

    Raises errors.InputError for weights of no known layout, for a config or vocabulary
    that is missing or another model's, and for labels that do not fit the classifier.
    """
    prefix = checkpoints.find_checkpoint(_best_of(path))
    variables = checkpoints.list_variables(prefix)
    layout = checkpoints.detect_layout(variables)
    if layout is None:
        raise errors.InputError(
            "%s holds no ALBERT model: its variables are of neither layout (%s ...)."
            % (prefix, ", ".join(sorted(variables)[:3])))
    folders = _folders_beside(prefix)
    record = _first(run_record.read, folders) or {}
    config_file = config_file or _find_config(folders, record) or fallback_config
    if config_file is None:
        raise errors.InputError(
            "No config beside %s: put the albert_config*.json that came with the weights "
            "there, or name it." % prefix)
    config_class, model_class = MODELS[layout]
    config = config_class.from_json_file(config_file)
    if not spm_model_file:
        vocab_file = vocab_file or _find_vocabulary(folders, record)
        if vocab_file is None:
            vocab_file = fallback_vocab or PROJECT_VOCABULARY
            _check_fallback(vocab_file, prefix, config)
        _check_vocabulary(vocab_file, prefix, config)
    return ModelFiles(
        prefix, variables, config, config_file, model_class, vocab_file,
        _find_labels(prefix, variables, folders, record), _find_settings(folders, record))


def _best_of(path):
    best = os.path.join(path, "best")
    return best if checkpoints.all_checkpoints(best) else path


def _folders_beside(prefix):
    """Where to look: the weights' folder, the best/ in it, the run that it is best/ of."""
    folder = os.path.dirname(prefix) or "."
    found = [folder, os.path.join(folder, "best")]
    if os.path.basename(os.path.abspath(folder)) == "best":
        found.append(os.path.dirname(os.path.abspath(folder)))
    return [each for each in found if storage.is_folder(each)]


def _first(read, folders):
    return next((found for found in map(read, folders) if found is not None), None)


def _recorded(record, name):
    """A file that the run was given, if it is still there and still the same."""
    noted = record.get("files", {}).get(name)
    for folder in ("", PROJECT) if noted else ():
        path = os.path.join(folder, noted["path"])
        if storage.exists(path) and run_record.sha256(path) == noted["sha256"]:
            return path
    return None


def _find_config(folders, record):
    for folder in folders:
        for pattern in CONFIG_NAMES:
            there = storage.find(os.path.join(glob.escape(folder), pattern))
            if len(there) > 1:
                raise errors.InputError("%s holds several configs: %s. Say which one." % (
                    folder, ", ".join(map(os.path.basename, there))))
            if there:
                return there[0]
    return _recorded(record, "config")


def _find_vocabulary(folders, record):
    for folder in folders:
        path = os.path.join(folder, "vocab.txt")
        if storage.exists(path):
            return path
    return _recorded(record, "vocab")


def _check_fallback(path, prefix, config):
    """A vocabulary that nobody named is right only where its size is."""
    if len(tokenization.load_vocab(path)) != config.vocab_size:
        raise errors.InputError(
            "No vocab.txt beside %s, and %s has not the %d tokens of this model: put the "
            "model's vocab.txt there, or name it." % (prefix, path, config.vocab_size))


def _check_vocabulary(path, prefix, config):
    size = len(tokenization.load_vocab(path))
    if size > config.vocab_size:
        raise errors.InputError(
            "%s has %d tokens, but the model %s only %d: it is another model's vocabulary."
            % (path, size, prefix, config.vocab_size))


def _find_labels(prefix, variables, folders, record):
    if "output_weights" not in variables:
        return None
    number = variables["output_weights"][0]

    def read(folder):
        path = os.path.join(folder, "labels.txt")
        return tasks.read_labels(path) if storage.exists(path) else None

    labels = _first(read, folders) or record.get("facts", {}).get("labels")
    if labels is None:
        return list(map(str, range(number)))
    if len(labels) != number:
        raise errors.InputError(
            "%s tells %d classes apart, but the labels beside it are %d: %s." % (
                prefix, number, len(labels), ", ".join(labels[:20])))
    return labels


def _find_settings(folders, record):
    """What best.json says, else the run's record."""
    best = _first(lambda folder: run_record.read_json(
        os.path.join(folder, "best.json")), folders) or {}
    noted = dict(record.get("settings", {}), **best)
    return {name: noted.get(name, default) for name, default in DEFAULTS.items()}
