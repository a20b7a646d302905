"""Files of records: lines, tables and JSON objects, every row with its line number.

Text is UTF-8. A row is only taken apart by the parser that goes with it, so that a bad
row is found where the caller knows its place and may leave it out.
"""

import csv
import io
import json
import logging
from typing import Any, NamedTuple, Optional

import errors
import storage

# What people call the columns, in lower case.
KNOWN_NAMES = {
    "text_a": ("text_a", "text", "sentence", "sentence1", "text1", "question1",
               "premise", "query", "question", "content", "review", "title", "comment",
               "文本", "句子1", "文本1", "内容"),
    "text_b": ("text_b", "sentence2", "text2", "question2", "hypothesis", "hypo", "句子2",
               "文本2"),
    "label": ("label", "labels", "class", "category", "target", "sentiment",
              "gold_label", "is_duplicate", "similarity", "标签", "类别"),
    "id": ("id", "idx", "index", "guid", "编号"),
}


class Record(NamedTuple):
    """What a row says; `label` and `id` are None where it says nothing; `keep` are the
    (begin, end) of what must stay in text_a when it is cut."""
    text_a: str
    text_b: Optional[str]
    label: Optional[str]
    id: Any
    keep: tuple = ()


class Columns(NamedTuple):
    """Where a row says it: numbers of a table's columns or names of JSON fields."""
    text_a: Any = None
    text_b: Any = None
    label: Any = None
    id: Any = None


def read_text(path):
    """The file without its byte-order mark.

    Raises: InputError if it is missing, empty or not UTF-8.
    """
    try:
        with storage.open_file(path, "rb") as stream:
            text = stream.read().decode("utf-8")
    except OSError as error:
        raise errors.InputError("%s cannot be read: %s" % (path, error.strerror))
    except UnicodeDecodeError as error:
        raise errors.InputError(
            "%s is not UTF-8 (byte %d); if it is GBK or GB18030, convert it: "
            "iconv -f GB18030 -t UTF-8 %s > NEW_FILE" % (path, error.start, path))
    text = text[text.startswith("\ufeff"):]
    if not text.strip():
        raise errors.InputError("%s is empty" % path)
    return text


def read_lines(path):
    """-> [(line number from 1, text)], without blank lines at the end of the file."""
    # Only "\n" ends a line: a text may hold what Python's splitlines would split at.
    lines = [line[:-1] if line.endswith("\r") else line
             for line in read_text(path).split("\n")]
    while not lines[-1].strip():
        lines.pop()
    return list(enumerate(lines, 1))


def read_table(path):
    """-> [(line, [cell])]; .csv has quotes, elsewhere a quote is a character."""
    if path.lower().endswith(".csv"):
        return _read_csv(path)
    return [(line, text.split("\t")) for line, text in read_lines(path)]


def _read_csv(path):
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    rows = []
    line = 1
    try:
        for cells in reader:
            rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise errors.InputError("%s:%d: not CSV: %s" % (path, line, error))
    while _is_blank(rows[-1][1]):
        rows.pop()
    return rows


def _is_blank(cells):
    return not any(cell.strip() for cell in cells)


def parse_json(line):
    """One line -> its JSON object; InputError if it is none."""
    if not line.strip():
        raise errors.InputError("blank line")
    try:
        record = json.loads(line)
    except ValueError as error:
        raise errors.InputError("not JSON, expected one object a line: %s" % error)
    if not isinstance(record, dict):
        raise errors.InputError(
            "expected a JSON object, found %s" % type(record).__name__)
    return record


def field(record, name):
    """record[name]; InputError that lists the fields if it is not there."""
    if not isinstance(record, dict):
        raise errors.InputError("expected an object with a field %r" % name)
    if name not in record:
        raise errors.InputError(
            "no field %r; the record has %s" % (name, ", ".join(sorted(record))))
    return record[name]


