"""Predictions from saved weights: loaded once, then asked as often as one likes.

The one class behind similarity.py, the service, sentence vectors and fill-mask. Importing
this module does not import TensorFlow; making a Predictor does.

Shapes: R rows, H hidden, L labels.
"""

import numpy as np

import errors
import masking
import tokenization

MASK = "[MASK]"
POOLINGS = ("cls", "max", "mean")
MAX_BATCH_TOKENS = 8192  # what attention keeps grows with rows and with their length
# What the label of a pair that means the same is called; else it is the last of two.
SIMILAR_LABELS = ("1", "相同", "相似", "是", "yes", "true", "same", "similar", "duplicate",
                  "equivalent", "paraphrase", "entailment")


class Predictor(object):
    """Answers about texts and pairs, in their order, whatever their number.

    A row is a text, or a pair (a, b) of texts. Threads may share a Predictor; the answers
    do not depend on what else is in a batch. Use it as a context, or `close` it.

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
        self._encode = inference.encode
        self._questions = question_answering.Questions
        files = model_files.find(path, config_file, vocab_file, spm_model_file,
                                 fallback_config, fallback_vocab)
        self.path = files.prefix
        self.labels = files.labels
        self.similar_label = _similar_label(files.labels)
        self.finds_answers = "cls/squad/output_bias" in files.variables
        self.hidden_size = files.config.hidden_size
        self.max_seq_length = min(
            max_seq_length or files.settings["max_seq_length"],
            files.config.max_position_embeddings)
        self.batch_size = batch_size
        self._num_positions = files.config.max_position_embeddings
        self._folds_twins = files.config.layout == "B" and not spm_model_file
        self._tokenizer = tokenization.FullTokenizer(
            files.vocab_file, files.settings["do_lower_case"], spm_model_file)
        self._network = inference.Network(files, gpu_memory_fraction)
        self._twin_ids = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

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

    def predict(self, rows):
        """[row] -> [{"label", "probabilities": {label: p}, "similarity"}].

        `similarity` is the probability of the label for the same meaning, `similar_label`;
        models that have none leave it out.
        """
        return list(map(self.describe, self.probabilities(rows)))

    def describe(self, scores):
        """What `predict` says of a row with these probabilities, [L]."""
        scores = [float(p) for p in scores]
        answer = {"label": self.labels[int(np.argmax(scores))],
                  "probabilities": dict(zip(self.labels, scores))}
        if self.similar_label is not None:
            answer["similarity"] = answer["probabilities"][self.similar_label]
        return answer

    def probabilities(self, rows):
        """[row] -> [R, L], the columns in the order of `labels`."""
        return self._map(rows, self._network.probabilities, len(self.labels or ()))

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
        check_rows(rows, may_be_single=False)
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
            _pad([(ids, [0] * len(ids))]), places)
        if self._folds_twins:
            scores = self._fold_twins(scores)
        return [self._best_words(row, top_k) for row in scores]

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

    def _map(self, rows, compute, width):
        """Computes rows of like length together; the result is in the rows' order."""
        check_rows(rows)
        encoded = [self._encode(row, self._tokenizer, self.max_seq_length)
                   for row in rows]
        result = np.zeros([len(encoded), width], np.float32)
        for places, batch in self._batches(encoded):
            result[places] = compute(batch)
        return result

    def _batches(self, encoded):
        """[(input_ids, segment_ids)] -> (their places, {input: [B, S]}) of each batch."""
        for places in _batches([len(ids) for ids, _ in encoded], self.batch_size):
            yield places, _pad([encoded[place] for place in places])


def check_rows(rows, may_be_single=True):
    """Raises errors.InputError for what is no list of pairs, or of texts and pairs."""
    if isinstance(rows, (str, bytes)):
        raise errors.InputError("Give a list of texts or pairs, not a single text.")
    for number, row in enumerate(rows):
        texts = [row] if may_be_single and isinstance(row, str) else row
        if (not isinstance(texts, (list, tuple)) or len(texts) != 1 + (texts is row)
                or not all(isinstance(text, str) for text in texts)):
            raise errors.InputError(
                "row %d is %.80r; give %sa pair of texts." % (
                    number, row, "a text or " * may_be_single))


def _similar_label(labels):
    known = [label for label in labels or () if label.lower() in SIMILAR_LABELS]
    if len(known) == 1:
        return known[0]
    return labels[-1] if labels and len(labels) == 2 else None


def _batches(lengths, batch_size):
    """Places of rows, those of like length together, longest first: what does not fit
    into memory fails at once."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    start = 0
    while start < len(order):
        rows = max(1, min(batch_size, MAX_BATCH_TOKENS // lengths[order[start]]))
        yield order[start:start + rows]
        start += rows


def _pad(encoded):
    """[(input_ids, segment_ids)] -> {input: [B, S]}, S the longest row."""
    shape = len(encoded), max(len(ids) for ids, _ in encoded)
    batch = {name: np.zeros(shape, np.int32)
             for name in ("input_ids", "input_mask", "segment_ids")}
    for row, (ids, segments) in enumerate(encoded):
        batch["input_ids"][row, :len(ids)] = ids
        batch["input_mask"][row, :len(ids)] = 1
        batch["segment_ids"][row, :len(ids)] = segments
    return batch
