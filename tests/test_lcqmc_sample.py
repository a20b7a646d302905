"""The embedded sample is what its generator writes, and what its README says."""

import os

import pytest

from tools import make_lcqmc_sample

FOLDER = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "lcqmc_sample")


def rows(split):
    with open(os.path.join(FOLDER, split + ".txt"), encoding="utf-8", newline="") as source:
        return [line.rstrip("\n").split("\t") for line in source]


def test_the_generator_writes_the_committed_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["make", "--output_dir", str(tmp_path)])
    make_lcqmc_sample.main()
    for split, _ in make_lcqmc_sample.SIZES:
        with open(os.path.join(FOLDER, split + ".txt"), "rb") as source:
            assert source.read() == (tmp_path / (split + ".txt")).read_bytes()


@pytest.mark.parametrize("split, size", make_lcqmc_sample.SIZES)
def test_a_split_has_its_size_its_format_and_both_labels(split, size):
    pairs = rows(split)
    assert len(pairs) == size
    assert all(len(row) == 3 and row[0] and row[1] and row[0] != row[1] for row in pairs)
    assert 0.46 < sum(row[2] == "1" for row in pairs) / float(size) < 0.54
    assert {row[2] for row in pairs} == {"0", "1"}


def test_no_pair_stands_twice_in_either_order():
    pairs = [tuple(sorted(row[:2])) for split, _ in make_lcqmc_sample.SIZES
             for row in rows(split)]
    assert len(set(pairs)) == len(pairs)


def test_counting_common_characters_does_not_solve_it():
    scored = [(make_lcqmc_sample.overlap(row[0], row[1]), row[2] == "1")
              for row in rows("train")]
    right = [sum((score > bound) == label for score, label in scored) / len(scored)
             for bound in [b / 50.0 for b in range(51)]]
    assert max(right) < 0.55  # much in common means the same
    assert 1.0 - min(right) < 0.67  # little in common means the same
    positive = [score for score, label in scored if label]
    negative = [score for score, label in scored if not label]
    assert sum(positive) / len(positive) < sum(negative) / len(negative)


def test_every_kind_has_six_intents_of_six_wordings_about_ten_things():
    kinds = make_lcqmc_sample.read_kinds(os.path.join(
        make_lcqmc_sample.FOLDER, "lcqmc_sample_texts.txt"))
    assert len(kinds) == 12
    for things, intents in kinds:
        assert len(set(things)) == 10 and len(intents) == 6
        for wordings in intents:
            assert len(set(wordings)) == 6
            assert all(wording.count("{}") == 1 for wording in wordings)
