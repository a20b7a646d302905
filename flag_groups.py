"""How programs with absl's flags read their command line: strictly, a mistake is one line
on stderr and exit code 2, and --help lists the flags in groups.
"""

import re
import sys

from absl import app
from absl import flags

HELP = {"--help", "-help", "-h", "-?", "--helpshort", "-helpshort"}
# Every flag of every program, in the order in which --help shows the groups.
GROUPS = (
    ("What to do, and where it is written",
     "do_train do_eval do_predict output_dir export_dir output_file num_shards compression "
     "num_workers beam_options resume overwrite_output_dir cached_dir"),
    ("Model",
     "bert_config_file albert_config_file init_checkpoint init_from_group0 vocab_file "
     "spm_model_file do_lower_case use_pooled_output unigram_bias"),
    ("Data",
     "task_name data_dir train_file dev_file test_file text_a text_b label skip_bad_rows "
     "max_rows input_file eval_input_file encoding split_sentences convert_to_simplified "
     "max_seq_length doc_stride max_query_length"),
    ("Instances",
     "dupe_factor short_seq_prob random_seed random_next_sentence do_permutation"),
    ("Masks",
     "max_predictions_per_seq masked_lm_prob mask_strategy do_whole_word_mask ngram "
     "favor_shorter_ngram dynamic_masking masked_lm_budget legacy_labels"),
    ("Words", "segmenter user_dict segmented_input non_chinese"),
    ("Training",
     "train_batch_size accumulate_steps learning_rate poly_power optimizer "
     "num_train_epochs num_train_steps warmup_proportion num_warmup_steps "
     "start_warmup_step early_stopping_patience save_checkpoints_steps "
     "keep_checkpoint_max seed num_seeds"),
    ("Evaluation and prediction",
     "eval_batch_size max_eval_steps predict_batch_size max_answer_length n_best_size"),
    ("Devices",
     "num_gpus amp xla gradient_checkpointing use_horovod use_tpu tpu_name tpu_zone "
     "gcp_project master num_tpu_cores iterations_per_loop"))


def run(main):
    """Runs main() with the parsed flags; flags that nobody declared are refused."""
    app.run(lambda argv: main(), flags_parser=_parse)


def _parse(argv):
    """absl's parsing with one line for a mistake; --help is no mistake."""
    if HELP & set(argv[1:]):
        sys.stdout.write(
            "%s\n%s\n" % (sys.modules["__main__"].__doc__.strip(), _help()))
        sys.exit(0)
    try:
        rest = flags.FLAGS(argv)[1:]
    except flags.Error as error:
        missing = re.findall(r"flag --(\w+)=None: Flag --", str(error))
        names = ", ".join("--" + name for name in missing)
        _refuse("Give " + names if missing else error)
    if rest:
        _refuse("%r is no flag; flags begin with --" % rest[0])
    return argv[:1]


def _refuse(problem):
    print("error: %s (--help lists the flags.)" % problem, file=sys.stderr)
    sys.exit(2)


def _help():
    """The flags of this program as absl renders them, under the heading of each group."""
    for heading, names in GROUPS:
        for name in names.split():
            if name in flags.FLAGS:
                flags.FLAGS.register_key_flag_for_module(heading, flags.FLAGS[name])
    return "\n".join(filter(None, (
        flags.FLAGS.module_help(heading) for heading, _ in GROUPS)))
