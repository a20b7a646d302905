"""Finding, naming, comparing and slimming checkpoints.

Two families of published weights exist and are told apart by their variables' names:
layout B (`word_embeddings_2`) and layout G (`transformer/group_0`).
"""

import collections
import difflib
import glob
import logging
import os
import re

import numpy
import tensorflow.compat.v1 as tf

import errors
import storage

_FILE_SUFFIX = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
# The step, the moments, accumulated gradients, and the state of a loss scale.
_TRAINING_ONLY = re.compile(
    r"(^global_step|/(adam|lamb)_[mv](_\d+)?|^accum/.*"
    r"|(^|/)(current_loss_scale|good_steps))$")
# What TensorFlow 1.15 and 2.15 raise for files that are cut off or changed.
_UNREADABLE = (tf.errors.OpError, IndexError, ValueError)
_PROGRAMS = {"B": "run_classifier.py with a config such as albert_config_tiny.json",
             "G": "run_classifier_sp_google.py with a config such as "
                  "albert_config_tiny_google.json"}

WarmStart = collections.namedtuple(
    "WarmStart", ["prefix", "assignment", "new", "unused"])


def find_checkpoint(path):
    """A folder, a prefix or any of a checkpoint's files -> its prefix.

    Raises errors.InputError where nothing is there, naming what is, and for files that
    are incomplete.
    """
    prefix = _newest_in(path) if storage.is_folder(path) else _FILE_SUFFIX.sub("", path)
    if storage.exists(prefix + ".index"):
        open_checkpoint(prefix)
        return prefix
    folder = os.path.dirname(prefix) or "."
    there = _prefixes_in(folder)
    if not there:
        reason = "%s holds none" if storage.is_folder(folder) else "there is no folder %s"
        raise errors.InputError("No checkpoint %s: %s." % (path, reason % folder))
    names = [os.path.basename(p) for p in there]
    close = difflib.get_close_matches(os.path.basename(prefix), names, 1, 0.0)
    raise errors.InputError("No checkpoint %s. Did you mean %s? (%s holds: %s)" % (
        path, os.path.join(folder, close[0]), folder, ", ".join(names)))


def _prefixes_in(folder):
    if not storage.is_folder(folder):
        return []
    return sorted(os.path.join(folder, name[:-len(".index")])
                  for name in storage.list_folder(folder) if name.endswith(".index"))


def _newest_in(folder):
    """What the file `checkpoint` names, by its base name: its paths may be stale."""
    named = _named_by_state_file(folder)
    if named and storage.exists(named + ".index"):
        return named
    numbered = all_checkpoints(folder)
    if numbered:
        return numbered[-1][1]
    there = _prefixes_in(folder)
    if len(there) == 1:
        return there[0]
    raise errors.InputError("%s holds %s; give one of them." % (
        folder, ", ".join(map(os.path.basename, there)) or "no checkpoint"))


def _named_by_state_file(folder):
    try:
        state = tf.train.get_checkpoint_state(folder)
    except UnicodeDecodeError:
        return None
    # A path from Windows is cut at its backslashes.
    return state and os.path.join(
        folder, re.split(r"[/\\]", state.model_checkpoint_path)[-1])


def all_checkpoints(folder):
    """[(step, prefix)] of the model.ckpt-N in a folder, by step."""
    found = []
    for prefix in _prefixes_in(folder):
        match = re.match(r"model\.ckpt-(\d+)$", os.path.basename(prefix))
        if match:
            found.append((int(match.group(1)), prefix))
    return sorted(found)


def open_checkpoint(prefix):
    """A reader; raises errors.InputError for files that are missing or incomplete."""
    try:
        reader = tf.train.NewCheckpointReader(prefix)
        types = reader.get_variable_to_dtype_map()
    except _UNREADABLE as error:
        raise errors.InputError("%s cannot be read: %s" % (prefix, error))
    shapes = reader.get_variable_to_shape_map()
    needed = sum(types[name].size * int(numpy.prod(shapes[name]))
                 for name in types if types[name] != tf.string)
    there = sum(storage.size(path)
                for path in storage.find(glob.escape(prefix) + ".data-*-of-*"))
    if there < needed:
        raise errors.InputError(
            "%s is incomplete: its data should have %d bytes and has %d. Copy or "
            "download it again." % (prefix, needed, there))
    return reader


