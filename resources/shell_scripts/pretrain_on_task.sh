#!/usr/bin/env bash
# Goes on with a model's pre-training, on the training texts of a task without their labels.
#
#   bash resources/shell_scripts/pretrain_on_task.sh TASK DATA_DIR [flags of task_text]
#
# OUTPUT_DIR/model is then a MODEL_DIR for the one-click scripts. A killed script goes on
# where it was.
#
# MODEL_DIR=   where to begin, instead of models/albert_mini_zh; LAYOUT=g if it is Google's
# OUTPUT_DIR=  instead of TASK_pretraining
# LENGTH=48    tokens of a row: two questions; longer pairs are cut
# STEPS=5000   updates of 64 rows
set -euo pipefail
for name in MODEL_DIR OUTPUT_DIR; do
    [ -z "${!name:-}" ] || printf -v "$name" %s "$(realpath -m "${!name}")"
done
[ $# -ge 2 ] && [ -d "$2" ] || { echo "Give a task and the folder of its files." >&2; exit 2; }
task=$1 data=$(realpath "$2")
shift 2
cd "$(dirname "$0")/../.."
. ./env.sh

model=${MODEL_DIR:-models/albert_mini_zh}
config=$(compgen -G "$model/*config*.json" | head -n 1) ||
    { echo "MODEL_DIR=$model has no configuration (*config*.json)." >&2; exit 2; }
vocab=$model/vocab.txt
[ -e "$vocab" ] || vocab=albert_config/vocab.txt
case ${LAYOUT:-b} in
    b) run=(run_pretraining.py --bert_config_file="$config") ;;
    g) run=(run_pretraining_google.py --albert_config_file="$config") ;;
    *) echo "LAYOUT=$LAYOUT: give b (brightmart's models) or g (Google's)." >&2; exit 2 ;;
esac
out=${OUTPUT_DIR:-${task}_pretraining} length=${LENGTH:-48} steps=${STEPS:-5000}
mkdir -p "$out"

# The same text keeps its file, by whose time --resume knows it.
"$PYTHON" -m tools.task_text "$task" "$data" --output "$out/text.new" "$@"
if [ ! -e "$out/text.txt" ]; then mv "$out/text.new" "$out/text.txt"
elif ! cmp -s "$out/text.new" "$out/text.txt"; then
    echo "OUTPUT_DIR=$out was begun with other texts: give another folder." >&2; exit 2
fi
# Ten copies with other masks; more masks than usual are more to learn from per row.
"$PYTHON" create_pretraining_data.py --input_file="$out/text.txt" \
    --output_file="$out/records.tfrecord" --vocab_file="$vocab" \
    --max_seq_length="$length" --short_seq_prob=0 --dupe_factor=10 \
    --mask_strategy=token --masked_lm_prob=0.25 \
    --max_predictions_per_seq="$((length / 4))" --num_workers="$(nproc)" --resume
"$PYTHON" "${run[@]}" --vocab_file="$vocab" --init_checkpoint="$model" \
    --input_file="$out/records.tfrecord" --output_dir="$out/run" --do_train \
    --optimizer=adamw --learning_rate=1e-3 --train_batch_size=64 \
    --num_train_steps="$steps" --num_warmup_steps="$((steps / 20))" \
    --save_checkpoints_steps=500 --keep_checkpoint_max=2 --resume --export_dir="$out/model"
