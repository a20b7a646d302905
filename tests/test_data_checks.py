"""What is suspicious about examples is said; what is sound is not."""

import logging

import pytest

import data_checks
import tasks


def examples_of(rows):
    return [tasks.Example(i, text, None, label, i + 1)
            for i, (text, label) in enumerate(rows)]


def test_sound_data_gives_no_warning_and_its_label_histogram(caplog):
    caplog.set_level(logging.INFO)
    rows = [("a%d" % i, "01"[i % 2]) for i in range(40)]
    splits = {"train": examples_of(rows[:20]), "dev": examples_of(rows[20:30]),
              "test": examples_of([(text, None) for text, _ in rows[30:]])}
    assert data_checks.check_examples(splits) == []
    assert "train labels: 0 10 (50.0 %), 1 10 (50.0 %)" in caplog.text


@pytest.mark.parametrize("splits, message", [
    ({"train": [("a", "0"), ("b", "0")]}, "train: every row has the label '0'"),
    ({"train": [("a", "0"), ("b", "1")], "dev": [("c", "1")]}, "dev: every row"),
    ({"train": [("a", "0"), ("b", "1"), ("c", "2")], "dev": [("d", "0"), ("e", "1")]},
     "dev has no row labelled 2"),
    ({"train": [("a", "0")] + [("a%d" % i, "1") for i in range(30)]},
     "train: 96.8 % of the rows have the label '1'"),
    ({"train": [("a", "0"), ("b", "1")], "dev": [("a", "0"), ("c", "1"), ("c", "1")]},
     "1 of the 2 texts of dev are in train too"),
    ({"dev": [("a", "0"), ("b", "1")], "test": [("a", "0"), ("b", "1")]},
     "dev and test are the same rows"),
    ({"train": [(" ", "0"), ("b", "1")]}, "train: 1 rows have an empty text"),
])
def test_suspicious_data_is_warned_about(splits, message):
    warnings = data_checks.check_examples(
        {split: examples_of(rows) for split, rows in splits.items()})
    assert [warning for warning in warnings if warning.startswith(message)], warnings
    assert len(warnings) == 1
