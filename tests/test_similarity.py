"""similarity.py, extract_features.py and fill_mask as their users call them."""

import argparse
import io
import json
import os
import sys

import numpy as np
import pytest

import args
import command_line
import errors
import model_flags
import similarity
import text_files
import vector_search
from tests import forked
from tests import toy
from tests import toy_models

PAIRS = [tuple(line.split("\t")[:2]) for line in toy.pairs(297, 3).splitlines()]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {"b": toy_models.fine_tuned(root / "b", "b"),
            "g": toy_models.fine_tuned(root / "g", "g"),
            "three": toy_models.fine_tuned(root / "three", "b", labels=("x", "y", "z")),
            "pretrained": toy_models.pretrained(root / "pretrained", "b")}


@pytest.fixture(scope="module")
def scripts():
    with forked.Scripts() as started:
        yield started


def command(script, folder, *arguments):
    return [os.path.join(toy.ROOT, script), "--model_dir", folder] + list(arguments)


@pytest.fixture(scope="module")
def sim(folders):
    started = similarity.BertSim(
        similarity.parser().parse_args(["--model_dir", folders["b"]]), verbose=False)
    started.start_model()
    yield started
    started.close()


# The documented lines.

def test_the_three_documented_lines_return_and_print_results(folders, monkeypatch, capsys):
    monkeypatch.setattr(model_flags, "FINE_TUNED", (folders["g"],))
    sim = similarity.BertSim()
    sim.start_model()
    results = sim.predict_sentences([("我喜欢妈妈做的汤", "妈妈做的汤我很喜欢喝"), PAIRS[0]])
    sim.close()
    assert len(results) == 2
    said = capsys.readouterr().out
    for result in results:
        assert abs(sum(result["probabilities"].values()) - 1.0) < 1e-6
        assert "similarity: %.6f" % result["similarity"] in said


def test_args_has_its_documented_names_and_imports_os_alone():
    names = ["model_dir", "config_name", "ckpt_name", "output_dir", "vocab_file",
             "data_dir", "num_train_epochs", "batch_size", "learning_rate",
             "gpu_memory_fraction", "layer_indexes", "max_seq_len", "graph_file"]
    assert [name for name in names if not hasattr(args, name)] == []
    assert args.layer_indexes == [-2] and args.batch_size == args.max_seq_len == 128
    modules = [k for k, v in vars(args).items() if type(v) is type(os) and k[0] != "_"]
    assert modules == ["os"]


def test_the_settings_of_args_are_defaults_of_flags():
    options = similarity.parser().parse_args([])
    assert (options.batch_size, options.max_seq_len, options.gpu_memory_fraction) == (
        args.batch_size, args.max_seq_len, args.gpu_memory_fraction)


# Which weights.

def test_without_weights_the_embedded_ones_serve_and_it_is_said(
        folders, monkeypatch, caplog):
    options = similarity.parser().parse_args([])
    monkeypatch.setattr(model_flags, "FINE_TUNED", ("/not/there", "/nor/there"))
    monkeypatch.setattr(args, "embedded_similarity_dir", "/also/gone")
    with pytest.raises(errors.InputError, match="run_classifier_lcqmc.sh, or give them"):
        model_flags.open_fine_tuned(options)
    monkeypatch.setattr(args, "embedded_similarity_dir", folders["b"])
    with caplog.at_level("INFO"):
        model_flags.open_fine_tuned(options).close()
    assert "embedded model" in caplog.text
    caplog.clear()
    monkeypatch.setattr(model_flags, "FINE_TUNED", ("/not/there", folders["g"]))
    opened = model_flags.open_fine_tuned(options)
    opened.close()
    assert opened.path.startswith(folders["g"]) and "embedded" not in caplog.text


def test_without_pretrained_weights_it_is_said_what_to_do(folders, monkeypatch):
    options = similarity.parser().parse_args([])
    monkeypatch.setattr(args, "embedded_dir", "/gone")
    with pytest.raises(errors.InputError, match="tools.download model"):
        model_flags.open_pretrained(options)
    monkeypatch.setattr(args, "embedded_dir", folders["pretrained"])
    model_flags.open_pretrained(options).close()


