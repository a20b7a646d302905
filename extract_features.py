"""Sentence vectors, and the search for the nearest texts.

    python extract_features.py --input texts.txt --output vectors.npz
    python extract_features.py --input queries.txt --search texts.txt --top_k 5 \\
        --output nearest.jsonl

A text a line; a vector for each line, blank ones too. .npz holds the array `vectors`
[lines, hidden_size], .jsonl an object {"text", "vector"} a line. Vectors of a model that
was only pre-trained are a rough measure of meaning: a fine-tuned one is better.
"""

import json
import os

import numpy as np

import args
import command_line
import errors
import model_flags
import predictor
import text_files
import vector_search

ROWS_AT_ONCE = 4096  # what is searched is never in memory as a whole


def blocks(texts, embed):
    """Yields (texts, vectors) of ROWS_AT_ONCE rows at a time."""
    for start in range(0, len(texts), ROWS_AT_ONCE):
        part = texts[start:start + ROWS_AT_ONCE]
        yield part, embed(part)


def json_lines(texts, embed):
    """Yields a line for each text with its vector."""
    for part, vectors in blocks(texts, embed):
        for text, vector in zip(part, vectors.tolist()):
            yield json.dumps({"text": text, "vector": vector}, ensure_ascii=False)


def search(queries, texts, embed, top_k):
    """Yields a line for each query: {"query", "nearest": [{"line", "text", "cosine"}]}."""
    nearest = vector_search.Nearest(embed(queries), top_k)
    for _, vectors in blocks(texts, embed):
        nearest.add(vectors)
    for query, found in zip(queries, nearest.results()):
        yield json.dumps({"query": query, "nearest": [
            {"line": row + 1, "text": texts[row], "cosine": round(cosine, 6)}
            for row, cosine in found]}, ensure_ascii=False)


def parser():
    """The flags of this program."""
    result = command_line.Parser(
        prog="extract_features.py", description=__doc__.split("\n")[0])
    result.add_argument("--input", required=True, metavar="FILE", help="a text a line")
    result.add_argument("--output", required=True, metavar="FILE",
                        help="vectors: .npz or .jsonl; with --search: .jsonl")
    result.add_argument("--search", metavar="FILE",
                        help="find the nearest lines of this file for each line of --input")
    result.add_argument("--top_k", type=command_line.natural, default=5,
                        help="how many are found by --search (%(default)s)")
    result.add_argument("--pooling", choices=predictor.POOLINGS, default="mean",
                        help="over a text's tokens (%(default)s)")
    result.add_argument("--layer_indexes", type=command_line.integers,
                        default=args.layer_indexes, metavar="N[,N]",
                        help="layers whose mean is taken, such as -1,-2 (%(default)s)")
    model_flags.add(result)
    return result


def main():
    options = parser().parse_args()
    ending = os.path.splitext(options.output)[1]
    allowed = [".jsonl"] if options.search else [".jsonl", ".npz"]
    if ending not in allowed:
        raise errors.InputError("--output=%s: give a name that ends in %s."
                                % (options.output, " or ".join(allowed)))
    texts = text_files.read_texts(options.input)
    searched = options.search and text_files.read_texts(options.search)
    with model_flags.open_pretrained(options) as model:
        def embed(part):
            return model.embed(part, options.pooling, options.layer_indexes)
        if searched:
            text_files.write(options.output, search(texts, searched, embed, options.top_k))
        elif ending == ".jsonl":
            text_files.write(options.output, json_lines(texts, embed))
        else:
            with text_files.replacing(options.output) as out:
                np.savez(out, vectors=embed(texts))


if __name__ == "__main__":
    command_line.run(main)
