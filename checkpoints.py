"""Finding, naming, comparing and slimming checkpoints.

Two families of published weights exist and are told apart by their variables' names:
layout B (`word_embeddings_2`) and layout G (`transformer/group_0`).
"""

import collections
import difflib
import logging
import os
import re

import tensorflow.compat.v1 as tf

import errors

_FILE_SUFFIX = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_TRAINING_ONLY = re.compile(
    r"(^global_step$)|(/(adam|lamb)_[mv](_\d+)?$)|(^accum/)|(loss_scale)")
_PROGRAMS = {"B": "run_classifier.py with a config such as albert_config_tiny.json",
             "G": "run_classifier_sp_google.py with a config such as "
                  "albert_config_tiny_google.json"}

WarmStart = collections.namedtuple("WarmStart", ["prefix", "assignment", "new", "unused"])


def find_checkpoint(path):
    """A folder, a prefix or any of a checkpoint's files -> its prefix.

    Raises errors.InputError where nothing is there, naming what is.
    """
    if os.path.isdir(path):
        return _newest_in(path)
    prefix = _FILE_SUFFIX.sub("", path)
    if os.path.exists(prefix + ".index"):
        return prefix
    folder = os.path.dirname(prefix) or "."
    there = _prefixes_in(folder)
    if not there:
        raise errors.InputError("No checkpoint %s: %s." % (path, (
            "%s holds none" if os.path.isdir(folder) else "there is no folder %s") % folder))
    names = [os.path.basename(p) for p in there]
    close = difflib.get_close_matches(os.path.basename(prefix), names, 1, 0.0)
    raise errors.InputError("No checkpoint %s. Did you mean %s? (%s holds: %s)" % (
        path, os.path.join(folder, close[0]), folder, ", ".join(names)))


def _prefixes_in(folder):
    if not os.path.isdir(folder):
        return []
    return sorted(os.path.join(folder, name[:-len(".index")])
                  for name in os.listdir(folder) if name.endswith(".index"))


def _newest_in(folder):
    """What the file `checkpoint` names, by its base name: its paths may be stale."""
    state = os.path.join(folder, "checkpoint")
    if os.path.exists(state):
        with open(state, encoding="utf-8") as source:
            named = re.search(r'^model_checkpoint_path: "(.*)"', source.read(), re.M)
        if named:
            prefix = os.path.join(folder, os.path.basename(named.group(1)))
            if os.path.exists(prefix + ".index"):
                return prefix
    numbered = all_checkpoints(folder)
    if numbered:
        return numbered[-1][1]
    there = _prefixes_in(folder)
    if len(there) == 1:
        return there[0]
    raise errors.InputError("%s holds %s; give one of them." % (
        folder, ", ".join(map(os.path.basename, there)) or "no checkpoint"))


def all_checkpoints(folder):
    """[(step, prefix)] of the model.ckpt-N in a folder, by step."""
    found = []
    for prefix in _prefixes_in(folder):
        match = re.match(r"model\.ckpt-(\d+)$", os.path.basename(prefix))
        if match:
            found.append((int(match.group(1)), prefix))
    return sorted(found)


def open_checkpoint(prefix):
    """A reader; raises errors.InputError for damaged files."""
    try:
        return tf.train.load_checkpoint(prefix)
    except (tf.errors.OpError, ValueError) as error:
        raise errors.InputError("%s cannot be read: %s" % (prefix, error))


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
    held = {name for name, _ in tf.train.list_variables(init_checkpoint)}
    names = [re.sub(r":\d+$", "", v.name) for v in tvars]
    assignment = collections.OrderedDict((n, n) for n in names if n in held)
    initialized = {name: 1 for n in assignment for name in (n, n + ":0")}
    return assignment, initialized