def read_variable(reader, prefix, name):
    """A variable's value; its checksum is verified."""
    try:
        return reader.get_tensor(name)
    except _UNREADABLE as error:
        raise errors.InputError("%s is damaged at %s: %s" % (prefix, name, error))


def list_variables(prefix):
    """{name: shape} of everything in the file."""
    return dict(open_checkpoint(prefix).get_variable_to_shape_map())


def is_training_only(name):
    """Whether a variable is an optimizer's slot or a counter, not part of the model."""
    return bool(_TRAINING_ONLY.search(name))


def detect_layout(names):
    """"B", "G", or None where the names belong to neither."""
    if any(name.endswith("/word_embeddings_2") for name in names):
        return "B"
    if any("/transformer/group_" in name or "embedding_hidden_mapping_in" in name
           for name in names):
        return "G"
    return None


def get_assignment_map_from_checkpoint(tvars, init_checkpoint):
    """(assignment map, initialised names) of the variables that the file has too."""
    held = list_variables(find_checkpoint(init_checkpoint))
    names = [re.sub(r":\d+$", "", v.name) for v in tvars]
    assignment = collections.OrderedDict((n, n) for n in names if n in held)
    initialized = {name: 1 for n in assignment for name in (n, n + ":0")}
    return assignment, initialized


def plan_warm_start(path, model_shapes, layout, config_file, init_from_group0=False):
    """What a model takes from a checkpoint, refused where that cannot be right.

    Args:
      path: whatever find_checkpoint takes.
      model_shapes: {variable: shape} of the model that will train.
      layout: "B" or "G", the model's.
      config_file: its config, for the messages.
      init_from_group0: every group takes the weights of group 0, inner group 0.

    Returns a WarmStart; `assignment` lists (name in the file, name in the model), `new`
    what the file lacks, `unused` what the model does not take, slots and step aside.
    Raises errors.InputError for another layout, an encoder that is not the model's, a
    shape that differs, or damaged values.
    """
    prefix = find_checkpoint(path)
    held = list_variables(prefix)
    source = _group0 if init_from_group0 else (lambda name: name)
    pairs = [(source(n), n) for n in sorted(model_shapes) if source(n) in held]
    taken = {theirs for theirs, _ in pairs}
    new = sorted(n for n in model_shapes if source(n) not in held)
    unused = sorted(n for n in held if n not in taken and not is_training_only(n))
    _check_layout(prefix, held, layout, config_file)
    _check_encoder(prefix, held, model_shapes, new, config_file)
    if not init_from_group0:
        _check_nothing_left(prefix, unused, config_file)
    _check_shapes(prefix, held, model_shapes, pairs, config_file)
    reader = open_checkpoint(prefix)
    for name in taken:
        read_variable(reader, prefix, name)
    logging.info("Weights from %s: %d loaded, %d new (%s), %d unused (%s).", prefix,
                 len(pairs), len(new), _some(new) or "none", len(unused),
                 _some(unused) or "none")
    return WarmStart(prefix, pairs, new, unused)


def _some(names):
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")


def _group0(name):
    return re.sub(r"/group_\d+/inner_group_\d+/", "/group_0/inner_group_0/", name)


def _check_layout(prefix, held, layout, config_file):
    found = detect_layout(held)
    if found not in (layout, None):
        raise errors.InputError(
            "%s holds layout %s weights, but %s describes a layout %s model. Use %s."
            % (prefix, found, config_file, layout, _PROGRAMS[found]))