def test_a_config_of_args_serves_weights_without_one(folders, tmp_path):
    options = similarity.parser().parse_args(["--model_dir", str(tmp_path)])
    for name in os.listdir(folders["b"]):
        if name.startswith(("model.ckpt", "vocab")):
            os.symlink(os.path.join(folders["b"], name), str(tmp_path / name))
    with pytest.raises(errors.InputError, match="albert_config_tiny.json asks for"):
        model_flags.open_fine_tuned(options)


# Tables.

def tricky_table():
    rows = ["%s\t%s" % pair for pair in PAIRS]
    rows[7:7] = ["\t", "天" * 2000 + "\t地", '"天\t地"\t玄黄']
    return rows


def test_every_row_of_a_table_gets_its_row_of_scores(folders, tmp_path, scripts):
    rows = tricky_table()
    source = toy.write(tmp_path / "pairs.tsv", "\n".join(rows) + "\n")
    target = str(tmp_path / "scores.tsv")
    status, said = scripts.run(command("similarity.py", folders["b"], "--input", source,
                                       "--output", target))
    assert status == 0, said
    lines = text_files.read_texts(target)
    assert len(lines) == len(rows) == 300
    for row, line in zip(rows, lines):
        assert line.startswith(row + "\t")
        value, label, first, second = line[len(row) + 1:].split("\t")
        assert value == second and abs(float(first) + float(second) - 1.0) < 2e-6
        assert label == "01"[float(second) > float(first)]
    assert sorted(os.listdir(str(tmp_path))) == ["pairs.tsv", "scores.tsv"]


def test_a_table_is_scored_as_its_pairs_are(sim, tmp_path):
    rows = tricky_table()
    source = toy.write(tmp_path / "pairs.tsv", "\n".join(rows))
    _, read = text_files.read_pairs(source)
    assert read[7:10] == [("\t", ("", "")), (rows[8], ("天" * 2000, "地")),
                          (rows[9], ("天\t地", "玄黄"))]
    lines = list(similarity.score_table(source, sim.predictor))
    results = sim.predict_sentences([pair for _, pair in read])
    assert [line.split("\t")[-4] for line in lines] == [
        "%.6f" % result["similarity"] for result in results]


@pytest.mark.parametrize("text, header, pairs", [
    ("a\tb\r\nc\td\r\n", None, [("a", "b"), ("c", "d")]),
    ("\ufeffa\tb\n\n\t\n", None, [("a", "b"), ("", ""), ("", "")]),
    ("sentence1\tsentence2\tlabel\na\tb\t1\n", "sentence1\tsentence2\tlabel",
     [("a", "b")]),
    ("label\ttext_b\ttext_a\n1\tb\ta", "label\ttext_b\ttext_a", [("a", "b")]),
    ('他说"好"\t"她也\n"a" b\tc\n"x"\ty\n', None,
     [('他说"好"', '"她也'), ('"a" b', "c"), ('"x"', "y")])])
def test_tables_are_read_as_they_are_written(tmp_path, text, header, pairs):
    path = toy.write(tmp_path / "pairs.tsv", text)
    found, rows = text_files.read_pairs(path)
    assert found == header and [pair for _, pair in rows] == pairs


def test_a_header_gets_the_names_of_the_new_columns(folders, tmp_path, sim):
    path = toy.write(tmp_path / "pairs.tsv", "text_a\ttext_b\n天\t地\n")
    lines = list(similarity.score_table(path, sim.predictor))
    assert lines[0] == "text_a\ttext_b\tsimilarity\tlabel\tscore_0\tscore_1"
    assert len(lines) == 2


