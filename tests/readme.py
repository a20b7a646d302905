"""The two READMEs taken apart, for the tests that hold them against the program."""

import os
import re
import runpy
from unittest import mock

import common_flags
from tests import toy

ROOT = toy.ROOT
LANGUAGES = ("README.md", "README_en.md")


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as source:
        return source.read()


def fences(name, language):
    """The fenced blocks of a language, in their order."""
    return re.findall(r"^```%s\n(.*?)^```$" % language, read(name), re.M | re.S)


def prose(name):
    """The text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", read(name), flags=re.M | re.S)


def code_in(text):
    """What stands in backquotes."""
    return re.findall(r"`([^`\n]+)`", text)


def tables(name):
    """[[[cell]]]: the rows of each table, without its head."""
    found = re.findall(r"^\|.*\n\|[-|]+\n((?:\|.*\n)+)", prose(name), re.M)
    return [[[cell.strip() for cell in line.strip("|").split("|")]
             for line in rows.splitlines()] for rows in found]


def table_of(name, code):
    """The one table with a row that has `code` in its first two cells."""
    table, = [rows for rows in tables(name)
              if any(code in code_in(row[0] + row[1]) for row in rows)]
    return table


def declared_flags(script):
    """{flag: (its default, whether it is required)} of a script, which is not run."""
    before = set(common_flags.FLAGS)
    with mock.patch.object(common_flags, "run"):
        runpy.run_path(os.path.join(ROOT, script), run_name="__main__")
    found = {}
    for name in set(common_flags.FLAGS) - before:
        flag = common_flags.FLAGS[name]
        required = any("other than None" in check.message for check in flag.validators)
        found[name] = flag.default, required
        delattr(common_flags.FLAGS, name)
    return found
