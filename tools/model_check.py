"""Whether config, weights, vocabulary and records belong together, and are whole.

What tools.doctor asks of a model's files.
"""

import collections

import numpy as np

import checkpoints
import conversion
import errors
import pretraining_records
import run_record
import tokenization
from tools import machine_check
from tools import model_variables
from tools import weights

# A model that learnt anything beats a guess among all words by far, in one order of norms.
_GUESS_SHARE = 0.9
_TEXTS = ("今天天气很好,我们一起去公园散步。", "他昨天在图书馆借了一本关于历史的书。",
          "这家饭店的菜又便宜又好吃。", "电脑突然坏了,我需要找人修一下。")

# good: True, False, or None for what was not asked because something before is bad.
Finding = collections.namedtuple("Finding", ["question", "good", "answer"])


class Examination(object):
    """Asks one question after the other of the four files; a bad answer ends nothing, but
    what depends on it is not asked."""

    def __init__(self, config_file, checkpoint, vocab_file, patterns):
        self.files = (config_file, checkpoint, vocab_file, patterns)
        self.config = self.prefix = self.variables = self.vocab = self.model = None

    def findings(self):
        """Yields a Finding for each question."""
        for question, ask, needs in (
                ("config", self._config, ()),
                ("weights", self._weights, ()),
                ("vocabulary", self._vocabulary, ()),
                ("weights and config", self._fit, ("config", "variables")),
                ("values", self._values, ("variables",)),
                ("vocabulary and config", self._words, ("config", "vocab")),
                ("masked words", self._masked_words, ("model", "vocab")),
                ("records", self._records, ("config",))):
            if question == "records" and not self.files[3]:
                continue
            if any(getattr(self, need) is None for need in needs):
                yield Finding(question, None, "not asked: see above")
                continue
            try:
                yield Finding(question, True, ask())
            except errors.InputError as error:
                yield Finding(question, False, str(error))

    def _config(self):
        self.config, _ = model_variables.read_config(self.files[0])
        config = self.config
        return "layout %s, %d layers, hidden size %d, %s" % (
            config.layout, config.num_hidden_layers, config.hidden_size,
            getattr(config, "ln_type", "postln"))

    def _weights(self):
        self.prefix = checkpoints.find_checkpoint(self.files[1])
        self.variables = checkpoints.read_model(self.prefix)
        layout = checkpoints.detect_layout(self.variables)
        if layout is None:
            raise errors.InputError("%s is of neither layout (it has %s ...)." % (
                self.prefix, ", ".join(sorted(self.variables)[:3])))
        heads = [name for name, variable in (
            ("masked words", "cls/predictions/output_bias"),
            ("sentence order", "cls/seq_relationship/output_bias"),
            ("classifier", conversion.CLASSIFIER)) if variable in self.variables]
        return "%s: layout %s, %d variables, heads: %s" % (
            self.prefix, layout, len(self.variables), ", ".join(heads) or "none")

    def _vocabulary(self):
        self.vocab = tokenization.load_vocab(self.files[2])
        found = run_record.sha256(self.files[2])
        kind = ("the published Chinese vocabulary"
                if found == machine_check.PUBLISHED_VOCABULARY else
                "not the published vocabulary")
        return "%d tokens, %s" % (len(self.vocab), kind)

    def _fit(self):
        layout = checkpoints.detect_layout(self.variables)
        if layout != self.config.layout:
            raise errors.InputError(
                "The weights are of layout %s, but %s describes layout %s: give the "
                "config that came with the weights." % (
                    layout, self.files[0], self.config.layout))
        model = conversion.Model(self.config, self.variables)
        weights.check_whole(model, self.prefix, self.files[0])
        self.model = model
        return "every name and shape is as it should be"

    def _values(self):
        bad = sorted(name for name, value in self.variables.items()
                     if not np.isfinite(value).all())
        if bad:
            raise errors.InputError(
                "%s has values that are no numbers in %s: its training failed. Go back "
                "to an earlier checkpoint." % (self.prefix, ", ".join(bad[:5])))
        still = sorted(name for name, value in self.variables.items()
                       if name.endswith(("kernel", "embeddings")) and not value.any())
        if still:
            raise errors.InputError("%s has nothing but zeros in %s." % (
                self.prefix, ", ".join(still[:5])))
        return "all are finite"

    def _words(self):
        size = self.config.vocab_size
        if len(self.vocab) != size:
            raise errors.InputError(
                "%s has %d tokens, but %s has vocab_size %d: give the vocabulary that "
                "came with the weights." % (
                    self.files[2], len(self.vocab), self.files[0], size))
        return "both have %d words" % size

    def _masked_words(self):
        """Tells weights in the wrong order of norms, or with another vocabulary."""
        if "cls/predictions/output_bias" not in self.variables:
            return "no head to ask"
        losses = {}
        for kind in self._norm_orders():
            losses[kind] = masked_loss(conversion.Model(kind, self.variables),
                                       tokenization.FullTokenizer(self.files[2]))
        ours = losses[self.config]
        other = min(losses.values())
        guess = np.log(self.config.vocab_size)
        said = "loss %.2f (a guess among all words: %.2f)" % (ours, guess)
        if other < 0.7 * ours:
            raise errors.InputError(
                "%s, but %.2f with ln_type %r: the config names the wrong order of "
                "norms." % (said, other, _other_order(self.config)))
        if ours > _GUESS_SHARE * guess:
            raise errors.InputError(
                "%s: the weights know nothing of these words. They are untrained, or "
                "of another vocabulary or ln_type." % said)
        return said

    def _norm_orders(self):
        if self.config.layout == "G":
            return [self.config]
        other = type(self.config).from_dict(
            dict(self.config.to_dict(), ln_type=_other_order(self.config)))
        return [self.config, other]

    def _records(self):
        found = pretraining_records.open_records(self.files[3], "RECORDS")
        pretraining_records.check(
            found, "RECORDS", None, None, self.config.vocab_size,
            run_record.sha256(self.files[2]) if self.vocab else None)
        if found.max_seq_length > self.config.max_position_embeddings:
            raise errors.InputError(
                "The records have %d tokens, the model has %d positions: make shorter "
                "records." % (found.max_seq_length, self.config.max_position_embeddings))
        damage = pretraining_records.describe_damage(found, self.config.vocab_size)
        if damage:
            raise errors.InputError(damage)
        return "%d files of rows of %d tokens, every one read" % (
            len(found.paths), found.max_seq_length)


