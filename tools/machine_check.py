"""What this machine lacks to run albert_zh: what tools.doctor says without arguments.

Runs on any Python 3, whatever is missing, so it imports neither TensorFlow nor numpy.
`observe` looks at the machine once; `findings` judges what it saw.
"""

import collections
import glob
import hashlib
import json
import marshal
import os
import re
import shutil
import subprocess
import sys
import tempfile

import version

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OK, WARNING, PROBLEM = "ok", "warning", "problem"
# The vocabulary of all published Chinese models.
PUBLISHED_VOCABULARY = "45bbac6b341c319adc98a532532882e91a9cefc0329aa57bac9ae761c27b291c"
TF_1, TF_2 = "1.15.5", "2.15.1"
SUPPORTED = {(3, 7): TF_1, (3, 9): TF_2, (3, 10): TF_2, (3, 11): TF_2}
PINS = {TF_1: "requirements-cpu.txt", TF_2: "requirements-tf2-cpu.txt"}
TENSORFLOW = ("tensorflow", "tensorflow-cpu", "tensorflow-gpu")
PACKAGES = TENSORFLOW + ("numpy", "protobuf", "jieba")
# The first version that a TensorFlow does not work with, how bad it is, and what happens.
_NO_IMPORT = (PROBLEM, "TensorFlow 无法导入", "TensorFlow cannot be imported")
TOO_NEW = {
    (TF_1, "numpy"): ((1, 20), (
        WARNING, "许多 TensorFlow 程序在评估时失败（symbolic Tensor）",
        "many TensorFlow programs fail in evaluation (symbolic Tensor)")),
    (TF_1, "protobuf"): ((3, 21), _NO_IMPORT),
    (TF_2, "numpy"): ((2,), _NO_IMPORT), (TF_2, "protobuf"): ((5,), _NO_IMPORT)}
EMBEDDED = ("albert_mini_zh", "albert_mini_zh_similarity")
GIB = 1 << 30
# An installation takes about 2 GiB, a fine-tuning of tiny about 1.5 GiB of memory.
ENOUGH_DISK, ENOUGH_MEMORY = 5 * GIB, 2 * GIB
_PROBE = """import json, tensorflow as tf
print(json.dumps([tf.__version__, [device.name for device in
                  tf.config.experimental.list_physical_devices("GPU")]]))"""

# zh and en are the remedy, "" where all is well.
Finding = collections.namedtuple("Finding", ["state", "subject", "fact", "zh", "en"])
# python: (major, minor, micro); packages {name: version}; tensorflow: what `probe` gives;
# cards: [name] of the driver; hidden: whether CUDA_VISIBLE_DEVICES hides them; disk and
# memory: free bytes; jieba_cache: (path, what is wrong with it); vocabulary: SHA-256 or
# None; models: [what the embedded models lack].
Machine = collections.namedtuple("Machine", [
    "python", "packages", "pins", "tensorflow", "cards", "hidden", "disk", "memory",
    "jieba_cache", "vocabulary", "models"])
Probe = collections.namedtuple("Probe", ["version", "gpus", "error"])


def observe(root=ROOT):
    """Looks at the machine and the checkout in `root`. Takes seconds: TensorFlow starts."""
    packages = installed(PACKAGES)
    return Machine(
        python=tuple(sys.version_info[:3]), packages=packages,
        pins={tf: read_pins(os.path.join(root, name)) for tf, name in PINS.items()},
        tensorflow=probe() if any(name in packages for name in TENSORFLOW) else None,
        cards=driver_cards(),
        hidden=os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"),
        disk=shutil.disk_usage(root).free, memory=free_memory(),
        jieba_cache=jieba_cache(tempfile.gettempdir()),
        vocabulary=digest(os.path.join(root, "albert_config", "vocab.txt")),
        models=missing_of_models(os.path.join(root, "models")))


def installed(names):
    """{name: version} of those of the packages that are installed."""
    try:
        version_of, missing = _version_reader()
    except ImportError:  # Python 3.7 without setuptools
        return {}
    found = {}
    for name in names:
        try:
            found[name] = version_of(name)
        except missing:
            pass
    return found


def _version_reader():
    """(function from a package to its version, what it raises where there is none)."""
    try:
        from importlib import metadata
        return metadata.version, metadata.PackageNotFoundError
    except ImportError:  # before Python 3.8
        import pkg_resources
        return (lambda name: pkg_resources.get_distribution(name).version,
                pkg_resources.DistributionNotFound)


