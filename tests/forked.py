"""Runs our scripts without the seconds that importing TensorFlow takes each time.

A process that has imported it, and done nothing else, forks for each run; the child
runs the script as `python script.py` would. `Scripts` is the side of the tests.
"""

import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Scripts(object):
    """Use as a context; `run` takes [script, argument ...]."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", os.path.abspath(__file__)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True,
            env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="2"))
        return self

    def __exit__(self, *_):
        self.process.communicate()

    def run(self, arguments):
        """(exit code, standard output and error together)."""
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()
        return tuple(json.loads(self.process.stdout.readline()))


def serve():
    sys.path.insert(0, ROOT)
    for name in ("tensorflow.compat.v1", "matplotlib.pyplot", "tqdm",
                 "tensorflow_estimator.python.estimator.api._v1"):
        importlib.import_module(name)
    for line in iter(sys.stdin.readline, ""):
        with tempfile.TemporaryFile() as said:
            child = os.fork()
            if not child:
                os._exit(_run(json.loads(line), said.fileno()))
            status = os.waitpid(child, 0)[1]
            said.seek(0)
            text = said.read().decode("utf-8")
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        print(json.dumps([code, text]), flush=True)


def _run(arguments, output):
    for number in (1, 2):
        os.dup2(output, number)
    sys.argv = arguments
    code = 0
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # as the interpreter does: any exception is printed
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    serve()