def _other_order(config):
    return "postln" if config.ln_type == "preln" else "preln"


def masked_loss(model, tokenizer):
    """The mean loss of every seventh token of a few sentences, masked one at a time.

    A published layout-B model may say a character by its `##` row: both count.
    """
    mask, = tokenizer.convert_tokens_to_ids(["[MASK]"])
    batch = weights.batch_of(_TEXTS, tokenizer, model.config.max_position_embeddings)
    batch["segment_ids"][:] = 0
    rows, places = np.nonzero(batch["input_mask"])
    inside = (places > 0) & (places < batch["input_mask"].sum(1)[rows] - 1)
    chosen = np.nonzero(inside)[0][::7]
    rows, places = rows[chosen], places[chosen]
    masked = {name: value[rows] for name, value in batch.items()}
    labels = masked["input_ids"][np.arange(len(rows)), places]
    masked["input_ids"][np.arange(len(rows)), places] = mask
    found = weights.Network(model).compute(masked, ["masked_lm"])["masked_lm"]
    found = found.reshape(masked["input_ids"].shape + (-1,))[np.arange(len(rows)), places]
    tokens = tokenizer.convert_ids_to_tokens(labels)
    twins = [tokenizer.vocab.get("##" + token, id_) for token, id_ in zip(tokens, labels)]
    best = [np.logaddexp(row[id_], row[twin]) if twin != id_ else row[id_]
            for row, id_, twin in zip(found, labels, twins)]
    return float(-np.mean(best))
