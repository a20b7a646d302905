"""A disk that is full in the middle of a run: one message, and the same command goes on.

A limit on the size of a file stands for the full disk; what the system says is alike.
"""

import os

import pytest

from tests import toy


@pytest.mark.parametrize("kibibytes", [
    2,  # is too small for the record of the run, which Python writes
    30,  # for a checkpoint, which TensorFlow writes
])
def test_one_message_and_resume_goes_on(tmp_path, kibibytes):
    toy.setup(tmp_path, embedding_size=64)
    command = toy.command(tmp_path, do_train=True, do_eval=True)
    code, said = toy.run(
        ["bash", "-c", "ulimit -f %d; exec \"$@\"" % kibibytes, "bash"] + command)
    assert code == 2 and "Traceback" not in said, said
    assert "error: --output_dir=%s cannot be written" % (tmp_path / "output") in said, said
    assert "File too large. Make room" in said, said
    code, said = toy.run(command + ["--resume"])
    assert code == 0 and os.path.exists(str(tmp_path / "output" / "eval_results.txt")), said
