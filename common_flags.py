"""Every flag that two scripts share, and how flags become settings.

A script calls a `define_...` function in its main guard with what differs, then `run`.
Below the scripts nobody sees a flag.
"""

import contextlib
import errno
import logging
import os
import sys

from absl import flags

# TensorFlow reads this when it is imported: of its own messages only errors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow.compat.v1 as tf

import classification
import errors
import flag_groups
import hooks
import optimization
import pretraining
import tasks
import tokenization

FLAGS = flags.FLAGS
_FULL = [os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)]


def run(main):
    """Runs a script: strict flags; a user's mistake is one line on stderr and exit 2."""
    def guarded():
        _speak_plainly()
        tf.disable_v2_behavior()
        tf.enable_resource_variables()
        try:
            with _explaining_full_disk():
                main()
        except errors.InputError as error:
            print("error: %s" % error, file=sys.stderr)
            sys.exit(2)
        except hooks.Stopped as stopped:
            print(stopped, file=sys.stderr)
            sys.exit(128 + stopped.number)

    flag_groups.run(guarded)


@contextlib.contextmanager
def _explaining_full_disk():
    """Raises InputError where Python or TensorFlow had no room to write to."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        reason = next((reason for reason in _FULL if reason in str(error)), None)
        if reason is None:
            raise
        raise errors.InputError(
            "--output_dir=%s cannot be written: %s. Make room, then run the same command "
            "with --resume: what was saved before is whole" % (FLAGS.output_dir, reason))


def _speak_plainly():
    """Our messages as they are; of TensorFlow's only errors."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in ("tensorflow", "matplotlib"):
        logging.getLogger(name).setLevel(logging.ERROR)


def define_model(*config_flags):
    """Which model, from which weights, into which folder."""
    for name in config_flags:
        flags.DEFINE_string(name, None, "The model's config (JSON), such as "
                            "albert_config/albert_config_tiny.json.",
                            required=len(config_flags) == 1)
    flags.DEFINE_string("output_dir", None, "Everything is written here.", required=True)
    flags.DEFINE_string(
        "init_checkpoint", None, "Weights to start from: a folder, a prefix such as "
        "albert_tiny/albert_model.ckpt, or any of its files. Random without it.")
    flags.DEFINE_bool("resume", False, "Go on with the run that --output_dir holds.")
    flags.DEFINE_bool("overwrite_output_dir", False,
                      "Remove the outputs of an earlier run from --output_dir first.")


class Rates(flags.FloatParser):
    """Parses a learning rate, or several separated by commas into a list."""

    def __init__(self):
        super(Rates, self).__init__(lower_bound=0.0)
        self.syntactic_help = "a number of at least 0, or several with commas to compare"

    def parse(self, argument):
        parts = str(argument).split(",")
        rates = [super(Rates, self).parse(part) for part in parts]
        if len(set(rates)) < len(rates):
            raise ValueError("a rate stands there twice")
        return rates if len(rates) > 1 else rates[0]


def define_optimization(learning_rate, train_batch_size, eval_batch_size, optimizer,
                        save_checkpoints_steps, keep_checkpoint_max,
                        rates=flags.FloatParser(lower_bound=0.0)):
    """Rates, batches and checkpoints; batch sizes are of all devices together."""
    flags.DEFINE_integer("train_batch_size", train_batch_size, "Rows in an update.",
                         lower_bound=1)
    flags.DEFINE_integer("eval_batch_size", eval_batch_size, "Rows in a step of "
                         "evaluation.", lower_bound=1)
    flags.DEFINE(rates, "learning_rate", learning_rate, "The highest learning rate.")
    flags.DEFINE_enum("optimizer", optimizer, sorted(optimization.OPTIMIZERS),
                      "lamb_all adapts LayerNorm and bias too, as layout B's "
                      "pre-training did.", case_sensitive=False)
    flags.DEFINE_integer("accumulate_steps", 1, "Slices that each batch is taken "
                         "through memory in; the update is the same.", lower_bound=1)
    flags.DEFINE_bool("amp", False, "bfloat16 products on a CPU that has them (TensorFlow "
                      "2.15), float16 with loss scaling on a GPU.")
    flags.DEFINE_integer("seed", 12345, "Of weights, dropout and the order of rows.")
    flags.DEFINE_integer("save_checkpoints_steps", save_checkpoints_steps,
                         "Updates between checkpoints; dev is scored at each.",
                         lower_bound=1)
    flags.DEFINE_integer("keep_checkpoint_max", keep_checkpoint_max,
                         "Newest checkpoints to keep; 0 keeps all.", lower_bound=0)


