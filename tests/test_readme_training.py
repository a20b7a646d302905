"""The guide to pre-training says what is so in both languages; its commands run."""

import ast
import os
import re

import pytest

from tests import checkout
from tests import readme
from tests import test_pretraining_replicas
from tests import test_readme

PAGES = ("docs/training.md", "docs/training_en.md")
both_languages = pytest.mark.parametrize("name", PAGES)
MODULES = ["pretrainer", "pretraining_data", "pretraining_records", "hooks", "devices"]

# Everything runs as it is printed, but for these, on toy files of the same names.
SUBSTITUTIONS = {
    "--max_seq_length=128": "--max_seq_length=32",
    "--train_batch_size=256 --accumulate_steps=4":
        "--train_batch_size=16 --accumulate_steps=2",
    "--num_train_steps=20000 --num_warmup_steps=2000":
        "--num_train_steps=4 --num_warmup_steps=1",
    "--num_train_steps=5000 --num_warmup_steps=500":
        "--num_train_steps=4 --num_warmup_steps=1",
    "--save_checkpoints_steps=1000": "--save_checkpoints_steps=4",
    "--save_checkpoints_steps=500": "--save_checkpoints_steps=4",
    "--num_train_epochs=5": "--num_train_epochs=1",
    "bash resources": "STEPS=2 LENGTH=32 bash resources",
    "EPOCHS=2 SEEDS=3": "EPOCHS=1 SEEDS=2 MAX_ROWS=32",
    # Horovod is no requirement; test_pretraining_replicas runs it where it is.
    "horovodrun --gloo -np 2 ": "", " --use_horovod": ""}


def on_this_machine(block):
    """A block for several machines as two processes here; others as they are."""
    if "TF_CONFIG" not in block:
        return block
    for index, port in enumerate(test_pretraining_replicas.free_ports(2), 1):
        block = block.replace("10.0.0.%d:2222" % index, "127.0.0.1:%d" % port)
    other = block.replace('"index": 0', '"index": 1')
    assert "10.0.0" not in block and other != block
    return "(\n%s) & other=$!\n%swait $other\n" % (other, block)


BLOCKS = [on_this_machine(block) for block in readme.fences(PAGES[0], "bash")]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    folder = checkout.make(tmp_path_factory.mktemp("checkout"))
    for name, source in (("models", "models"), ("resources", "resources"),
                         ("my_clue", os.path.join("data", "clue_sample"))):
        os.symlink(os.path.join(readme.ROOT, source), str(folder / name))
    return checkout.run(folder, BLOCKS, SUBSTITUTIONS)


@pytest.mark.parametrize("block", BLOCKS, ids=list(map(str, range(len(BLOCKS)))))
def test_command_runs_on_toy_data(outcomes, block):
    status, said = outcomes[block]
    assert status == 0, said


def test_both_languages_have_the_same_outline_blocks_and_figures():
    outlines = [test_readme.outline(name) for name in PAGES]
    assert outlines[0] == outlines[1] and len(outlines[0]) > 60
    for language in ("bash", "text"):
        chinese, english = [readme.fences(name, language) for name in PAGES]
        assert chinese and chinese == english
    chinese, english = [sorted(re.findall(r"\d+\.\d+", readme.read(name)))
                        for name in PAGES]
    assert chinese == english


@both_languages
def test_every_file_that_is_linked_exists(name):
    linked = re.findall(r"\]\(([^)#:]+)\)", readme.prose(name))
    assert len(linked) > 2
    for path in linked:
        assert os.path.exists(os.path.join(readme.ROOT, "docs", path)), path


def literals(node):
    """The strings below a node, with … for each value that is put into them."""
    values = [getattr(part, "s", None) for part in ast.walk(node)]
    return [re.sub(r"%[-.\w]*[a-z]", "…", text) for text in values
            if isinstance(text, str)]


def raised_by(module):
    """[strings of a message] of each InputError of a module."""
    tree = ast.parse(readme.read(module + ".py"))
    return [literals(node) for node in ast.walk(tree) if isinstance(node, ast.Raise)
            and "errors" in {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}]


def told(name):
    """The messages in a page's table of errors."""
    table = readme.table_of(name, "Nothing to do: give --do_train or --do_eval")
    return [readme.code_in(row[0])[0] for row in table]


@both_languages
@pytest.mark.parametrize("module", MODULES)
def test_every_message_that_a_module_raises_is_told(name, module):
    raised = [texts for texts in raised_by(module) if texts]
    assert raised
    for texts in raised:
        assert any(part in text for part in told(name) for text in texts), texts


@both_languages
def test_every_message_that_is_told_is_a_message_of_the_program(name):
    said = [text for module in MODULES + ["training", "run_record"]
            for text in literals(ast.parse(readme.read(module + ".py")))]
    for part in told(name):
        assert any(part in text for text in said), part
