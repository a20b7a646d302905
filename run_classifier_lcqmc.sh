#!/usr/bin/env bash
# Fine-tunes albert_tiny on LCQMC (do two questions mean the same?), prints accuracies.
#
#   bash run_classifier_lcqmc.sh [flags of run_classifier.py]
#
# LCQMC_DIR=    folder with train.txt, dev.txt, test.txt; else LCQMC is downloaded, and
#               where it cannot be reached a sample in this repository takes its place
# OUTPUT_DIR=   instead of lcqmc_output
# MODEL_DIR=, LAYOUT=, OVERWRITE=: see one_click.sh; ALBERT_TF=: see env.sh
set -euo pipefail
. "$(dirname "$0")/one_click.sh"
begin LCQMC_DIR

data=${LCQMC_DIR:-data/lcqmc} steps=1000
about=${LCQMC_DIR:-LCQMC as published, in $data}
if [ -z "${LCQMC_DIR:-}" ] && ! obtain lcqmc --to "$data"; then
    say "LCQMC cannot be reached from here: going on with the embedded sample."
    data=data/lcqmc_sample steps=250
    about="$data, sentences of our own: not comparable with LCQMC"
fi
choose_model
choose_output "${OUTPUT_DIR:-lcqmc_output}"
# From random weights a higher rate or fewer updates can stay at chance.
case $pretrained in yes) batch=64 ;; no) batch=32 ;; esac

"$PYTHON" "${run[@]}" --task_name=lcqmc --data_dir="$data" --max_seq_length=128 \
    --do_train --do_eval --do_predict --train_batch_size="$batch" --eval_batch_size=64 \
    --predict_batch_size=64 --learning_rate=1e-4 --num_train_epochs=5 \
    --save_checkpoints_steps="$steps" "$@"

"$PYTHON" -m tools.show_accuracy "$output"
printf '%s\n' "Data: $about." "Weights: $weights." "Results: $output, see report.html."
