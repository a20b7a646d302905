"""The check of CLUE submissions: what is right passes, each mistake has its message."""

import json
import os
import zipfile

import pytest

import tasks
from tests import toy
from tools import clue_check

SAMPLE = os.path.join(toy.ROOT, "data", "clue_sample")
AFQMC, CSL, TNEWS, WSC = ("afqmc_predict.json", "csl_predict.json",
                          "tnews_predict.json", "cluewsc2020_predict.json")


def answers(task, label):
    """The lines of a submission that answers every test row of the sample."""
    task = tasks.TASKS[task]
    examples, _ = tasks.read_examples(
        task, task.find_file(SAMPLE, "test"), needs_labels=False)
    return [json.dumps({"id": example.id, "label": label}) for example in examples]


def good():
    return {AFQMC: answers("afqmc", "1"), CSL: answers("csl", "0"),
            TNEWS: answers("tnews", "103"), WSC: answers("wsc", "false")}


def pack(folder, files):
    """submission.zip of {name: lines, or bytes}."""
    path = str(folder / "submission.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for name, lines in files.items():
            archive.writestr(name, lines if isinstance(lines, bytes) else
                             "".join(line + "\n" for line in lines))
    return path


def run(path, capsys, *arguments):
    code = clue_check.main([path] + list(arguments or ["--data", SAMPLE]))
    said = capsys.readouterr()
    return code, said.out + said.err


def test_a_right_submission_passes_with_and_without_the_data(tmp_path, capsys):
    path = pack(tmp_path, good())
    assert run(path, capsys) == (0, path + ": nothing is wrong.\n")
    code = clue_check.main([path])
    assert code == 0 and "ids were not compared" in capsys.readouterr().out


def changed(name, line, text):
    """The good submission with one line exchanged, or left out."""
    files = good()
    files[name][line - 1:line] = [] if text is None else [text]
    return files


def renamed(old, new):
    files = good()
    files[new] = files.pop(old)
    return files


WRONG = {
    "a wrong file name": (
        renamed(WSC, "wsc_predict.json"),
        ["wsc_predict.json is no name that CLUE knows; the file of task wsc is "
         "cluewsc2020_predict.json"]),
    "a missing line": (
        changed(CSL, 2, None),
        ["csl_predict.json:59: 59 lines for 60 test rows: 1 too few",
         "csl_predict.json: no line for id 3001 (line 2 of the test data)"]),
    "an extra line": (
        dict(good(), **{AFQMC: good()[AFQMC] + ['{"id": 60, "label": "1"}']}),
        ["afqmc_predict.json:61: id 60 is not in the test data",
         "afqmc_predict.json:61: 61 lines for 60 test rows: 1 too many"]),
    "a wrong id": (
        changed(TNEWS, 4, '{"id": 999, "label": "103"}'),
        ["tnews_predict.json:4: id 999 is not in the test data",
         "tnews_predict.json: no line for id 4 (line 4 of the test data)"]),
    "a duplicate id": (
        changed(TNEWS, 4, '{"id": 1, "label": "103"}'),
        ["tnews_predict.json:4: id 1 stands in line 1 already",
         "tnews_predict.json: no line for id 4 (line 4 of the test data)"]),
    "a label outside the set": (
        changed(TNEWS, 7, '{"id": 7, "label": "105"}'),
        ["tnews_predict.json:7: label '105' is not one of the 15 of tnews: 100, 101"]),
    "an integer label": (
        changed(AFQMC, 3, '{"id": 2, "label": 1}'),
        ['afqmc_predict.json:3: label 1 must be a text in quotes: "1"']),
    "broken JSON": (
        changed(AFQMC, 3, '{"id": 2, "label": "1"'),
        ["afqmc_predict.json:3: not JSON:",
         "afqmc_predict.json: no line for id 2 (line 3 of the test data)"]),
    "a nested folder": (
        renamed(AFQMC, "submission/" + AFQMC),
        ["submission/afqmc_predict.json is in a folder; the files must lie at"]),
    "no object": (
        changed(AFQMC, 3, "[2]"),
        ["afqmc_predict.json:3: expected an object, found list",
         "afqmc_predict.json: no line for id 2"]),
    "no label": (
        changed(AFQMC, 3, '{"id": 2}'), ["afqmc_predict.json:3: no field 'label'",
                                         "afqmc_predict.json: no line for id 2"]),
    "a field too many": (
        changed(AFQMC, 3, '{"id": 2, "label": "1", "score": 1}'),
        ["afqmc_predict.json:3: unknown field 'score'"]),
    "an id that is no number": (
        changed(AFQMC, 3, '{"id": true, "label": "1"}'),
        ["afqmc_predict.json:3: id true must be a number or a text",
         "afqmc_predict.json: no line for id 2"]),
    "GBK": (dict(good(), **{AFQMC: "标签".encode("gb18030")}),
            ["afqmc_predict.json: not UTF-8 (byte 0)"]),
    "a byte-order mark": (
        dict(good(), **{AFQMC: b"\xef\xbb\xbf" + "\n".join(good()[AFQMC]).encode()}),
        ["afqmc_predict.json:1: begins with a byte-order mark"]),
    "nothing": ({}, ["submission.zip: it holds no file"]),
}


@pytest.mark.parametrize("mistake", sorted(WRONG))
def test_a_wrong_submission_is_refused_with_file_and_line(tmp_path, capsys, mistake):
    files, messages = WRONG[mistake]
    code, said = run(pack(tmp_path, files), capsys)
    assert code == 1 and "Traceback" not in said
    assert len(said.splitlines()) == len(messages), said
    for line, message in zip(said.splitlines(), messages):
        assert message in line


def test_each_of_the_nine_mistakes_has_its_own_message():
    first = [messages[0] for _, messages in WRONG.values()]
    assert len(set(first)) == len(WRONG) >= 9


def test_a_file_twice_in_the_archive_is_found(tmp_path, capsys):
    path = pack(tmp_path, good())
    with pytest.warns(UserWarning), zipfile.ZipFile(path, "a") as archive:
        archive.writestr(AFQMC, "")
    code, said = run(path, capsys)
    assert code == 1 and "afqmc_predict.json stands there 2 times" in said


def test_what_is_no_zip_file_is_said_in_one_line(tmp_path, capsys):
    whole = pack(tmp_path, good())
    with open(whole, "rb") as source:
        content = source.read()
    for content in (content[:200], b"<html>"):
        (tmp_path / "x.zip").write_bytes(content)
        code, said = run(str(tmp_path / "x.zip"), capsys)
        assert code == 1 and "not a whole zip file" in said and said.count("\n") == 1


def test_a_mistake_in_the_call_exits_2(tmp_path, capsys):
    path = pack(tmp_path, good())
    assert run(str(tmp_path / "nothing.zip"), capsys)[0] == 2
    assert run(path, capsys, "--data", str(tmp_path / "nowhere"))[0] == 2
    code, said = run(path, capsys, "--data", str(tmp_path))
    assert code == 2 and "no test data of task afqmc" in said


def test_both_versions_of_a_test_set_are_compared_with_their_own_rows(tmp_path, capsys):
    folder = tmp_path / "data" / "tnews"
    folder.mkdir(parents=True)
    for name, ids in (("test.json", (7, 8)), ("test1.0.json", (0, 1, 2))):
        toy.write(folder / name, "".join(
            '{"id": %d, "sentence": "主队晋级"}\n' % id_ for id_ in ids))
    lines = {ids: ['{"id": %d, "label": "103"}' % id_ for id_ in ids]
             for ids in ((7, 8), (0, 1, 2))}
    files = {"tnews_predict.json": lines[7, 8], "tnews11_predict.json": lines[7, 8],
             "tnews10_predict.json": lines[0, 1, 2]}
    data = ["--data", str(tmp_path / "data")]
    assert run(pack(tmp_path, files), capsys, *data)[0] == 0
    files["tnews10_predict.json"] = lines[7, 8]
    code, said = run(pack(tmp_path, files), capsys, *data)
    assert code == 1 and "tnews10_predict.json:2: 2 lines for 3 test rows" in said
