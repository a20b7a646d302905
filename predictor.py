"""Predictions from saved weights: loaded once, then asked as often as one likes.

The one class behind similarity.py, the service, sentence vectors and fill-mask. Importing
this module does not import TensorFlow; making a Predictor does.

Shapes: R rows, H hidden.
"""

import numpy as np

import encoding
import errors
import labelling
import masking
import tokenization

MASK = "[MASK]"
POOLINGS = ("cls", "max", "mean")


class Predictor(labelling.Labeller):
    """A labelling.Labeller from a checkpoint, which also has vectors, words and answers
    to questions. Threads may share it.

    Args:
      path: the weights: a folder, a prefix or any of its files. They need no step, and of
        a run's folder the best are taken.
      config_file, vocab_file: instead of what is found beside the weights.
      spm_model_file: for models with a SentencePiece vocabulary.
      max_seq_length: tokens of a row, beyond which it is cut; as in training without it,
        never more than the model has positions.
      batch_size: rows that are computed together, at most.
      gpu_memory_fraction: share of a GPU's memory that may be taken.
      fallback_config, fallback_vocab: for weights that have none beside them.

    Raises errors.InputError for everything a user can mend.
    """

    def __init__(self, path, config_file=None, vocab_file=None, spm_model_file=None,
                 max_seq_length=None, batch_size=64, gpu_memory_fraction=None,
                 fallback_config=None, fallback_vocab=None):
        # Not above: they import TensorFlow, which takes seconds.
        import inference
        import model_files
        import question_answering
        self._questions = question_answering.Questions
        files = model_files.find(path, config_file, vocab_file, spm_model_file,
                                 fallback_config, fallback_vocab)
        positions = files.config.max_position_embeddings
        super(Predictor, self).__init__(
            files.prefix, files.labels, tokenization.FullTokenizer(
                files.vocab_file, files.settings["do_lower_case"], spm_model_file),
            min(max_seq_length or files.settings["max_seq_length"], positions),
            batch_size)
        self.finds_answers = "cls/squad/output_bias" in files.variables
        self.hidden_size = files.config.hidden_size
        self._num_positions = positions
        self._folds_twins = files.config.layout == "B" and not spm_model_file
        self._network = inference.Network(files, gpu_memory_fraction)
        self._twin_ids = None

    def close(self):
        """Frees the weights; nothing can be asked afterwards."""
        self._network.close()

    def warm_up(self):
        """Answers one pair, which TensorFlow prepares for; later ones are quick.

        Raises errors.InputError where the weights have no head of a fine-tuned model.
        """
        if self.finds_answers:
            self.answer([("谁", "我")])
        else:
            self.predict([("", "")])

    def answer(self, rows, n_best_size=3):
        """[(question, passage)] -> [{"answer", "start", "end", "probability",
        "candidates"}]: see question_answering.Questions.answers.

        Passages may be of any length. Raises errors.InputError for one with nothing to
        read, and where the model finds no answers in passages.
        """
        if not self.finds_answers:
            raise errors.InputError(
                "%s has no span head (cls/squad): it does not find answers in passages. "
                "Train one: see run_reading_comprehension.py." % self.path)
        labelling.check_rows(rows, may_be_single=False)
        asked = self._questions(
            rows, self._tokenizer, self.path, self._num_positions, n_best_size)
        for places, batch in self._batches(asked.encoded()):
            asked.add(places, *self._network.span_scores(batch))
        return asked.answers()

    def embed(self, rows, pooling="mean", layers=(-1,)):
        """[row] -> vectors [R, H].

        Args:
          rows: texts or pairs.
          pooling: "cls", "mean" or "max" over a row's tokens; padding does not count.
          layers: whose mean is pooled, numbered from 0 or from the end as -1, -2, ...
        """
        if pooling not in POOLINGS:
            raise errors.InputError("pooling %r; known: %s." % (
                pooling, ", ".join(POOLINGS)))
        count = self._network.num_layers
        wrong = [i for i in layers if not -count <= i < count]
        if wrong or not layers:
            raise errors.InputError(
                "layers %s: this model has %d, numbered 0 to %d or -1 to -%d."
                % (list(layers), count, count - 1, count))
        return self._map(rows, lambda batch: self._network.vectors(
            batch, pooling, layers), self.hidden_size)

    def fill(self, text, top_k=5):
        """A text with [MASK] in it -> for each mask [(token, probability)], best first.

        Models of layout B may have been trained to predict a character's `##` row: both
        count as the character.
        """
        parts = text.split(MASK)
        if len(parts) < 2:
            raise errors.InputError("%r has no %s." % (text, MASK))
        tokens = ["[CLS]"] + self._tokenizer.tokenize(parts[0])
        for part in parts[1:]:
            tokens += [MASK] + self._tokenizer.tokenize(part)
        tokens += ["[SEP]"]
        if len(tokens) > self.max_seq_length:
            raise errors.InputError("%d tokens, but this model takes %d: shorten the text."
                                    % (len(tokens), self.max_seq_length))
        ids = self._tokenizer.convert_tokens_to_ids(tokens)
        places = [i for i, token in enumerate(tokens) if token == MASK]
        scores = self._network.word_probabilities(
            encoding.pad([(ids, [0] * len(ids))]), places)
        if self._folds_twins:
            scores = self._fold_twins(scores)
        return [self._best_words(row, top_k) for row in scores]

    def _score(self, batch):
        return self._network.probabilities(batch)

    def _fold_twins(self, scores):
        if self._twin_ids is None:
            twins = masking.describe_vocabulary(self._tokenizer.vocab).twin_ids
            self._twin_ids = list(twins), list(twins.values())
        plain, twins = self._twin_ids
        folded = np.array(scores)
        folded[:, plain] += folded[:, twins]
        folded[:, twins] = 0.0
        return folded

    def _best_words(self, scores, top_k):
        best = np.argsort(-scores[:self._tokenizer.vocab_size], kind="stable")[:top_k]
        return list(zip(self._tokenizer.convert_ids_to_tokens(best.tolist()),
                        scores[best].tolist()))
