"""Checkpoints: found by any of their names, refused where they do not fit, stripped."""

import logging
import os
import shutil

import numpy
import pytest
import tensorflow.compat.v1 as tf

import checkpoints
import errors
import modeling

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
DATA = ".data-00000-of-00001"


def golden(folder, name="albert_model.ckpt"):
    return os.path.join(GOLDEN, folder, name)


def write(prefix, values):
    """A checkpoint of {name: array}, written by TensorFlow's own saver."""
    with tf.Graph().as_default(), tf.Session() as session:
        variables = [tf.get_variable(name, initializer=tf.constant(value))
                     for name, value in sorted(values.items())]
        session.run(tf.global_variables_initializer())
        tf.train.Saver(variables).save(session, str(prefix), write_state=False)
    return str(prefix)


def read(prefix):
    reader = tf.train.load_checkpoint(prefix)
    return {n: reader.get_tensor(n) for n in reader.get_variable_to_shape_map()}


def copy(folder, tmp_path, target="albert_model.ckpt"):
    for suffix in (".index", DATA):
        shutil.copy(golden(folder) + suffix, str(tmp_path / (target + suffix)))
    return str(tmp_path / target)


def model_shapes(folder, name="classifier.ckpt"):
    return checkpoints.list_variables(golden(folder, name))


def plan(path, folder, shapes=None, layout="B", **options):
    return checkpoints.plan_warm_start(
        path, shapes or model_shapes(folder), layout, "config.json", **options)


def refusal(function, *args, **kwargs):
    with pytest.raises(errors.InputError) as caught:
        function(*args, **kwargs)
    return str(caught.value)


# Finding.

@pytest.mark.parametrize("suffix", ["", ".index", ".meta", DATA])
def test_a_prefix_and_each_of_its_files_name_the_checkpoint(tmp_path, suffix):
    prefix = write(tmp_path / "albert_model.ckpt", {"bert/a": 1.0})
    assert checkpoints.find_checkpoint(prefix + suffix) == prefix


@pytest.mark.parametrize("named", [
    "/home/somebody/gone/b.ckpt", "b.ckpt", "./b.ckpt", "C:\\\\models\\\\b.ckpt"])
def test_a_folder_names_what_its_state_file_names_wherever_that_was(tmp_path, named):
    for name in ("a.ckpt", "b.ckpt", "model.ckpt-7"):
        copy("google_shared", tmp_path, name)
    (tmp_path / "checkpoint").write_text(u'model_checkpoint_path: "%s"\n' % named)
    assert checkpoints.find_checkpoint(str(tmp_path)) == str(tmp_path / "b.ckpt")


def test_a_moved_folder_with_a_chinese_name_is_found(tmp_path):
    old = tmp_path / u"旧"
    old.mkdir()
    prefix = copy("google_shared", old, u"模型.ckpt")
    tf.train.update_checkpoint_state(str(old), prefix)
    copy("google_shared", old, "other.ckpt")
    old.rename(tmp_path / u"新 folder")
    assert checkpoints.find_checkpoint(str(tmp_path / u"新 folder")) == str(
        tmp_path / u"新 folder" / u"模型.ckpt")


@pytest.mark.parametrize("state", [
    None, b"<html>", b"\xff\xfe\x00", b'model_checkpoint_path: "/gone/model.ckpt-3"\n'])
def test_without_a_useful_state_file_the_highest_number_is_newest(tmp_path, state):
    for name in ("model.ckpt-9", "model.ckpt-10", "model.ckpt-best", "a.ckpt"):
        copy("google_shared", tmp_path, name)
    if state:
        (tmp_path / "checkpoint").write_bytes(state)
    assert checkpoints.find_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-10")


def test_the_only_checkpoint_of_a_folder_needs_no_number(tmp_path):
    prefix = copy("google_shared", tmp_path)
    assert checkpoints.find_checkpoint(str(tmp_path)) == prefix


def test_several_unnumbered_checkpoints_are_listed(tmp_path):
    copy("google_shared", tmp_path, "a.ckpt")
    copy("google_shared", tmp_path, "b.ckpt")
    assert "a.ckpt, b.ckpt" in refusal(checkpoints.find_checkpoint, str(tmp_path))


