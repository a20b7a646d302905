#!/usr/bin/env bash
# Pre-trains a small layout-B model on a free corpus and asks what that was worth:
# held-out measurements, then fine-tuning from it and from random weights.
#
#   bash resources/shell_scripts/pretrain_demo.sh [NAME=FOLDER ...]
#
# Each NAME=FOLDER is a pair task in LCQMC's or CLUE's format with train and dev, such as
# lcqmc=data/lcqmc or afqmc=CLUEdataset/afqmc. A killed script goes on where it was.
#
# CORPUS=      text, a sentence a line, a blank line between documents; else built by
#              tools.build_corpus from free packages
# OUTPUT_DIR=  instead of pretrain_demo
# CONFIG=      instead of models/albert_mini_zh/albert_config_mini.json
# STEPS=16000  updates of 32 rows of 128 tokens: about 90 minutes on two idle cores
# RATE=1.2e-3: its peak learning rate
# SEEDS=3, EPOCHS=2: of each fine-tuning
set -euo pipefail
for name in CORPUS OUTPUT_DIR CONFIG; do
    [ -z "${!name:-}" ] || printf -v "$name" %s "$(realpath -m "${!name}")"
done
tasks=()
for task in "$@"; do
    [ -d "${task#*=}" ] && [ "$task" != "${task#*=}" ] ||
        { echo "$task: give NAME=FOLDER, the folder of a task's files." >&2; exit 2; }
    tasks+=("${task%%=*}=$(realpath "${task#*=}")")
done
cd "$(dirname "$0")/../.."
. ./env.sh

out=${OUTPUT_DIR:-pretrain_demo}
model=("--bert_config_file=${CONFIG:-models/albert_mini_zh/albert_config_mini.json}"
       --vocab_file=albert_config/vocab.txt)
mkdir -p "$out"

corpus=${CORPUS:-$out/corpus.txt}
[ -e "$corpus" ] ||
    "$PYTHON" -m tools.build_corpus --output "$corpus" --work_dir "$out/packages"

# Every fiftieth document is held out: 2 %.
for part in train held; do
    [ -e "$out/$part.meta.json" ] && continue
    awk -v part=$part 'BEGIN { RS = ""; ORS = "\n\n" }
        (NR % 50 == 0) == (part == "held")' "$corpus" >"$out/$part.txt"
    # So small a corpus is read many times, each time with other pairs and masks. More
    # masks than usual are more to learn from per row; held-out text has the usual 15 %.
    masks=(--masked_lm_prob=0.25 --max_predictions_per_seq=32 --dupe_factor=30)
    [ $part = train ] ||
        masks=(--masked_lm_prob=0.15 --max_predictions_per_seq=20 --dupe_factor=1)
    "$PYTHON" create_pretraining_data.py --input_file="$out/$part.txt" \
        --output_file="$out/$part.tfrecord" --vocab_file=albert_config/vocab.txt \
        --max_seq_length=128 --mask_strategy=token "${masks[@]}" \
        --num_workers="$(nproc)" --resume
done

# The square-root rule from the published rate asks for too little in so short a run.
"$PYTHON" run_pretraining.py "${model[@]}" --input_file="$out/train.tfrecord" \
    --eval_input_file="$out/held.tfrecord" --output_dir="$out/run" --do_train --do_eval \
    --optimizer=adamw --learning_rate="${RATE:-1.2e-3}" \
    --train_batch_size=32 --eval_batch_size=32 \
    --num_train_steps="${STEPS:-16000}" --num_warmup_steps="$((${STEPS:-16000} / 20))" \
    --save_checkpoints_steps=500 --keep_checkpoint_max=2 --resume \
    --export_dir="$out/model"

[ ${#tasks[@]} -gt 0 ] || exit 0
for task in "${tasks[@]}"; do
    for start in pretrained random; do
        run=$out/${task%%=*}_$start
        from=()
        [ $start = random ] || from=("--init_checkpoint=$out/model")
        "$PYTHON" run_classifier.py "${model[@]}" --task_name="${task%%=*}" \
            --data_dir="${task#*=}" --output_dir="$run" --do_train --do_eval \
            --max_seq_length=64 --train_batch_size=32 --eval_batch_size=64 \
            --learning_rate=1e-4 --num_train_epochs="${EPOCHS:-2}" \
            --num_seeds="${SEEDS:-3}" --save_checkpoints_steps=500 --resume "${from[@]}"
    done
done
"$PYTHON" -m tools.compare_starts "$out" "${tasks[@]%%=*}"
