"""Fine-tunes and evaluates a model of either layout that finds answers in passages.

--bert_config_file makes it layout B (brightmart), --albert_config_file layout G (Google).
The tokenizer is WordPiece, or SentencePiece where --spm_model_file is given.
"""

from absl import flags

import common_flags  # first: it quietens TensorFlow
import errors
import modeling
import modeling_google
import reading_comprehension
import reading_comprehension_data as data
import reading_comprehension_model as span_model

MODELS = {"bert_config_file": (modeling.BertModel, modeling.BertConfig),
          "albert_config_file": (modeling_google.AlbertModel, modeling_google.AlbertConfig)}


def define_flags():
    common_flags.define_model(*MODELS)
    common_flags.define_optimization(5e-5, 32, 8, "adamw", 1000, 5)
    common_flags.define_fine_tuning(384, "Tokens of a window: question and passage.",
                                    ".json")
    flags.DEFINE_enum("task_name", "cmrc2018", sorted(data.TASKS), "Says how answers are "
                      "scored and how files are called; own data take any.")
    flags.DEFINE_string("spm_model_file", None, "SentencePiece model, for models that "
                        "have one; Chinese ones have none.")
    flags.DEFINE_integer("doc_stride", 128, "Tokens from one window of a long passage to "
                         "the next.", lower_bound=1)
    flags.DEFINE_integer("max_query_length", 64, "Longer questions are cut.",
                         lower_bound=1)
    flags.DEFINE_integer("max_answer_length", 64, "Tokens of the longest answer.",
                         lower_bound=1)
    flags.DEFINE_integer("n_best_size", 20, "Answers of each question in "
                         "nbest_predictions.json.", lower_bound=1)
    flags.DEFINE_bool("convert_to_simplified", False, "Let the model read simplified "
                      "characters (needs OpenCC); answers keep the original ones.")


def choose_model():
    """-> (config file, model class, config) by which config flag is given."""
    given = [name for name in MODELS if common_flags.FLAGS[name].value]
    if len(given) != 1:
        raise errors.InputError(
            "Give either --bert_config_file (layout B) or --albert_config_file (layout "
            "G)%s." % (", not both" if given else ""))
    path = common_flags.FLAGS[given[0]].value
    model_class, config_class = MODELS[given[0]]
    return path, model_class, config_class.from_json_file(path)


def main():
    path, model_class, config = choose_model()
    options = span_model.Options(**common_flags.fine_tuning_values(span_model.Options))
    reading_comprehension.run(
        model_class, config, data.TASKS[common_flags.FLAGS.task_name],
        common_flags.tokenizer(), options,
        {"config": path, "vocab": common_flags.FLAGS.vocab_file})


if __name__ == "__main__":
    define_flags()
    common_flags.run(main)