def test_a_wrong_name_suggests_what_is_there(tmp_path):
    prefix = copy("google_shared", tmp_path)
    copy("google_shared", tmp_path, "zzz")
    said = refusal(checkpoints.find_checkpoint, str(tmp_path / "bert_model.ckpt"))
    assert "Did you mean %s?" % prefix in said


@pytest.mark.parametrize("path", ["", "model.ckpt", "absent/model.ckpt"])
def test_a_place_without_any_checkpoint_says_so(tmp_path, path):
    said = refusal(checkpoints.find_checkpoint, os.path.join(str(tmp_path), path))
    assert "no folder" in said if "absent" in path else (
        "holds none" in said or "holds no checkpoint" in said)


def test_steps_come_from_the_names_and_other_names_do_not_disturb(tmp_path):
    for name in ("model.ckpt-100", "model.ckpt-20", "model.ckpt-best", "x-5", "a.ckpt"):
        copy("google_shared", tmp_path, name)
    assert checkpoints.all_checkpoints(str(tmp_path)) == [
        (20, str(tmp_path / "model.ckpt-20")), (100, str(tmp_path / "model.ckpt-100"))]
    assert checkpoints.all_checkpoints(str(tmp_path / "absent")) == []


# Damage.

@pytest.mark.parametrize("suffix, damage", [
    (".index", lambda data: data[:500]), (".index", lambda data: b""),
    (".index", lambda data: b"<html>" * 300), (DATA, lambda data: data[:-1]),
    (DATA, lambda data: b""), (DATA, None)])
def test_incomplete_files_are_refused_by_name(tmp_path, suffix, damage):
    prefix = copy("google_shared", tmp_path)
    with open(prefix + suffix, "rb") as source:
        data = source.read()
    os.remove(prefix + suffix)
    if damage:
        with open(prefix + suffix, "wb") as out:
            out.write(damage(data))
    for function in (checkpoints.find_checkpoint, checkpoints.list_variables):
        assert prefix in refusal(function, prefix)


def test_a_changed_value_is_refused_before_anything_starts_from_it(tmp_path):
    prefix = copy("google_shared", tmp_path)
    with open(prefix + DATA, "r+b") as data:
        data.seek(10)
        data.write(b"\x55\xaa\x55")
    assert "damaged" in refusal(plan, prefix, "google_shared", layout="G")
    assert "damaged" in refusal(checkpoints.strip, prefix, str(tmp_path / "slim" / "a"))
    assert not os.path.exists(str(tmp_path / "slim" / "a.index"))


# What is inside.

def test_variables_are_listed_with_their_shapes():
    shapes = checkpoints.list_variables(golden("google_shared"))
    assert shapes["bert/embeddings/word_embeddings"] == [120, 8]
    assert len(shapes) == 32


@pytest.mark.parametrize("folder, layout", [
    ("brightmart_postln", "B"), ("brightmart_preln", "B"), ("google_shared", "G"),
    ("google_groups", "G")])
def test_the_layout_is_told_from_the_names(folder, layout):
    names = checkpoints.list_variables(golden(folder))
    assert checkpoints.detect_layout(names) == layout


def test_names_of_neither_layout_have_none():
    assert checkpoints.detect_layout(
        ["bert/embeddings/word_embeddings", "bert/encoder/layer_0/output/bias"]) is None


def test_slots_step_and_counters_are_training_only_and_weights_are_not():
    kernel = "bert/pooler/dense/kernel"
    for slot in ("adam_m", "adam_v", "lamb_m", "lamb_v"):
        assert checkpoints.is_training_only(kernel + "/" + slot)
    for name in ("global_step", "accum/micro_step", "current_loss_scale", "good_steps"):
        assert checkpoints.is_training_only(name)
    for folder in os.listdir(GOLDEN):
        if os.path.exists(golden(folder) + ".index"):
            for name in checkpoints.list_variables(golden(folder)):
                assert not checkpoints.is_training_only(name)


# Warm start.

def test_an_encoder_is_loaded_the_head_is_new_and_the_old_heads_are_unused(caplog):
    with caplog.at_level(logging.INFO):
        start = plan(golden("brightmart_postln"), "brightmart_postln")
    assert start.prefix == golden("brightmart_postln")
    assert len(start.assignment) == 24
    assert all(theirs == ours for theirs, ours in start.assignment)
    assert start.new == ["output_bias", "output_weights"]
    assert len(start.unused) == 7 and all(n.startswith("cls/") for n in start.unused)
    assert "24 loaded, 2 new (output_bias, output_weights), 7 unused" in caplog.text


