"""Parts and shards: nothing is lost, order is random, files appear when complete."""

import collections
import os
import struct

import pytest

import errors
import records
import shards


def examples(first, last):
    return [struct.pack("<I", number) for number in range(first, last)]


def numbers(path):
    with open(path, "rb") as stream:
        return [struct.unpack("<I", frame[12:-4])[0]
                for frame in iter(lambda: records.read_frame(stream), b"")]


def test_documents_are_spread_by_their_text_and_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_SPREAD_BYTES", 100)  # many small flushes
    documents = [["第%d篇。" % number, "a\u2028b \x0b\ud800"] for number in range(200)]

    def spread(name, order):
        shards.spread_documents(order, 1, 5, lambda part: str(
            tmp_path / ("%s-%d" % (name, part))))
        return [list(shards.read_part(str(tmp_path / ("%s-%d" % (name, part)))))
                for part in range(5)]

    parts = spread("forth", documents)
    assert sorted(sum(parts, [])) == sorted(documents)
    assert min(map(len, parts)) > 20
    assert [sorted(part) for part in spread("back", documents[::-1])] == [
        sorted(part) for part in parts]


def test_a_part_that_fits_the_buffer_is_shuffled_evenly(tmp_path):
    path = str(tmp_path / "part")
    places = collections.Counter()
    for seed in range(300):
        assert shards.shuffle_to(path, examples(0, 10), seed) == 10
        found = numbers(path)
        assert sorted(found) == list(range(10))
        places[found.index(0)] += 1
    assert len(places) == 10 and max(places.values()) < 60


def test_a_bounded_buffer_loses_nothing_and_moves_records_far(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_SHUFFLE_BYTES", 100 * 20)
    path = str(tmp_path / "part")
    shards.shuffle_to(path, examples(0, 2000), 1)
    found = numbers(path)
    assert sorted(found) == list(range(2000))
    moved = [abs(place - number) for place, number in enumerate(found)]
    assert 50 < sum(moved) / len(moved) < 200


def test_merged_parts_are_a_random_whole(tmp_path):
    parts = []
    for part, (first, last) in enumerate([(0, 300), (300, 1000), (1000, 1001), (0, 0)]):
        path = str(tmp_path / ("part-%d" % part))
        parts.append((path, shards.shuffle_to(path, examples(first, last), part)))
    target = str(tmp_path / "shard")
    shards.merge_to(target, parts, 1, "")
    found = numbers(target)
    assert sorted(found) == list(range(1001))
    # The small part is spread over the whole, in proportion.
    small = [place for place, number in enumerate(found) if number < 300]
    assert 110 < sum(place < 500 for place in small) < 190
    shards.merge_to(str(tmp_path / "again"), parts, 1, "")
    assert numbers(str(tmp_path / "again")) == found


def test_compressed_shards_have_the_same_bytes_each_time(tmp_path):
    part = str(tmp_path / "part")
    sizes = [(part, shards.shuffle_to(part, examples(0, 100), 1))]
    for name in ("one", "two"):
        shards.merge_to(str(tmp_path / name), sizes, 1, "GZIP")
    one = (tmp_path / "one").read_bytes()
    assert one == (tmp_path / "two").read_bytes()
    assert one.startswith(b"\x1f\x8b")


def test_a_file_gets_its_name_when_it_is_complete(tmp_path):
    path = str(tmp_path / "file")
    with pytest.raises(KeyboardInterrupt):
        with shards.writing_to(path) as temporary:
            with open(temporary, "w") as out:
                out.write("half")
            raise KeyboardInterrupt
    assert os.listdir(str(tmp_path)) == []
    with shards.writing_to(path) as temporary:
        assert not os.path.exists(path)
        with open(temporary, "w") as out:
            out.write("whole")
    assert os.listdir(str(tmp_path)) == ["file"]


def test_a_folder_that_is_not_there_is_the_users_mistake(tmp_path):
    with pytest.raises(errors.InputError, match="none/file cannot be written"):
        shards.shuffle_to(str(tmp_path / "none" / "file"), examples(0, 1), 1)