def _check_encoder(prefix, held, model_shapes, new, config_file):
    encoder = [n for n in model_shapes if n.startswith("bert/")]
    missing = [n for n in new if n.startswith("bert/")]
    if len(missing) == len(encoder):
        raise errors.InputError(
            "%s has none of the %d encoder variables of %s (it has, for example, %s). "
            "It is no checkpoint of this program." % (
                prefix, len(encoder), config_file, _some(sorted(held))))
    if missing:
        raise errors.InputError("%s lacks %d of the %d encoder variables of %s: %s." % (
            prefix, len(missing), len(encoder), config_file, _some(missing)))


def _check_nothing_left(prefix, unused, config_file):
    """A deeper encoder than the config's is not cut down in silence."""
    reader = open_checkpoint(prefix)
    left = [n for n in unused if n.startswith("bert/encoder/")
            and not is_identity(n, read_variable(reader, prefix, n))]
    if left:
        raise errors.InputError(
            "%s has %d encoder variables that %s does not describe: %s. Use the "
            "config that came with the weights."
            % (prefix, len(left), config_file, _some(left)))


def is_identity(name, value):
    """Whether a variable maps E to H = E without changing anything: layout G has none
    then, but other programs ask for it."""
    same = numpy.eye(len(value)) if value.ndim == 2 else numpy.zeros_like(value)
    return name.startswith("bert/encoder/embedding_hidden_mapping_in/") and (
        numpy.array_equal(value, same))


def _check_shapes(prefix, held, model_shapes, pairs, config_file):
    for theirs, ours in pairs:
        if list(held[theirs]) != list(model_shapes[ours]):
            remedy = "Use the config that came with the weights."
            if not ours.startswith("bert/"):
                remedy = "It was trained for other labels: take pre-trained weights."
            raise errors.InputError("%s: %s has shape %s, but %s asks for %s. %s" % (
                prefix, theirs, list(held[theirs]), config_file,
                list(model_shapes[ours]), remedy))


def strip(source_prefix, target_prefix):
    """Writes the model's variables alone, bit for bit, as `write` does.

    Raises errors.InputError for a damaged source, for one without a model, and for the
    source's own folder, whose `checkpoint` a resumed run needs.
    """
    if os.path.realpath(os.path.dirname(target_prefix)) == os.path.dirname(
            os.path.realpath(source_prefix)):
        raise errors.InputError(
            "%s cannot be stripped within its own folder, where a run that is resumed "
            "needs it; choose another folder." % source_prefix)
    values = read_model(source_prefix)
    if not values:
        raise errors.InputError("%s holds no variable of a model." % source_prefix)
    write(values, target_prefix)


def read_model(prefix):
    """{name: value} without slots and step."""
    reader = open_checkpoint(prefix)
    return {name: read_variable(reader, prefix, name)
            for name in sorted(reader.get_variable_to_shape_map())
            if not is_training_only(name)}


def write(values, prefix):
    """Writes {name: array} as the one checkpoint of its folder.

    The files appear under their names when complete; `checkpoint`, with a relative
    path, comes last.
    """
    folder, name = os.path.split(prefix)
    temporary = os.path.join(folder, ".write-%d" % os.getpid())
    storage.make_folder(temporary)
    try:
        _save(values, os.path.join(temporary, name))
        with storage.open_file(os.path.join(temporary, "checkpoint"), "w") as out:
            out.write('model_checkpoint_path: "%s"\n'
                      'all_model_checkpoint_paths: "%s"\n' % (name, name))
        for last in (name + ".data-00000-of-00001", name + ".index", "checkpoint"):
            storage.replace(os.path.join(temporary, last), os.path.join(folder, last))
    finally:
        storage.remove_folder(temporary)


def _save(values, prefix):
    """Writes {name: array}. Values are fed: a graph holds no more than 2 GB."""
    # No GPU: this runs beside a training that holds its memory.
    config = tf.ConfigProto(device_count={"GPU": 0})
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        tensors = [tf.placeholder(v.dtype, v.shape) for v in values.values()]
        save = tf.raw_ops.SaveV2(
            prefix=prefix, tensor_names=list(values), tensors=tensors,
            shape_and_slices=[""] * len(values))
        session.run(save, dict(zip(tensors, values.values())))
