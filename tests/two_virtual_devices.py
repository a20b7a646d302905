"""Runs a script as if its machine had two devices: `… two_virtual_devices.py SCRIPT ARGS`
mirrors training over two virtual CPU devices, as --num_gpus=2 does over two GPUs."""

import os
import runpy
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import tensorflow.compat.v1 as tf

import devices


def of_two(_):
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    return devices.Distribution(strategy, 2, 1, 0, True)


def session_config(*_):
    return tf.ConfigProto(device_count={"CPU": 2}, allow_soft_placement=True)


if __name__ == "__main__":
    devices._of_gpus, devices.session_config = of_two, session_config
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
