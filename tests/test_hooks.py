"""What watches a run: history across a resume, the progress line, NaN, signals."""

import glob
import io
import json
import logging
import os
import signal
import sys

import pytest
import tensorflow.compat.v1 as tf

import errors
import hooks


def test_a_resumed_run_forgets_what_was_measured_after_its_last_checkpoint(tmp_path):
    history = hooks.History(str(tmp_path), 0)
    for step in (1, 2, 3):
        history.add(step=step, loss=1.0 / step)
    history.add(step=2, eval_accuracy=0.5)
    resumed = hooks.History(str(tmp_path), 2)
    assert [row["step"] for row in resumed.rows] == [1, 2, 2]
    assert resumed.evaluations() == [{"step": 2, "eval_accuracy": 0.5}]
    resumed.add(step=3, loss=0.1)
    with open(resumed.path) as source:
        assert [json.loads(line)["step"] for line in source] == [1, 2, 2, 3]


def test_a_line_that_was_cut_off_by_a_kill_is_left_out(tmp_path):
    history = hooks.History(str(tmp_path), 0)
    history.add(step=1, loss=1.0)
    with open(history.path, "a") as out:
        out.write('{"step": 2, "lo')
    assert hooks.History(str(tmp_path), 9).rows == [{"step": 1, "loss": 1.0}]


def run_steps(watching, count, loss_of_step):
    """Runs a graph whose loss is a function of the step, as training would."""
    with tf.Graph().as_default():
        with tf.variable_scope("", use_resource=True):  # as the scripts have it
            step = tf.train.get_or_create_global_step()
        update = tf.assign_add(step, 1)
        with tf.control_dependencies([update]):
            loss = loss_of_step(tf.cast(step.read_value(), tf.float32))
        train = hooks.observed(update, loss, tf.constant(0.25))
        with tf.train.MonitoredSession(hooks=watching) as session:
            done = 0
            while done < count and not session.should_stop():
                session.run(train)
                done += 1
    return done


def test_progress_is_kept_with_loss_rate_and_speed(tmp_path):
    history = hooks.History(str(tmp_path), 0)
    hook = hooks.ProgressHook(6, 8, history, rows_wanted=3)
    run_steps([hook], 6, lambda step: step * 2.0)
    losses = {row["step"]: row["loss"] for row in history.rows}
    assert losses == {2: 4.0, 4: 8.0, 6: 12.0}
    assert all(row["learning_rate"] == 0.25 and row["examples_per_second"] > 0
               for row in history.rows)


def test_a_loss_that_is_no_number_stops_with_step_rate_and_remedy(tmp_path):
    history = hooks.History(str(tmp_path), 0)
    with pytest.raises(errors.InputError) as caught:
        run_steps([hooks.ProgressHook(9, 8, history)], 9,
                  lambda step: tf.where(step < 4.0, step, step / 0.0))
    message = str(caught.value)
    for phrase in ("inf at step 4", "0.25", str(tmp_path), "up to step 2",
                   "--learning_rate"):
        assert phrase in message
    assert [row["step"] for row in history.rows] == [1, 2, 3]


def test_without_a_terminal_lines_tell_step_and_time_left(
        tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(hooks, "SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    caplog.set_level(logging.INFO)
    history = hooks.History(str(tmp_path), 0)
    run_steps([hooks.ProgressHook(2, 8, history)], 2, lambda step: step)
    lines = [record.getMessage() for record in caplog.records
             if record.getMessage().startswith("Step")]
    assert [line.split(":")[0] for line in lines] == ["Step 1 of 2", "Step 2 of 2"]
    assert lines[1].endswith("0s left.")


@pytest.mark.parametrize("seconds, text", [
    (0.4, "0s"), (59.4, "59s"), (59.6, "1m00s"), (185, "3m05s"), (3599.7, "1h00m"),
    (7620, "2h07m")])
def test_durations_read_easily(seconds, text):
    assert hooks.duration(seconds) == text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_after_its_step_and_handlers_return(number):
    before = signal.getsignal(number)

    class Kill(tf.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            os.kill(os.getpid(), number)

    stop = hooks.StopOnSignalHook()
    assert run_steps([Kill(), stop], 9, lambda step: step) == 1
    assert stop.received == number
    assert signal.getsignal(number) is before


def test_training_ends_when_the_action_after_a_checkpoint_says_so(tmp_path):
    calls = []
    listener = hooks.AfterCheckpoint(lambda: calls.append(0) or len(calls) == 2)
    saver = tf.train.CheckpointSaverHook(
        str(tmp_path), save_steps=3, listeners=[listener])
    assert run_steps([saver], 30, lambda step: step) < 10
    assert len(calls) == 2


def test_scalars_are_written_for_tensorboard(tmp_path):
    hooks.write_scalars(str(tmp_path), 7, {"eval_accuracy": 0.5})
    path, = glob.glob(str(tmp_path / "events.out.tfevents.*"))
    found = [(event.step, value.tag, value.simple_value)
             for event in tf.train.summary_iterator(path)
             for value in event.summary.value]
    assert found == [(7, "eval_accuracy", 0.5)]