def plan_warm_start(path, model_shapes, layout, config_file, init_from_group0=False):
    """What a model takes from a checkpoint, refused where that cannot be right.

    `assignment` lists (name in the file, name in the model).

    Args:
      path: whatever find_checkpoint takes.
      model_shapes: {variable: shape} of the model that will train.
      layout: "B" or "G", the model's.
      config_file: its config, for the messages.
      init_from_group0: every group takes the weights of group 0, inner group 0.

    Raises errors.InputError for another layout, no matching encoder, an encoder variable
    that is missing, or a shape that differs.
    """
    prefix = find_checkpoint(path)
    held = list_variables(prefix)
    found = detect_layout(held)
    if found not in (layout, None):
        raise errors.InputError(
            "%s holds layout %s weights, but %s describes a layout %s model. Use %s." % (
                prefix, found, config_file, layout, _PROGRAMS[found]))
    source = _group0 if init_from_group0 else (lambda name: name)
    pairs = [(source(n), n) for n in model_shapes if source(n) in held]
    encoder = [n for n in model_shapes if n.startswith("bert/")]
    missing = sorted(n for n in encoder if source(n) not in held)
    if len(missing) == len(encoder):
        raise errors.InputError(
            "%s has none of the %d encoder variables of %s (it has, for example, %s). It "
            "is no checkpoint of this program." % (
                prefix, len(encoder), config_file, ", ".join(sorted(held)[:3])))
    if missing:
        raise errors.InputError("%s lacks %d of the %d encoder variables of %s: %s%s." % (
            prefix, len(missing), len(encoder), config_file, ", ".join(missing[:5]),
            " ..." if len(missing) > 5 else ""))
    for theirs, ours in pairs:
        if list(held[theirs]) != list(model_shapes[ours]):
            raise errors.InputError(
                "%s: %s has shape %s, but %s asks for %s. Use the config that came with "
                "the weights." % (prefix, theirs, list(held[theirs]), config_file,
                                  list(model_shapes[ours])))
    new = sorted(set(model_shapes) - {ours for _, ours in pairs})
    taken = {theirs for theirs, _ in pairs}
    unused = sorted(n for n in held if n not in taken and not is_training_only(n))
    logging.info("Weights from %s: %d loaded, %d new (%s), %d unused (%s).", prefix,
                 len(pairs), len(new), ", ".join(new) or "none", len(unused),
                 ", ".join(unused[:6]) or "none")
    return WarmStart(prefix, pairs, new, unused)


def _group0(name):
    return re.sub(r"/group_\d+/inner_group_\d+/", "/group_0/inner_group_0/", name)


def strip(source_prefix, target_prefix):
    """Writes the model's variables alone, bit for bit, and makes them their folder's.

    The files appear under their names when complete; `checkpoint`, with a relative path,
    comes last.
    """
    reader = open_checkpoint(source_prefix)
    names = sorted(n for n in reader.get_variable_to_shape_map() if not is_training_only(n))
    temporary = "%s.tmp-%d" % (target_prefix, os.getpid())
    with tf.Graph().as_default(), tf.Session() as session:
        variables, feed = [], {}
        for name in names:
            value = reader.get_tensor(name)
            # Fed, not built in: a graph holds no more than 2 GB.
            start = tf.placeholder(value.dtype, value.shape)
            variables.append(tf.get_variable(name, initializer=start, use_resource=True))
            feed[start] = value
        session.run(tf.variables_initializer(variables), feed)
        tf.train.Saver(variables, write_version=tf.train.SaverDef.V2).save(
            session, temporary, write_meta_graph=False, write_state=False)
    for suffix in (".data-00000-of-00001", ".index"):
        os.replace(temporary + suffix, target_prefix + suffix)
    name = os.path.basename(target_prefix)
    state = os.path.join(os.path.dirname(target_prefix), "checkpoint")
    with open(state + ".tmp", "w") as out:
        out.write('model_checkpoint_path: "%s"\nall_model_checkpoint_paths: "%s"\n' % (
            name, name))
    os.replace(state + ".tmp", state)
