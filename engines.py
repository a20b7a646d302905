"""Runs exported graphs, and reads what they hold beside the graph.

No TensorFlow here, unless nothing else can run TensorFlow Lite: importing it is most of
the time that a first answer takes.
"""

import importlib
import importlib.util
import threading
import zipfile

import numpy as np

import errors
import tflite_file

REQUIREMENTS = "requirements-engines.txt"
LITERT = ("ai_edge_litert", "tflite_runtime")  # the same interpreter, now and before


def import_package(name, needed_for, requirements):
    """A module that is not installed with the others.

    Raises errors.InputError where it is missing.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise errors.InputError(
            "%s needs the package %s (%s): pip install -r %s, into an environment of its "
            "own." % (needed_for, name.split(".")[0], error, requirements))


def open_onnx(path):
    """-> (a function {input: array} -> {output: array}, {name: text} in the file).

    Threads may share the function. Raises errors.InputError for no model, and where ONNX
    Runtime is missing.
    """
    runtime = import_package("onnxruntime", "An ONNX model", REQUIREMENTS)
    try:
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own have no other class in common
        raise errors.InputError("%s is no ONNX model: %s" % (
            path, " ".join(str(error).split())))
    names = [output.name for output in session.get_outputs()]

    def run(arrays):
        fed = {each.name: np.asarray(arrays[each.name], np.int32)
               for each in session.get_inputs()}
        return dict(zip(names, session.run(names, fed)))
    return run, session.get_modelmeta().custom_metadata_map


def open_tflite(path, interpreter_class=None):
    """-> (a function {input: array} -> {output: array}, {name: text} in the file).

    Threads may share the function. Without an interpreter_class LiteRT's is taken, or
    else TensorFlow's. Raises errors.InputError for no model with files in it, and where
    there is neither of these packages.
    """
    interpreter_class = interpreter_class or _find_interpreter()
    try:
        texts = tflite_file.read_attached(path)
    except zipfile.BadZipFile as error:
        raise errors.InputError(
            "%s is no TensorFlow Lite model with its vocabulary: %s." % (path, error))
    try:
        interpreter = interpreter_class(path)
    except ValueError as error:
        raise errors.InputError(
            "%s cannot be run by this version of TensorFlow Lite: %s" % (
                path, " ".join(str(error).split())))
    interpreter.allocate_tensors()
    lock = threading.Lock()

    def run(arrays):
        with lock:
            for detail in interpreter.get_input_details():
                interpreter.set_tensor(detail["index"], np.asarray(
                    arrays[_plain(detail["name"])], np.int32))
            interpreter.invoke()
            return {_plain(detail["name"]): interpreter.get_tensor(detail["index"])
                    for detail in interpreter.get_output_details()}
    return run, {name: content.decode("utf-8") for name, content in texts.items()}


def _find_interpreter():
    for name in LITERT:
        if importlib.util.find_spec(name):
            return importlib.import_module(name + ".interpreter").Interpreter
    tensorflow = import_package(
        "tensorflow.compat.v1", "A TensorFlow Lite model", REQUIREMENTS)
    return tensorflow.lite.Interpreter


def _plain(name):
    return name.split(":")[0]
