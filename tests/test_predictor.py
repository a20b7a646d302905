"""One class answers from any weights of ours, as the programs that trained them would."""

import json
import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

import checkpoints
import errors
import fine_tuning
import inference
import labelling
import model_files
import predictor
import run_record
from tests import forked
from tests import toy
from tests import toy_models

both_layouts = pytest.mark.parametrize("layout", ["b", "g"])
PAIRS = [tuple(line.split("\t")[:2]) for line in toy.pairs(300, 3).splitlines()]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """{(kind, layout): folder} of toy weights, which no test changes."""
    root = tmp_path_factory.mktemp("models")
    return {(kind.__name__, layout): kind(root / (kind.__name__ + layout), layout)
            for kind in (toy_models.fine_tuned, toy_models.pretrained)
            for layout in "bg"}


@pytest.fixture(scope="module")
def scripts():
    with forked.Scripts() as started:
        yield started


@pytest.fixture(scope="module", params=["b", "g"])
def model(request, folders):
    with predictor.Predictor(folders["fine_tuned", request.param]) as opened:
        yield opened


@pytest.fixture(scope="module", params=["b", "g"])
def guesser(request, folders):
    with predictor.Predictor(folders["pretrained", request.param]) as opened:
        yield opened


def test_importing_it_does_not_import_tensorflow():
    code = "import sys, predictor; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.call([sys.executable, "-c", code], cwd=toy.ROOT) == 0


# Answers.

@both_layouts
def test_answers_are_those_of_run_classifier(folders, tmp_path, scripts, layout):
    weights = folders["fine_tuned", layout]
    rows = [("", ""), ("天" * 100, "地"), ("天地", "x y")] + PAIRS[:20]
    data = toy.write(tmp_path / "test.tsv", "".join(
        "%s\t%s\n" % pair for pair in rows[1:]))
    script, config_flag = toy.SCRIPTS[layout]
    status, said = scripts.run([
        os.path.join(toy.ROOT, script), "--%s=%s/albert_config.json" % (
            config_flag, weights), "--vocab_file=%s/vocab.txt" % weights,
        "--init_checkpoint=" + weights, "--task_name=lcqmc", "--do_predict",
        "--test_file=" + data, "--output_dir=%s" % (tmp_path / "output"),
        "--max_seq_length=32"])
    assert status == 0, said
    expected = np.loadtxt(str(tmp_path / "output" / "test_results.tsv"))
    with predictor.Predictor(weights, max_seq_length=32) as opened:
        found = opened.probabilities(rows)
    assert len(expected) == len(rows) - 1
    np.testing.assert_allclose(found[1:], expected, atol=1e-6)


@pytest.mark.parametrize("number", [0, 1, 2, 300])
def test_any_number_of_rows_is_answered_in_order(model, number):
    answers = model.predict(PAIRS[:number])
    assert len(answers) == number
    for pair, answer in list(zip(PAIRS, answers))[::37]:
        alone, = model.predict([pair])
        assert abs(alone["similarity"] - answer["similarity"]) < 1e-6


def test_an_answer_has_label_probabilities_and_similarity(model):
    for answer in model.predict(PAIRS[:5]):
        assert sorted(answer["probabilities"]) == ["0", "1"]
        assert abs(sum(answer["probabilities"].values()) - 1.0) < 1e-6
        assert answer["similarity"] == answer["probabilities"]["1"]
        assert answer["label"] == max("01", key=answer["probabilities"].get)


def test_single_texts_pairs_and_empty_ones_go_together(model):
    rows = ["天地", ("天地", ""), "", ("", ""), ("天" * 2000, "玄" * 2000)]
    scores = model.probabilities(rows)
    assert scores.shape == (5, 2) and np.isfinite(scores).all()
    assert abs(scores[0] - scores[1]).max() > 1e-6


@pytest.mark.parametrize("rows", ["天地", [1], [("天",)], [("天", None)], [["天"] * 3],
                                  [{"a": "天", "b": "地"}]])
def test_what_is_no_text_and_no_pair_is_refused(model, rows):
    with pytest.raises(errors.InputError, match="text"):
        model.predict(rows)


def test_threads_get_the_answers_that_one_gets(model):
    expected = model.probabilities(PAIRS[:60])
    found = [None] * 4

    def ask(number):
        found[number] = [model.probabilities(PAIRS[:60]), model.embed(["天"], "max")]
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for scores, vectors in found:
        np.testing.assert_array_equal(scores, expected)
        np.testing.assert_array_equal(vectors, found[0][1])


def test_a_closed_one_answers_nothing(folders):
    opened = predictor.Predictor(folders["fine_tuned", "b"])
    opened.close()
    with pytest.raises(RuntimeError, match="closed"):
        opened.predict(PAIRS[:1])


# What is loaded.

def copy(source, target):
    shutil.copytree(source, str(target))
    return str(target)


