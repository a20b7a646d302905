"""The files that other programs run: SavedModel, frozen graph, TensorFlow Lite, ONNX.

Each format is written into a folder and opened again as its users would open it: none
of the openers needs anything else of this project. Beside the graph stand its
vocabulary, labels, config and export.json; a SavedModel has them in assets/, models of
TensorFlow Lite and ONNX have them also in themselves.
"""

import collections
import contextlib
import logging
import os
import shutil
import sys

import tensorflow.compat.v1 as tf

import engines
import tflite_file

REQUIREMENTS = "requirements-export.txt"
DTYPES = ("float32", "float16", "int8")
ONNX_OPSET = 13

# write: (export_graph.Frozen, new folder, dtype, {name: bytes}); open: folder -> a
# function {input: array} -> {output: array}; file: the graph's, in the folder; fixed:
# whether rows go one by one and have one length.
Format = collections.namedtuple("Format", ["write", "open", "file", "dtypes", "fixed"])


def _write(path, content):
    with open(path, "wb") as out:
        out.write(content)


def _write_all(folder, texts):
    """Makes the folder and puts the files of {name: bytes} there."""
    os.mkdir(folder)
    for name, content in texts.items():
        _write(os.path.join(folder, name), content)


def _imported(graph_def, inputs, outputs):
    """The graph in the current one: ({input: tensor}, {output: tensor})."""
    names = list(inputs) + list(outputs)
    tensors = tf.import_graph_def(
        graph_def, return_elements=[name + ":0" for name in names], name="")
    found = dict(zip(names, tensors))
    return {n: found[n] for n in inputs}, {n: found[n] for n in outputs}


def _runner(session, inputs, outputs):
    """{name: tensor} of both -> {input: array} -> {output: array}."""
    def run(arrays):
        return session.run(outputs, {inputs[name]: arrays[name] for name in inputs})
    return run


def _write_saved_model(frozen, folder, dtype, texts):
    del dtype
    beside = folder + ".assets"
    _write_all(beside, texts)
    try:
        with tf.Graph().as_default(), tf.Session() as session:
            _build_saved_model(session, frozen, folder, [
                os.path.join(beside, name) for name in sorted(texts)])
    finally:
        shutil.rmtree(beside)


def _build_saved_model(session, frozen, folder, assets):
    inputs, outputs = _imported(*frozen)
    for path in assets:
        tf.add_to_collection(tf.GraphKeys.ASSET_FILEPATHS, tf.constant(path))
    builder = tf.saved_model.Builder(folder)
    builder.add_meta_graph_and_variables(
        session, [tf.saved_model.SERVING], {
            tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY:
                tf.saved_model.predict_signature_def(inputs, outputs)},
        assets_collection=tf.get_collection(tf.GraphKeys.ASSET_FILEPATHS))
    builder.save()


def _open_saved_model(folder):
    session = tf.Session(graph=tf.Graph())
    with session.graph.as_default():
        loaded = tf.saved_model.load(session, [tf.saved_model.SERVING], folder)
    signature = loaded.signature_def[
        tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY]
    return _runner(session, *[
        {name: session.graph.get_tensor_by_name(info.name)
         for name, info in side.items()}
        for side in (signature.inputs, signature.outputs)])


def _write_frozen(frozen, folder, dtype, texts):
    del dtype
    _write_all(folder, texts)
    _write(os.path.join(folder, "model.pb"), frozen.graph_def.SerializeToString())


def _open_frozen(folder):
    graph_def = tf.GraphDef()
    with open(os.path.join(folder, "model.pb"), "rb") as source:
        graph_def.ParseFromString(source.read())
    inputs = [node.name for node in graph_def.node if node.op == "Placeholder"]
    read = {name.split(":")[0] for node in graph_def.node for name in node.input}
    outputs = [node.name for node in graph_def.node if node.name not in read]
    with tf.Graph().as_default() as graph:
        fed, fetched = _imported(graph_def, inputs, outputs)
    return _runner(tf.Session(graph=graph), fed, fetched)


@contextlib.contextmanager
def _silence():
    """Without the statistics that TensorFlow 2.15's converter writes to stderr itself;
    what goes wrong is an exception."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _write_tflite(frozen, folder, dtype, texts):
    with tf.Graph().as_default(), tf.Session() as session:
        inputs, outputs = _imported(*frozen)
        converter = tf.lite.TFLiteConverter.from_session(
            session, [inputs[name] for name in frozen.inputs],
            [outputs[name] for name in frozen.outputs])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if dtype != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if dtype == "float16":
            converter.target_spec.supported_types = [tf.float16]
        # TensorFlow 1.15 starts a program that stands beside Python, where nobody
        # looks for it unless the environment was activated.
        old = os.environ["PATH"]
        os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + old
        try:
            with _silence():
                content = converter.convert()
        finally:
            os.environ["PATH"] = old
    _write_all(folder, texts)
    path = os.path.join(folder, "model.tflite")
    _write(path, content)
    tflite_file.attach(path, texts)
    operations = tflite_file.count_operations(path)
    logging.info("Operations: %s.", ", ".join(
        "%s %d" % pair for pair in sorted(operations.items())))


def _open_tflite(folder):
    path = os.path.join(folder, "model.tflite")
    return engines.open_tflite(path, tf.lite.Interpreter)[0]


def _optional(name):
    return engines.import_package(name, "--to=onnx", REQUIREMENTS)


def _write_onnx(frozen, folder, dtype, texts):
    del dtype
    converter, onnx = _optional("tf2onnx"), _optional("onnx")
    _optional("onnxruntime")
    logging.getLogger("tf2onnx").setLevel(logging.WARNING)
    model, _ = converter.convert.from_graph_def(
        frozen.graph_def, "albert_zh", [name + ":0" for name in frozen.inputs],
        [name + ":0" for name in frozen.outputs], opset=ONNX_OPSET)
    _rename(model.graph, {name + ":0": name
                          for name in list(frozen.inputs) + frozen.outputs})
    _name_sizes(model.graph)
    onnx.helper.set_model_props(model, {
        name: content.decode("utf-8") for name, content in texts.items()})
    onnx.checker.check_model(model)
    _write_all(folder, texts)
    _write(os.path.join(folder, "model.onnx"), model.SerializeToString())


def _rename(graph, names):
    """Inputs and outputs by their own names, without TensorFlow's `:0`."""
    for value in list(graph.input) + list(graph.output):
        value.name = names[value.name]
    for node in graph.node:
        for side in (node.input, node.output):
            side[:] = [names.get(name, name) for name in side]


def _name_sizes(graph):
    """The sizes that are not fixed get names that say what they are."""
    for value in list(graph.input) + list(graph.output):
        for place, size in enumerate(value.type.tensor_type.shape.dim):
            if not size.dim_value:
                size.dim_param = "batch" if place == 0 else "length"


def _open_onnx(folder):
    return engines.open_onnx(os.path.join(folder, "model.onnx"))[0]


FORMATS = {
    "savedmodel": Format(_write_saved_model, _open_saved_model, "saved_model.pb",
                         DTYPES[:1], False),
    "frozen": Format(_write_frozen, _open_frozen, "model.pb", DTYPES[:1], False),
    "tflite": Format(_write_tflite, _open_tflite, "model.tflite", DTYPES, True),
    "onnx": Format(_write_onnx, _open_onnx, "model.onnx", DTYPES[:1], False),
}
