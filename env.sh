#!/usr/bin/env bash
# The Python that albert_zh runs on: picked for this machine, installed once.
#
#   . ./env.sh      in every script: exports PYTHON, an interpreter with TensorFlow and
#                   the rest, in a virtual environment under .venv/ of this folder
#   bash env.sh     installs nothing; prints the requirements file and the interpreter
#
# ALBERT_TF=1       TensorFlow 1.15.5 (Python 3.7), whatever else fits
# ALBERT_TF=2       TensorFlow 2.15.1 (Python 3.9 to 3.11), whatever else fits
# ALBERT_PYTHON=P   no set-up: use P, which has TensorFlow already (conda, a container)
# ALBERT_DEV=1      the test tools too

env_root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

env_say() { printf '%s\n' "$*" >&2; }

# What the NVIDIA driver reports: none, old (compute capability < 8.0) or new.
env_gpu() {
    local list
    command -v nvidia-smi >/dev/null || { echo none; return; }
    list=$(timeout 20 nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>&1)
    if grep -Eq '^ *([89]|[1-9][0-9])\.[0-9]' <<<"$list"; then echo new; return; fi
    if grep -Eq '^ *[1-7]\.[0-9]' <<<"$list"; then echo old; return; fi
    # Drivers before 510 cannot tell the capability; they know cards up to these.
    list=$(timeout 20 nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null) ||
        { echo none; return; }
    if grep -Eq '(^|[ -])A(2|10G?|16|30X?|40|100X?)\b|RTX (A[0-9]|30)' <<<"$list"
    then echo new; else echo old; fi
}

# VERSION -> path of an interpreter that was run, is that version and can make a venv.
# A version manager's shim may stand on the PATH and not run.
env_find_python() {
    local candidate found pyenv=${PYENV_ROOT:-${HOME:-}/.pyenv}
    while IFS= read -r candidate; do
        found=$("$candidate" -c 'import sys, venv, ensurepip
print("%d.%d" % sys.version_info[:2], sys.executable)' 2>/dev/null) || continue
        case $found in "$1 "*) echo "${found#* }"; return ;; esac
    done < <(type -aP "python$1"
             printf '%s\n' "$pyenv/versions/$1".*/bin/python | sort -Vr
             type -aP python3 python)
    return 1
}

env_no_python() {
    local needed="TensorFlow 1.15.5 needs Python 3.7 and 2.15.1 needs 3.9, 3.10 or 3.11"
    case ${ALBERT_TF:-} in
        1) needed="ALBERT_TF=1 needs Python 3.7" ;;
        2) needed="ALBERT_TF=2 needs Python 3.9, 3.10 or 3.11" ;;
    esac
    env_say "$needed, with its venv module (Debian: python3-venv), but found only:" \
        "$(python3 -V 2>/dev/null || echo 'no Python that runs')."
}

# Sets env_gpu_kind, env_version, env_python, env_tf and env_requirements.
env_choose() {
    local versions
    env_gpu_kind=$(env_gpu)
    case ${ALBERT_TF:-}$env_gpu_kind in
        1none | 1old | 1new) versions="3.7" ;;
        2none | 2old | 2new) versions="3.11 3.10 3.9" ;;
        new) versions="3.11 3.10 3.9 3.7" ;;
        none | old) versions="3.7 3.11 3.10 3.9" ;;
        *) env_say "ALBERT_TF=$ALBERT_TF: give 1 (TensorFlow 1.15.5) or 2 (2.15.1)."
           return 2 ;;
    esac
    env_python=
    for env_version in $versions; do
        env_python=$(env_find_python "$env_version") && break
    done
    [ -n "$env_python" ] || { env_no_python; return 3; }
    if [ "$env_version" = 3.7 ]; then env_tf=1.15.5; else env_tf=2.15.1; fi
    case $env_tf-$env_gpu_kind in
        1.15.5-old) env_requirements=requirements.txt ;;
        1.15.5-*) env_requirements=requirements-cpu.txt ;;
        2.15.1-none) env_requirements=requirements-tf2-cpu.txt ;;
        2.15.1-*) env_requirements=requirements-tf2.txt ;;
    esac
}

# REQUIREMENTS -> what its stamp must say: where the environment stands, what it holds.
env_stamp() { echo "$env_venv $(sha256sum <"$env_root/$1")"; }

env_is_ready() {
    [ "$(cat "$env_venv/$1.done" 2>/dev/null)" = "$(env_stamp "$1")" ] &&
        "$PYTHON" -c '' 2>/dev/null
}

