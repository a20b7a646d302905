"""The bytes of pre-training records: tf.Examples in TFRecord files, without TensorFlow.

Building protocol buffers in Python costs more than everything else that is done to an
instance, and a worker that imports TensorFlow costs seconds and 300 MB. The bytes are
those of `tf.train.Example(...).SerializeToString(deterministic=True)` and of
`tf.io.TFRecordWriter`.

`pretraining_fields` is the one specification of these records.
"""

import functools
import struct

import numpy as np

INT64, FLOAT = "int64", "float"
_LIST_TAGS = {FLOAT: b"\x12", INT64: b"\x1a"}
_CASTAGNOLI = 0x82F63B78
_CRC_BLOCK = 4096
_FRAME = struct.Struct("<QI")
_UINT32 = struct.Struct("<I")
_ONE = struct.pack("<f", 1.0)


def pretraining_fields(max_seq_length, max_predictions_per_seq):
    """{name: (type, length)} of a record with masks.

    `next_sentence_labels` keeps its historical name; it holds the sentence-order label:
    0 in order, 1 swapped.
    """
    return {
        "input_ids": (INT64, max_seq_length),
        "input_mask": (INT64, max_seq_length),
        "segment_ids": (INT64, max_seq_length),
        "masked_lm_positions": (INT64, max_predictions_per_seq),
        "masked_lm_ids": (INT64, max_predictions_per_seq),
        "masked_lm_weights": (FLOAT, max_predictions_per_seq),
        "next_sentence_labels": (INT64, 1),
    }


def unmasked_fields(max_seq_length):
    """{name: (type, length)} of a record that is masked when it is read.

    `token_boundary` is 1 where a word begins and on [CLS] and [SEP], as in Google's
    records.
    """
    fields = pretraining_fields(max_seq_length, 0)
    fields = {name: field for name, field in fields.items()
              if not name.startswith("masked_lm_")}
    fields["token_boundary"] = (INT64, max_seq_length)
    return fields


def _varint(number):
    """Seven bits a byte, the lowest first; all bytes but the last have the top bit."""
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    data.append(number)
    return bytes(data)


def _delimited(tag, data):
    return tag + _varint(len(data)) + data


class ExampleEncoder:
    """Instances to serialised tf.Examples with the given fields."""

    def __init__(self, fields, vocab_size):
        """`fields` as pretraining_fields or unmasked_fields gives them."""
        self._length = fields["input_ids"][1]
        self._with_masks = "masked_lm_positions" in fields
        if self._with_masks:
            self._num_predictions = fields["masked_lm_positions"][1]
        self._fields = [(name, kind) for name, (kind, _) in sorted(fields.items())]
        self._varints = [_varint(n) for n in range(max(vocab_size, self._length))]
        self._headers = {}

    def encode(self, instance):
        """masking.Instance or UnmaskedInstance -> bytes.

        Lists are padded with 0 to their length.
        """
        payloads = self._payloads(instance)
        parts = []
        size = 0
        for name, kind in self._fields:
            payload = payloads[name]
            key = name, len(payload)
            header = self._headers.get(key)
            if header is None:
                header = self._headers[key] = _feature_header(name, kind, len(payload))
            parts.append(header)
            parts.append(payload)
            size += len(header) + len(payload)
        return b"\x0a" + _varint(size) + b"".join(parts)

    def _payloads(self, instance):
        length = len(instance.token_ids)
        padding = bytes(self._length - length)
        num_first = instance.first_length
        payloads = {
            "input_ids": self._join(instance.token_ids) + padding,
            "input_mask": b"\x01" * length + padding,
            "segment_ids": bytes(num_first) + b"\x01" * (length - num_first) + padding,
            "next_sentence_labels": b"\x01" if instance.is_swapped else b"\x00",
        }
        if self._with_masks:
            num_masked = len(instance.masked_positions)
            unused = self._num_predictions - num_masked
            payloads["masked_lm_positions"] = (
                self._join(instance.masked_positions) + bytes(unused))
            payloads["masked_lm_ids"] = (
                self._join(instance.masked_labels) + bytes(unused))
            payloads["masked_lm_weights"] = _ONE * num_masked + bytes(4 * unused)
        else:
            payloads["token_boundary"] = bytes(instance.boundaries) + padding
        return payloads

    def _join(self, numbers):
        return b"".join([self._varints[number] for number in numbers])


def _feature_header(name, kind, payload_length):
    """What precedes the packed numbers of one feature in Example.features."""
    numbers = b"\x0a" + _varint(payload_length)
    feature = _LIST_TAGS[kind] + _varint(len(numbers) + payload_length) + numbers
    key = _delimited(b"\x0a", name.encode("ascii"))
    entry = key + b"\x12" + _varint(len(feature) + payload_length) + feature
    return b"\x0a" + _varint(len(entry) + payload_length) + entry


class _Crc32c:
    """CRC-32C by the table of what each byte value adds at each distance from the end.

    The sum is linear over XOR, so a block is one gather and one reduction in NumPy.
    """

    def __init__(self):
        single = np.arange(256, dtype=np.uint32)
        for _ in range(8):
            half = single >> np.uint32(1)
            single = np.where(single & 1, half ^ np.uint32(_CASTAGNOLI), half)
        rows = [single]
        for _ in range(_CRC_BLOCK - 1):
            rows.append(rows[-1] >> np.uint32(8) ^ single[rows[-1] & np.uint32(255)])
        self._table = np.concatenate(rows[::-1])
        self._rows = np.arange(_CRC_BLOCK) * 256

    def __call__(self, data):
        state = 0xFFFFFFFF
        for start in range(0, len(data), _CRC_BLOCK):
            state = self._advance(state, data[start:start + _CRC_BLOCK])
        return state ^ 0xFFFFFFFF

    def _advance(self, state, block):
        places = self._rows[_CRC_BLOCK - len(block):] + np.frombuffer(block, np.uint8)
        # The state joins the first four bytes; of a shorter block a part of it is left.
        for index, byte in enumerate(_UINT32.pack(state)[:len(block)]):
            places[index] += (block[index] ^ byte) - block[index]
        left = state >> 8 * len(block) if len(block) < 4 else 0
        return int(np.bitwise_xor.reduce(self._table.take(places))) ^ left


@functools.lru_cache(maxsize=None)
def _crc32c():
    return _Crc32c()  # a table of 4 MB, made when it is first needed


def _masked_crc(data):
    crc = _crc32c()(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@functools.lru_cache(maxsize=None)
def _frame_header(length):
    packed = struct.pack("<Q", length)
    return packed + _UINT32.pack(_masked_crc(packed))


def frame(data):
    """A serialised example -> the bytes of its record in a TFRecord file."""
    return b"".join((_frame_header(len(data)), data, _UINT32.pack(_masked_crc(data))))


def read_frame(stream):
    """The next framed record of a TFRecord file as bytes; b"" at its end."""
    header = stream.read(_FRAME.size)
    if not header:
        return b""
    return header + stream.read(_FRAME.unpack(header)[0] + 4)
