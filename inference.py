"""A model's graph, built once, with its weights in one session.

Shapes are dynamic, and the outputs are added when they are first asked for, so a model
serves its classifier, its vectors and its masked words from the same weights.

Shapes: B batch, S sequence, H hidden, N places of masked words, V vocabulary.
"""

import threading

import numpy as np
import tensorflow.compat.v1 as tf

import checkpoints
import classification
import devices
import encoding
import errors
import pretraining
import reading_comprehension_model

POOLINGS = {
    "cls": lambda hidden, mask: hidden[:, 0],
    "mean": classification.mean_of_tokens,
    "max": lambda hidden, mask: tf.reduce_max(
        hidden - 1e9 * (1.0 - tf.expand_dims(tf.cast(mask, tf.float32), -1)), 1),
}


class Network(object):
    """Runs a model_files.ModelFiles. Threads may share it.

    Raises errors.InputError where the weights do not fit the config.
    """

    def __init__(self, files, gpu_memory_fraction=None):
        self.files = files
        self._lock = threading.Lock()
        self._outputs = {}
        self._graph = tf.Graph()
        with self._graph.as_default():
            self._build()
            self._session = restore(files, gpu_memory_fraction)

    def close(self):
        self._session.close()

    def probabilities(self, batch):
        """{input: [B, S]} -> [B, number of labels].

        Raises errors.InputError where the model has no classifier.
        """
        if self._logits is None:
            raise errors.InputError(
                "%s has no classifier head (output_weights): it is a pre-trained model. "
                "Fine-tune it first: see run_classifier.py --do_train."
                % self.files.prefix)
        return self._run("probabilities", lambda: tf.nn.softmax(self._logits), batch)

    def vectors(self, batch, pooling, layers):
        """{input: [B, S]} -> [B, H]: the mean of some layers, pooled over the tokens.

        Args:
          batch: the inputs.
          pooling: one of POOLINGS.
          layers: their numbers from 0, or from the end as -1, -2, ...
        """
        def build():
            hidden = self._model.get_all_encoder_layers()
            chosen = sum(hidden[i] for i in layers) / float(len(layers))
            return POOLINGS[pooling](chosen, self._inputs["input_mask"])
        return self._run((pooling, tuple(layers)), build, batch)

    def word_probabilities(self, batch, places):
        """{input: [B, S]} and places [N] in the flattened batch -> [N, V].

        Raises errors.InputError where the model cannot guess words.
        """
        if self._word_logits is None:
            raise errors.InputError(
                "%s has no masked-LM head (cls/predictions): fine-tuned weights have "
                "lost it. Give the pre-trained ones." % self.files.prefix)
        return self._run("words", lambda: tf.nn.softmax(self._word_logits), batch, places)

    def span_scores(self, batch):
        """{input: [B, S]} -> ([B, S], [B, S]): log-probabilities of where the answer
        begins and ends, of a model with a span head.
        """
        return self._run("spans", lambda: list(map(tf.nn.log_softmax, self._spans)), batch)

    @property
    def num_layers(self):
        return len(self._model.get_all_encoder_layers())

    def _build(self):
        files = self.files
        self._inputs = {name: tf.placeholder(tf.int32, [None, None], name)
                        for name in encoding.INPUTS}
        self._places = tf.placeholder(tf.int32, [None], "places")
        self._model = files.model_class(
            files.config, False, *[self._inputs[name] for name in encoding.INPUTS])
        self._logits = self._word_logits = self._spans = None
        if files.labels is not None:
            mask = self._inputs["input_mask"]
            self._logits = classification.class_logits(
                self._model, len(files.labels), False,
                None if files.settings["use_pooled_output"] else mask)
        if "cls/predictions/output_bias" in files.variables:
            self._word_logits = pretraining.word_logits(self._model, self._places)
        if "cls/squad/output_bias" in files.variables:
            self._spans = reading_comprehension_model.span_logits(
                self._model, self._inputs["input_mask"], self._inputs["segment_ids"])

    def _run(self, key, build, batch, places=None):
        feed = [np.asarray(batch[name], np.int32) for name in encoding.INPUTS]
        with self._lock:
            if key not in self._outputs:
                self._outputs[key] = self._make_callable(build, places is not None)
            call = self._outputs[key]
        return call(*(feed if places is None else feed + [places]))

    def _make_callable(self, build, has_places):
        with self._graph.as_default():
            output = build()
        fed = [self._inputs[name] for name in encoding.INPUTS] + [self._places] * has_places
        return self._session.make_callable(output, fed)


def restore(files, gpu_memory_fraction=None):
    """A session of the current graph with the values of a model_files.ModelFiles.

    Raises errors.InputError where the weights do not fit the graph.
    """
    variables = tf.trainable_variables()
    found = checkpoints.plan_warm_start(
        files.prefix, {v.op.name: v.shape.as_list() for v in variables},
        files.config.layout, files.config_file)
    if found.new:
        raise errors.InputError("%s is incomplete: it lacks %s." % (
            files.prefix, ", ".join(found.new)))
    settings = devices.session_config()
    if gpu_memory_fraction:
        settings.gpu_options.per_process_gpu_memory_fraction = gpu_memory_fraction
    session = tf.Session(config=settings)
    tf.train.Saver(variables).restore(session, found.prefix)
    return session