@both_layouts
def test_weights_load_from_a_folder_a_prefix_or_any_file_wherever_they_are(
        folders, tmp_path, layout):
    source = folders["fine_tuned", layout]
    moved = copy(source, tmp_path / "a folder, moved")
    toy.write(os.path.join(moved, "checkpoint"),
              'model_checkpoint_path: "/gone/away/model.ckpt-77"\n')
    with predictor.Predictor(source) as opened:
        expected = opened.probabilities(PAIRS[:4])
    for name in ("", "model.ckpt", "model.ckpt.index", "model.ckpt.data-00000-of-00001"):
        with predictor.Predictor(os.path.join(moved, name)) as opened:
            np.testing.assert_array_equal(opened.probabilities(PAIRS[:4]), expected)


def test_of_a_run_the_best_weights_are_taken(folders, tmp_path):
    run = tmp_path / "run"
    copy(folders["fine_tuned", "b"], run)
    copy(folders["fine_tuned", "b"], run / "best")
    for suffix in (".index", ".data-00000-of-00001"):
        os.rename(str(run / "best" / ("model.ckpt" + suffix)),
                  str(run / "best" / ("model.ckpt-3" + suffix)))
    os.remove(str(run / "best" / "checkpoint"))
    with predictor.Predictor(str(run)) as opened:
        assert opened.path == str(run / "best" / "model.ckpt-3")


def test_weights_of_a_run_need_no_files_beside_them(folders, tmp_path):
    run = copy(folders["fine_tuned", "b"], tmp_path / "run")
    files = {"config": "albert_config.json", "vocab": "vocab.txt"}
    for what, name in files.items():
        files[what] = str(tmp_path / name)
        os.rename(os.path.join(run, name), files[what])
    os.remove(os.path.join(run, "labels.txt"))
    run_record.write_json(os.path.join(run, "run.json"), run_record.describe(
        {"max_seq_length": 16}, files, {"labels": ["n", "y"]}, ""))
    with predictor.Predictor(run) as opened:
        assert opened.labels == ["n", "y"] and opened.max_seq_length == 16
    toy.write(tmp_path / "vocab.txt", "changed since")
    with pytest.raises(errors.InputError, match="No vocab.txt beside"):
        predictor.Predictor(run)


def test_stripped_weights_give_the_same_answers(folders, tmp_path):
    source = folders["fine_tuned", "g"]
    slim = copy(source, tmp_path / "slim")
    checkpoints.strip(checkpoints.find_checkpoint(source),
                      str(tmp_path / "alone" / "slim"))
    for name in ("albert_config.json", "vocab.txt"):
        shutil.copy(os.path.join(slim, name), str(tmp_path / "alone"))
    with predictor.Predictor(slim) as a, predictor.Predictor(str(tmp_path / "alone")) as b:
        np.testing.assert_array_equal(a.probabilities(PAIRS[:4]),
                                      b.probabilities(PAIRS[:4]))
        assert b.labels == ["0", "1"]


@both_layouts
def test_a_pretrained_checkpoint_is_refused_with_what_to_do(folders, layout):
    with predictor.Predictor(folders["pretrained", layout]) as opened:
        with pytest.raises(errors.InputError, match="Fine-tune it first"):
            opened.warm_up()


@pytest.mark.parametrize("change, message", [
    ({"labels.txt": "a\nb\nc\n"}, "2 classes apart, but the labels beside it are 3"),
    ({"albert_config.json": None}, "No config beside"),
    ({"albert_config_2.json": "{}", "albert_config.json": None,
      "albert_config_3.json": "{}"}, "several configs"),
    ({"vocab.txt": None}, "No vocab.txt beside"),
    ({"vocab.txt": "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
                             + list(map(str, range(99)))) + "\n"}, "has 104 tokens")])
def test_what_does_not_belong_together_is_refused(folders, tmp_path, change, message):
    folder = copy(folders["fine_tuned", "b"], tmp_path / "m")
    for name, text in change.items():
        if text is None:
            os.remove(os.path.join(folder, name))
        else:
            toy.write(os.path.join(folder, name), text)
    with pytest.raises(errors.InputError, match=message):
        predictor.Predictor(folder)


@pytest.mark.parametrize("labels, similar", [
    (["0", "1"], "1"), (["不同", "相同"], "相同"), (["duplicate", "other"], "duplicate"),
    (["b", "c"], "c"), (["好评", "中评", "差评"], None),
    (["contradiction", "entailment", "neutral"], "entailment")])
def test_the_label_of_the_same_meaning_is_known(labels, similar):
    assert labelling.similar_label(labels) == similar


def test_labels_are_those_beside_the_weights(tmp_path):
    for name, labels in (("two", ["不同", "相同"]), ("three", ["好评", "中评", "差评"])):
        folder = toy_models.fine_tuned(tmp_path / name, labels=labels)
        with predictor.Predictor(folder) as opened:
            answer, = opened.predict([PAIRS[0]])
        assert list(answer["probabilities"]) == labels
        assert answer.get("similarity") == answer["probabilities"].get("相同")


