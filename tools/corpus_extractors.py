"""What the formats of the free Chinese packages hold, as documents of paragraphs.

An extractor takes the folder of an unpacked package and yields its documents in a fixed
order, each a list of paragraphs without markup. Nothing is judged here:
tools.corpus_cleaning says what of it is prose.
"""

import gettext
import glob
import gzip
import html.parser
import json
import os
import re

_WIDE = "[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef“”‘’…—]"
_WIDE_BREAK = re.compile(r"(?<=%s)[ \t]*\n\s*(?=%s)" % (_WIDE, _WIDE))


def pages(pattern, parse):
    """-> an extractor: one document for each file of the package that fits `pattern`.

    `parse` turns the text of a file into paragraphs; `pattern` is a glob, ** included.
    """
    def extract(root):
        for path in _files(root, pattern):
            yield parse(_read_text(path))
    return extract


def entries(pattern, parse):
    """As `pages`, but `parse` finds several documents in one file."""
    def extract(root):
        for path in _files(root, pattern):
            for document in parse(_read_text(path)):
                yield document
    return extract


def _files(root, pattern):
    found = glob.glob(os.path.join(glob.escape(root), pattern), recursive=True)
    return sorted(p for p in found if os.path.isfile(p) and not os.path.islink(p))


def _read_text(path):
    """The text of a plain or gzip file; what is not UTF-8 becomes U+FFFD."""
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rb") as stream:
        return stream.read().decode("utf-8", "replace")


def join_lines(text):
    """Unwraps a paragraph: a break between two Chinese characters is no blank."""
    return re.sub(r"\s+", " ", _WIDE_BREAK.sub("", text)).strip()


# --- HTML, and the XML of GNOME's help ----------------------------------------

_INLINE = frozenset(
    "a abbr acronym app b bdi big cite cmd code em file font gui guiseq i img input "
    "kbd key keyseq label link mark output q quote s samp small span strong sub sys tt "
    "u var wbr".split())
_SKIPPED = frozenset(
    "aside button footer head header info math nav noscript pre screen script style "
    "sup svg textarea".split())


class _Blocks(html.parser.HTMLParser):
    """Collects the text between block elements; footnote marks and code are skipped."""

    def __init__(self):
        super(_Blocks, self).__init__(convert_charrefs=True)
        self.blocks = [""]
        self._skipped = []

    def handle_starttag(self, tag, attrs):
        if tag in _SKIPPED:
            self._skipped.append(tag)
        elif tag not in _INLINE:
            self.blocks.append("")

    def handle_endtag(self, tag):
        if tag in self._skipped:
            while self._skipped.pop() != tag:
                pass
        elif tag not in _INLINE:
            self.blocks.append("")

    def handle_data(self, data):
        if not self._skipped:
            self.blocks[-1] += data


def html_paragraphs(text):
    """HTML or XML -> the texts of its blocks."""
    parser = _Blocks()
    parser.feed(text)
    parser.close()
    return [block for block in map(join_lines, parser.blocks) if block]


# --- manual pages -------------------------------------------------------------

_ALTERNATING = frozenset("BI BR IB IR RB RI".split())
_RUNNING = frozenset(
    "B I SM SB Ar Cm Dq Em Ev Fl Ic Li Nm Op Pa Pq Ql Sq Sx Sy Tn Xr".split()
) | _ALTERNATING
_UNFILLED = {"nf": "fi", "Vb": "Ve", "EX": "EE", "CS": "CE", "TS": "TE", "Bd": "Ed",
             "de": ".", "ig": "."}
_MACRO = re.compile(r"[.'][ \t]*([A-Za-z]+|\.)?(.*)")
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|(\S+)')
_ESCAPES = [
    (re.compile(r'\\".*'), ""),
    (re.compile(r"\\f(?:\(..|\[[^\]]*\]|.)"), ""),
    (re.compile(r"\\s[-+]?\d"), ""),
    (re.compile(r"\\\*(?:\(..|\[[^\]]*\]|.)"), ""),
    (re.compile(r"\\\((?:em|en)"), "—"),
    (re.compile(r"\\\((?:aq|cq|oq)"), "'"),
    (re.compile(r"\\\((?:lq|rq|dq)"), '"'),
    (re.compile(r"\\(?:\(..|\[[^\]]*\])"), ""),
    (re.compile(r"\\[ ~0]"), " "),
    (re.compile(r"\\[-'`.]"), lambda match: match.group()[1]),
    (re.compile(r"\\[&|^c%:/,!]"), ""),
    (re.compile(r"\\e"), r"\\"),
]


def man_paragraphs(text):
    """The source of a manual page (man or mdoc macros) -> its filled paragraphs.

    Section titles, the tags of lists, tables, code and everything conditional are left
    out.
    """
    blocks = [""]
    closing = None
    is_tag = False
    for line in text.splitlines():
        macro = _MACRO.match(line)
        name = macro.group(1) if macro else None
        if closing and name not in (closing, "SH", "Sh"):
            continue
        closing = _UNFILLED.get(name)
        if name in _RUNNING or (not macro and not is_tag and line[:1].strip()):
            words = _arguments(name, macro.group(2)) if macro else line
            if not is_tag:
                blocks[-1] += "\n" + words
        elif name or not macro:
            blocks.append("" if macro or is_tag else line)
        if name or not macro:
            is_tag = name == "TP"
    return [block for block in (join_lines(_unescape(b)) for b in blocks) if block]


def _arguments(name, rest):
    """What a font macro prints: .BR joins its arguments, the others keep the blanks."""
    words = [quoted.replace('""', '"') or bare
             for quoted, bare in _ARGUMENT.findall(rest)]
    return ("" if name in _ALTERNATING else " ").join(words)


def _unescape(text):
    for pattern, replacement in _ESCAPES:
        text = pattern.sub(replacement, text)
    return text


# --- the stories of Wesnoth: scenarios in English and one catalogue of translat

_TRANSLATABLE = re.compile(r'_[ \t]*"((?:[^"]|"")*)"')
_TAG = re.compile(r"</?\w[^<>]*>")


def wesnoth_scenarios(root):
    """One document a scenario file: its texts in the order in which they are told."""
    catalogue = gettext.NullTranslations()
    for path in _files(root, "**/locale/zh_CN/LC_MESSAGES/*.mo"):
        with open(path, "rb") as stream:
            catalogue.add_fallback(gettext.GNUTranslations(stream))
    for path in _files(root, "**/*.cfg"):
        told = []
        for english in _TRANSLATABLE.findall(_read_text(path)):
            english = english.replace('""', '"')
            chinese = english and catalogue.gettext(english)
            if chinese != english:
                told.append(join_lines(_TAG.sub("", chinese)))
        yield told


# --- verse --------------------------------------------------------------------

_COLOURS = re.compile("\x1b\\[[0-9;]*m")


def fortunes(text):
    """A file of fortune(6) -> one document an entry, without "-- author" and titles."""
    for entry in _COLOURS.sub("", text).split("\n%"):
        lines = [line for line in entry.splitlines()
                 if not line.lstrip().startswith(("--", "《", "%"))]
        yield [join_lines(block) for block in re.split(r"\n\s*\n", "\n".join(lines))]


def poems(text):
    """JSON of the chinese-poetry collection -> one document a poem, at any depth."""
    pending = [json.loads(text)]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(reversed(value))
        elif isinstance(value, dict):
            lines = value.get("paragraphs") or value.get("content") or value.get("para")
            if lines and all(isinstance(line, str) for line in lines):
                yield [lines] if isinstance(lines, str) else lines
            else:
                pending.extend(value[key] for key in sorted(value, reverse=True))
