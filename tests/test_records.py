"""The bytes that records.py writes are TensorFlow's."""

import io
import random

import pytest
import tensorflow.compat.v1 as tf

import masking
import records

LENGTH, PREDICTIONS, VOCAB_SIZE = 300, 20, 21128


def example_of(values, fields):
    """{name: numbers} -> tf.train.Example, by protocol buffers, padded with 0."""
    example = tf.train.Example()
    for name, (kind, length) in fields.items():
        row = list(values[name]) + [0] * (length - len(values[name]))
        feature = example.features.feature[name]
        target = feature.float_list if kind == records.FLOAT else feature.int64_list
        target.value.extend(row)
    return example.SerializeToString(deterministic=True)


def random_instance(rng, length):
    tokens = [rng.choice([0, 127, 128, 16383, 16384, rng.randrange(VOCAB_SIZE)])
              for _ in range(length)]
    num_masked = min(length, rng.randint(0, PREDICTIONS))
    positions = sorted(rng.sample(range(length), num_masked))
    return masking.Instance(tokens, rng.randint(2, length - 1), rng.randint(0, 1),
                            positions, [rng.randrange(VOCAB_SIZE) for _ in positions],
                            0, [], [])


def values_of(instance):
    length, first = len(instance.token_ids), instance.first_length
    return {"input_ids": instance.token_ids, "input_mask": [1] * length,
            "segment_ids": [0] * first + [1] * (length - first),
            "masked_lm_positions": instance.masked_positions,
            "masked_lm_ids": instance.masked_labels,
            "masked_lm_weights": [1.0] * len(instance.masked_positions),
            "next_sentence_labels": [instance.is_swapped]}


@pytest.mark.parametrize("length", [5, 127, 128, 299, 300])
def test_masked_examples_equal_protocol_buffers(length):
    fields = records.pretraining_fields(LENGTH, PREDICTIONS)
    encoder = records.ExampleEncoder(fields, VOCAB_SIZE)
    rng = random.Random(length)
    for _ in range(20):
        instance = random_instance(rng, length)
        assert encoder.encode(instance) == example_of(values_of(instance), fields)


def test_unmasked_examples_equal_protocol_buffers():
    fields = records.unmasked_fields(LENGTH)
    encoder = records.ExampleEncoder(fields, VOCAB_SIZE)
    instance = random_instance(random.Random(1), 100)
    boundaries = bytearray([1, 0] * 50)
    values = dict(values_of(instance), token_boundary=boundaries)
    unmasked = masking.UnmaskedInstance(
        instance.token_ids, instance.first_length, instance.is_swapped, boundaries)
    assert sorted(fields) == ["input_ids", "input_mask", "next_sentence_labels",
                              "segment_ids", "token_boundary"]
    assert encoder.encode(unmasked) == example_of(values, fields)


def test_frames_equal_tensorflows_for_all_lengths(tmp_path):
    rng = random.Random(2)
    examples = [bytes(rng.randrange(256) for _ in range(length))
                for length in (0, 1, 2, 3, 4, 5, 100, 4095, 4096, 4097, 4099, 9000)]
    path = str(tmp_path / "expected.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for example in examples:
            writer.write(example)
    with open(path, "rb") as stream:
        assert b"".join(map(records.frame, examples)) == stream.read()


def test_frames_are_read_back_one_by_one():
    frames = [records.frame(b"one"), records.frame(b""), records.frame(b"three" * 1000)]
    stream = io.BytesIO(b"".join(frames))
    assert [records.read_frame(stream) for _ in range(4)] == frames + [b""]
