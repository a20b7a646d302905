#!/usr/bin/env bash
# Are the records of the Beam pipeline those of the local program? Installs
# requirements-beam.txt in an environment of its own, runs both, compares multisets.
#
#   bash resources/shell_scripts/check_beam.sh [TEXT]
set -euo pipefail
text=$(realpath "${1:-$(dirname "$0")/../../data/news_zh_1.txt}")
cd "$(dirname "$0")/../.."
. ./env.sh
beam=.venv/beam
if [ ! -e "$beam/done" ]; then
    "$PYTHON" -m venv --clear "$beam"
    "$beam/bin/python" -m pip install --quiet --requirement requirements-beam.txt
    touch "$beam/done"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(--vocab_file=albert_config/vocab.txt --input_file="$text" --max_seq_length=128)
"$PYTHON" create_pretraining_data.py "${flags[@]}" --output_file="$work/local.tfrecord"
"$beam/bin/python" create_pretraining_data_beam.py "${flags[@]}" \
    --output_file="$work/beam" --num_shards=3
"$PYTHON" - "$work" <<'END'
import collections, glob, sys
import records

def multiset(pattern):
    found = collections.Counter()
    for path in glob.glob(pattern):
        with open(path, "rb") as stream:
            found.update(iter(lambda: records.read_frame(stream), b""))
    return found

local = multiset(sys.argv[1] + "/local.tfrecord")
beam = multiset(sys.argv[1] + "/beam-*.tfrecord")
print("%d records by the local program, %d by Beam: %s" % (
    sum(local.values()), sum(beam.values()),
    "the same multiset" if local == beam else "THEY DIFFER"))
sys.exit(not local or local != beam)
END
