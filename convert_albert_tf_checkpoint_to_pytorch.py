"""The conversion to PyTorch under the name and flags that other ALBERT programs use.

    python convert_albert_tf_checkpoint_to_pytorch.py --tf_checkpoint_path=CHECKPOINT \
        --albert_config_file=CONFIG --pytorch_dump_path=FOLDER

The same as `python -m tools.convert huggingface`: see there and docs/conversion.md.
"""

import command_line
from tools import convert


def main(arguments=None):
    """Runs the command; raises errors.InputError for what a user can mend."""
    parser = command_line.Parser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tf_checkpoint_path", required=True,
                        help="a folder, a prefix or any of a checkpoint's files")
    parser.add_argument("--albert_config_file", "--bert_config_file", dest="config_file",
                        help="instead of the config beside the weights")
    parser.add_argument("--vocab_file", help="instead of the vocab.txt beside them")
    parser.add_argument("--pytorch_dump_path", required=True, help="a new folder")
    options = parser.parse_args(arguments)
    if options.pytorch_dump_path.endswith(".bin"):
        parser.error("--pytorch_dump_path=%s: give a folder; transformers reads config, "
                     "vocabulary and model.safetensors in it." % options.pytorch_dump_path)
    call = ["huggingface", options.tf_checkpoint_path, "--to", options.pytorch_dump_path]
    for flag, value in (("--config_file", options.config_file),
                        ("--vocab_file", options.vocab_file)):
        call += [flag, value] if value else []
    convert.main(call)


if __name__ == "__main__":
    command_line.run(main)