def test_a_model_of_other_labels_scores_tables_without_similarity(folders, tmp_path):
    path = toy.write(tmp_path / "pairs.tsv", "text_a\ttext_b\n天\t地\n")
    options = similarity.parser().parse_args(["--model_dir", folders["three"]])
    with model_flags.open_fine_tuned(options) as opened:
        lines = list(similarity.score_table(path, opened))
    assert lines[0] == "text_a\ttext_b\tlabel\tscore_x\tscore_y\tscore_z"
    assert len(lines[1].split("\t")) == 6


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path):
    path = toy.write(tmp_path / "scores.tsv", "old")

    def lines():
        yield "new"
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        text_files.write(path, lines())
    assert text_files.read_texts(path) == ["old"]
    assert os.listdir(str(tmp_path)) == ["scores.tsv"]


# Other ways to ask.

def test_two_texts_and_a_demo_pair_are_answered(folders, scripts):
    for texts, expected in ((["天地", "玄 黄"], "天地 | 玄 黄"),
                            ([], "%s | %s" % similarity.DEMO)):
        status, said = scripts.run(command("similarity.py", folders["g"], *texts))
        assert status == 0 and expected in said, said
        numbers = [float(word) for word in said.split() if word.startswith("0.")]
        assert len(numbers) == 3 and abs(sum(numbers[:2]) - 1.0) < 2e-6


def test_interactive_pairs_come_in_one_line_or_two():
    typed = "天\t地\n玄\n黄\n宇\t宙\n洪\n"
    assert list(similarity.read_pairs(io.StringIO(typed))) == [
        ("天", "地"), ("玄", "黄"), ("宇", "宙")]


@pytest.mark.parametrize("arguments, message", [
    (["a"], "found 1 text"), (["a", "b", "--interactive"], "Give two texts, or --input"),
    (["--output", "x"], "--output goes with --input"),
    (["--inptu", "x"], "Did you mean --input?"), (["--batch_size", "0"], "less than 1"),
    (["--input", "/not/there.tsv"], "/not/there.tsv cannot be read"),
    (["a", "b", "--model_dir", "/not/there"], "No checkpoint /not/there")])
def test_a_mistake_is_one_line_and_exit_code_2(scripts, arguments, message):
    status, said = scripts.run([os.path.join(toy.ROOT, "similarity.py")] + arguments)
    assert status == 2 and message in said
    assert said.startswith("error: ") and said.count("\n") == 1


def test_bad_lines_and_outputs_are_refused(folders, tmp_path, scripts):
    bad = toy.write(tmp_path / "bad.tsv", "天\t地\n天地\n")
    for arguments, message in [
            (["--input", bad], "bad.tsv:2: expected two texts"),
            (["--input", bad, "--output", bad], "is the --input")]:
        status, said = scripts.run(command("similarity.py", folders["b"], *arguments))
        assert status == 2 and message in said
    good = toy.write(tmp_path / "good.tsv", "天\t地\n")
    status, said = scripts.run(command("similarity.py", folders["b"], "--input", good,
                                       "--output", "/not/there/x.tsv"))
    assert status == 2 and "/not/there/x.tsv cannot be written" in said


def test_pretrained_weights_are_refused(folders, scripts):
    status, said = scripts.run(command("similarity.py", folders["pretrained"]))
    assert status == 2 and "it is a pre-trained model. Fine-tune it first" in said


def test_a_flag_is_never_abbreviated(capsys):
    parser = command_line.Parser()
    parser.add_argument("--number", type=command_line.natural)
    with pytest.raises(SystemExit):
        parser.parse_args(["--numb", "3"])
    assert "Did you mean --number?" in capsys.readouterr().err
    assert parser.parse_args(["--number", "3"]) == argparse.Namespace(number=3)


def test_a_reader_that_stops_early_is_no_error(monkeypatch):
    def main():
        raise BrokenPipeError
    read, write = os.pipe()
    monkeypatch.setattr(sys, "stdout", os.fdopen(write, "w"))
    with pytest.raises(SystemExit) as end:
        command_line.run(main)
    os.close(read)
    assert end.value.code == 0


# Sentence vectors and masked words.

@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return toy.write(tmp_path_factory.mktemp("texts") / "texts.txt", "".join(
        a + "\n" for a, _ in PAIRS[:40]) + "\n")


