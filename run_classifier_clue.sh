#!/usr/bin/env bash
# Fine-tunes and predicts the tasks of CLUE; leaves a summary and submission.zip.
#
#   bash run_classifier_clue.sh [TASK..] [flags of run_classifier.py]
#
# CLUE_DIR=    folder with TASK/{train,dev,test}.json; else CLUE is downloaded, and where
#              it cannot be reached a sample in this repository takes its place
# OUTPUT_DIR=  instead of clue_output: a folder for each task; a finished one is kept
# EPOCHS=, SEEDS=3, LEARNING_RATES=2e-5,1e-4, MAX_ROWS=: instead of the recipe below
# MODEL_DIR=, LAYOUT=, OVERWRITE=: see one_click.sh; ALBERT_TF=: see env.sh
set -euo pipefail
. "$(dirname "$0")/one_click.sh"
begin CLUE_DIR

# task   length batch rate epochs checkpoint-steps: for a pre-trained albert_tiny
recipes='afqmc 128 16 2e-5 3 300
cmnli    128 64 3e-5  2 300
csl      128 16 1e-5  5 100
iflytek  128 32 2e-5  3 300
tnews    128 16 2e-5  3 300
wsc      128 16 1e-5 10  10'
choose_tasks "$(cut -d' ' -f1 <<<"$recipes")" "$@"

data=${CLUE_DIR:-data/clue} about=${CLUE_DIR:-CLUE as published, in data/clue}
if [ -z "${CLUE_DIR:-}" ] && ! obtain_some clue "${tasks[@]}" --to "$data"; then
    say "CLUE cannot be reached from here: going on with the embedded sample."
    data=data/clue_sample about="$data, sentences of our own: this is not CLUE"
fi
choose_model
output=${OUTPUT_DIR:-clue_output} failed=
again=(--resume); [ "${OVERWRITE:-}" != 1 ] || again=(--overwrite_output_dir)
while read -r task length batch rate epochs steps <&3; do
    [[ " ${tasks[*]} " = *" $task "* ]] || continue
    if [ "$pretrained" = no ]; then batch=32 rate=1e-4; fi  # lower ones stay at chance
    if [ "$data" = data/clue_sample ]; then epochs=15 steps=40; fi
    say "== $task"
    "$PYTHON" "${run[@]}" --task_name="$task" --data_dir="$data" \
        --output_dir="$output/$task" "${again[@]}" --do_train --do_eval --do_predict \
        --max_seq_length="$length" --train_batch_size="$batch" --eval_batch_size=64 \
        --predict_batch_size=64 --learning_rate="${LEARNING_RATES:-$rate}" \
        --num_train_epochs="${EPOCHS:-$epochs}" --save_checkpoints_steps="$steps" \
        --num_seeds="${SEEDS:-1}" ${MAX_ROWS:+--max_rows="$MAX_ROWS"} "${flags[@]}" ||
        { stop_if_interrupted $?; failed+=" $task"; }
done 3<<<"$recipes"
[ -z "$failed" ] || say "Failed, see above:$failed."
"$PYTHON" -m tools.clue_summary "$output" --note "Data: $about." --note "Weights: $weights."
check=(--data "$data"); [ -z "${MAX_ROWS:-}" ] || check=()  # not a row for each
"$PYTHON" -m tools.clue_check "$output/submission.zip" "${check[@]}"
[ -z "$failed" ]
