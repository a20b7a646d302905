"""The three changes that make BERT an ALBERT (Lan et al. 2020), each with its number.

    python test_changes.py

counts the parameters of real graphs, makes real records, prints what was found beside
what is expected, and exits with 1 if a change is broken. pytest runs the same checks.
"""

import collections
import math
import os
import sys
import tempfile

import tensorflow.compat.v1 as tf

import corpus
import create_pretraining_data
import instances
import modeling
import modeling_google
import records
import tokenization
from tools import model_variables

ROOT = os.path.dirname(os.path.abspath(__file__))
TEXT = os.path.join(ROOT, "data", "news_zh_1.txt")
VOCABULARY = os.path.join(ROOT, "albert_config", "vocab.txt")
SETTINGS = instances.Settings(
    vocab_file=VOCABULARY, spm_model_file=None, do_lower_case=True, max_seq_length=128,
    max_predictions_per_seq=20, masked_lm_prob=0.15, short_seq_prob=0.1, dupe_factor=10,
    random_seed=12345, mask_strategy="wwm", ngram=1, favor_shorter_ngram=True,
    label_style="plain", segmenter="jieba", user_dict=None, segmented_input=False,
    non_chinese=False, dynamic_masking=False)
# How far the share of swapped pairs may be from one half.
STANDARD_DEVIATIONS = 4

# One number: what it is, what it should be and is (texts), whether that is right.
Finding = collections.namedtuple("Finding", ["what", "expected", "found", "is_right"])
# A pre-training record with its masks undone: token ids of both segments, as texts of
# one character a token, and the label.
Pair = collections.namedtuple("Pair", ["first", "second", "is_swapped"])


def _finding(what, expected, found):
    return Finding(what, format(expected, ","), format(found, ","), expected == found)


# Layers share their parameters.

def shared_layers():
    """12 layers with H = 1024 and I = 3072, shared and not, in both layouts."""
    sizes = dict(vocab_size=100, hidden_size=1024, embedding_size=128,
                 num_attention_heads=16, intermediate_size=3072, num_hidden_layers=12)
    for config_class, model_class, unshared in (
            (modeling.BertConfig, modeling.BertModel,
             dict(share_parameter_across_layers=False)),
            (modeling_google.AlbertConfig, modeling_google.AlbertModel,
             dict(num_hidden_groups=12))):
        layout = "layout %s, " % config_class.layout
        number, num_layers = _count_layers(config_class(**sizes), model_class)
        yield _finding(layout + "shared", 10498048, number)
        yield _finding(layout + "shared, layers that are run", 12, num_layers)
        number, _ = _count_layers(config_class(**dict(sizes, **unshared)), model_class)
        yield _finding(layout + "each layer its own", 125976576, number)


def _count_layers(config, model_class):
    """-> parameters of all layers (attention, feed-forward, both norms), layers run"""
    variables, model = _build(config, model_class)
    return (model_variables.count_groups(variables)["encoder"],
            len({layer.name for layer in model.get_all_encoder_layers()}))


def _build(config, model_class):
    """-> ({variable: shape}, model) of a graph, in which nothing is run"""
    with tf.Graph().as_default():
        model = model_class(config, False, tf.zeros([1, 2], tf.int32))
        return {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}, model


# The vocabulary table is factorised.

def factorised_embedding():
    """V = 30000 words of H = 4096, through E = 128 and not."""
    sizes = dict(vocab_size=30000, hidden_size=4096, num_attention_heads=64,
                 intermediate_size=4096, num_hidden_layers=1)
    # With E = H layout G has the table alone, as BERT does.
    yield _finding("one table, V x H", 122880000, _count_word_matrices(
        modeling_google.AlbertConfig(embedding_size=4096, **sizes),
        modeling_google.AlbertModel))
    yield _finding("V x E + E x H, layout B", 4364288, _count_word_matrices(
        modeling.BertConfig(**sizes), modeling.BertModel))
    yield _finding("V x E + E x H, layout G", 4364288, _count_word_matrices(
        modeling_google.AlbertConfig(**sizes), modeling_google.AlbertModel))


def _count_word_matrices(config, model_class):
    """Values in the matrices that make a vector of width H of a word."""
    variables, _ = _build(config, model_class)
    return sum(model_variables.count(shape) for name, shape in variables.items()
               if "/word_embeddings" in name or
               name.endswith("/embedding_hidden_mapping_in/kernel"))


