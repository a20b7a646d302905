"""Each of the three checks fails where its idea is broken, and the script says so."""

import pytest

import masking
import modeling
import modeling_google
import shards
import test_changes
import transformer


def wrong(check):
    return [finding.what for finding in check() if not finding.is_right]


def change_default(monkeypatch, config_class, **values):
    monkeypatch.setattr(config_class, "DEFAULTS", dict(config_class.DEFAULTS, **values))


def change_pairs(monkeypatch, change):
    """Lets `change` have each pair of a document before it is masked."""
    make = masking.make_pairs
    monkeypatch.setattr(masking, "make_pairs", lambda document, *arguments: (
        change(pair, document) for pair in make(document, *arguments)))


@pytest.mark.parametrize("config_class, value", [
    (modeling.BertConfig, dict(share_parameter_across_layers=False)),
    (modeling_google.AlbertConfig, dict(num_hidden_groups=12))])
def test_layers_that_do_not_share_fail(monkeypatch, config_class, value):
    change_default(monkeypatch, config_class, **value)
    assert wrong(test_changes.shared_layers) == [
        "layout %s, shared" % config_class.layout]


@pytest.mark.parametrize("model_class", [
    modeling.BertModel, modeling_google.AlbertModel])
def test_layers_that_share_when_they_should_not_fail(monkeypatch, model_class):
    encode = model_class.encode

    def encode_shared(self, x, bias):
        self.config.share_parameter_across_layers = True
        self.config.num_hidden_groups = 1
        return encode(self, x, bias)

    monkeypatch.setattr(model_class, "encode", encode_shared)
    assert [what for what in wrong(test_changes.shared_layers) if "its own" in what]


def test_an_encoder_of_one_layer_instead_of_twelve_fails(monkeypatch):
    encode = modeling.BertModel.encode
    monkeypatch.setattr(modeling.BertModel, "encode", lambda self, x, bias:
                        encode(self, x, bias)[:1])
    assert wrong(test_changes.shared_layers) == [
        "layout B, shared, layers that are run"]


@pytest.mark.parametrize("config_class", [
    modeling.BertConfig, modeling_google.AlbertConfig])
def test_a_table_that_is_not_factorised_fails(monkeypatch, config_class):
    change_default(monkeypatch, config_class, embedding_size=4096)
    assert wrong(test_changes.factorised_embedding) == [
        "V x E + E x H, layout %s" % config_class.layout]


def test_a_projection_that_is_missing_fails(monkeypatch):
    dense = transformer.dense
    monkeypatch.setattr(transformer, "dense", lambda x, width, scope, *rest: dense(
        x, width, scope.replace("embedding_hidden_mapping_in", "other"), *rest))
    assert wrong(test_changes.factorised_embedding) == ["V x E + E x H, layout G"]


def test_sentences_that_are_never_swapped_fail(monkeypatch):
    change_pairs(monkeypatch, lambda pair, document: masking.Pair(
        min(pair.first, pair.second), max(pair.first, pair.second), masking.IN_ORDER))
    assert wrong(test_changes.sentence_order) == ["share of swapped pairs"]


def test_labels_that_say_the_opposite_fail(monkeypatch):
    change_pairs(monkeypatch, lambda pair, document: pair._replace(
        is_swapped=1 - pair.is_swapped))
    assert [what for what in wrong(test_changes.sentence_order) if "the label" in what]


def test_documents_that_run_into_each_other_fail(monkeypatch):
    read_part = shards.read_part
    monkeypatch.setattr(shards, "read_part", lambda path: [
        [line for lines in read_part(path) for line in lines]])
    assert wrong(test_changes.sentence_order) == [
        "with both segments from one document",
        "in the order that the label says (0 kept, 1 swapped)"]


def test_the_script_prints_each_number_and_succeeds(capsys):
    assert test_changes.main() == 0
    said = capsys.readouterr().out
    for number in ("125,976,576", "10,498,048", "122,880,000", "4,364,288"):
        assert number in said
    assert "FAILED" not in said and said.endswith("All passed.\n")


def test_the_script_fails_where_a_check_does(monkeypatch, capsys):
    finding = test_changes.Finding("a number", "1", "2", False)
    monkeypatch.setattr(test_changes, "CHANGES", [("a change", lambda: [finding])])
    assert test_changes.main() == 1
    assert "FAILED  a number" in capsys.readouterr().out
