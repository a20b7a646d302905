"""What the report says of counts that are known."""

import json
import types

import data_report
import masking


def counts():
    found = data_report.Counts()
    found.add_document(["一", "二", "三"], 40, ["“", "“", "龘"])
    found.add_document(["四"], 10, [])
    found.add_instances([
        masking.Instance([101] + [5] * 18 + [102], 10, 1, [1, 2], [5, 5], 1, [1], [2]),
        masking.Instance([101] + [9] * 8 + [102], 5, 0, [1, 2, 3], [9] * 3, 0, [2],
                         [2, 1]),
    ], mask_id=9)
    found.add_instances([], mask_id=9)
    return found


def test_rates_are_those_of_the_counts():
    summary = data_report.summarize(counts(), max_seq_length=20, dupe_factor=1)
    assert summary["documents"] == 2 and summary["documents_without_pair"] == 1
    assert summary["sentences_per_document"] == 2
    assert summary["unknown_share"] == 3 / 50
    assert summary["instances"] == 2 and summary["swapped_share"] == 0.5
    assert summary["tokens_per_instance"] == 15 and summary["padding_share"] == 0.25
    assert abs(summary["unused_text_share"] - (1 - 24 / 50)) < 1e-9
    assert summary["masked_tokens"] == 5
    assert summary["kept_share"] == 1 / 5


def test_counts_add_up_through_json():
    total = data_report.Counts()
    for _ in range(2):
        total.add(data_report.Counts(**json.loads(json.dumps(counts().as_json()))))
    assert total.totals["masked"] == 10
    assert total.histograms["tokens_per_word"] == {2: 4, 1: 2}
    assert total.histograms["unknowns"] == {"“": 4, "龘": 2}


def test_the_text_names_what_matters():
    found = counts()
    summary = data_report.summarize(found, max_seq_length=20, dupe_factor=1)
    text = data_report.describe(found, summary, seconds=4)
    for part in ("2, of 2.0 sentences; 1 gave no pair",
                 "6.00%; most frequent: “ 2  龘 1",
                 "swapped pairs          50.00%", "1: 33.3 %  2: 66.7 %",
                 "0 instances/s a worker"):
        assert part in text


def test_braces_and_control_characters_can_be_unknown():
    found = data_report.Counts()
    found.add_document(["x"], 3, ["{x}", "\u200d", ""])
    summary = data_report.summarize(found, 20, 1)
    text = data_report.describe(found, summary, seconds=None)
    assert "{x} 1" in text and "U+200D 1" in text and "? 1" in text


def test_unknowns_stay_bounded_and_keep_the_frequent(monkeypatch):
    monkeypatch.setattr(data_report, "_MAX_UNKNOWNS", 10)
    found = data_report.Counts()
    for number in range(100):
        found.add_document(["x"], 2, ["often", str(number)])
    assert len(found.histograms["unknowns"]) <= 20
    assert found.histograms["unknowns"]["often"] == 100


def test_the_picture_is_drawn_also_of_nothing(tmp_path):
    for name, found in (("some", counts()), ("none", data_report.Counts())):
        path = str(tmp_path / name)
        data_report.draw(found, data_report.summarize(found, 20, 1), path)
        with open(path, "rb") as stream:
            assert stream.read(8) == b"\x89PNG\r\n\x1a\n"


def test_progress_says_rate_and_time_left(caplog, monkeypatch):
    clock = iter([0.0, 10.0, 20.0])
    monkeypatch.setattr(data_report, "time", types.SimpleNamespace(
        time=lambda: next(clock)))
    with caplog.at_level("INFO"):
        progress = data_report.Progress(40 * 10 ** 6)
        progress.tell(10 ** 7, {"documents": 50, "instances": 500})
        progress.tell(10 ** 7, {"documents": 100, "instances": 1000})
    assert [record.getMessage() for record in caplog.records] == [
        "10.0 of 40.0 MB: 1.00 MB/s, 5 documents/s, 50 instances/s, 0:00:30 left",
        "20.0 of 40.0 MB: 1.00 MB/s, 5 documents/s, 50 instances/s, 0:00:20 left"]