def test_slots_and_step_are_neither_loaded_nor_reported(tmp_path):
    values = read(golden("brightmart_postln"))
    values.update({name + "/adam_m": value for name, value in list(values.items())},
                  global_step=numpy.int64(7))
    start = plan(write(tmp_path / "model.ckpt-7", values), "brightmart_postln")
    assert len(start.assignment) == 24 and len(start.unused) == 7


@pytest.mark.parametrize("weights, model, layout, script", [
    ("google_shared", "brightmart_postln", "B", "run_classifier_sp_google.py"),
    ("brightmart_postln", "google_shared", "G", "run_classifier.py")])
def test_weights_of_the_other_layout_name_both_files_and_the_script(
        weights, model, layout, script):
    said = refusal(plan, golden(weights), model, layout=layout)
    assert golden(weights) in said and "config.json" in said and script in said


def test_nothing_in_common_with_the_encoder_is_refused(tmp_path):
    renamed = {"albert/" + n: v for n, v in read(golden("google_shared")).items()
               if "transformer" not in n and "mapping" not in n}
    prefix = write(tmp_path / "a.ckpt", renamed)
    assert "none of the 25 encoder variables" in refusal(
        plan, prefix, "google_shared", layout="G")


def test_a_half_of_the_encoder_is_refused_with_what_lacks(tmp_path):
    values = read(golden("google_shared"))
    prefix = write(tmp_path / "a.ckpt",
                   {n: v for n, v in values.items() if "ffn_1" not in n})
    said = refusal(plan, prefix, "google_shared", layout="G")
    assert "lacks 4 of the 25" in said and "ffn_1/intermediate/dense/bias" in said


def test_weights_deeper_than_the_config_are_refused():
    said = refusal(plan, golden("google_groups"), "google_shared", layout="G")
    assert "does not describe" in said and "group_1" in said


def test_a_shape_that_differs_names_variable_shapes_and_files():
    shapes = dict(model_shapes("brightmart_postln"))
    shapes["bert/embeddings/word_embeddings"] = [121, 8]
    said = refusal(plan, golden("brightmart_postln"), None, shapes)
    for part in ("bert/embeddings/word_embeddings", "[120, 8]", "[121, 8]",
                 "config.json", golden("brightmart_postln")):
        assert part in said


def test_a_head_for_other_labels_says_so():
    shapes = dict(model_shapes("brightmart_postln"), output_bias=[2])
    said = refusal(plan, golden("brightmart_postln", "classifier.ckpt"), None, shapes)
    assert "output_bias" in said and "other labels" in said


def test_every_group_can_start_from_group_0():
    shared = golden("google_shared")
    start = plan(shared, "google_groups", layout="G", init_from_group0=True)
    of = {ours: theirs for theirs, ours in start.assignment}
    base = "bert/encoder/transformer/group_%d/inner_group_%d/LayerNorm/beta"
    assert {of[base % (g, i)] for g in (0, 1) for i in (0, 1)} == {base % (0, 0)}
    assert of["bert/pooler/dense/bias"] == "bert/pooler/dense/bias"
    assert "lacks" in refusal(plan, shared, "google_groups", layout="G")


def test_the_assignment_map_of_the_ancestors_is_importable_from_modeling(tmp_path):
    prefix = write(tmp_path / "a.ckpt", {"bert/a": 1.0, "bert/b": 2.0})
    with tf.Graph().as_default():
        tvars = [tf.get_variable(name, []) for name in ("bert/a", "output_bias")]
        assignment, initialized = modeling.get_assignment_map_from_checkpoint(
            tvars, prefix)
        tf.train.init_from_checkpoint(prefix, assignment)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            assert session.run(tvars[0]) == 1.0
    assert dict(assignment) == {"bert/a": "bert/a"}
    assert initialized == {"bert/a": 1, "bert/a:0": 1}


# Stripping.

def trained(tmp_path):
    values = {"bert/kernel": numpy.float32([[1.5, float("nan")], [-0.0, 1e-42]]),
              "output_bias": numpy.float32([3, 4]), "half": numpy.float16([0.1])}
    values.update({"bert/kernel/%s" % slot: numpy.float32([[1, 2], [3, 4]])
                   for slot in ("adam_m", "adam_v", "lamb_m", "lamb_v")})
    values["global_step"] = numpy.int64(30)
    return values, write(tmp_path / "model.ckpt-30", values)


