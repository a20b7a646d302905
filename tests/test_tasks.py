"""Tasks and their files: every format read, no row lost, a mistake has its place."""

import logging
import os
import re
import subprocess
import sys

import pytest

import errors
import tasks

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAIR = '{"sentence1": "怎么提前还款", "sentence2": "如何提前还清"%s}'
XNLI_ROW = "\t".join(["%s", "%s", "p", "p", "p", "p", "他每天跑步。", "他从不运动。", "1"])

# Of each task: a labelled line, the same without its label, the example's two texts and
# its label.
SAMPLES = {
    "lcqmc": ("明天会不会下雨\t明天有没有雨\t1", "明天会不会下雨\t明天有没有雨",
              ("明天会不会下雨", "明天有没有雨", "1")),
    "sentence_pair": ("1\t明天会不会下雨\t明天有没有雨", "明天会不会下雨\t明天有没有雨",
                      ("明天会不会下雨", "明天有没有雨", "1")),
    "xnli": ('{"premise": "他每天跑步。", "hypo": "他从不运动。", "label": "contradictory"}',
             '{"premise": "他每天跑步。", "hypo": "他从不运动。"}',
             ("他每天跑步。", "他从不运动。", "contradiction")),
    "xnli_tsv": (XNLI_ROW % ("zh", "neutral"), XNLI_ROW % ("zh", ""),
                 ("他每天跑步。", "他从不运动。", "neutral")),
    "afqmc": (PAIR % ', "label": 1', PAIR % ', "id": 5',
              ("怎么提前还款", "如何提前还清", "1")),
    "cmnli": (PAIR % ', "label": "entailment"', PAIR % "",
              ("怎么提前还款", "如何提前还清", "entailment")),
    "csl": ('{"id": 1, "abst": "本文提出一种方法。", "keyword": ["短文本", "匹配"], "label": "0"}',
            '{"id": 1, "abst": "本文提出一种方法。", "keyword": ["短文本", "匹配"]}',
            ("短文本 匹配", "本文提出一种方法。", "0")),
    "iflytek": ('{"label": 118, "label_des": "地图", "sentence": "离线地图。"}',
                '{"id": 0, "sentence": "离线地图。"}', ("离线地图。", None, "118")),
    "tnews": ('{"label": "103", "label_desc": "news_sports", "sentence": "主队晋级", '
              '"keywords": "绝杀"}', '{"id": 1, "sentence": "主队晋级", "keywords": ""}',
              ("主队晋级", None, "103")),
    "wsc": ('{"target": {"span2_index": 7, "span1_index": 0, "span1_text": "小明", '
            '"span2_text": "他"}, "idx": 0, "label": "true", "text": '
            '"小明看见小红时他笑了。"}',
            '{"target": {"span2_index": 7, "span1_index": 0, "span1_text": "小明", '
            '"span2_text": "他"}, "id": 9, "text": "小明看见小红时他笑了。"}',
            ("_小明_看见小红时[他]笑了。", None, "true")),
}
SAMPLES.update(lcqmc_pair=SAMPLES["lcqmc"], ocnli=SAMPLES["cmnli"])
LCQMC = tasks.TASKS["lcqmc"]


