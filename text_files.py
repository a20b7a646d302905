"""Files of a text or a pair a line, to which something is added: no line is left out.

The cells of a pair are parted by tabs. A quote is an ordinary character, unless the cell
that it begins holds a tab, as spreadsheets write it.
"""

import contextlib
import csv
import os

import errors
import readers
import storage


def read_texts(path):
    """-> [line], blank ones too."""
    lines = readers.read_text(path).split("\n")
    if not lines[-1]:
        lines.pop()  # what follows the last line's end
    return [line[:-1] if line.endswith("\r") else line for line in lines]


def read_pairs(path):
    """-> (header line or None, [(line, (text_a, text_b))]).

    Raises errors.InputError, naming the line, where there is no second text.
    """
    lines = read_texts(path)
    header, places = None, (0, 1)
    named = _places_by_name(split(lines[0]))
    if named:
        header, places = lines.pop(0), named
    first = 1 if header is None else 2
    return header, [(line, _pair("%s:%d" % (path, number), line, places))
                    for number, line in enumerate(lines, first)]


def split(line):
    """A line -> its cells."""
    cells = line.split("\t")
    if '"' in line:
        try:
            quoted = next(csv.reader([line], delimiter="\t", strict=True))
        except csv.Error:
            return cells
        if 1 < len(quoted) < len(cells):
            return quoted
    return cells


def _places_by_name(cells):
    """Where a header has the two texts; None where the line is no header."""
    names = [cell.strip().lower() for cell in cells]
    found = [next((place for place, name in enumerate(names)
                   if name in readers.KNOWN_NAMES[role]), None)
             for role in ("text_a", "text_b")]
    return None if None in found else tuple(found)


def _pair(origin, line, places):
    if not line.strip():
        return "", ""
    cells = split(line)
    if len(cells) <= max(places):
        raise errors.InputError(
            "%s: expected two texts with a tab between them, found %d cell(s)."
            % (origin, len(cells)))
    return tuple(cells[place] for place in places)


@contextlib.contextmanager
def replacing(path):
    """A binary stream that becomes the file `path` when all is written.

    Raises errors.InputError where that cannot be written.
    """
    temporary = "%s.tmp-%d" % (path, os.getpid())
    try:
        with storage.open_file(temporary, "wb") as out:
            yield out
        storage.replace(temporary, path)
    except OSError as error:
        raise errors.InputError("%s cannot be written: %s." % (path, error.strerror))
    finally:
        if storage.exists(temporary):
            storage.remove(temporary)


def write(path, lines):
    """Writes lines to `path`; see `replacing`."""
    with replacing(path) as out:
        for line in lines:
            out.write((line + "\n").encode("utf-8"))
