#!/usr/bin/env bash
# Sets up and runs the tests on the TensorFlow that env.sh picks (ALBERT_TF=1|2: that).
#   bash run_tests.sh [pytest's arguments]
set -euo pipefail
cd "$(dirname "$0")"
export ALBERT_DEV=1
. ./env.sh
"$PYTHON" -c 'import platform, numpy, tensorflow as tf
print("TensorFlow", tf.__version__, "on Python", platform.python_version())'
[ $# -gt 0 ] || set -- tests test_changes.py
"$PYTHON" -m pytest -q -n 2 --dist loadfile "$@"
