#!/usr/bin/env bash
# Fine-tunes albert_tiny on CMRC2018 (answers cut out of passages), prints F1 and EM.
#
#   bash run_reading_comprehension_cmrc.sh [flags of run_reading_comprehension.py]
#
# CMRC_DIR=     folder with train.json, dev.json, test.json (or cmrc2018_train.json ..);
#               else CMRC2018 is downloaded, and where it cannot be reached a sample in
#               this repository takes its place
# OUTPUT_DIR=   instead of cmrc_output
# MODEL_DIR=, LAYOUT=, OVERWRITE=: see one_click.sh; ALBERT_TF=: see env.sh
set -euo pipefail
. "$(dirname "$0")/one_click.sh"
begin CMRC_DIR

data=${CMRC_DIR:-data/cmrc2018}
about=${CMRC_DIR:-CMRC2018 as published, in $data}
recipe=(--max_seq_length=512 --train_batch_size=32 --learning_rate=1e-4
    --num_train_epochs=3 --save_checkpoints_steps=200)
if [ -z "${CMRC_DIR:-}" ] && ! obtain reading cmrc2018 --to "$data"; then
    say "CMRC2018 cannot be reached from here: going on with the embedded sample."
    data=data/cmrc_sample
    about="$data, passages of our own: not comparable with CMRC2018"
    recipe=(--max_seq_length=128 --max_query_length=24 --doc_stride=32
        --max_answer_length=20 --train_batch_size=16 --learning_rate=2e-4
        --num_train_epochs=4 --save_checkpoints_steps=200)
fi
choose_model
run[0]=run_reading_comprehension.py
choose_output "${OUTPUT_DIR:-cmrc_output}"
dev=$(compgen -G "$data/*dev.json" | head -n 1) || { say "$data has no dev.json."; exit 2; }

"$PYTHON" "${run[@]}" --task_name=cmrc2018 --data_dir="$data" --do_train --do_eval \
    --do_predict --eval_batch_size=64 --predict_batch_size=64 "${recipe[@]}" "$@"

printf 'The sentence that overlaps most, on dev: '
"$PYTHON" -m tools.score_reading_comprehension "$dev" --baseline
printf 'The model, on dev:                      '
"$PYTHON" -m tools.score_reading_comprehension "$dev" "$output/dev_predictions.json"
printf '%s\n' "Data: $about." "Weights: $weights." "Results: $output, see report.html."
