#!/usr/bin/env bash
# Makes pre-training records of a text: a sentence a line, a blank line between documents.
#
#   bash create_pretrain_data.sh [flags of create_pretraining_data.py]
#
# INPUT=    text files or globs, separated by commas; else data/news_zh_1.txt
# OUTPUT=   file to write; else data/news_zh_1.tfrecord
# WORKERS=  processes; else one for each processor
set -euo pipefail
[ -z "${OUTPUT:-}" ] || OUTPUT=$(realpath -m "$OUTPUT")
# Globs and commas stay; what is not absolute is meant from here.
INPUT=$(sed -E "s,(^|\,)([^/\,]),\1$(pwd | sed 's/[,&\\]/\\&/g')/\2,g" <<<"${INPUT:-}")
cd "$(dirname "$0")"
. ./env.sh

"$PYTHON" create_pretraining_data.py \
    --input_file="${INPUT:-data/news_zh_1.txt}" \
    --output_file="${OUTPUT:-data/news_zh_1.tfrecord}" \
    --vocab_file=albert_config/vocab.txt --num_workers="${WORKERS:-$(nproc)}" \
    --max_seq_length=512 --max_predictions_per_seq=51 --masked_lm_prob=0.10 "$@"
