#!/usr/bin/env bash
# Records of numbered texts, a run for each: TEXT_DIR/PREFIX_N.txt, N = FROM..TO.
#
#   bash resources/shell_scripts/create_pretrain_data_batch.sh FROM TO [flags]
#
# TEXT_DIR=   folder of the texts; else data
# OUTPUT_DIR= folder of the records; else TEXT_DIR
# PREFIX=     else news_zh
# A machine of a job array takes its own FROM and TO. Runs that are complete are left as
# they are, an interrupted one goes on; flags go to create_pretraining_data.py.
set -euo pipefail
usage="usage: bash $0 FROM TO [flags]; FROM and TO are numbers, FROM <= TO"
[[ ${1:-} =~ ^[0-9]+$ && ${2:-} =~ ^[0-9]+$ ]] && [ "$1" -le "$2" ] ||
    { echo "$usage" >&2; exit 2; }
from=$1 to=$2
shift 2
root=$(realpath "$(dirname "$0")/../..")
texts=$(realpath -m "${TEXT_DIR:-$root/data}")
output=$(realpath -m "${OUTPUT_DIR:-$texts}")
prefix=${PREFIX:-news_zh}

for ((number = from; number <= to; number++)); do
    [ -e "$texts/${prefix}_$number.txt" ] ||
        { echo "$texts/${prefix}_$number.txt is missing." >&2; exit 2; }
done
for ((number = from; number <= to; number++)); do
    INPUT="$texts/${prefix}_$number.txt" OUTPUT="$output/${prefix}_$number.tfrecord" \
        bash "$root/create_pretrain_data.sh" --masked_lm_prob=0.15 \
        --max_predictions_per_seq=76 --resume "$@"
done