def test_best_json_tells_how_the_model_was_trained(folders, tmp_path):
    assert sorted(fine_tuning.HOW_TRAINED) == sorted(model_files.DEFAULTS)
    folder = copy(folders["fine_tuned", "b"], tmp_path / "m")
    toy.write(os.path.join(folder, "best.json"), json.dumps(
        {"step": 1, "max_seq_length": 12, "use_pooled_output": False}))
    with predictor.Predictor(folder) as opened, predictor.Predictor(
            folders["fine_tuned", "b"], max_seq_length=12) as other:
        assert opened.max_seq_length == 12
        difference = opened.probabilities(PAIRS[:4]) - other.probabilities(PAIRS[:4])
        assert abs(difference).max() > 1e-3


# Vectors.

@pytest.mark.parametrize("pooling", predictor.POOLINGS)
def test_a_vector_does_not_depend_on_padding(guesser, pooling):
    texts = ["天地玄黄", "日" * 40, "", "宇宙"]
    together = guesser.embed(texts, pooling)
    assert together.shape == (4, 16)
    for text, vector in zip(texts, together):
        np.testing.assert_allclose(guesser.embed([text], pooling)[0], vector, atol=1e-6)


def test_poolings_are_what_they_are_called(guesser):
    batch = {"input_ids": [[2, 7, 8, 3, 0]], "input_mask": [[1, 1, 1, 1, 0]],
             "segment_ids": [[0] * 5]}
    network = guesser._network
    first, second = [network._run(("raw", i), lambda: network._model.
                                  get_all_encoder_layers()[i], batch)[0] for i in (0, 1)]
    tokens = guesser._tokenizer.convert_ids_to_tokens([7, 8])
    for pooling, expected in (("cls", second[0]), ("mean", second[:4].mean(0)),
                              ("max", second[:4].max(0))):
        found = guesser.embed(["".join(tokens)], pooling)
        np.testing.assert_allclose(found[0], expected, atol=1e-5)
    for layers, expected in (([0], first), ([-2], first), ([0, -1], (first + second) / 2)):
        found = guesser.embed(["".join(tokens)], "cls", layers)
        np.testing.assert_allclose(found[0], expected[0], atol=1e-5)


@pytest.mark.parametrize("arguments, message", [
    (("sum",), "known: cls, max, mean"), (("cls", [2]), "has 2, numbered"),
    (("cls", [-3]), "has 2, numbered"), (("cls", []), "has 2, numbered")])
def test_unknown_poolings_and_layers_are_refused(guesser, arguments, message):
    with pytest.raises(errors.InputError, match=message):
        guesser.embed(["天"], *arguments)


def test_every_pooling_is_built(guesser):
    assert sorted(inference.POOLINGS) == sorted(predictor.POOLINGS)


# Masked words.

def test_each_mask_gets_its_likeliest_words_in_order(guesser):
    found = guesser.fill("天[MASK]玄[MASK]", top_k=3)
    assert [len(words) for words in found] == [3, 3]
    everything = guesser.fill("天[MASK]玄[MASK]", top_k=1000)
    for words, all_words in zip(found, everything):
        assert words == all_words[:3]
        assert abs(sum(score for _, score in all_words) - 1.0) < 1e-5
        scores = [score for _, score in all_words]
        assert scores == sorted(scores, reverse=True)


def test_a_character_and_its_second_row_are_one_word_in_layout_b(tmp_path):
    size = 5 + 2 * len(toy.CHARACTERS)
    for layout, folded in (("b", True), ("g", False)):
        folder = toy_models.pretrained(tmp_path / layout, layout, vocab_size=size)
        with open(os.path.join(folder, "vocab.txt"), "a", encoding="utf-8") as vocabulary:
            vocabulary.writelines("##%s\n" % character for character in toy.CHARACTERS)
        with predictor.Predictor(folder) as opened:
            words = dict(opened.fill("天[MASK]玄", top_k=size)[0])
            opened._folds_twins = False
            plain = dict(opened.fill("天[MASK]玄", top_k=size)[0])
        expected = plain["地"] + plain["##地"] * folded
        assert abs(words["地"] - expected) < 1e-6
        assert (words["##地"] == 0.0) == folded


@pytest.mark.parametrize("text, message", [
    ("天地", "has no .MASK."), ("天" * 100 + "[MASK]", "103 tokens")])
def test_texts_that_cannot_be_filled_are_refused(guesser, text, message):
    with pytest.raises(errors.InputError, match=message):
        guesser.fill(text)


def test_fine_tuned_weights_have_lost_the_words(model):
    with pytest.raises(errors.InputError, match="Give the pre-trained ones"):
        model.fill("天[MASK]")
