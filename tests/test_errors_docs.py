"""docs/errors lists every message for users, with when it comes and what to do."""

import re

import pytest

from tests import messages
from tests import readme
from tests import test_readme
from tests import test_readme_training

PAGES = ("docs/errors.md", "docs/errors_en.md")
both_languages = pytest.mark.parametrize("page", [0, 1], ids=["zh", "en"])
MESSAGES = {path: messages.of_module(path) for path in messages.module_paths()}
# Their messages stand in docs/training.
OF_PRETRAINING = {module + ".py" for module in test_readme_training.MODULES}


def sections(page):
    """[(modules, messages)] of each heading of a page."""
    found = []
    for part in re.split(r"^## ", readme.read(PAGES[page]), flags=re.M)[1:]:
        line = re.search(r"^(?:模块：|Modules: )(.*)$", part, re.M).group(1)
        rows = re.findall(r"^\| `([^`]+)` \| (\S.*) \| (\S.*) \|$", part, re.M)
        assert len(rows) == len(re.findall(r"^\| `", part, re.M)) > 0
        found.append((readme.code_in(line), [row[0] for row in rows]))
    return found


def test_both_languages_have_the_same_outline_modules_and_messages():
    assert test_readme.outline(PAGES[0]) == test_readme.outline(PAGES[1])
    assert sections(0) == sections(1)
    for page, other in (PAGES, PAGES[::-1]):
        assert "](%s)" % other[len("docs/"):] in readme.read(page)


def test_every_module_with_messages_stands_in_one_section():
    named = [path for modules, _ in sections(0) for path in modules]
    assert len(named) == len(set(named))
    speaking = {path for path, found in MESSAGES.items() if found}
    assert len(speaking) > 50
    assert speaking - OF_PRETRAINING == set(named)


@both_languages
def test_every_message_is_told_in_the_section_of_its_module(page):
    elsewhere = test_readme_training.told(test_readme_training.PAGES[page])
    missing = [(path, text) for modules, rows in sections(page) for path in modules
               for text in MESSAGES[path]
               if not any(text.startswith(row) for row in rows)
               and not any(part in text for part in elsewhere)]
    assert missing == []


@both_languages
def test_every_message_that_is_told_is_one_of_the_program(page):
    for modules, rows in sections(page):
        said = [text for path in modules for text in MESSAGES[path]]
        assert [row for row in rows
                if not any(text.startswith(row) for text in said)] == []
        assert len(rows) == len(set(rows))


@both_languages
def test_no_message_hides_behind_a_row_of_values_alone(page):
    for _, rows in sections(page):
        for row in rows:
            assert len(re.findall(r"[A-Za-z]", row)) >= 4, row


@both_languages
def test_every_file_and_heading_that_is_linked_exists(page):
    for path, anchor in re.findall(r"\]\(([^)#]+)(?:#([^)]+))?\)",
                                   readme.read(PAGES[page])):
        text = readme.read("docs/" + path)
        headings = [heading.lower().replace(" ", "-")
                    for heading in re.findall(r"^#+ (.*)$", text, re.M)]
        assert not anchor or anchor in headings


@pytest.mark.parametrize("source, expected", [
    ('raise errors.InputError("%s has %d words: %s." % values)',
     ["… has … words: …."]),
    ('parser.error("give `a`, "\n "or b")', ["give 'a', or b"]),
    ('raise falcon.HTTPBadRequest(description="No JSON.")', ["No JSON."]),
    ('sys.exit("error: Give a folder.")', ["error: Give a folder."]),
    ('logging.error("%s failed", name)\nraise errors.InputError(damage)', [])])
def test_messages_are_found_in_sources(tmp_path, monkeypatch, source, expected):
    monkeypatch.setattr(readme, "ROOT", str(tmp_path))
    (tmp_path / "module.py").write_text(source)
    assert messages.of_module("module.py") == expected