def test_a_stripped_checkpoint_keeps_the_weights_bit_for_bit_and_nothing_else(tmp_path):
    values, prefix = trained(tmp_path)
    checkpoints.strip(prefix, str(tmp_path / "best" / "model.ckpt-30"))
    slim = read(str(tmp_path / "best" / "model.ckpt-30"))
    assert sorted(slim) == ["bert/kernel", "half", "output_bias"]
    for name, value in slim.items():
        assert value.dtype == values[name].dtype
        assert value.tobytes() == values[name].tobytes()


def test_a_stripped_folder_can_be_moved_and_holds_three_files(tmp_path):
    _, prefix = trained(tmp_path)
    checkpoints.strip(prefix, str(tmp_path / "best" / "a.ckpt"))
    (tmp_path / "best").rename(tmp_path / "moved")
    assert sorted(os.listdir(str(tmp_path / "moved"))) == [
        "a.ckpt" + DATA, "a.ckpt.index", "checkpoint"]
    assert tf.train.latest_checkpoint(str(tmp_path / "moved")) == str(
        tmp_path / "moved" / "a.ckpt")


def test_stripping_again_replaces_what_was_there(tmp_path, monkeypatch):
    _, prefix = trained(tmp_path)
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        checkpoints.strip("model.ckpt-30", os.path.join("best", "a.ckpt"))
    other = write(tmp_path / "other", {"bert/a": 5.0})
    checkpoints.strip(other, os.path.join("best", "a.ckpt"))
    assert read(os.path.join("best", "a.ckpt")) == {"bert/a": 5.0}


def test_stripping_does_not_touch_the_folder_a_run_resumes_from(tmp_path):
    _, prefix = trained(tmp_path)
    before = sorted(os.listdir(str(tmp_path)))
    assert "own folder" in refusal(checkpoints.strip, prefix, str(tmp_path / "slim"))
    assert sorted(os.listdir(str(tmp_path))) == before


def test_a_checkpoint_without_weights_is_not_stripped(tmp_path):
    prefix = write(tmp_path / "a", {"global_step": numpy.int64(1)})
    target = str(tmp_path / "b" / "c")
    assert "no variable" in refusal(checkpoints.strip, prefix, target)


@pytest.mark.parametrize("folder", ["brightmart_postln", "google_groups"])
def test_published_weights_pass_through_stripping_unchanged(tmp_path, folder):
    checkpoints.strip(golden(folder), str(tmp_path / "a.ckpt"))
    for suffix in (".index", DATA):
        with open(golden(folder) + suffix, "rb") as source, open(
                str(tmp_path / ("a.ckpt" + suffix)), "rb") as target:
            assert len(source.read()) == len(target.read())
    source, target = read(golden(folder)), read(str(tmp_path / "a.ckpt"))
    assert sorted(source) == sorted(target)
    assert all(source[name].tobytes() == target[name].tobytes() for name in source)


@pytest.mark.parametrize("change, is_refused", [(0.0, False), (0.5, True)])
def test_a_mapping_that_changes_nothing_may_be_left_and_another_may_not(
        tmp_path, change, is_refused):
    model = {"bert/embeddings/word_embeddings": [4, 2],
             "bert/encoder/transformer/group_0/inner_group_0/LayerNorm/beta": [2]}
    values = {name: numpy.ones(shape, numpy.float32) for name, shape in model.items()}
    values["bert/encoder/embedding_hidden_mapping_in/kernel"] = (
        numpy.eye(2, dtype=numpy.float32) + numpy.float32(change))
    values["bert/encoder/embedding_hidden_mapping_in/bias"] = numpy.zeros(2, numpy.float32)
    prefix = str(tmp_path / "m.ckpt")
    checkpoints.write(values, prefix)
    if is_refused:
        with pytest.raises(errors.InputError, match="mapping_in/kernel"):
            checkpoints.plan_warm_start(prefix, model, "G", "c.json")
    else:
        plan = checkpoints.plan_warm_start(prefix, model, "G", "c.json")
        assert len(plan.assignment) == 2
