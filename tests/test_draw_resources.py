"""The pictures of the READMEs: their numbers are those of the config files."""

import json
import os
import shutil

import matplotlib.axes
import pytest

from tests import golden_variables
from tests import readme
from tests import toy
from tools import draw_architecture
from tools import draw_resources
from tools import model_variables

PICTURES = ("architecture.png", "mlm_sop.png", "model_sizes.png", "parameters.png")
with open(golden_variables.PATH) as source:
    GOLDEN = json.load(source)


@pytest.fixture
def texts(monkeypatch):
    """What is written into the pictures."""
    written = []
    text = matplotlib.axes.Axes.text

    def remember(axes, x, y, said, *args, **kwargs):
        written.append(said.strip())
        return text(axes, x, y, said, *args, **kwargs)

    monkeypatch.setattr(matplotlib.axes.Axes, "text", remember)
    return written


def total(config_file):
    return sum(map(model_variables.count, GOLDEN[config_file].values()))


def test_the_sizes_are_those_of_all_config_files(tmp_path, texts):
    draw_resources.draw_model_sizes(str(tmp_path / "a.png"))
    assert sorted(texts) == sorted(
        ["%.1f M, %.1f MiB" % (total(name) / 1e6, total(name) * 4 / 2.0 ** 20)
         for name in GOLDEN if name != "bert_config.json"] + 2 * ["110 M (quoted)"])


def test_another_config_file_changes_the_picture(tmp_path, monkeypatch, texts):
    folder = tmp_path / "albert_config"
    shutil.copytree(model_variables.CONFIG_FOLDER, str(folder))
    path = str(folder / "albert_config_tiny.json")
    with open(path) as source:
        config = json.load(source)
    toy.write(path, json.dumps(dict(config, hidden_size=624)))
    monkeypatch.setattr(model_variables, "CONFIG_FOLDER", str(folder))
    draw_resources.draw_model_sizes(str(tmp_path / "a.png"))
    before = "%.1f M, %.1f MiB" % (total("albert_config_tiny.json") / 1e6, 16.4)
    assert len(texts) == 13 and before not in texts


@pytest.mark.parametrize("name", ["albert_config_tiny.json",
                                  "albert_config_tiny_google.json"])
def test_every_parameter_of_tiny_has_a_purpose(name):
    purposes = draw_resources.count_purposes(GOLDEN[name])
    assert sum(purposes.values()) == total(name)
    assert all(purposes.values())
    hidden, intermediate = 312, 1248
    assert purposes["self-attention"] == 4 * (hidden + 1) * hidden
    assert purposes["norms of the layer"] == 4 * hidden
    assert purposes["feed-forward"] == (
        2 * hidden * intermediate + hidden + intermediate)


def test_what_was_not_measured_here_is_labelled_as_quoted(tmp_path):
    assert all("quoted" in result.source for result in draw_resources.QUOTED)
    assert draw_resources.read_results(str(tmp_path)) == []
    toy.write(tmp_path / draw_resources.RESULTS, json.dumps([
        {"name": "tiny", "masked_lm_accuracy": 0.5, "sentence_order_accuracy": 0.75}]))
    result, = draw_resources.read_results(str(tmp_path))
    assert result == ("tiny", 0.5, 0.75, "measured here")


def test_measured_results_are_drawn_beside_the_quoted_ones(tmp_path, texts):
    measured = draw_resources.Result("tiny", 0.5, 0.75, "measured here")
    draw_resources.draw_mlm_sop(
        str(tmp_path / "a.png"), draw_resources.QUOTED + [measured])
    assert texts == ["79.1", "99.0", "80.9", "98.6", "50.0", "75.0"]


def test_the_three_changes_are_drawn_with_the_numbers_of_base(tmp_path, texts):
    draw_architecture.draw(str(tmp_path / "a.png"))
    layer = sum(model_variables.count(shape) for name, shape
                in GOLDEN["albert_config_base.json"].items() if "/layer_shared/" in name)
    for number in (21128 * 768, 21128 * 128 + 128 * 768, layer, 12 * layer):
        assert "%.1f M parameters" % (number / 1e6) in texts
    assert "word table\n21,128 x 128" in texts and "one layer,\nused 12 times" in texts


def test_drawing_twice_gives_the_same_small_files(tmp_path):
    pictures = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert draw_resources.main(["--to", str(tmp_path / name)]) == 0
        assert tuple(sorted(os.listdir(str(tmp_path / name)))) == PICTURES
        pictures.append([(tmp_path / name / picture).read_bytes()
                         for picture in PICTURES])
    assert pictures[0] == pictures[1]
    assert all(len(picture) < 150000 for picture in pictures[0])


def test_the_pictures_are_in_the_repository():
    for picture in PICTURES:
        path = os.path.join(readme.ROOT, "resources", picture)
        assert 1000 < os.path.getsize(path) < 150000
