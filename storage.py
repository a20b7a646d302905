"""Files on this machine, or where tf.gfile reaches: a TPU reads and writes gs:// alone.

Local paths never import TensorFlow.
"""

import glob
import os
import shutil


def _gfile():
    import tensorflow.compat.v1 as tf  # seconds: only for paths that need it
    return tf.gfile


def is_remote(path):
    return "://" in path


def open_file(path, mode="r"):
    """Text is UTF-8 and its line ends are kept."""
    if is_remote(path):
        return _gfile().GFile(path, mode)
    if "b" in mode:
        return open(path, mode)
    return open(path, mode, encoding="utf-8", newline="")


def exists(path):
    return _gfile().Exists(path) if is_remote(path) else os.path.exists(path)


def is_folder(path):
    return _gfile().IsDirectory(path) if is_remote(path) else os.path.isdir(path)


def list_folder(path):
    if is_remote(path):
        return [name.rstrip("/") for name in _gfile().ListDirectory(path)]
    return os.listdir(path)


def find(pattern):
    """Sorted paths that match a pattern."""
    return sorted(_gfile().Glob(pattern) if is_remote(pattern) else glob.glob(pattern))


def size(path):
    return _gfile().Stat(path).length if is_remote(path) else os.path.getsize(path)


def make_folder(path):
    """Raises OSError where it cannot be made."""
    if is_remote(path):
        _gfile().MakeDirs(path)
    else:
        os.makedirs(path, exist_ok=True)


def replace(source, target):
    """`target` becomes what `source` was."""
    if is_remote(target):
        _gfile().Rename(source, target, overwrite=True)
    else:
        os.replace(source, target)


def remove(path):
    if is_remote(path):
        _gfile().Remove(path)
    else:
        os.remove(path)


def remove_folder(path):
    if is_remote(path):
        _gfile().DeleteRecursively(path)
    else:
        shutil.rmtree(path)
