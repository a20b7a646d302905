#!/usr/bin/env bash
# What the one-click scripts share; sourced by them.
#
# MODEL_DIR=   folder of a model; without it a published one is downloaded, and where
#              nothing can be reached the run starts from random weights
# LAYOUT=g     Google's model family instead of brightmart's
# OVERWRITE=1  start the run in its folder again, instead of going on or beside it

say() { printf '%s\n' "$*" >&2; }

# NAME: begins a script whose data may stand in the folder $NAME. Paths that were given
# are made absolute; from here on the script is in its own folder and has its PYTHON.
begin() {
    local name
    for name in "$1" MODEL_DIR OUTPUT_DIR; do
        [ -z "${!name:-}" ] || printf -v "$name" %s "$(realpath -m "${!name}")"
    done
    cd "$(dirname "$0")" || exit
    for name in "$1" MODEL_DIR; do
        [ -d "${!name:-.}" ] || { say "$name=${!name} is no folder."; exit 2; }
    done
    . ./env.sh
}

# WHAT.. --to FOLDER: false if nothing can be reached. Wrong content, or a file in the
# way, ends the script: it must not go on with what nobody asked for.
obtain() {
    local status=0
    "$PYTHON" -m tools.download "$@" >&2 || status=$?
    case $status in 0) ;; 3) return 1 ;; *) exit $status ;; esac
}

# Like obtain, for what comes in parts: false if none can be reached. A part that came
# wrong is missing where it is needed, and fails there.
obtain_some() {
    local status=0
    "$PYTHON" -m tools.download "$@" >&2 || status=$?
    [ $status != 3 ]
}

# KNOWN ARGUMENT..: sets tasks (those named, else all that are known) and flags.
# shellcheck disable=SC2034
choose_tasks() {
    local known=$1 word
    shift
    tasks=() flags=()
    for word in "$@"; do
        case $word in
            --*) flags+=("$word") ;;
            *) grep -qxF -e "$word" <<<"$known" ||
                   { say "$word is no task; there are: ${known//$'\n'/ }"; exit 2; }
               tasks+=("$word") ;;
        esac
    done
    [ ${#tasks[@]} -gt 0 ] || mapfile -t tasks <<<"$known"
}

# The exit code of a training: one that was interrupted ends the script, too.
stop_if_interrupted() {
    case $1 in 130 | 143) exit "$1" ;; esac
}

# Sets run (the script and its flags of the model), weights (in words), pretrained.
# shellcheck disable=SC2034  # the script that sources this reads them
choose_model() {
    local script flag size name folder config
    case ${LAYOUT:-b} in
        b) script=run_classifier.py flag=bert size=tiny name=albert_tiny_489k ;;
        g) script=run_classifier_sp_google.py flag=albert size=tiny_google
           name=albert_tiny_zh_google ;;
        *) say "LAYOUT=$LAYOUT: give b (brightmart's models) or g (Google's)."; exit 2 ;;
    esac
    folder=${MODEL_DIR:-prev_trained_model/$name}
    pretrained=yes weights=$folder
    run=("$script")
    if [ -n "${MODEL_DIR:-}" ] || compgen -G "$folder/*.index" >/dev/null ||
        obtain model "$name" --to "$folder"
    then
        run+=(--init_checkpoint="$folder")
    else
        say "$name cannot be reached from here: going on with random weights."
        pretrained=no weights="random start, no pre-training (albert_$size)"
    fi
    config=$(compgen -G "$folder/*config*.json" | head -n 1) ||
        config=albert_config/albert_config_$size.json
    run+=("--${flag}_config_file=$config")
    if [ -e "$folder/vocab.txt" ]; then run+=(--vocab_file="$folder/vocab.txt")
    else run+=(--vocab_file=albert_config/vocab.txt); fi
}

# FOLDER: adds --output_dir to run. A finished run stays, the next one gets a number; an
# unfinished one is resumed. Sets output.
choose_output() {
    local number=1
    output=$1
    if [ "${OVERWRITE:-}" = 1 ]; then
        run+=(--overwrite_output_dir)
    else
        while grep -qs '"finished": true' "$output/run.json"; do
            number=$((number + 1)) output=$1_$number
        done
        if [ -e "$output/run.json" ]; then
            say "Going on with the unfinished run in $output; OVERWRITE=1 starts again."
            run+=(--resume)
        fi
    fi
    run+=(--output_dir="$output")
}
