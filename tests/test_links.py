"""docs/links.md lists every outside address of the documents and of the programs."""

import glob
import os
import re

import pytest

from tests import readme
from tests import toy
from tools import download

PAGE = "docs/links.md"
PATTERNS = ("*.md", "*.cff", "NOTICE", "docs/*.md", "data/**/*.md", "models/**/*.md",
            "resources/**/*.md", "albert_config/*.md")
ADDRESS = re.compile(r"\b(?:(?:https?|ftp)://(?=[A-Za-z])|www\.)[^\s\"'`<>()|\]]+")
LOCAL = re.compile(r"https?://localhost\b")


def listed():
    return [readme.code_in(row[0])[0] for rows in readme.tables(PAGE) for row in rows]


def addresses_in(text):
    """The outside ones: a number is an address of this machine."""
    return [found for found in ADDRESS.findall(text) if not LOCAL.match(found)]


def documents():
    return sorted({os.path.relpath(path, readme.ROOT) for pattern in PATTERNS
                   for path in glob.glob(os.path.join(readme.ROOT, pattern),
                                         recursive=True)} - {PAGE})


def sources():
    return sorted(os.path.relpath(path, readme.ROOT) for pattern in (
        "*.py", "*.sh", "tools/*.py", "benchmarks/*.py", "Dockerfile", "*.txt")
        for path in glob.glob(os.path.join(readme.ROOT, pattern)))


def unlisted(addresses):
    return [address for address in addresses if not address.startswith(tuple(listed()))]


def test_documents_have_no_other_address():
    assert len(documents()) > 20 and len(listed()) == len(set(listed())) > 10
    found = {name: addresses_in(readme.read(name)) for name in documents()}
    assert any(found.values())
    assert {name: unlisted(addresses) for name, addresses in found.items()
            if unlisted(addresses)} == {}


def test_sources_have_no_other_address():
    found = {name: addresses_in(readme.read(name)) for name in sources()}
    assert sum(map(len, found.values())) > 4
    assert {name: unlisted(addresses) for name, addresses in found.items()
            if unlisted(addresses)} == {}


def test_what_is_downloaded_is_listed():
    addresses = list(download.MODELS.values()) + list(download.CLUE.values()) + list(
        download.READING.values()) + download.LCQMC_SOURCES
    assert len(addresses) > 15
    assert unlisted(addresses) == []


def test_what_is_listed_of_the_programs_stands_in_them():
    text = "".join(map(readme.read, sources()))
    called, named = readme.tables(PAGE)[:2]
    for row in called + named:
        assert readme.code_in(row[0])[0] in text
        for path in re.findall(r"[\w/]+\.py", row[2]):
            assert os.path.exists(os.path.join(toy.ROOT, path))


@pytest.mark.parametrize("text, expected", [
    ("see https://example.org/a), and", ["https://example.org/a"]),
    ("[x](www.example.org/b)", ["www.example.org/b"]),
    ("http://127.0.0.1:8000/ and http://localhost:8501/v1", [])])
def test_addresses_are_found(text, expected):
    assert addresses_in(text) == expected
    assert unlisted(expected) == expected