def write(folder, text, name="train.txt", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return str(path)


def fields(examples):
    return [tuple(example[1:4]) for example in examples]


@pytest.mark.parametrize("name", sorted(tasks.TASKS))
def test_every_task_reads_its_sample_in_all_three_splits(tmp_path, name):
    assert name in SAMPLES, "add a sample record of task %s" % name
    labelled, unlabelled, (text_a, text_b, label) = SAMPLES[name]
    task = tasks.TASKS[name]
    for split in tasks.SPLITS:
        filename = task.files[split][0]
        rows = [labelled if split != "test" else unlabelled] * 3
        write(tmp_path, "\n".join(rows) + "\n", filename)
        path = task.find_file(str(tmp_path), split)
        examples, skipped = tasks.read_examples(
            task, path, needs_labels=split != "test")
        expected = label if split != "test" else None
        assert fields(examples) == [(text_a, text_b, expected)] * 3
        assert [example.line for example in examples] == [1, 2, 3]
        assert skipped == []


@pytest.mark.parametrize("name", sorted(tasks.TASKS))
def test_a_labelled_test_file_keeps_its_labels(tmp_path, name):
    labelled, _, (_, _, label) = SAMPLES[name]
    path = write(tmp_path, labelled, "test.txt")
    examples, _ = tasks.read_examples(tasks.TASKS[name], path, needs_labels=False)
    assert [example.label for example in examples] == [label]


def test_label_order_fixes_the_ids_of_published_heads():
    labels = {name: task.labels for name, task in tasks.TASKS.items()}
    assert labels["lcqmc"] == labels["afqmc"] == labels["csl"] == ["0", "1"]
    for name in ("xnli", "xnli_tsv", "cmnli", "ocnli"):
        assert labels[name] == ["contradiction", "entailment", "neutral"]
    assert labels["tnews"][4:6] == ["104", "106"] and len(labels["tnews"]) == 15
    assert "111" not in labels["tnews"] and labels["tnews"][-1] == "116"
    assert labels["iflytek"][118] == "118" and len(labels["iflytek"]) == 119
    assert labels["wsc"] == ["true", "false"]


@pytest.mark.parametrize("first, second, expected", [
    (("小明", 0), ("他", 2), "_小明_[他]来了"),
    (("他", 2), ("小明", 0), "[小明]_他_来了"),
    (("他来了", 2), ("来", 3), "小明_他[来]了_"),
])
def test_wsc_marks_spans_in_both_orders(tmp_path, first, second, expected):
    path = write(tmp_path, '{"text": "小明他来了", "label": "false", "target": {'
                 '"span1_text": "%s", "span1_index": %d, '
                 '"span2_text": "%s", "span2_index": %d}}' % (first + second))
    (example,), _ = tasks.read_examples(tasks.TASKS["wsc"], path)
    assert example.text_a == expected
    kept = [expected[begin:end] for begin, end in example.keep]
    assert sorted(text[0] + text[-1] for text in kept) == ["[]", "__"]
    assert sorted(re.sub(r"[_\[\]]", "", text) for text in kept) == sorted(
        [first[0], second[0]])


def test_a_span_that_is_not_at_its_index_is_a_bad_row(tmp_path):
    path = write(tmp_path, '{"text": "小明他来了", "label": true, "target": {"span1_text":'
                 ' "小明", "span1_index": 1, "span2_text": "他", "span2_index": 2}}')
    with pytest.raises(errors.InputError, match="train.txt:1: span '小明' is not at"):
        tasks.read_examples(tasks.TASKS["wsc"], path)


def test_ids_come_from_the_record_else_from_the_row(tmp_path):
    rows = [PAIR % ', "id": "x7"', PAIR % ', "idx": 12', PAIR % ""]
    path = write(tmp_path, "\n".join(rows))
    examples, _ = tasks.read_examples(tasks.TASKS["afqmc"], path, needs_labels=False)
    assert [example.id for example in examples] == ["x7", 12, 2]


def test_undecided_rows_are_left_out_and_counted_but_predicted(tmp_path):
    rows = [PAIR % ', "label": "-"', PAIR % ', "label": "neutral"'] * 2
    path = write(tmp_path, "\n".join(rows))
    examples, skipped = tasks.read_examples(tasks.TASKS["cmnli"], path)
    assert [example.id for example in examples] == [1, 3]
    assert len(skipped) == 1 and "2 rows labelled '-'" in skipped[0]
    examples, skipped = tasks.read_examples(
        tasks.TASKS["cmnli"], path, needs_labels=False)
    assert [example.label for example in examples] == [None, "neutral"] * 2
    assert skipped == []


def test_xnli_tsv_keeps_chinese_rows_and_drops_the_header(tmp_path):
    header = "\t".join(["language", "gold_label"] + ["x"] * 4 + ["s1", "s2", "id"])
    rows = [header, XNLI_ROW % ("ar", "neutral"), XNLI_ROW % ("zh", "contradiction")]
    path = write(tmp_path, "\n".join(rows), "xnli.dev.tsv")
    (example,), _ = tasks.read_examples(tasks.TASKS["xnli_tsv"], path)
    assert (example.label, example.line, example.id) == ("contradiction", 3, 0)
    path = write(tmp_path, "premise\thypo\tlabel\n一\t二\tcontradictory\n")
    (example,), _ = tasks.read_examples(tasks.TASKS["xnli_tsv"], path)
    assert tuple(example[1:5]) == ("一", "二", "contradiction", 2)


def test_a_header_is_found_and_logged_and_a_first_row_is_kept(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path = write(tmp_path, "text_a\ttext_b\tlabel\na\tb\t0\n")
    (example,), _ = tasks.read_examples(LCQMC, path)
    assert tuple(example[:5]) == (0, "a", "b", "0", 2)
    assert "line 1 is a header" in caplog.text
    caplog.clear()
    examples, _ = tasks.read_examples(LCQMC, write(tmp_path, "a\tb\t0\nc\td\t1\n"))
    assert len(examples) == 2 and "is a header" not in caplog.text
    path = write(tmp_path, "sentence1\tsentence2\na\tb\n")
    (example,), _ = tasks.read_examples(LCQMC, path, needs_labels=False)
    assert tuple(example[:5]) == (0, "a", "b", None, 2)


def test_quotes_line_separators_and_windows_files_lose_no_row(tmp_path):
    text = '他说"好\tb\t1\r\na\u2028b\u0085\td"\t0\r\n"x\ty\t1\r\n\r\n \r\n'
    path = write(tmp_path, text, encoding="utf-8-sig")
    examples, _ = tasks.read_examples(LCQMC, path)
    assert fields(examples) == [
        ('他说"好', "b", "1"), ("a\u2028b\u0085", 'd"', "0"), ('"x', "y", "1")]


@pytest.mark.parametrize("row, message", [
    ("a\tb", "expected 3 columns, found 2"),
    ("a\tb\tc\t1", "expected 3 columns, found 4"),
    ("", "blank line"),
    ("\t\t", "blank line"),
    ("a\tb\t2", "label '2' is not one of the 2 known: 0, 1"),
    ("a\tb\t", "no label"),
])
def test_a_bad_row_is_an_error_with_its_place_or_is_listed(tmp_path, row, message):
    path = write(tmp_path, "a\tb\t0\n%s\nc\td\t1\n" % row)
    with pytest.raises(errors.InputError, match="train.txt:2: " + message):
        tasks.read_examples(LCQMC, path)
    examples, skipped = tasks.read_examples(LCQMC, path, skip_bad_rows=True)
    assert [example.id for example in examples] == [0, 2]
    assert skipped == ["%s:2: %s" % (path, message)]


@pytest.mark.parametrize("row, message", [
    ("{", "not JSON"), ("[1]", "expected a JSON object, found list"),
    ("", "blank line"),
    ('{"sentence1": "a", "label": 0}', "no field 'sentence2'"),
    ('{"sentence1": ["a"], "sentence2": "b", "label": 0}', "found list"),
    ('{"sentence1": null, "sentence2": "b", "label": 0}', "'sentence1' is null"),
    (PAIR % ', "label": 7', "label '7' is not one of"), (PAIR % "", "no label"),
])
def test_a_bad_json_row_names_its_line(tmp_path, row, message):
    path = write(tmp_path, "%s\n%s\n%s\n" % (PAIR % ', "label": 0', row,
                                             PAIR % ', "label": "1"'))
    with pytest.raises(errors.InputError, match="train.txt:2: .*" + message):
        tasks.read_examples(tasks.TASKS["afqmc"], path)


def test_a_file_to_predict_never_loses_a_row(tmp_path):
    path = write(tmp_path, "a\tb\n\nc\td\n")
    with pytest.raises(errors.InputError, match="train.txt:2: blank line"):
        tasks.read_examples(LCQMC, path, skip_bad_rows=True, needs_labels=False)
    path = write(tmp_path, "a\t\nc\td\n\n\n")
    examples, _ = tasks.read_examples(LCQMC, path, needs_labels=False)
    assert fields(examples) == [("a", "", None), ("c", "d", None)]


@pytest.mark.parametrize("text, encoding, message", [
    ("天气\tb\t1\n", "gb18030", "not UTF-8 .byte 0.*GB18030"),
    ("ab天\tb\t1\n", "gb18030", "not UTF-8 .byte 2.*iconv"),
    ("", "utf-8", "is empty"), ("\n \n", "utf-8", "is empty"),
    ("", "utf-8-sig", "is empty"),
    ("text_a\ttext_b\tlabel\n", "utf-8", "no row to use"),
])
def test_a_file_without_readable_rows_is_refused(tmp_path, text, encoding, message):
    path = write(tmp_path, text, encoding=encoding)
    with pytest.raises(errors.InputError, match="train.txt.*" + message):
        tasks.read_examples(LCQMC, path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(errors.InputError, match="nothing.txt cannot be read"):
        tasks.read_examples(LCQMC, str(tmp_path / "nothing.txt"))


def test_files_are_found_in_the_folder_or_one_below(tmp_path):
    task = tasks.TASKS["cmnli"]
    for folder in ("cmnli_public", "__MACOSX", ".hidden"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, "{}", "train.json")
    assert task.find_file(str(tmp_path), "train") == str(
        tmp_path / "cmnli_public" / "train.json")
    write(tmp_path, "{}", "train.json")
    assert task.find_file(str(tmp_path), "train") == str(tmp_path / "train.json")
    write(tmp_path, "a\tb\t1", "dev.tsv")
    assert LCQMC.find_file(str(tmp_path), "dev") == str(tmp_path / "dev.tsv")
    with pytest.raises(errors.InputError, match="test.txt or test.tsv.*cmnli_public"):
        LCQMC.find_file(str(tmp_path), "test")
    with pytest.raises(errors.InputError, match="is no folder"):
        task.find_file(str(tmp_path / "nothing"), "train")


@pytest.mark.parametrize("task, folder", [
    ("tnews", "tnews"), ("tnews", "tnews_public"), ("cmnli", "cmnli/cmnli_public"),
    ("wsc", "wsc"), ("wsc", "cluewsc2020"), ("wsc", "cluewsc2020_public"),
    ("wsc", "cluewsc2020/anything")])
def test_a_folder_of_many_tasks_gives_each_its_own(tmp_path, task, folder):
    for other in (folder, "afqmc", "ocnli"):
        (tmp_path / other).mkdir(parents=True)
        write(tmp_path / other, "{}", "train.json")
    assert tasks.TASKS[task].find_file(str(tmp_path), "train") == str(
        tmp_path / folder / "train.json")


def test_the_data_of_another_task_are_never_taken(tmp_path):
    (tmp_path / "ocnli").mkdir()
    write(tmp_path / "ocnli", "{}", "train.json")
    with pytest.raises(errors.InputError, match="no train data of task cmnli.*: ocnli"):
        tasks.TASKS["cmnli"].find_file(str(tmp_path), "train")


def test_what_is_submitted_has_the_names_that_clue_expects():
    names = {name: task.submissions(["test"])["test"]
             for name, task in tasks.TASKS.items() if task.submission}
    assert names == {
        "afqmc": ["afqmc_predict.json"], "cmnli": ["cmnli_predict.json"],
        "csl": ["csl_predict.json"], "iflytek": ["iflytek_predict.json"],
        "ocnli": ["ocnli_50k_predict.json"], "tnews": ["tnews_predict.json"],
        "wsc": ["cluewsc2020_predict.json"]}
    splits = ["dev", "test", "test1.0"]
    assert tasks.TASKS["wsc"].submissions(splits) == {
        "test": ["cluewsc2020_predict.json", "cluewsc11_predict.json"],
        "test1.0": ["cluewsc10_predict.json"]}
    assert tasks.TASKS["tnews"].submissions(splits) == {
        "test": ["tnews_predict.json", "tnews11_predict.json"],
        "test1.0": ["tnews10_predict.json"]}
    assert LCQMC.submissions(splits) == {}


def test_only_the_first_rows_are_read_where_a_number_is_given(tmp_path):
    path = write(tmp_path, "text_a\ttext_b\tlabel\na\tb\t0\nc\td\t1\nbad row\n")
    examples, _ = tasks.read_examples(LCQMC, path, max_rows=2)
    assert [example.line for example in examples] == [2, 3]


def test_the_log_counts_every_row_that_is_left_out(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    rows = [PAIR % ', "label": "-"'] * 3 + [PAIR % ', "label": "neutral"'] * 2
    tasks.read_examples(tasks.TASKS["cmnli"], write(tmp_path, "\n".join(rows)))
    assert "train.txt: 2 rows, 3 left out." in caplog.text


def test_two_folders_with_the_file_are_not_guessed_between(tmp_path):
    for folder in ("mine", "yours"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, "{}", "train.json")
    with pytest.raises(errors.InputError, match="which one"):
        tasks.TASKS["afqmc"].find_file(str(tmp_path), "train")


def examples_of(rows):
    return [tasks.Example(i, text, None, label, i + 1)
            for i, (text, label) in enumerate(rows)]


def test_learnt_labels_are_sorted_as_numbers_if_they_are():
    assert tasks.learn_labels(examples_of(
        [("a", "10"), ("b", "9"), ("c", "-1"), ("d", "9")])) == ["-1", "9", "10"]
    assert tasks.learn_labels(examples_of([("a", "10"), ("b", "9"), ("c", "x")])) == [
        "10", "9", "x"]
    with pytest.raises(errors.InputError, match="no training example has a label"):
        tasks.learn_labels(examples_of([("a", None)]))
    assert tasks.learn(LCQMC, examples_of([("a", "1")])) is LCQMC


def test_labels_come_back_from_their_file(tmp_path):
    path = str(tmp_path / "labels.txt")
    tasks.write_labels(path, ["正面", "#2", "a b"])
    tasks.write_labels(path, ["正面", "负 面", "a\u2028b"])
    assert tasks.read_labels(path) == ["正面", "负 面", "a\u2028b"]
    assert os.listdir(str(tmp_path)) == ["labels.txt"]
    with pytest.raises(errors.InputError, match="line break"):
        tasks.write_labels(path, ["a\nb"])
    with pytest.raises(errors.InputError, match="twice"):
        tasks.read_labels(write(tmp_path, "a\na\n", "twice.txt"))


def test_tasks_import_no_tensorflow():
    code = "import sys, tasks; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.call([sys.executable, "-c", code], cwd=ROOT) == 0