def read_pins(path):
    """{package: version} of a requirements file; {} where it is not there."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as source:
        return dict(re.findall(r"^([\w-]+)==([\w.]+)", source.read(), re.M))


def probe(command=(sys.executable, "-c", _PROBE)):
    """Starts TensorFlow in a process of its own, which it may bring down."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=180,
            universal_newlines=True, env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3"))
    except subprocess.TimeoutExpired:
        return Probe(None, [], "it did not start within 180 s")
    if done.returncode == 0:
        found, gpus = json.loads(done.stdout.splitlines()[-1])
        return Probe(found, gpus, None)
    said = [line for line in done.stderr.splitlines()
            if re.match(r"\w*(Error|Exception)\b", line)]
    return Probe(None, [], said[-1] if said else "exit code %d" % done.returncode)


def driver_cards():
    """Names of the cards that NVIDIA's driver sees; [] without one."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], timeout=20,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []


def free_memory(meminfo="/proc/meminfo"):
    """Bytes that programs can still take; None where the system does not say."""
    if not os.path.exists(meminfo):
        return None
    with open(meminfo) as source:
        found = re.search(r"^MemAvailable: +(\d+) kB", source.read(), re.M)
    return int(found.group(1)) * 1024 if found else None


def jieba_cache(folder):
    """(path, None or "unreadable" or "unwritable") of jieba's cache in `folder`."""
    path = os.path.join(folder, "jieba.cache")
    if not os.path.exists(path):
        return path, None if os.access(folder, os.W_OK) else "unwritable"
    try:
        with open(path, "rb") as source:
            marshal.load(source)
    except (OSError, EOFError, ValueError, TypeError):
        return path, "unreadable"
    return path, None


def digest(path):
    """SHA-256 of a file, or None where it is not there."""
    if not os.path.exists(path):
        return None
    with open(path, "rb") as source:
        return hashlib.sha256(source.read()).hexdigest()


def missing_of_models(folder):
    """["MODEL/PATTERN"] of the files that the embedded models in `folder` lack."""
    parts = ("*.json", "*.index", "*.data-*")
    return [model + "/" + part for model in EMBEDDED for part in parts
            if not glob.glob(os.path.join(folder, model, part))]


def findings(machine):
    """[Finding], in the order in which they should be mended."""
    return [ok("albert_zh", version.VERSION), check_python(machine),
            check_tensorflow(machine), check_pin(machine, "numpy"),
            check_pin(machine, "protobuf"), check_gpu(machine), check_disk(machine),
            check_memory(machine), check_jieba(machine), check_vocabulary(machine),
            check_model(machine)]


def ok(subject, fact):
    return Finding(OK, subject, fact, "", "")


def check_python(machine):
    fact = ".".join(map(str, machine.python))
    if machine.python[:2] in SUPPORTED:
        return ok("Python", fact)
    return Finding(
        PROBLEM, "Python", fact,
        "TensorFlow 1.15.5 要 Python 3.7，2.15.1 要 3.9–3.11。装其中一个，再执行 . ./env.sh",
        "TensorFlow 1.15.5 needs Python 3.7, 2.15.1 needs 3.9 to 3.11. Install one of "
        "them, then run . ./env.sh")


def check_tensorflow(machine):
    found = machine.tensorflow
    if found is None:
        return Finding(PROBLEM, "TensorFlow", "not installed",
                       "执行 . ./env.sh，再用 \"$PYTHON\" 启动程序",
                       "Run . ./env.sh, then start programs with \"$PYTHON\"")
    if found.error:
        return Finding(PROBLEM, "TensorFlow", "does not start: " + found.error,
                       "先处理下面的问题；没有的话删掉 .venv 再执行 . ./env.sh",
                       "Mend the problems below; if there are none, remove .venv and run "
                       ". ./env.sh")
    if found.version == SUPPORTED.get(machine.python[:2]):
        return ok("TensorFlow", found.version)
    return Finding(WARNING, "TensorFlow", found.version,
                   "测试只在 1.15.5 和 2.15.1 上跑过；2.16 起没有 Estimator",
                   "The tests ran on 1.15.5 and 2.15.1 only; 2.16 and later have no "
                   "Estimator")


def numbers(text):
    """"1.18.5" -> (1, 18, 5)."""
    return tuple(map(int, re.findall(r"\d+", text)))


def check_pin(machine, package):
    """A package beside TensorFlow: as pinned, another version, or one that breaks it."""
    has, tf = machine.packages.get(package), SUPPORTED.get(machine.python[:2], TF_2)
    pin = machine.pins[tf].get(package, "?")
    command = "pip install %s==%s" % (package, pin)
    limit, (state, zh, en) = TOO_NEW[tf, package]
    if has is None:
        return Finding(PROBLEM, package, "not installed", "执行 . ./env.sh 会装上",
                       "Run . ./env.sh, which installs it")
    if numbers(has) >= limit:
        return Finding(state, package, has,
                       "TensorFlow %s 配这个版本时，%s：%s" % (tf, zh, command),
                       "Beside TensorFlow %s, with this version %s: %s" % (
                           tf, en, command))
    if has == pin:
        return ok(package, has)
    return Finding(WARNING, package, has, "测试用的是 %s：%s" % (pin, command),
                   "The tests ran with %s: %s" % (pin, command))


