"""Fine-tunes and evaluates a layout-B model: classification of a text or a pair."""

import common_flags  # first: it quietens TensorFlow
import sweep
import modeling


def main():
    flags = common_flags.FLAGS
    sweep.run(
        modeling.BertModel, modeling.BertConfig.from_json_file(flags.bert_config_file),
        common_flags.classification_task(), common_flags.tokenizer(),
        common_flags.classification_options(),
        {"config": flags.bert_config_file, "vocab": flags.vocab_file})


if __name__ == "__main__":
    common_flags.define_classification("bert_config_file", max_seq_length=128)
    common_flags.run(main)