def as_text(value):
    """A JSON value as text: numbers and true or false as written, null as None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    raise errors.InputError(
        "expected a text or a number, found %s" % type(value).__name__)


def text_field(record, name):
    """A field that must be there and must not be null, as text."""
    text = as_text(field(record, name))
    if text is None:
        raise errors.InputError("field %r is null" % name)
    return text


def json_parser(columns):
    """Parser of lines that hold JSON objects with the fields `columns` names."""
    def parse(line):
        record = parse_json(line)
        return Record(
            text_field(record, columns.text_a),
            columns.text_b and text_field(record, columns.text_b),
            as_text(record.get(columns.label)), record.get(columns.id))
    return parse


def table_parser(columns, width):
    """Parser of rows of `width` cells."""
    def parse(cells):
        if _is_blank(cells):
            raise errors.InputError("blank line")
        if len(cells) != width:
            raise errors.InputError(
                "expected %d columns, found %d" % (width, len(cells)))
        return Record(*(None if place is None else cells[place] for place in columns))
    return parse


def is_header(cells):
    """Whether at least half of the cells are well-known names of columns."""
    known = {name for names in KNOWN_NAMES.values() for name in names}
    return 2 * sum(cell.strip().lower() in known for cell in cells) >= len(cells)


class Expectation(NamedTuple):
    """What is known of a file of one's own before its columns are guessed.

    `given` are columns by name or number as typed, None where they are to be guessed;
    `is_pair` and `labels` are None until they are learnt from train.
    """
    given: Columns
    needs_labels: bool
    is_pair: Optional[bool]
    labels: Optional[list]


def open_own_file(path, expectation):
    """-> (rows, parser) of a .tsv, .txt, .csv, .jsonl or .json file; says what it took.

    Raises: InputError if a column is missing or cannot be guessed.
    """
    extension = path.lower().rpartition(".")[2]
    if extension not in ("tsv", "txt", "csv", "jsonl", "json"):
        raise errors.InputError(
            "%s: expected a file that ends in .tsv, .txt, .csv, .jsonl or .json" % path)
    try:
        if extension in ("jsonl", "json"):
            return _open_json(path, expectation)
        return _open_table(path, expectation)
    except _ColumnError as error:
        raise errors.InputError("%s: %s" % (path, error))


class _ColumnError(errors.InputError):
    """A column is not found; the file is still to be named."""


def _first_object(path, rows):
    """The first row that is a JSON object tells the fields; bad rows come later."""
    for _, text in rows:
        try:
            return parse_json(text)
        except errors.InputError:
            continue
    raise errors.InputError("%s: no line is a JSON object; expected one a line" % path)


def _open_json(path, expectation):
    rows = read_lines(path)
    record = _first_object(path, rows)
    names = list(record)
    found = _columns_by_name(names, expectation)
    columns = Columns(*(None if place is None else names[place] for place in found))
    _check_and_report(path, "JSON fields", columns, expectation)
    return rows, json_parser(columns)


def _open_table(path, expectation):
    rows = read_table(path)
    first = rows[0][1]
    given = [name for name in expectation.given if name is not None]
    if is_header(first) or not all(name.isdigit() for name in given):
        columns = _columns_by_name(first, expectation)
        kind = "header %s; columns" % first
        rows = rows[1:]
    else:
        columns = _columns_by_width(rows, expectation)
        kind = "no header; columns"
    _check_and_report(path, kind, columns, expectation)
    return rows, table_parser(columns, len(first))


def _check_and_report(path, kind, columns, expectation):
    if expectation.needs_labels and columns.label is None:
        raise _ColumnError("no column of labels found; name it with --label")
    is_pair = columns.text_b is not None
    if expectation.is_pair not in (None, is_pair):
        words = {True: "pairs of texts", False: "single texts"}
        raise _ColumnError(
            "training had %s, this file has %s; name the columns with --text_a, "
            "--text_b and --label" % (words[not is_pair], words[is_pair]))
    logging.info("%s: %s %s", path, kind, ", ".join(
        "%s=%s" % item for item in columns._asdict().items() if item[1] is not None))


def _place_of(name, names):
    """The place of a column that was given by name, else by number, else None."""
    if name in names:
        return names.index(name)
    if name.isdigit() and int(name) < len(names):
        return int(name)
    return None


def _columns_by_name(names, expectation):
    given = expectation.given
    names = [name.strip() for name in names]
    found = {}
    for role, name in given._asdict().items():
        if name is not None:
            found[role] = _place_of(name, names)
            if found[role] is None and (role != "label" or expectation.needs_labels):
                raise _ColumnError("no column %r for --%s; there are: %s"
                                   % (name, role, ", ".join(names)))
    for role in ("text_a", "text_b", "label", "id"):
        # Who names the first text alone has single texts.
        if role not in found and not (role == "text_b" and given.text_a is not None):
            found[role] = next(
                (place for place, name in enumerate(names)
                 if name.lower() in KNOWN_NAMES[role] and place not in found.values()),
                None)
    if found["text_a"] is None:
        left = [place for place in range(len(names)) if place not in found.values()]
        if len(left) != 1:
            raise _ColumnError("which column is the text? There are: %s; name it with "
                               "--text_a" % ", ".join(names))
        found["text_a"] = left[0]
    return Columns(**found)


def _columns_by_width(rows, expectation):
    """Without a header: texts first, then the label, over the columns not given."""
    width = len(rows[0][1])
    found = {role: int(name) for role, name in expectation.given._asdict().items()
             if name is not None}
    if not expectation.needs_labels and found.get("label", 0) >= width:
        found["label"] = None
    for role, place in found.items():
        if place is not None and place >= width:
            raise _ColumnError("--%s=%d, but there are %d columns, counted from 0"
                               % (role, place, width))
    free = [role for role in ("text_a", "text_b", "label") if role not in found
            and not (role == "text_b" and "text_a" in found)]
    left = [place for place in range(width) if place not in found.values()]
    droppable = ["text_b", "label"]
    if not expectation.needs_labels and _ends_in_text(rows, expectation):
        droppable.reverse()
    for role in droppable:
        if role in free and len(free) > len(left):
            free.remove(role)
    if free and len(free) != len(left):
        if free != ["label"] or expectation.needs_labels:
            raise _ColumnError("%d columns and no header; name the columns by number "
                               "with --text_a, --text_b and --label" % width)
        free = []
    found.update(zip(free, left))
    return Columns(**found)


def _ends_in_text(rows, expectation):
    """Whether the last column of an unlabelled file is a second text, not a label."""
    if expectation.is_pair is not None or expectation.labels is None:
        return bool(expectation.is_pair)
    return not {cells[-1].strip() for _, cells in rows} <= set(expectation.labels)