def define_devices():
    """GPUs and TPUs."""
    flags.DEFINE_integer("num_gpus", 1, "GPUs to train on; 0 takes all.", lower_bound=0)
    flags.DEFINE_bool("xla", False, "Compile the graph's clusters by XLA.")
    flags.DEFINE_bool("gradient_checkpointing", False, "Compute each layer again in the "
                      "backward pass: less memory, about a third more time.")
    flags.DEFINE_bool("use_horovod", False, "Train in the processes that horovodrun "
                      "started, a GPU each.")
    flags.DEFINE_bool("use_tpu", False, "Train on a TPU.")
    flags.DEFINE_string("tpu_name", None, "The Cloud TPU's name or grpc address.")
    flags.DEFINE_string("tpu_zone", None, "The Cloud TPU's zone.")
    flags.DEFINE_string("gcp_project", None, "The Cloud TPU's project.")
    flags.DEFINE_string("master", None, "TensorFlow master address.")
    flags.DEFINE_integer("num_tpu_cores", 8, "TPU cores in all.")
    flags.DEFINE_integer("iterations_per_loop", 1000, "TPU updates between two calls of "
                         "the host.", lower_bound=1)


def define_pretraining(config_flag, num_train_steps, num_warmup_steps, do_train=False):
    """The flags of a pre-training script, beside define_optimization's."""
    define_model(config_flag)
    define_devices()
    flags.DEFINE_string("input_file", None, "TFRecord files of create_pretraining_data.py: "
                        "a comma list of names and globs.", required=True)
    flags.DEFINE_string("eval_input_file", None, "Held-out records for --do_eval; without "
                        "them training records are measured, and called that.")
    flags.DEFINE_string("vocab_file", None, "Checked against the records and put beside "
                        "what is exported; vocab.txt beside the config without it.")
    flags.DEFINE_string("export_dir", None, "At the end write the best weights, else the "
                        "last, alone, with config and vocabulary, to this folder.")
    flags.DEFINE_integer("max_seq_length", None, "Of the records; theirs without it.",
                         lower_bound=1)
    flags.DEFINE_integer("max_predictions_per_seq", None, "Of the records; theirs without "
                         "it. With --dynamic_masking the most to draw.", lower_bound=1)
    flags.DEFINE_bool("dynamic_masking", False, "Draw masks afresh at every pass, from "
                      "records made with the flag of the same name.")
    flags.DEFINE_bool("unigram_bias", True, "Begin from random weights with the words' "
                      "logarithmic frequencies as output bias, which saves the steps that "
                      "learn them; --nounigram_bias: with zeros, as published models did.")
    flags.DEFINE_bool("do_train", do_train, "Train.")
    flags.DEFINE_bool("do_eval", False, "Measure at every checkpoint and keep the best.")
    flags.DEFINE_integer("num_train_steps", num_train_steps, "Updates in all.",
                         lower_bound=1)
    flags.DEFINE_integer("num_warmup_steps", num_warmup_steps, "Updates that warm up.",
                         lower_bound=0)
    flags.DEFINE_integer("max_eval_steps", None, "Batches of an evaluation. All without "
                         "it, but 100 of training records.", lower_bound=1)


def define_brightmart_pretraining():
    """What only the layout-B pre-training script has."""
    flags.DEFINE_bool("legacy_labels", False, "The model was trained with the ancestors' "
                      "## targets, as published ones were: measure a character and its ## "
                      "row as one word.")


def define_google_pretraining():
    """What only the layout-G pre-training script has."""
    flags.DEFINE_float("poly_power", 1.0, "Power of the learning rate's decay.",
                       lower_bound=0.0)
    flags.DEFINE_integer("start_warmup_step", 0, "The step where warming up begins.",
                         lower_bound=0)
    flags.DEFINE_bool("init_from_group0", False, "Begin every group with the weights that "
                      "--init_checkpoint has for the first.")
    flags.DEFINE_integer("masked_lm_budget", 0, "Above 0: --dynamic_masking with at most "
                         "so many predictions.", lower_bound=0)


def pretraining_options():
    """The flags as pretraining.Options."""
    values = _values_of(pretraining.Options)
    if "masked_lm_budget" in FLAGS and FLAGS.masked_lm_budget:
        values.update(dynamic_masking=True,
                      max_predictions_per_seq=FLAGS.masked_lm_budget)
    return pretraining.Options(**values)


def _values_of(options):
    return {name: FLAGS[name].value for name in options.__dataclass_fields__
            if name in FLAGS}


