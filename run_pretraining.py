"""Pre-trains a layout-B model: masked words and the order of sentences.

One GPU or CPU, several GPUs (--num_gpus), several machines (TF_CONFIG or Horovod), or a
TPU (--use_tpu). Batch sizes are of all devices together.
"""

import common_flags  # first: it quietens TensorFlow
import modeling
import pretrainer


def main():
    config_file = common_flags.FLAGS.bert_config_file
    pretrainer.run(
        modeling.BertModel, modeling.BertConfig.from_json_file(config_file),
        common_flags.pretraining_options(), config_file, order_key="next_sentence")


if __name__ == "__main__":
    common_flags.define_pretraining("bert_config_file", 100000, 10000)
    common_flags.define_brightmart_pretraining()
    common_flags.define_optimization(5e-5, 32, 8, "lamb_all", 1000, 20)
    common_flags.run(main)
