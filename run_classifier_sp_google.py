"""Fine-tunes and evaluates a layout-G model: classification of a text or a pair.

The tokenizer is WordPiece for Chinese models, SentencePiece with --spm_model_file.
"""

import common_flags  # first: it quietens TensorFlow
import sweep
import modeling_google


def main():
    flags = common_flags.FLAGS
    config = modeling_google.AlbertConfig.from_json_file(flags.albert_config_file)
    sweep.run(
        modeling_google.AlbertModel, config, common_flags.classification_task(),
        common_flags.tokenizer(), common_flags.classification_options(),
        {"config": flags.albert_config_file, "vocab": flags.vocab_file})


if __name__ == "__main__":
    common_flags.define_classification("albert_config_file", max_seq_length=512)
    common_flags.define_google_classification()
    common_flags.run(main)