# Runs pip, or the making of the environment, with one line that counts the seconds.
env_run_logged() {
    local status=0 ticker=
    if [ -t 2 ]; then
        while sleep 1 && kill -0 $$; do printf '\r%s %d s ' "$env_line" $SECONDS; done \
            >&2 2>/dev/null 9>&- &
        ticker=$!
    fi
    "$@" >>"$env_venv.log" 2>&1 9>&- || status=$?
    [ -z "$ticker" ] || { kill "$ticker"; wait "$ticker" 2>/dev/null; }
    return $status
}

# REQUIREMENTS: installs it. The stamp comes last, so a half-made one is never used.
env_install() {
    env_line="Setting up TensorFlow $env_tf for Python $env_version ($1), once:"
    SECONDS=0
    if [ -t 2 ]; then printf '%s' "$env_line"; else echo "$env_line a minute."; fi >&2
    : >"$env_venv.log"
    if { [ "$1" != "$env_requirements" ] ||
             env_run_logged "$env_python" -m venv --clear "$env_venv"; } &&
        env_run_logged "$PYTHON" -m pip install --no-input \
            --disable-pip-version-check -r "$env_root/$1"
    then
        env_stamp "$1" >"$env_venv/$1.done"
        if [ -t 2 ]; then printf '\r%s ' "$env_line" >&2; fi
        env_say "done in $SECONDS s."
    else
        if [ -t 2 ]; then env_say; fi
        grep -E '^ERROR|Error:' "$env_venv.log" | tail -n 3 >&2
        env_say "The set-up failed; all that pip said is in $env_venv.log." \
            "The packages come from PyPI: check the network, then run this again."
        return 4
    fi
}

# A GPU that TensorFlow cannot use gets a word at each start, until it can.
env_check_gpu() {
    local hidden=${CUDA_VISIBLE_DEVICES-all}
    [ "$env_gpu_kind" != none ] && [ -n "$hidden" ] && [ "$hidden" != -1 ] || return 0
    [ ! -e "$env_venv/gpu.seen" ] || return 0
    if [ "$env_requirements" = requirements-cpu.txt ]; then
        env_say "Warning: this GPU is too new for TensorFlow 1.15.5, which will use" \
            "the CPU. For the GPU: Python 3.9, 3.10 or 3.11 and ALBERT_TF=2."
    elif "$PYTHON" -c 'import sys, tensorflow as tf
sys.exit(not tf.config.experimental.list_physical_devices("GPU"))' >/dev/null 2>&1; then
        : >"$env_venv/gpu.seen"
    elif [ "$env_tf" = 1.15.5 ]; then
        env_say "Warning: TensorFlow 1.15.5 does not see the GPU and uses the CPU: it" \
            "needs CUDA 10.0 and cuDNN 7 on LD_LIBRARY_PATH. ALBERT_TF=2 brings them."
    else
        env_say "Warning: TensorFlow 2.15.1 does not see the GPU and uses the CPU: it" \
            "needs an NVIDIA driver of 525.60 or newer (nvidia-smi shows yours)."
    fi
}

env_set_up() {
    local file files
    env_choose || return
    files=$env_requirements${ALBERT_DEV:+ requirements-dev.txt}
    env_venv=$env_root/.venv/${env_requirements%.txt}-py$env_version
    env_venv+=-$(sha256sum <"$env_root/$env_requirements" | cut -c 1-8)
    PYTHON=$env_venv/bin/python
    mkdir -p "$env_root/.venv" || return
    for file in $files; do
        env_is_ready "$file" && continue
        (
            flock -n 9 || { env_say "Waiting for another script's set-up." && flock 9; }
            env_is_ready "$file" || env_install "$file"
        ) 9>"$env_root/.venv/lock" || return
    done
    env_check_gpu
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    env_choose || exit
    printf '%s\n%s\n' "$env_requirements" "$env_python"
    exit
elif [ -z "${ALBERT_PYTHON:-}" ]; then
    env_set_up || return
elif "$ALBERT_PYTHON" -c 'import importlib.util as u, sys
sys.exit(u.find_spec("tensorflow") is None)' 2>/dev/null; then
    PYTHON=$ALBERT_PYTHON
else
    env_say "ALBERT_PYTHON=$ALBERT_PYTHON does not run, or has no TensorFlow."
    return 3
fi
export PYTHON
export TF_CPP_MIN_LOG_LEVEL="${TF_CPP_MIN_LOG_LEVEL:-2}"