def define_classification(config_flag, max_seq_length):
    """All flags of a classification script."""
    define_model(config_flag)
    define_optimization(5e-5, 32, 8, "adamw", 1000, 5, Rates())
    define_fine_tuning(max_seq_length, "Longer texts are cut.", ".tsv .csv .jsonl")
    flags.DEFINE_enum("task_name", None, sorted(tasks.TASKS) + ["custom"],
                      "The task; custom reads your own files.", required=True,
                      case_sensitive=False)
    for name, what in (("text_a", "text"), ("text_b", "second text"), ("label", "label")):
        flags.DEFINE_string(name, None, "custom: column of the %s, by name or number "
                            "from 0; guessed without it." % what)
    flags.DEFINE_bool("skip_bad_rows", False, "Leave unreadable training rows out, "
                      "counted and listed, instead of stopping.")
    flags.DEFINE_integer("num_seeds", 1, "Runs with seed, seed + 1, ...; reports mean "
                         "and deviation.", lower_bound=1)


def define_fine_tuning(max_seq_length, what_of_longer_texts, formats):
    """What every fine-tuning script has, beside define_model and define_optimization."""
    define_devices()
    flags.DEFINE_string("data_dir", None, "Folder of the task's files.")
    for split in ("train", "dev", "test"):
        flags.DEFINE_string("%s_file" % split, None, "The %s data (%s), instead of what "
                            "the task looks for in --data_dir." % (split, formats))
    flags.DEFINE_integer("max_rows", None, "A trial: only the first rows of each file.",
                         lower_bound=1)
    flags.DEFINE_string("vocab_file", None, "Such as albert_config/vocab.txt.",
                        required=True)
    flags.DEFINE_bool("do_lower_case", True, "Lower-case the text and strip accents.")
    flags.DEFINE_integer("max_seq_length", max_seq_length, what_of_longer_texts,
                         lower_bound=4)
    flags.DEFINE_bool("do_train", False, "Train.")
    flags.DEFINE_bool("do_eval", False, "Score dev at every checkpoint; keep the best.")
    flags.DEFINE_bool("do_predict", False, "Predict test with the best checkpoint.")
    flags.DEFINE_integer("predict_batch_size", 8, "Rows in a step of prediction.",
                         lower_bound=1)
    flags.DEFINE_float("num_train_epochs", 3.0, "Passes over train.", lower_bound=0.0)
    flags.DEFINE_float("warmup_proportion", 0.1, "Share of the updates that warm up.",
                       lower_bound=0.0, upper_bound=1.0)
    flags.DEFINE_integer("early_stopping_patience", 0, "Stop after so many evaluations "
                         "without a better one; 0 never.", lower_bound=0)


def define_google_classification():
    """What only the layout-G fine-tuning script has."""
    flags.DEFINE_string("spm_model_file", None, "SentencePiece model, for models that "
                        "have one; Chinese ones have none.")
    flags.DEFINE_string("cached_dir", None, "Where converted data is kept; --output_dir "
                        "without it.")
    flags.DEFINE_bool("use_pooled_output", True, "Classify the pooled first token; "
                      "--nouse_pooled_output takes the mean of all tokens.")


def classification_options():
    """The flags as classification.Options."""
    values = fine_tuning_values(classification.Options)
    if isinstance(values["learning_rate"], list):
        values["learning_rates"] = values["learning_rate"]
    return classification.Options(**values)


def fine_tuning_values(options):
    """{field: value} of a training.FineTuningSettings, from the flags."""
    values = _values_of(options)
    files = {split: FLAGS["%s_file" % split].value for split in ("train", "dev", "test")}
    values["split_files"] = {k: path for k, path in files.items() if path}
    if not FLAGS.data_dir and not values["split_files"]:
        raise errors.InputError("Give --data_dir, or --train_file and its siblings.")
    return values


def classification_task():
    """The tasks.Task that --task_name and the column flags mean."""
    columns = {name: FLAGS[name].value for name in ("text_a", "text_b", "label")}
    if FLAGS.task_name == "custom":
        return tasks.custom_task(**columns)
    given = ["--" + name for name, value in columns.items() if value is not None]
    if given:
        raise errors.InputError(
            "%s: only for --task_name=custom; %s has its own format." % (
                ", ".join(given), FLAGS.task_name))
    return tasks.TASKS[FLAGS.task_name]


def tokenizer():
    """The tokenizer of --vocab_file or --spm_model_file."""
    spm_model_file = FLAGS.spm_model_file if "spm_model_file" in FLAGS else None
    return tokenization.FullTokenizer(
        FLAGS.vocab_file, FLAGS.do_lower_case, spm_model_file)
