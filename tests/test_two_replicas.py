"""Data parallelism: two virtual devices do what one does."""

import subprocess
import sys

import pytest

import optimization


@pytest.mark.parametrize("optimizer", sorted(optimization.OPTIMIZERS))
def test_two_replicas_update_like_one_device_with_the_whole_batch(optimizer):
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.two_replicas", optimizer],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert result.returncode == 0, result.stdout[-2000:]
    assert "differs by" in result.stdout