def check_gpu(machine):
    cards = ", ".join(machine.cards)
    if not cards:
        return ok("GPU", "none that NVIDIA's driver knows: the CPU is used")
    if machine.hidden:
        return ok("GPU", cards + ": hidden by CUDA_VISIBLE_DEVICES")
    if machine.tensorflow is None or machine.tensorflow.error:
        return Finding(WARNING, "GPU", cards + ": TensorFlow does not start",
                       "先让 TensorFlow 能启动", "Make TensorFlow start first")
    if machine.tensorflow.gpus:
        return ok("GPU", "%s: TensorFlow sees %d" % (cards, len(machine.tensorflow.gpus)))
    return Finding(
        WARNING, "GPU", cards + ": TensorFlow does not see it and uses the CPU",
        "1.15.5 要 CUDA 10.0 和 cuDNN 7；2.15.1 要 525.60 以上的驱动，用 ALBERT_TF=2 安装",
        "1.15.5 needs CUDA 10.0 and cuDNN 7; 2.15.1 needs a driver of 525.60 or newer, "
        "install it by ALBERT_TF=2")


def check_disk(machine):
    return check_amount(machine.disk, ENOUGH_DISK, "disk",
                        "装好环境约占 2 GiB，检查点另算：腾出空间",
                        "An installation takes about 2 GiB, checkpoints come on top: "
                        "make room")


def check_memory(machine):
    if machine.memory is None:
        return ok("memory", "this system does not say")
    return check_amount(machine.memory, ENOUGH_MEMORY, "memory",
                        "微调 tiny 约用 1.5 GiB：关掉别的程序，或用 --accumulate_steps",
                        "Fine-tuning tiny takes about 1.5 GiB: end other programs, or "
                        "use --accumulate_steps")


def check_amount(free, enough, subject, zh, en):
    fact = "%.1f GiB free" % (free / float(GIB))
    if free >= enough:
        return ok(subject, fact)
    return Finding(PROBLEM if free < GIB else WARNING, subject, fact, zh, en)


def check_jieba(machine):
    has = machine.packages.get("jieba")
    path, wrong = machine.jieba_cache
    if has is None:
        return Finding(
            WARNING, "jieba", "not installed",
            "只有生成整词遮盖的预训练数据才需要：pip install jieba==0.42.1",
            "Only pre-training data with whole words need it: pip install jieba==0.42.1")
    if wrong is None:
        return ok("jieba", "%s, cache %s" % (has, path))
    return Finding(WARNING, "jieba", "%s, cache %s is %s" % (has, path, wrong),
                   "每次启动都要重读词典（慢一两秒）：删掉它，或让 TMPDIR 指向可写的文件夹",
                   "Each start reads the dictionary again (a second or two): remove the "
                   "file, or let TMPDIR name a folder that can be written to")


def check_vocabulary(machine):
    if machine.vocabulary == PUBLISHED_VOCABULARY:
        return ok("vocabulary", "sha256 %s..., the published one" % machine.vocabulary[:8])
    fact = ("albert_config/vocab.txt is not there" if machine.vocabulary is None else
            "albert_config/vocab.txt is damaged: sha256 %s..., not %s..." % (
                machine.vocabulary[:8], PUBLISHED_VOCABULARY[:8]))
    command = "git checkout albert_config/vocab.txt"
    return Finding(PROBLEM, "vocabulary", fact,
                   "所有已发布的中文模型都用它，行号就是编号：" + command,
                   "All published Chinese models use it, and its line numbers are the "
                   "ids: " + command)


def check_model(machine):
    if not machine.models:
        return ok("model", ", ".join(EMBEDDED))
    return Finding(WARNING, "model", "models/ lacks " + ", ".join(machine.models),
                   "内置的小模型不全，从随机权重开始或用下载的权重仍可运行：git checkout models",
                   "The embedded small models are not whole; random or downloaded weights "
                   "still work: git checkout models")


def lines(finding):
    """What is printed of a Finding: the fact, then the remedy in both languages."""
    printed = ["%-8s %-11s %s" % (finding.state, finding.subject, finding.fact)]
    return printed + [" " * 21 + remedy for remedy in (finding.zh, finding.en) if remedy]
