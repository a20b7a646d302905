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
# STEPS=13000  updates of 32 rows of 128 tokens, and then
# AGAIN=4500   on text that says everything twice: 90 minutes on two idle cores
# SEEDS=3, EPOCHS=10: of each fine-tuning; EVERY=50: updates between measurements
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
config=${CONFIG:-models/albert_mini_zh/albert_config_mini.json}
mkdir -p "$out"

corpus=${CORPUS:-$out/corpus.txt}
[ -e "$corpus" ] ||
    "$PYTHON" -m tools.build_corpus --output "$corpus" --work_dir "$out/packages"

# Every fiftieth document is held out: 2 %.
for part in train held; do
    [ -e "$out/$part.meta.json" ] && continue
    awk -v part=$part 'BEGIN { RS = ""; ORS = "\n\n" }
        (NR % 50 == 0) == (part == "held")' "$corpus" >"$out/$part.txt"
done

# So small a model in so short a time learns phrases, but not to look for the same words
# elsewhere. This text teaches that: each document, then each with its sentences, one or
# two at a time, said twice.
[ -e "$out/twice.meta.json" ] ||
    awk 'BEGIN { RS = ""; FS = "\n"; ORS = "\n\n" } {
        print
        twice = ""
        for (i = 1; i <= NF; i += n) {
            n = 1 + (NR + i) % 2
            part = $i "\n" (n > 1 && i < NF ? $(i + 1) "\n" : "")
            twice = twice part part
        }
        sub(/\n$/, "", twice)
        print twice
    }' "$out/train.txt" >"$out/twice.txt"

make_records() {  # NAME COPIES MASKED_SHARE MASKED_A_ROW
    [ -e "$out/$1.meta.json" ] ||
        "$PYTHON" create_pretraining_data.py --input_file="$out/$1.txt" \
            --output_file="$out/$1.tfrecord" --vocab_file=albert_config/vocab.txt \
            --max_seq_length=128 --mask_strategy=token --dupe_factor="$2" \
            --masked_lm_prob="$3" --max_predictions_per_seq="$4" \
            --num_workers="$(nproc)" --resume
}
# So small a corpus is read many times, each time with other pairs and masks. More masks
# than usual are more to learn from per row; held-out text has the usual 15 %.
make_records train 30 0.25 32
make_records twice 3 0.25 32
make_records held 1 0.15 20

# The square-root rule from the published rate asks for too little in so short a run.
pretrain() {  # RUN RECORDS STEPS RATE EXPORT_DIR [FLAG]
    "$PYTHON" run_pretraining.py --bert_config_file="$config" \
        --vocab_file=albert_config/vocab.txt --input_file="$out/$2.tfrecord" \
        --eval_input_file="$out/held.tfrecord" --output_dir="$out/$1" \
        --do_train --do_eval --optimizer=adamw --learning_rate="$4" \
        --train_batch_size=32 --eval_batch_size=32 --num_train_steps="$3" \
        --num_warmup_steps="$(($3 / 20))" --save_checkpoints_steps=750 \
        --keep_checkpoint_max=2 --resume --export_dir="$out/$5" ${6:+"$6"}
}
pretrain run train "${STEPS:-13000}" 1.2e-3 model_once
pretrain run_twice twice "${AGAIN:-4500}" 8e-4 model --init_checkpoint="$out/model_once"

[ ${#tasks[@]} -gt 0 ] || exit 0
# Few labelled pairs are learnt by heart without dropout.
sed 's/dropout_prob": 0.0/dropout_prob": 0.1/' "$config" >"$out/albert_config_dropout.json"
for task in "${tasks[@]}"; do
    for start in pretrained random; do
        run=$out/${task%%=*}_$start
        from=()
        [ $start = random ] || from=("--init_checkpoint=$out/model")
        "$PYTHON" run_classifier.py --bert_config_file="$out/albert_config_dropout.json" \
            --vocab_file=albert_config/vocab.txt --task_name="${task%%=*}" \
            --data_dir="${task#*=}" --output_dir="$run" --do_train --do_eval \
            --max_seq_length=64 --train_batch_size=32 --eval_batch_size=64 \
            --learning_rate=1e-4 --num_train_epochs="${EPOCHS:-10}" \
            --num_seeds="${SEEDS:-3}" --save_checkpoints_steps="${EVERY:-50}" \
            --resume "${from[@]}"
    done
done
"$PYTHON" -m tools.compare_starts "$out" "${tasks[@]%%=*}"
