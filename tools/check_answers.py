"""What a reading-comprehension file becomes: `python -m tools.check_answers FILE`.

Every answer is taken to the windows that the model would see, marked there as a
perfect model would, and cut out of the passage again. Prints how many questions,
windows and answers there are, which answers stand nowhere in their passages or whole
in no window, and which others do not come back as they were. Exit codes: 0; 1 where
some do not come back; 2 for a file that cannot be used.
"""

import argparse
import dataclasses
import sys

import numpy as np

import errors
import reading_comprehension_answers as decoding
import reading_comprehension_data as data
import reading_comprehension_model as span_model
import reading_comprehension_windows as windowing
import tokenization

DEFAULTS = span_model.Options(output_dir="")


def decode_as_marked(windows, target, options):
    """The text that a perfect model's windows of one question come to; None where the
    target is whole in none of them."""
    decoder, is_marked = decoding.Decoder(windows, options), False
    for number in range(len(windows.windows)):
        row = windows.row(number, target)
        is_marked |= row["start_positions"] > 0
        certain = np.full([2, len(row["input_ids"])], -9.0, np.float32)
        certain[0, row["start_positions"]] = certain[1, row["end_positions"]] = 0.0
        decoder.add(number, *certain)
    return decoder.answer(0).candidates[0].text if is_marked else None


def check(questions, tokenizer, options):
    """-> {"windows", "found": counts, "lost", "too_long": ids, "changed": [(id, answer,
    what came back)]}; white space round an answer does not count."""
    options = dataclasses.replace(
        options, n_best_size=1, max_answer_length=options.max_seq_length)
    lost, too_long, changed, found, num_windows = [], [], [], 0, 0
    for question in questions:
        windows = windowing.Windows([question], tokenizer, options)
        num_windows += len(windows.windows)
        for answer in question.answers:
            if answer.start is None:
                lost.append(question.id)
                continue
            found += 1
            target = windows.target_of(0, answer)
            text = decode_as_marked(windows, target, options) if target else ""
            if text is None:
                too_long.append(question.id)
            elif text != answer.text.strip():
                changed.append((question.id, answer.text, text))
    return {"windows": num_windows, "found": found, "lost": lost, "too_long": too_long,
            "changed": changed}


def main(arguments=None):
    """Prints what was found; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.check_answers", description=__doc__.split("\n\n")[0])
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--vocab_file", default="albert_config/vocab.txt")
    for name in ("max_seq_length", "doc_stride", "max_query_length"):
        parser.add_argument("--" + name, type=int, default=getattr(DEFAULTS, name))
    given = parser.parse_args(arguments)
    try:
        options = dataclasses.replace(
            DEFAULTS, max_seq_length=given.max_seq_length, doc_stride=given.doc_stride,
            max_query_length=given.max_query_length)
        windowing.check_sizes(options)
        questions = data.read_questions(given.file)
        result = check(
            questions, tokenization.FullTokenizer(given.vocab_file), options)
    except errors.InputError as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    print("%d questions, %d windows, %d answers that stand in their passages, %d that do "
          "not." % (len(questions), result["windows"], result["found"],
                    len(result["lost"])))
    for what, key in (("not in the passage", "lost"), ("whole in no window", "too_long")):
        for id_ in result[key]:
            print("%s: %s" % (what, id_))
    for id_, answer, text in result["changed"]:
        print("%s: %r comes back as %r" % (id_, answer, text))
    fitting = result["found"] - len(result["too_long"])
    print("%d of %d answers that are whole in a window come back as they were." % (
        fitting - len(result["changed"]), fitting))
    return 1 if result["changed"] else 0


if __name__ == "__main__":
    sys.exit(main())
