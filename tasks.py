"""The classification tasks: one entry each, and how their files become examples.

An entry gives the name, the labels in the order of their ids, a reader, and file names
where they differ from CLUE's. No TensorFlow here.
"""

import logging
import os
import re
from typing import Any, Callable, NamedTuple, Optional

import errors
import readers
import storage
from readers import Columns, Record

SPLITS = ("train", "dev", "test")
# An earlier test set that CLUE still scores; its file stands beside the newer one.
OLD_TEST = "test1.0"
MAX_LABELS_SHOWN = 20


class Example(NamedTuple):
    """A text or a pair. `id` is the record's own, else the row number from 0; `line` is
    its line in the file, from 1; `label` is None where the row has none; `keep` are the
    (begin, end) of what must stay in text_a when it is cut."""
    id: Any
    text_a: str
    text_b: Optional[str]
    label: Optional[str]
    line: int
    keep: tuple = ()


class Task(NamedTuple):
    """A kind of data.

    `labels` are in the order of their ids, None where they are learnt from train;
    `read(task, path, needs_labels)` -> ([(line, row)], parser of a row -> Record);
    `files` are the names looked for, by split; `aliases` are other words for labels;
    rows labelled `undecided` have no label; `is_pair` is None where it is not known.
    Of CLUE's tasks: `archive` is the name they are published under, `submission` the
    file that the leaderboard takes, `versions` those of test sets 1.0 and 1.1.
    """
    name: str
    labels: Optional[list]
    read: Callable
    files: dict
    aliases: dict = {}
    undecided: Optional[str] = None
    is_pair: Optional[bool] = None
    archive: Optional[str] = None
    submission: Optional[str] = None
    versions: tuple = ()

    @property
    def folders(self):
        """The folders that hold the task's files where several tasks stand together."""
        return [name + ending for name in sorted({self.name, self.archive or self.name})
                for ending in ("", "_public")]

    def submissions(self, splits):
        """{split: [names of the files to submit]}, given which test sets there are."""
        if not self.submission:
            return {}
        if OLD_TEST not in splits:
            return {"test": [self.submission]}
        return {"test": [self.submission, self.versions[1]],
                OLD_TEST: [self.versions[0]]}

    def find_file(self, data_dir, split):
        """The file of a split: in `data_dir`, in the task's folder there or one below,
        or in another folder there that is not named after a task.

        Raises: InputError that lists what is there, if it is not found or not unique.
        """
        names = self.files[split]
        if not data_dir or not os.path.isdir(data_dir):
            raise errors.InputError("data_dir=%s is no folder" % data_dir)
        own = [folder for folder in _folders_in(data_dir)
               if os.path.basename(folder) in self.folders]
        below = [inner for folder in own for inner in _folders_in(folder)]
        others = [folder for folder in _folders_in(data_dir)
                  if os.path.basename(folder) not in _FOLDERS_OF_TASKS]
        for group in [data_dir], own, below, others:
            for name in names:
                paths = [os.path.join(folder, name) for folder in group]
                found = list(filter(os.path.isfile, paths))
                if len(found) > 1:
                    raise errors.InputError("%s %s: which one? %s; give one folder as "
                                            "data_dir" % (self.name, split, found))
                if found:
                    return found[0]
        raise errors.InputError(
            "no %s data of task %s: looked for %s in %s and its folders; there is: %s"
            % (split, self.name, " or ".join(names), data_dir,
               ", ".join(sorted(os.listdir(data_dir))) or "nothing"))


def _folders_in(folder):
    return [entry.path for entry in sorted(os.scandir(folder), key=lambda e: e.name)
            if entry.is_dir() and not entry.name.startswith((".", "__"))]


def read_examples(task, path, skip_bad_rows=False, needs_labels=True, max_rows=None):
    """-> ([Example], [message about rows left out]); of the first `max_rows` if given.

    A row that cannot be read is an error; with `skip_bad_rows` it is left out, but only
    where `needs_labels`: a file to predict gets an example for each of its rows.

    Raises: InputError with file and line.
    """
    rows, parse = task.read(task, path, needs_labels)
    rows = rows[:max_rows]
    examples, skipped = [], []
    num_undecided = 0
    for number, (line, row) in enumerate(rows):
        try:
            record = parse(row)
            label = _known_label(task, record.label, needs_labels)
        except errors.InputError as error:
            message = "%s:%d: %s" % (path, line, error)
            if not (skip_bad_rows and needs_labels):
                raise errors.InputError(message) from None
            skipped.append(message)
            continue
        if label is None and needs_labels:
            num_undecided += 1
            continue
        id_ = number if record.id is None else record.id
        examples.append(Example(
            id_, record.text_a, record.text_b, label, line, record.keep))
    if num_undecided:
        skipped.append("%s: %d rows labelled %r, which annotators did not agree on"
                       % (path, num_undecided, task.undecided))
    if not examples:
        raise errors.InputError("%s: no row to use among %d%s" % (
            path, len(rows), "; %s" % skipped[0] if skipped else ""))
    logging.info("%s: %d rows, %d left out.", path, len(examples),
                 len(rows) - len(examples))
    return examples, skipped


