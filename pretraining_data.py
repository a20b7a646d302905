"""What a pre-training run reads: its records, the held-out ones, its vocabulary."""

import os

import errors
import features
import masking
import pretraining_input
import pretraining_records
import run_record
import storage
import tokenization


class Data(object):
    """The files of a run, opened and found to fit together.

    records, eval_records: pretraining_records.Records, the same without
      --eval_input_file.
    dynamic: how to mask records without masks, or None.
    vocab_file: --vocab_file, else the vocab.txt beside the config, else None.
    """

    def __init__(self, options, config, config_file):
        """Raises errors.InputError for what is missing or contradicts."""
        self.vocab_file = _find_vocabulary(options, config_file)
        self.records = self.eval_records = self._open(
            "input_file", options, config, config_file)
        if options.eval_input_file:
            self.eval_records = self._open(
                "eval_input_file", options, config, config_file)
        self.dynamic = self._dynamic_masking(options)

    def vocabulary(self, flag):
        """The masking.Vocabulary that `flag` needs."""
        if not self.vocab_file:
            raise errors.InputError("%s needs --vocab_file." % flag)
        return masking.describe_vocabulary(tokenization.load_vocab(self.vocab_file))

    def identity(self):
        """What tells these records from others."""
        return "%d files (%s)" % (len(self.records.paths), features.fingerprint([
            [os.path.basename(path), storage.size(path)] for path in self.records.paths]))

    def _open(self, flag, options, config, config_file):
        found = pretraining_records.open_records(getattr(options, flag), flag)
        pretraining_records.check(
            found, flag, options.max_seq_length, options.max_predictions_per_seq,
            config.vocab_size, self.vocab_file and run_record.sha256(self.vocab_file))
        if found.max_seq_length > config.max_position_embeddings:
            raise errors.InputError(
                "%s holds sequences of %d tokens, but the model of %s has %d positions."
                % (found.paths[0], found.max_seq_length, config_file,
                   config.max_position_embeddings))
        return found

    def _dynamic_masking(self, options):
        without = [found.paths[0] for found in (self.records, self.eval_records)
                   if "token_boundary" in found.fields]
        if not without and options.dynamic_masking:
            raise errors.InputError(
                "--dynamic_masking: the records of %s have their masks already. Make "
                "them by create_pretraining_data.py --dynamic_masking, or leave it "
                "out." % self.records.paths[0])
        if not without:
            return None
        if not options.dynamic_masking:
            raise errors.InputError(
                "%s holds records without masks: give --dynamic_masking." % without[0])
        made = (self.records.meta or {}).get("settings") or {}
        return pretraining_input.DynamicMasking(
            self.vocabulary("--dynamic_masking"),
            made.get("ngram", 3) if made.get("mask_strategy") == "ngram" else 1,
            made.get("masked_lm_prob", 0.15),
            options.max_predictions_per_seq or made.get("max_predictions_per_seq", 20))


def _find_vocabulary(options, config_file):
    if options.vocab_file:
        if not storage.exists(options.vocab_file):
            raise errors.InputError("--vocab_file=%s is not there." % options.vocab_file)
        return options.vocab_file
    beside = os.path.join(os.path.dirname(config_file), "vocab.txt")
    return beside if storage.exists(beside) else None
