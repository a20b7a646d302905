"""Do two texts mean the same? A probability for each label, from fine-tuned weights.

    python similarity.py                                       a pair to try it
    python similarity.py TEXT_A TEXT_B
    python similarity.py --input pairs.tsv --output scores.tsv    a row for each row
    python similarity.py --interactive                         a pair a line, or two lines
    python similarity.py --engine onnx --model_dir my_export   an export, quick to start

In a program:

    sim = BertSim()
    sim.start_model()
    results = sim.predict_sentences([("我喜欢妈妈做的汤", "妈妈做的汤我很喜欢喝")])
"""

import os
import sys

import command_line
import errors
import model_flags
import text_files

DEMO = ("我喜欢妈妈做的汤", "妈妈做的汤我很喜欢喝")
ROWS_AT_ONCE = 4096


class BertSim(object):
    """Compares texts, with the model that args.py or the flags name.

    Args:
      options: what the flags of `parser` say; their defaults without it.
      verbose: whether `predict_sentences` prints a line for each pair.
    """

    def __init__(self, options=None, verbose=True):
        if options is None:
            options = parser().parse_args([])
        self._options = options
        self._verbose = verbose
        self.predictor = None

    def start_model(self):
        """Loads the weights, once; raises errors.InputError where that cannot be."""
        if self.predictor is None:
            self.predictor = model_flags.open_by_engine(self._options)

    def predict_sentences(self, sentences):
        """[(text_a, text_b)] -> [{"label", "probabilities": {label: p}, "similarity"}]."""
        self.start_model()
        results = self.predictor.predict(sentences)
        if self._verbose:
            for (text_a, text_b), result in zip(sentences, results):
                print("%s | %s\n    %s" % (text_a, text_b, _in_words(result)),
                      file=sys.stdout, flush=True)
        return results

    def close(self):
        """Frees the weights."""
        if self.predictor is not None:
            self.predictor.close()
            self.predictor = None


def _in_words(result):
    words = ["%s: %.6f" % item for item in result["probabilities"].items()]
    if "similarity" in result:
        words.append("similarity: %.6f" % result["similarity"])
    return "  ".join(words)


def score_table(source, predictor):
    """Yields the lines of a table of pairs, each with similarity, label and scores added.

    A header gets the names of these columns. See text_files.read_pairs for what it raises.
    """
    header, rows = text_files.read_pairs(source)
    has_similarity = predictor.similar_label is not None
    if header is not None:
        yield "\t".join([header] + ["similarity"] * has_similarity + ["label"]
                        + ["score_%s" % label for label in predictor.labels])
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start:start + ROWS_AT_ONCE]
        results = predictor.predict([pair for _, pair in part])
        for (line, _), result in zip(part, results):
            cells = [line]
            if has_similarity:
                cells.append("%.6f" % result["similarity"])
            yield "\t".join(cells + [result["label"]] + [
                "%.6f" % result["probabilities"][label] for label in predictor.labels])


def read_pairs(stream):
    """Yields pairs from lines: two texts with a tab between them, or one after the other;
    ends with the stream."""
    first = None
    for line in stream:
        line = line.rstrip("\r\n")
        if first is None and "\t" in line:
            yield tuple(text_files.split(line)[:2])
        elif first is None:
            first = line
        else:
            yield first, line
            first = None


def parser():
    """The flags of this program."""
    result = command_line.Parser(
        prog="similarity.py", description=__doc__.split("\n")[0])
    result.add_argument("texts", nargs="*", metavar="TEXT", help="two texts")
    result.add_argument("--input", metavar="TSV",
                        help="pairs, a line each: two texts with a tab between them")
    result.add_argument("--output", metavar="TSV", help="where the scores of --input go; "
                        "standard output without it")
    result.add_argument("--interactive", action="store_true",
                        help="pairs from standard input until it ends")
    model_flags.add(result)
    model_flags.add_engine(result)
    return result


def _check(options):
    asked = [bool(options.texts), options.input is not None, options.interactive]
    if sum(asked) > 1 or len(options.texts) not in (0, 2):
        raise errors.InputError(
            "Give two texts, or --input, or --interactive; found %d text(s)."
            % len(options.texts))
    if options.output is not None and options.input is None:
        raise errors.InputError("--output goes with --input.")
    if options.output and os.path.realpath(options.output) == os.path.realpath(
            options.input):
        raise errors.InputError("--output=%s is the --input; give another file."
                                % options.output)


def main():
    options = parser().parse_args()
    _check(options)
    if options.input is not None:
        # A bad line is told before the model is loaded.
        text_files.read_pairs(options.input)
    sim = BertSim(options)
    sim.start_model()
    if options.input is not None:
        lines = score_table(options.input, sim.predictor)
        if options.output:
            text_files.write(options.output, lines)
        else:
            sys.stdout.writelines(line + "\n" for line in lines)
    elif options.interactive:
        for pair in read_pairs(sys.stdin):
            sim.predict_sentences([pair])
    else:
        sim.predict_sentences([tuple(options.texts or DEMO)])


if __name__ == "__main__":
    command_line.run(main)
