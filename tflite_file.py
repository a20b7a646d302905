"""What a TensorFlow Lite file holds, read without TensorFlow.

A file is a FlatBuffer (flatbuffers.dev; the tables are those of schema.fbs): a table
begins with its distance back to a vtable, which has the place of each of its fields. A
zip archive may follow the buffer, and holds files that belong to the model, such as its
labels: https://ai.google.dev/edge/litert/models/metadata (associated files).
"""

import collections
import struct
import zipfile

import errors

# Of BuiltinOperator (schema.fbs) those that the models of this project turn into.
NAMES = {
    0: "ADD", 6: "DEQUANTIZE", 7: "EMBEDDING_LOOKUP", 9: "FULLY_CONNECTED",
    14: "LOGISTIC", 18: "MUL", 19: "RELU", 22: "RESHAPE", 25: "SOFTMAX", 28: "TANH",
    36: "GATHER", 39: "TRANSPOSE", 40: "MEAN", 41: "SUB", 42: "DIV", 53: "CAST",
    65: "SLICE", 70: "EXPAND_DIMS", 74: "SUM", 76: "RSQRT", 83: "PACK", 85: "ONE_HOT",
    92: "SQUARE", 99: "SQUARED_DIFFERENCE", 114: "QUANTIZE", 126: "BATCH_MATMUL"}
CUSTOM = 32


class _Table(object):
    """A table of a FlatBuffer, whose fields are numbered in the schema's order."""

    def __init__(self, data, position):
        self.data, self.position = data, position
        self.vtable = position - self._read("<i", position)

    def _read(self, form, position):
        return struct.unpack_from(form, self.data, position)[0]

    def _place(self, field):
        """Where the field stands, or None where it has its default."""
        entry = 4 + 2 * field
        if entry >= self._read("<H", self.vtable):
            return None
        offset = self._read("<H", self.vtable + entry)
        return self.position + offset if offset else None

    def number(self, field, form):
        place = self._place(field)
        return 0 if place is None else self._read(form, place)

    def _target(self, field):
        place = self._place(field)
        return None if place is None else place + self._read("<I", place)

    def text(self, field):
        start = self._target(field)
        if start is None:
            return None
        return self.data[start + 4:start + 4 + self._read("<I", start)].decode("utf-8")

    def tables(self, field):
        start = self._target(field)
        if start is None:
            return []
        places = [start + 4 + 4 * i for i in range(self._read("<I", start))]
        return [_Table(self.data, p + self._read("<I", p)) for p in places]


def count_operations(path):
    """{operation: how often it occurs}; custom ones as "custom NAME".

    Raises errors.InputError for a file that is no TensorFlow Lite model.
    """
    with open(path, "rb") as source:
        data = source.read()
    if data[4:8] != b"TFL3":
        raise errors.InputError("%s is no TensorFlow Lite model." % path)
    model = _Table(data, struct.unpack_from("<I", data)[0])
    names = [_name(code) for code in model.tables(1)]
    return collections.Counter(
        names[operator.number(0, "<I")]
        for subgraph in model.tables(2) for operator in subgraph.tables(3))


def _name(code):
    # Codes up to 127 stand in the older field, later ones in the newer.
    number = max(code.number(0, "<b"), code.number(3, "<i"))
    if number == CUSTOM:
        return "custom %s" % code.text(1)
    return NAMES.get(number, "builtin %d" % number)


def attach(path, texts):
    """Appends {file name: bytes} to a model; `unzip model.tflite` has them again."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(texts.items()):
            archive.writestr(name, content)


def read_attached(path):
    """{file name: bytes} that were attached to a model."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
