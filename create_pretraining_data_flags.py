"""The flags of the two programs that make pre-training records.

They stand apart from common_flags, which brings TensorFlow along.
"""

import logging
import sys

from absl import flags

import errors
import flag_groups
import instances
import masking
import segmentation


def run(main):
    """Calls main(flag values); a user's mistake is one line and exit 2."""
    def guarded():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logging.getLogger().handlers[:] = [handler]
        logging.getLogger().setLevel(logging.INFO)
        logging.getLogger("matplotlib").setLevel(logging.ERROR)
        try:
            main(flags.FLAGS)
        except errors.InputError as error:
            print("error: %s" % error, file=sys.stderr)
            sys.exit(2)

    flag_groups.run(guarded)


def define_local():
    """Flags of create_pretraining_data.py."""
    _define_common("A file, several separated by commas, or one with --num_shards.")
    flags.DEFINE_integer("num_workers", 1, "Processes; records do not depend on it.",
                         lower_bound=1)
    flags.DEFINE_integer("num_shards", None, "Files to write, name-00000-of-0000N.",
                         lower_bound=1, upper_bound=99999)
    flags.DEFINE_bool("resume", False, "Go on with a run that was interrupted.")
    flags.DEFINE_enum("compression", "", ["", "GZIP"], "Of the records.")


def define_beam():
    """Flags of create_pretraining_data_beam.py; what it does not know goes to Beam."""
    _define_common("Prefix of the files to write.")
    flags.DEFINE_integer("num_shards", 0, "Files to write; 0 leaves it to the runner.",
                         lower_bound=0)
    flags.DEFINE_string("beam_options", "", "Options for Beam, separated by blanks: "
                        "--beam_options='--runner=FlinkRunner --flink_master=HOST'.")


def _define_common(output_help):
    _define_input(output_help)
    _define_instances()
    _define_masks()
    _define_words()


def _define_input(output_help):
    flags.DEFINE_string("input_file", None, "Text files or globs, separated by commas: "
                        "a sentence a line, a blank line between documents.",
                        required=True)
    flags.DEFINE_string("output_file", None, output_help, required=True)
    flags.DEFINE_string("encoding", "utf-8", "Of the text, such as GB18030.")
    flags.DEFINE_bool("split_sentences", False, "Lines are raw paragraphs: put each "
                      "sentence of them on a line of its own.")
    flags.DEFINE_string("vocab_file", None, "Such as albert_config/vocab.txt.")
    flags.DEFINE_string("spm_model_file", None, "SentencePiece model instead of "
                        "--vocab_file, for models that have one.")
    flags.DEFINE_bool("do_lower_case", True, "Lower-case the text and strip accents.")


def _define_instances():
    flags.DEFINE_integer("max_seq_length", 128, "Tokens of an instance.")
    flags.DEFINE_integer("dupe_factor", 10, "Times each document is used, with other "
                         "pairs and masks each time.")
    flags.DEFINE_float("short_seq_prob", 0.1, "Share of documents cut to instances of "
                       "a random shorter length.")
    flags.DEFINE_integer("random_seed", 12345, "Of everything that is random.")
    flags.DEFINE_bool("random_next_sentence", False, "Not available: the second "
                      "segment is always a neighbour in the same document.")


def _define_masks():
    flags.DEFINE_integer("max_predictions_per_seq", 20, "Masked tokens of an instance.")
    flags.DEFINE_float("masked_lm_prob", 0.15, "Share of masked tokens.")
    flags.DEFINE_enum("mask_strategy", None, masking.STRATEGIES, "token: single "
                      "tokens; wwm: whole words; ngram: runs of up to --ngram whole "
                      "words. Without it: ngram, or what --do_whole_word_mask and "
                      "--ngram say.")
    flags.DEFINE_bool("do_whole_word_mask", True, "--nodo_whole_word_mask is "
                      "--mask_strategy=token.")
    flags.DEFINE_integer("ngram", 3, "Words of the longest run that is masked; 1 is "
                         "--mask_strategy=wwm.")
    flags.DEFINE_bool("favor_shorter_ngram", True, "Runs of n words have a probability "
                      "proportional to 1/n; otherwise the longest is the likeliest.")
    flags.DEFINE_bool("dynamic_masking", False, "Write word boundaries and no masks, "
                      "for training that masks what it reads.")
    flags.DEFINE_bool("legacy_labels", False, "Predict the `##` row for all but the "
                      "first character of a word, as published layout-B models did.")
    flags.DEFINE_bool("do_permutation", False, "Not available: no published model was "
                      "trained with permuted tokens.")


def _define_words():
    flags.DEFINE_enum("segmenter", "jieba", segmentation.SEGMENTERS, "Finds the words; "
                      "rjieba is faster, and is to be installed first.")
    flags.DEFINE_string("user_dict", None, "Words for jieba: word, frequency, tag.")
    flags.DEFINE_bool("segmented_input", False, "Blanks separate the words already.")
    flags.DEFINE_bool("non_chinese", False, "No segmenter: words are those of "
                      "WordPiece.")


def settings(options):
    """Values of the flags -> instances.Settings. Raises: InputError."""
    for name, reason in [
            ("random_next_sentence", "a segment of another document would teach topics "
             "instead of sentence order"),
            ("do_permutation", "it doubles the predictions of a record, which no model "
             "of ours reads")]:
        if getattr(options, name):
            raise errors.InputError("--%s is not available: %s; leave it out"
                                    % (name, reason))
    if not options.vocab_file and not options.spm_model_file:
        raise errors.InputError("--vocab_file is missing; give "
                                "albert_config/vocab.txt, or --spm_model_file")
    fields = {name: getattr(options, name) for name in instances.Settings._fields
              if name not in ("label_style", "mask_strategy")}
    found = instances.Settings(
        mask_strategy=_mask_strategy(options),
        label_style="legacy" if options.legacy_labels else "plain", **fields)
    instances.check_settings(found)
    return found


def _mask_strategy(options):
    implied = "token"
    if options.do_whole_word_mask:
        implied = "ngram" if options.ngram > 1 else "wwm"
    if implied == "token" and options.mask_strategy not in (None, "token"):
        raise errors.InputError(
            "--nodo_whole_word_mask and --mask_strategy=%s contradict each other; give "
            "one of them" % options.mask_strategy)
    return options.mask_strategy or implied
