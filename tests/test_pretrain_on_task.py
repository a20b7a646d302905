"""From the texts of a task to a model that was pre-trained on them."""

import json
import os
import sys

import pytest

import errors
from tests import toy
from tools import convert
from tools import task_text

SCRIPT = os.path.join(toy.ROOT, "resources", "shell_scripts", "pretrain_on_task.sh")
SAMPLE = os.path.join(toy.ROOT, "data", "clue_sample")


def run(folder, *arguments, **environment):
    return toy.run(["bash", SCRIPT] + list(arguments), env=dict(
        os.environ, ALBERT_PYTHON=sys.executable, OUTPUT_DIR=str(folder / "out"),
        **environment))


def documents(path):
    with open(str(path), encoding="utf-8") as text:
        return [part.split("\n") for part in text.read().strip().split("\n\n")]


def test_a_pair_is_a_document_of_two_lines_and_has_no_label(tmp_path, capsys):
    task_text.main(["afqmc", SAMPLE, "--output", str(tmp_path / "text.txt")])
    with open(os.path.join(SAMPLE, "afqmc", "train.json"), encoding="utf-8") as rows:
        pairs = [[row["sentence1"], row["sentence2"]] for row in map(json.loads, rows)]
    assert documents(tmp_path / "text.txt") == pairs
    assert "%d documents, of %d rows" % (len(pairs), len(pairs)) in capsys.readouterr().out


def test_a_single_text_is_a_document_of_its_sentences(tmp_path):
    os.makedirs(str(tmp_path / "iflytek"))
    toy.write(tmp_path / "iflytek" / "train.json", "".join(
        json.dumps({"sentence": text, "label": "3"}) + "\n"
        for text in ("先看书。\n再写字！", "只有一句。", "")))
    task_text.main(["iflytek", str(tmp_path), "--output", str(tmp_path / "text.txt")])
    assert documents(tmp_path / "text.txt") == [["先看书。", "再写字！"]]


def test_a_file_of_ones_own_is_a_task_too(tmp_path):
    toy.write(tmp_path / "train.csv", "q,label,a\n怎么还款,1,如何还款\n你好,0,再见\n")
    task_text.main(["custom", str(tmp_path), "--output", str(tmp_path / "text.txt"),
                    "--text_a=q", "--text_b=a"])
    assert documents(tmp_path / "text.txt") == [["怎么还款", "如何还款"], ["你好", "再见"]]


def test_texts_of_one_sentence_are_refused_and_nothing_is_written(tmp_path):
    path = str(tmp_path / "text.txt")
    with pytest.raises(errors.InputError, match="No row has two sentences"):
        task_text.main(["tnews", SAMPLE, "--output", path])
    assert not os.path.exists(path)


def test_the_result_is_a_model_and_a_second_call_finds_it_finished(tmp_path):
    code, said = run(tmp_path, "afqmc", SAMPLE, STEPS="2", LENGTH="32")
    assert code == 0 and "31 loaded, 0 new" in said, said
    assert sorted(os.listdir(str(tmp_path / "out" / "model"))) == [
        "albert_config_mini.json", "albert_model.ckpt.data-00000-of-00001",
        "albert_model.ckpt.index", "checkpoint", "vocab.txt"]
    code, said = run(tmp_path, "afqmc", SAMPLE, STEPS="2", LENGTH="32")
    assert code == 0 and "training has finished already, at step 2" in said, said
    code, said = run(tmp_path, "afqmc", SAMPLE, STEPS="2", LENGTH="24")
    assert code == 2 and "differs in max_predictions_per_seq" in said, said
    code, said = run(tmp_path, "cmnli", SAMPLE, STEPS="2", LENGTH="32")
    assert code == 2 and "was begun with other texts" in said, said
    code, said = run(tmp_path, "afqmc", SAMPLE, STEPS="2", LENGTH="32")
    assert code == 0 and "training has finished already, at step 2" in said, said


def test_a_model_of_layout_g_goes_on_as_one(tmp_path):
    model = str(tmp_path / "model")
    convert.main(["layout_g", os.path.join(toy.ROOT, "models", "albert_mini_zh"),
                  "--to", model])
    code, said = run(tmp_path, "afqmc", SAMPLE, STEPS="1", LENGTH="32", LAYOUT="g",
                     MODEL_DIR=model)
    assert code == 0 and "30 loaded, 0 new" in said, said


@pytest.mark.parametrize("arguments, environment, answer", [
    (["afqmc"], {}, "Give a task and the folder"),
    (["afqmc", "no_such_folder"], {}, "Give a task and the folder"),
    (["afqmk", SAMPLE], {}, "invalid choice: 'afqmk'"),
    (["afqmc", SAMPLE, "--text_a=0"], {}, "for the task custom alone"),
    (["afqmc", SAMPLE, "--txet_a=0"], {}, "Did you mean --text_a?"),
    (["afqmc", SAMPLE], {"MODEL_DIR": "no_such_model"}, "no configuration"),
    (["afqmc", SAMPLE], {"LAYOUT": "x"}, "give b"),
])
def test_a_mistake_is_one_line(tmp_path, arguments, environment, answer):
    code, said = run(tmp_path, *arguments, **environment)
    assert code == 2 and answer in said and "Traceback" not in said, said