def _known_label(task, text, needs_labels):
    """The label of a row; None if it has none and needs none, or is undecided."""
    label = task.aliases.get((text or "").strip(), (text or "").strip())
    if not label:
        if needs_labels:
            raise errors.InputError("no label")
        return None
    if label == task.undecided:
        return None
    if task.labels is not None and label not in task.labels:
        raise errors.InputError("label %r is not one of the %d known: %s" % (
            label, len(task.labels), ", ".join(task.labels[:MAX_LABELS_SHOWN])
            + ", ..." * (len(task.labels) > MAX_LABELS_SHOWN)))
    return label


# Readers. A task in JSON form needs only to say what a record means.
def _json_lines(parse_record):
    def read(task, path, needs_labels):
        del task, needs_labels
        return (readers.read_lines(path),
                lambda line: parse_record(readers.parse_json(line)))
    return read


def _texts(text_a, text_b=None):
    def parse_record(record):
        return _record(record, readers.text_field(record, text_a),
                       text_b and readers.text_field(record, text_b))
    return _json_lines(parse_record)


def _record(record, text_a, text_b=None, keep=()):
    return Record(text_a, text_b, readers.as_text(record.get("label")),
                  record.get("id", record.get("idx")), keep)


@_json_lines
def _csl(record):
    keywords = readers.field(record, "keyword")
    if not isinstance(keywords, list):
        raise errors.InputError("field 'keyword' must be a list")
    return _record(record, " ".join(readers.as_text(word) or "" for word in keywords),
                   readers.text_field(record, "abst"))


@_json_lines
def _wsc(record):
    """The text with _ round the first span and [ ] round the second; both are kept."""
    text = readers.text_field(record, "text")
    target = readers.field(record, "target")
    marks = []
    for number, opening, closing in (("1", "_", "_"), ("2", "[", "]")):
        span = readers.text_field(target, "span%s_text" % number)
        start = readers.field(target, "span%s_index" % number)
        if not span or not isinstance(start, int) or not text.startswith(span, start):
            raise errors.InputError("span %r is not at index %r of the text"
                                    % (span, start))
        # Where one span ends and the other begins, the end is written first.
        marks += [(start, 1, opening, number), (start + len(span), 0, closing, number)]
    marked, done, begins, keep = "", 0, {}, []
    for place, is_opening, mark, number in sorted(marks):
        marked += text[done:place] + mark
        done = place
        if is_opening:
            begins[number] = len(marked) - len(mark)
        else:
            keep.append((begins[number], len(marked)))
    return _record(record, marked + text[done:], keep=tuple(keep))


def _table(labelled, columns_of, keep=lambda cells: True):
    """Reader of tables without names: the width tells the columns.

    `labelled` is (width, Columns) of labelled rows, `columns_of(width)` -> Columns or
    None of any file; `keep(cells)` chooses rows of a file in several languages.
    """
    def read(task, path, needs_labels):
        rows = readers.read_table(path)
        first = rows[0][1]
        width, columns = len(first), columns_of(len(first))
        if columns is None or (needs_labels and columns.label is None):
            width, columns = labelled
        if len(first) == width and _is_header(task, first, columns):
            logging.info("%s: line 1 is a header: %s", path, first)
            rows = rows[1:]
        rows = [(line, cells) for line, cells in rows if keep(cells)]
        return rows, readers.table_parser(columns, width)
    return read


def _is_header(task, cells, columns):
    if columns.label is None:
        return readers.is_header(cells)
    label = cells[columns.label].strip()
    # A number is a label, if perhaps a wrong one.
    return not (label in task.labels or label in task.aliases or label.isdigit()
                or label in ("", task.undecided))


def _pair_table(labelled_columns):
    return _table((3, labelled_columns), {2: Columns(0, 1), 3: labelled_columns}.get)


