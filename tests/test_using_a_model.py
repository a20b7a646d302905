"""The guide to using a model says what is so in both languages; its commands run."""

import json
import os
import re
import shlex
import shutil
import signal

import pytest

import model_flags
import similarity
from benchmarks import service_load
from tests import forked
from tests import readme
from tests import test_readme
from tests import toy
from tests import toy_models

PAGES = ("docs/using_a_model.md", "docs/using_a_model_en.md")
both_languages = pytest.mark.parametrize("name", PAGES)
BLOCKS = readme.fences(PAGES[0], "bash")
# The service is started and asked apart from the others, and nothing is installed.
APART = re.compile("similarity_server|curl|pip install")
LINES = [line for block in BLOCKS if not APART.search(block)
         for line in block.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("using")
    toy_models.fine_tuned(made / "my_output", max_position_embeddings=128)
    toy_models.pretrained(made / "prev_trained_model" / "albert_tiny_489k")
    (made / "my_data").mkdir()
    rows = [line.rpartition("\t")[0] for line in toy.pairs(20, 1).splitlines()]
    toy.write(made / "my_data" / "pairs.tsv", "\n".join(rows) + "\n")
    for name in ("texts.txt", "queries.txt"):
        toy.write(made / "my_data" / name, "天地\n玄黄\n日月\n")
    return made


@pytest.fixture(scope="module")
def scripts(folder):
    before = os.getcwd()
    os.chdir(str(folder))  # where the commands are given
    try:
        with forked.Scripts() as started:
            yield started
    finally:
        os.chdir(before)


@pytest.mark.parametrize("line", LINES, ids=list(map(str, range(len(LINES)))))
def test_command_runs_on_toy_data(scripts, line):
    if "onnx" in line:
        pytest.importorskip("tf2onnx", reason="needs requirements-export.txt")
    program, *arguments = shlex.split(line.replace('"$PYTHON" ', ""))
    if program == "-m":
        program = arguments.pop(0).replace(".", "/") + ".py"
    if program == "similarity.py" and "--model_dir" not in line:
        arguments += ["--model_dir", "my_output"]  # the place of one's own weights
    status, said = scripts.run([os.path.join(toy.ROOT, program)] + arguments)
    assert status == 0, said


def test_the_service_is_started_and_asked_as_is_told(folder):
    pytest.importorskip("falcon", reason="needs requirements-server.txt")
    start, = [block for block in BLOCKS if "similarity_server" in block]
    ask, = [block for block in BLOCKS if "curl" in block]
    _, script, port = shlex.split(start)
    assert script == "similarity_server.py" and port == "--port=8000"
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    with service_load.Server(str(folder / "my_output")) as server:
        status, said = toy.run(["bash", "-c", ask.replace("8000", str(server.port))])
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
    assert status == 0 and len(json.loads(said)["results"]) == 1, said


def test_the_lines_of_python_run(folder, monkeypatch, capsys):
    monkeypatch.setattr(model_flags, "FINE_TUNED", (str(folder / "my_output"),))
    monkeypatch.chdir(folder)
    codes = readme.fences(PAGES[0], "python")
    assert len(codes) == 2
    for code in codes:
        exec(code, {})
    assert "similarity: 0." in capsys.readouterr().out


def test_both_languages_have_the_same_outline_blocks_and_figures():
    outlines = [test_readme.outline(name) for name in PAGES]
    assert outlines[0] == outlines[1] and len(outlines[0]) > 30
    for language in ("bash", "python"):
        chinese, english = [readme.fences(name, language) for name in PAGES]
        assert chinese and chinese == english
    chinese, english = [sorted(re.findall(r"\d+[.,\d]*", readme.prose(name)))
                        for name in PAGES]
    assert chinese == english


@both_languages
@pytest.mark.parametrize("flag, parser", [
    ("--model_dir", similarity.parser), ("--host", None)])
def test_the_tables_of_flags_are_the_programs_own(name, flag, parser):
    if parser is None:
        import similarity_server
        parser = similarity_server.parser
    declared = {option: action.default for action in parser()._actions
                for option in action.option_strings}
    for row in readme.table_of(name, flag):
        option, = readme.code_in(row[0])
        assert option in declared
        default = declared[option]
        shown = {None: ("无", "none"), False: ("false",)}.get(default, (str(default),))
        assert row[1] in shown, option
    listed = {readme.code_in(row[0])[0] for row in readme.table_of(name, flag)}
    if flag == "--host":
        shared = {option for action in similarity.parser()._actions
                  for option in action.option_strings}
        assert {o for o in declared if o.startswith("--")} - shared == listed


@both_languages
def test_every_file_that_is_linked_exists_and_readme_links_here(name):
    for path in re.findall(r"\]\(([^)#:]+)\)", readme.read(name)):
        assert os.path.exists(os.path.join(readme.ROOT, "docs", path)), path
    assert "](%s)" % name in readme.read(readme.LANGUAGES[PAGES.index(name)])


@both_languages
def test_the_paths_of_the_service_are_those_of_its_document(name):
    with open(os.path.join(readme.ROOT, "resources", "similarity_openapi.json")) as source:
        paths = set(json.load(source)["paths"])
    listed = {readme.code_in(row[0])[0] for row in readme.table_of(name, "/healthz")}
    assert listed == paths - {"/"}