def test_vectors_are_written_a_row_for_each_line(folders, texts, tmp_path, scripts):
    arrays, lines = str(tmp_path / "v.npz"), str(tmp_path / "v.jsonl")
    for target in (arrays, lines):
        status, said = scripts.run(command(
            "extract_features.py", folders["pretrained"], "--input", texts, "--output",
            target, "--pooling", "max", "--layer_indexes=-1,-2"))
        assert status == 0, said
    with np.load(arrays) as found:
        vectors = found["vectors"]
    assert vectors.shape == (41, 16) and vectors.dtype == np.float32
    objects = [json.loads(line) for line in text_files.read_texts(lines)]
    assert [each["text"] for each in objects] == text_files.read_texts(texts)
    np.testing.assert_allclose([each["vector"] for each in objects], vectors, atol=1e-6)


def test_a_text_finds_itself_first(folders, texts, tmp_path, scripts):
    queries = toy.write(tmp_path / "queries.txt", "%s\n%s\n" % (PAIRS[7][0], PAIRS[3][0]))
    target = str(tmp_path / "nearest.jsonl")
    status, said = scripts.run(command(
        "extract_features.py", folders["pretrained"], "--input", queries, "--search",
        texts, "--top_k", "3", "--output", target))
    assert status == 0, said
    found = [json.loads(line) for line in text_files.read_texts(target)]
    for number, each in zip((7, 3), found):
        assert each["query"] == each["nearest"][0]["text"] == PAIRS[number][0]
        assert each["nearest"][0]["line"] == number + 1
        assert each["nearest"][0]["cosine"] > 0.9999 and len(each["nearest"]) == 3


@pytest.mark.parametrize("arguments, message", [
    (["--output", "x.txt"], "ends in .jsonl or .npz"),
    (["--output", "x.npz", "--search", "y"], "ends in .jsonl."),
    (["--output", "x.npz", "--layer_indexes", "9"], "this model has 2"),
    (["--output", "x.npz", "--pooling", "sum"], "invalid choice: 'sum'")])
def test_vectors_that_cannot_be_made_are_refused(
        folders, texts, scripts, arguments, message):
    status, said = scripts.run(command("extract_features.py", folders["pretrained"],
                                       "--input", texts, *arguments))
    assert status == 2 and message in said and "Traceback" not in said


@pytest.mark.parametrize("top_k", [1, 7, 500])
def test_the_nearest_are_those_of_numpy_whatever_the_blocks(monkeypatch, top_k):
    rng = np.random.RandomState(1)
    queries, vectors = rng.randn(9, 6), rng.randn(300, 6)
    vectors[5] = 0.0
    units = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    cosines = queries.dot(units.T) / np.linalg.norm(queries, axis=1, keepdims=True)
    monkeypatch.setattr(vector_search, "QUERIES_AT_ONCE", 4)
    nearest = vector_search.Nearest(queries, top_k)
    for start in range(0, 300, 64):
        nearest.add(vectors[start:start + 64])
    for found, expected in zip(nearest.results(), cosines):
        order = np.argsort(-expected)[:top_k]
        assert [row for row, _ in found] == order.tolist()
        np.testing.assert_allclose([c for _, c in found], expected[order], atol=1e-6)


def test_of_equals_the_first_come_first():
    assert vector_search.largest(np.array([1, 3, 3, 2, 3]), 2).tolist() == [1, 2]
    nearest = vector_search.Nearest([[1.0, 0.0]], 2)
    for _ in range(2):
        nearest.add([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0]])
    assert nearest.results()[0] == [(1, 1.0), (2, 1.0)]


def test_masked_words_are_printed_for_each_mask(folders):
    status, said = toy.run([
        sys.executable, "-W", "ignore", "-m", "tools.fill_mask", "天[MASK]玄[MASK]",
        "--top_k", "2", "--model_dir", folders["pretrained"]], cwd=toy.ROOT)
    assert status == 0, said
    assert [line.split(":")[0] for line in said.splitlines()[-2:]] == [
        "[MASK] 1", "[MASK] 2"]