def _xnli_columns(width):
    # Train: premise, hypothesis, label. Dev and test: fifteen languages in a file.
    return Columns(0, 1, 2) if width == 3 else Columns(6, 7, 1) if width > 7 else None


def _files(*names):
    return {split: tuple(name % split for name in names) for split in SPLITS}


_JSON_FILES = _files("%s.json")
_NLI = ["contradiction", "entailment", "neutral"]
_NLI_ALIASES = {"contradictory": "contradiction"}
_TNEWS = ["%d" % code for code in range(100, 117) if code not in (105, 111)]


def _clue(name, labels, read, archive=None, **others):
    archive = archive or name
    return Task(name, labels, read, **dict(
        dict(files=_JSON_FILES, archive=archive,
             submission="%s_predict.json" % archive), **others))


_LCQMC = (["0", "1"], _pair_table(Columns(0, 1, 2)), _files("%s.txt", "%s.tsv"))

TASKS = {task.name: task for task in [
    Task("lcqmc", *_LCQMC),
    Task("lcqmc_pair", *_LCQMC),
    Task("sentence_pair", ["0", "1"], _pair_table(Columns(1, 2, 0)),
         _files("%s_0827.tsv", "%s.tsv")),
    Task("xnli", _NLI, _texts("premise", "hypo"), _JSON_FILES, _NLI_ALIASES, "-"),
    Task("xnli_tsv", _NLI,
         _table((3, Columns(0, 1, 2)), _xnli_columns,
                keep=lambda cells: len(cells) <= 7 or cells[0] == "zh"),
         {"train": ("multinli.train.zh.tsv",
                    os.path.join("multinli", "multinli.train.zh.tsv")),
          "dev": ("xnli.dev.tsv",), "test": ("xnli.test.tsv",)}, _NLI_ALIASES, "-"),
    _clue("afqmc", ["0", "1"], _texts("sentence1", "sentence2")),
    _clue("cmnli", _NLI, _texts("sentence1", "sentence2"), undecided="-"),
    _clue("ocnli", _NLI, _texts("sentence1", "sentence2"), undecided="-",
          files=dict(_JSON_FILES, train=("train.json", "train.50k.json")),
          submission="ocnli_50k_predict.json"),
    _clue("csl", ["0", "1"], _csl),
    _clue("iflytek", ["%d" % code for code in range(119)], _texts("sentence")),
    _clue("tnews", _TNEWS, _texts("sentence"),
          versions=("tnews10_predict.json", "tnews11_predict.json")),
    _clue("wsc", ["true", "false"], _wsc, archive="cluewsc2020",
          versions=("cluewsc10_predict.json", "cluewsc11_predict.json")),
]}
_FOLDERS_OF_TASKS = {folder for task in TASKS.values() for folder in task.folders}


def custom_task(text_a=None, text_b=None, label=None):
    """A task of one's own files; columns by name or number from 0, guessed if None.

    Its labels come from train: see `learn`.
    """
    given = Columns(*(None if name is None else str(name)
                      for name in (text_a, text_b, label)))

    def read(task, path, needs_labels):
        return readers.open_own_file(path, readers.Expectation(
            given, needs_labels, task.is_pair, task.labels))

    return Task("custom", None, read,
                _files("%s.tsv", "%s.txt", "%s.csv", "%s.jsonl", "%s.json"))


def learn(task, train_examples):
    """The task with what its training examples tell: the labels, and single or pair."""
    if task.labels is not None:
        return task
    return task._replace(labels=learn_labels(train_examples),
                         is_pair=train_examples[0].text_b is not None)


def learn_labels(examples):
    """The labels that occur, sorted; as numbers if all are integers."""
    labels = {example.label for example in examples if example.label is not None}
    if not labels:
        raise errors.InputError("no training example has a label")
    if all(re.match(r"[-+]?[0-9]+$", label) for label in labels):
        return sorted(labels, key=lambda label: (int(label), label))
    return sorted(labels)


def write_labels(path, labels):
    """One label a line, in the order of their ids."""
    for label in labels:
        if "\n" in label:
            raise errors.InputError("label %r has a line break; rename it" % label)
    temporary = "%s.%d.tmp" % (path, os.getpid())
    with storage.open_file(temporary, "w") as stream:
        stream.write("".join(label + "\n" for label in labels))
    storage.replace(temporary, path)


def read_labels(path):
    """-> [label] as `write_labels` wrote them; InputError if one stands there twice."""
    labels = [label for _, label in readers.read_lines(path)]
    if len(set(labels)) < len(labels):
        raise errors.InputError("%s: a label stands there twice" % path)
    return labels
