"""--help of every program is grouped: each flag stands in one group, and is shown."""

import glob
import os
import re
import sys
from unittest import mock

import pytest

import export_model
import extract_features
import flag_groups
import similarity
import similarity_server
from tests import readme
from tests import toy

SCRIPTS = ("run_classifier.py", "run_classifier_sp_google.py", "run_pretraining.py",
           "run_pretraining_google.py", "run_reading_comprehension.py",
           "create_pretraining_data.py", "create_pretraining_data_beam.py")
MOST_UNGROUPED = 8


def flags_of(script):
    """Names of the flags that a script declares."""
    with mock.patch.object(flag_groups, "run"):
        return set(readme.declared_flags(script))


def grouped():
    return [name for _, names in flag_groups.GROUPS for name in names.split()]


def can_run(script):
    if "beam" in script:
        pytest.importorskip("apache_beam", reason="requirements-beam.txt")


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_flag_of_a_script_stands_in_one_group(script):
    can_run(script)
    declared = flags_of(script)
    assert len(declared) > 20
    assert [name for name in declared if grouped().count(name) != 1] == []


def test_every_flag_of_the_groups_is_declared_in_the_sources():
    sources = "".join(readme.read(name) for name in SCRIPTS + (
        "common_flags.py", "create_pretraining_data_flags.py"))
    by_loop = {"train_file", "dev_file", "test_file"}
    assert len(set(grouped())) == len(grouped())
    for name in set(grouped()) - by_loop:
        assert re.search(r'"%s"' % name, sources), name


@pytest.mark.parametrize("script", SCRIPTS[3:6])
def test_help_shows_each_flag_once_under_headings(script):
    code, said = toy.run([sys.executable, "-W", "ignore",
                          os.path.join(toy.ROOT, script), "--help"])
    assert code == 0
    declared = flags_of(script)
    shown = re.findall(r"^  --(?:\[no\])?(\w+):", said, re.M)
    assert sorted(shown) == sorted(declared)
    headings = [heading for heading, names in flag_groups.GROUPS
                if set(names.split()) & declared]
    assert len(headings) > 4
    assert [line[:-1] for line in said.splitlines()
            if line[:-1] in dict(flag_groups.GROUPS)] == headings


@pytest.mark.parametrize("make", [
    export_model.make_parser, extract_features.parser, similarity.parser,
    similarity_server.parser])
def test_a_long_list_of_flags_is_grouped(make):
    parser = make()
    groups = [len(group._group_actions) for group in parser._action_groups]
    assert sum(groups) > MOST_UNGROUPED
    assert max(groups) <= MOST_UNGROUPED


def test_other_programs_have_few_flags_outside_groups():
    made = {"export_model.py", "extract_features.py", "similarity.py",
            "similarity_server.py", "model_flags.py"}
    paths = [os.path.relpath(path, readme.ROOT) for pattern in (
        "*.py", "tools/*.py", "benchmarks/*.py")
        for path in glob.glob(os.path.join(readme.ROOT, pattern))]
    counts = {path: len(re.findall(r"\b(?:parser|command)\.add_argument\(",
                                   readme.read(path))) for path in set(paths) - made}
    assert sum(map(bool, counts.values())) > 20
    assert [path for path, count in counts.items() if count > MOST_UNGROUPED] == []
