"""The graphs that leave this project: ids in, answers out, and nothing of training.

A head says what the answers are. The graph has no labels, no dropout and no optimizer;
its inputs are int32, and its operations are those that TensorFlow Lite has too.

Shapes: B batch, S sequence, H hidden, P places of masked words, V vocabulary.
"""

import collections

import numpy as np
import tensorflow.compat.v1 as tf

import classification
import encoding
import errors
import inference
import pretraining
import reading_comprehension_model

POSITIONS = "masked_lm_positions"
# Places of masked words in a graph of fixed length; those that are not needed are 0.
FIXED_POSITIONS = 8

# build: (model, {input: placeholder}, model_files.ModelFiles) -> {output: tensor};
# inputs: their names; variable: what the checkpoint must have, and `missing` what to do
# without it; choose: {output: array} -> the class or word chosen, None for vectors.
Head = collections.namedtuple(
    "Head", ["build", "inputs", "variable", "missing", "choose"])

# graph_def: constants in the place of variables; inputs: {name: shape}, None for any
# size; outputs: names. A name is that of the operation.
Frozen = collections.namedtuple("Frozen", ["graph_def", "inputs", "outputs"])


def _classify(model, inputs, files):
    mask = None if files.settings["use_pooled_output"] else inputs["input_mask"]
    logits = classification.class_logits(model, len(files.labels), False, mask)
    return {"probabilities": tf.nn.softmax(logits)}


def _pool(model, inputs, files):
    del files
    return {"sentence_vector": classification.mean_of_tokens(
        model.get_sequence_output(), inputs["input_mask"])}


def _guess_words(model, inputs, files):
    """Scores of every word [B, P, V]."""
    positions = inputs[POSITIONS]
    logits = pretraining.masked_lm_logits(model, positions)
    batch, places = positions.shape.as_list()
    shape = [-1 if batch is None else batch, tf.shape(positions)[1]
             if places is None else places, files.config.vocab_size]
    return {"logits": tf.reshape(logits, shape)}


def _find_answer(model, inputs, files):
    """Where in the passage, [B, S] each; the first token: not in this window."""
    del files
    starts, ends = reading_comprehension_model.span_logits(
        model, inputs["input_mask"], inputs["segment_ids"])
    return {"start_probabilities": tf.nn.softmax(starts),
            "end_probabilities": tf.nn.softmax(ends)}


def _likeliest_span(outputs):
    """One number for a begin and an end, chosen apart."""
    starts, ends = outputs["start_probabilities"], outputs["end_probabilities"]
    return starts.argmax(-1) * starts.shape[-1] + ends.argmax(-1)


def _highest(name):
    return lambda outputs: np.argmax(outputs[name], -1)


HEADS = {
    "classifier": Head(
        _classify, encoding.INPUTS, "output_weights",
        "it is a pre-trained model. Fine-tune it first (see run_classifier.py "
        "--do_train), or export --head=sentence_vector or masked_lm",
        _highest("probabilities")),
    "sentence_vector": Head(_pool, encoding.INPUTS, None, None, None),
    "masked_lm": Head(
        _guess_words, encoding.INPUTS + (POSITIONS,), "cls/predictions/output_bias",
        "fine-tuned weights have lost it. Give the pre-trained ones",
        _highest("logits")),
    "answer": Head(
        _find_answer, encoding.INPUTS, "cls/squad/output_bias",
        "it finds no answers in passages. Train one that does (see "
        "run_reading_comprehension.py)", _likeliest_span),
}


class InferenceGraph(object):
    """A head over a checkpoint's encoder, with its weights in a session.

    Args:
      files: model_files.ModelFiles.
      head: one of HEADS.
      batch: rows, or None for any number.
      length: tokens in a row, or None for any number.

    Raises errors.InputError where the checkpoint lacks the head, does not fit its
    config, or has fewer positions than `length`.
    """

    def __init__(self, files, head, batch=None, length=None):
        head = HEADS[head]
        if head.variable and head.variable not in files.variables:
            raise errors.InputError("%s has no %s: %s." % (
                files.prefix, head.variable, head.missing))
        self.inputs = {name: [batch, length] for name in head.inputs}
        if POSITIONS in self.inputs:
            self.inputs[POSITIONS] = [batch, length and FIXED_POSITIONS]
        graph = tf.Graph()
        with graph.as_default():
            self._fed = {name: tf.placeholder(tf.int32, shape, name)
                         for name, shape in self.inputs.items()}
            model = files.model_class(
                files.config, False, *[self._fed[name] for name in encoding.INPUTS])
            self._outputs = {
                name: tf.identity(tensor, name)
                for name, tensor in head.build(model, self._fed, files).items()}
            self._session = inference.restore(files)

    def run(self, inputs):
        """{input: array} -> {output: array}."""
        return self._session.run(
            self._outputs, {self._fed[name]: inputs[name] for name in self._fed})

    def freeze(self):
        """-> Frozen."""
        outputs = sorted(self._outputs)
        graph_def = tf.graph_util.convert_variables_to_constants(
            self._session, self._session.graph.as_graph_def(), outputs)
        for node in graph_def.node:
            # Names of our own gradients: nobody else has them.
            node.attr.pop("_gradient_op_type", None)
        return Frozen(graph_def, self.inputs, outputs)

    def close(self):
        self._session.close()

