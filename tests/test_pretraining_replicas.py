"""Several devices and several machines update as one does with the whole batch."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests import toy
from tests import toy_pretraining

WRAPPER = os.path.join(toy.ROOT, "tests", "two_virtual_devices.py")


def weights(folder, step):
    reader = tf.train.load_checkpoint(os.path.join(str(folder), "model.ckpt-%d" % step))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def command(tmp_path, name, **flags):
    values = dict(do_eval=False, num_warmup_steps=0, num_train_steps=2, learning_rate=0.01,
                  optimizer="lamb", train_batch_size=16, output_dir=tmp_path / name,
                  init_checkpoint=tmp_path / "start" / "model.ckpt-1", vocab_file=None)
    return toy_pretraining.command(tmp_path, **dict(values, **flags))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The folder where one process made two updates, from the weights in start/."""
    folder = tmp_path_factory.mktemp("replicas")
    # Rows of one length: they make the same batches however they are shared.
    toy_pretraining.setup(folder)
    rows = [r for r in toy_pretraining.rows(4000, 9) if len(r["input_ids"]) == 20][:64]
    toy_pretraining.write_rows(folder / "train.tfrecord", rows)
    for name, steps, start in (("start", 1, None), ("one", 2, folder / "start")):
        code, said = toy.run(command(
            folder, name, num_train_steps=steps, init_checkpoint=start))
        assert code == 0, said
    return folder


def check(folder, name):
    one, other, start = weights(folder / "one", 2), weights(folder / name, 2), weights(
        folder / "start", 1)
    assert sorted(one) == sorted(other) and other["global_step"] == 2
    moved = max(np.abs(one[k] - start[k]).max() for k in start if k in one)
    assert moved > 1e-3
    differences = {k: np.abs(one[k] - other[k]).max() for k in one}
    print("%s: moved by %.1e, differs by %.1e" % (name, moved, max(differences.values())))
    assert max(differences.values()) <= 1e-5, differences


@pytest.mark.parametrize("slices", [1, 2])
def test_two_mirrored_devices_update_as_one(alone, slices):
    arguments = command(alone, "mirrored%d" % slices, accumulate_steps=slices)
    code, said = toy.run(arguments[:3] + [WRAPPER] + arguments[3:])
    assert code == 0 and "8 a device, %d at a time" % (8 // slices) in said, said
    check(alone, "mirrored%d" % slices)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def test_two_processes_of_tf_config_update_as_one(alone):
    workers = ["127.0.0.1:%d" % port for port in free_ports(2)]
    processes = []
    for index in (0, 1):
        config = {"cluster": {"worker": workers}, "task": {"type": "worker",
                                                           "index": index}}
        # Both name the same folder; only the first writes to it.
        processes.append(subprocess.Popen(
            command(alone, "machines", do_eval=True, save_checkpoints_steps=1),
            env=dict(os.environ, TF_CONFIG=json.dumps(config)), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, universal_newlines=True))
    said = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    assert "held-out loss" in said[0] and "held-out loss" not in said[1]
    check(alone, "machines")


def test_two_processes_of_horovod_update_as_one(alone):
    pytest.importorskip("horovod.tensorflow")
    horovodrun = os.path.join(os.path.dirname(sys.executable), "horovodrun")
    code, said = toy.run([horovodrun, "--gloo", "-np", "2"] + command(
        alone, "horovod", use_horovod=True, accumulate_steps=2, do_eval=True,
        save_checkpoints_steps=1))
    assert code == 0 and said.count("8 a device, 4 at a time") == 2, said
    assert said.count("Step 2: held-out loss") == 1, said
    check(alone, "horovod")


def test_a_broken_tf_config_is_one_message(alone):
    arguments = command(alone, "broken")
    for config in ("{", '{"cluster": {"worker": ["a:1", "b:2"]}}',
                   '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "ps"}}'):
        code, said = toy.run(arguments, env=dict(os.environ, TF_CONFIG=config))
        assert code == 2 and "TF_CONFIG" in said and "Traceback" not in said
    assert not os.path.exists(str(alone / "broken"))
