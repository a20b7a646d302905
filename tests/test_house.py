"""The house stays readable: short functions, short files, short lines; one version."""

import ast
import os
import re

import pytest

import version
from tests import readme

MOST_FUNCTION_LINES, MOST_FILE_LINES, MOST_COLUMNS = 40, 350, 92


def sources():
    """Python files of the checkout: the modules, tools/, benchmarks/ and tests/."""
    return sorted(
        os.path.join(folder, name) for folder in ("", "tools", "benchmarks", "tests")
        for name in os.listdir(os.path.join(readme.ROOT, folder)) if name.endswith(".py"))


def is_program(path):
    return not path.startswith("tests")


def end_of(node):
    """The last line of a function; Python 3.7 does not tell it."""
    return max(getattr(part, "lineno", 0) for part in ast.walk(node))


def long_functions(source):
    return ["%s (%d)" % (node.name, end_of(node) - node.lineno + 1)
            for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)
            and end_of(node) - node.lineno >= MOST_FUNCTION_LINES]


@pytest.mark.parametrize("path", sources())
def test_lines_functions_and_files_are_short(path):
    source = readme.read(path)
    lines = source.split("\n")
    assert [number for number, line in enumerate(lines, 1)
            if len(line) > MOST_COLUMNS] == []
    if is_program(path):
        assert len(lines) - 1 <= MOST_FILE_LINES
        assert long_functions(source) == []


def test_a_long_function_is_found():
    source = "def short():\n    pass\n\n\ndef long():\n" + "    x = 1\n" * 40
    assert long_functions(source) == ["long (41)"]


def test_shell_scripts_of_one_command_stay_under_fifty_lines():
    for name in ("create_pretrain_data.sh", "run_classifier_clue.sh",
                 "run_classifier_lcqmc.sh"):
        assert len(readme.read(name).splitlines()) < 50, name


def test_the_version_is_the_same_everywhere():
    assert re.match(r"\d+\.\d+\.\d+$", version.VERSION)
    assert "\nversion: %s\n" % version.VERSION in readme.read("CITATION.cff")
    newest = re.search(r"^## (\S+)", readme.read("CHANGELOG.md"), re.M).group(1)
    assert newest == version.VERSION


def test_the_papers_that_are_cited_are_the_same():
    cited = readme.read("CITATION.cff")
    bibtex, = readme.fences(readme.LANGUAGES[0], "bibtex")
    title = re.search(r"title = \{(.*)\},", bibtex).group(1)
    assert re.sub(r"[{}]", "", title) in cited
    for author in re.search(r"author = \{(.*)\},", bibtex).group(1).split(" and "):
        family, given = author.split(", ")
        assert "family-names: %s\n      given-names: %s\n" % (family, given) in cited


def test_every_file_and_test_that_contributors_are_sent_to_exists():
    text = readme.read("CONTRIBUTING.md")
    named = set(re.findall(r"\]\(([^)#:]+)", text)) | {
        word for code in readme.code_in(text) + readme.fences("CONTRIBUTING.md", "bash")
        for word in re.findall(r"(?:^|\s)([a-z_./]+\.(?:py|sh|json))\b", code)
        if not word.startswith("_")}
    assert len(named) > 10
    for path in named:
        assert os.path.exists(os.path.join(readme.ROOT, path)), path


def test_the_licence_is_apache_and_the_notice_names_what_is_embedded():
    licence = " ".join(readme.read("LICENSE").split())
    assert licence.startswith("Apache License Version 2.0, January 2004")
    notice = readme.read("NOTICE")
    assert "Apache License, Version 2.0" in notice and "albert_config/vocab.txt" in notice