# The order of sentences is predicted.

def sentence_order():
    """Records of the sample text, held against the text."""
    with tempfile.TemporaryDirectory() as folder:
        pairs = [_undo_masks(record) for record in _make_records(folder)]
    documents = _read_documents()
    number = len(pairs)
    yield Finding("records of the sample", "more than 100", str(number), number > 100)
    yield _finding("with both segments from one document", number, sum(
        any(pair.first in text and pair.second in text for text in documents)
        for pair in pairs))
    yield _finding("in the order that the label says (0 kept, 1 swapped)", number, sum(
        any(_follows(text, *_in_source_order(pair)) for text in documents)
        for pair in pairs))
    share = sum(pair.is_swapped for pair in pairs) / max(number, 1)
    tolerance = STANDARD_DEVIATIONS * math.sqrt(0.25 / max(number, 1))
    yield Finding("share of swapped pairs", "0.5 +- %.3f" % tolerance, "%.3f" % share,
                  abs(share - 0.5) <= tolerance)


def _make_records(folder):
    """Serialised records, as create_pretraining_data.py writes them."""
    stem = os.path.join(folder, "sample")
    files = create_pretraining_data.Files(
        [TEXT], [stem + ".tfrecord"], "utf-8", False, "")
    create_pretraining_data.run(
        create_pretraining_data.prepare(SETTINGS, files, stem), 1, False)
    with open(files.outputs[0], "rb") as stream:
        # A frame has twelve bytes before the record and four after it.
        return [frame[12:-4] for frame in iter(lambda: records.read_frame(stream), b"")]


def _undo_masks(record):
    """A serialised record -> Pair, the words back where they were masked."""
    example = tf.train.Example.FromString(record).features.feature

    def values(name):
        return list(example[name].int64_list.value)

    ids = values("input_ids")[:sum(values("input_mask"))]
    weights = example["masked_lm_weights"].float_list.value
    for position, id_, weight in zip(
            values("masked_lm_positions"), values("masked_lm_ids"), weights):
        if weight:
            ids[position] = id_
    second = values("segment_ids").index(1)
    return Pair(_as_text(ids[1:second - 1]), _as_text(ids[second:-1]),
                bool(values("next_sentence_labels")[0]))


def _read_documents():
    tokenizer = tokenization.FullTokenizer(VOCABULARY, True)
    with open(TEXT, "rb") as stream:
        return [_as_text(tokenizer.convert_tokens_to_ids(
            [token for line in lines for token in tokenizer.tokenize(line)]))
                for lines in corpus.read_documents(stream, TEXT)]


def _as_text(ids):
    """One character a token, so that texts can be searched."""
    return "".join(map(chr, ids))


def _in_source_order(pair):
    return (pair.second, pair.first) if pair.is_swapped else (pair.first, pair.second)


def _follows(text, first, second):
    """Whether `second` stands somewhere after `first`."""
    place = text.find(first)
    return place >= 0 and text.find(second, place + len(first)) >= 0


CHANGES = [("Layers share their parameters (12 layers, H 1024, I 3072)", shared_layers),
           ("The vocabulary table is factorised (V 30000, H 4096, E 128)",
            factorised_embedding),
           ("The order of sentences is predicted (data/news_zh_1.txt)", sentence_order)]


def _require(findings):
    wrong = [finding for finding in findings if not finding.is_right]
    assert not wrong, wrong


def test_twelve_shared_layers_have_the_parameters_of_one():
    _require(shared_layers())


def test_a_factorised_table_has_28_times_fewer_parameters():
    _require(factorised_embedding())


def test_half_of_the_pairs_are_swapped_and_the_label_says_which():
    _require(sentence_order())


def main():
    """Prints every number; returns the exit code."""
    num_wrong = 0
    for number, (title, check) in enumerate(CHANGES, 1):
        sys.stdout.write("%d. %s\n" % (number, title))
        for finding in check():
            num_wrong += not finding.is_right
            sys.stdout.write("   %s  %-50s %13s  (expected %s)\n" % (
                "passed" if finding.is_right else "FAILED", finding.what, finding.found,
                finding.expected))
    sys.stdout.write("All passed.\n" if not num_wrong else "%d FAILED.\n" % num_wrong)
    return 1 if num_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
