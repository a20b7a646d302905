"""Pre-trains a layout-G model: masked words and the order of sentences.

One GPU or CPU, several GPUs (--num_gpus), several machines (TF_CONFIG or Horovod), or a
TPU (--use_tpu). Batch sizes are of all devices together.
"""

import common_flags  # first: it quietens TensorFlow
import modeling_google
import pretrainer


def main():
    config_file = common_flags.FLAGS.albert_config_file
    config = modeling_google.AlbertConfig.from_json_file(config_file)
    pretrainer.run(modeling_google.AlbertModel, config, common_flags.pretraining_options(),
                   config_file, order_key="sentence_order")


if __name__ == "__main__":
    common_flags.define_pretraining("albert_config_file", 125000, 3125, do_train=True)
    common_flags.define_google_pretraining()
    common_flags.define_optimization(0.00176, 4096, 64, "lamb", 5000, 5)
    common_flags.run(main)
