"""The likeliest characters at each [MASK]: `python -m tools.fill_mask "今天天[MASK]很好"`.

Asks a pre-trained model; fine-tuned weights have lost what it takes.
"""

import command_line
import model_flags


def main():
    parser = command_line.Parser(
        prog="python -m tools.fill_mask", description=__doc__.split(":")[0])
    parser.add_argument("text", help="a text with [MASK] where a character is wanted")
    parser.add_argument("--top_k", type=command_line.natural, default=5,
                        help="how many for each [MASK] (%(default)s)")
    model_flags.add(parser)
    options = parser.parse_args()
    with model_flags.open_pretrained(options) as model:
        for number, words in enumerate(model.fill(options.text, options.top_k), 1):
            print("[MASK] %d: %s" % (number, "  ".join(
                "%s %.4f" % word for word in words)))


if __name__ == "__main__":
    command_line.run(main)
