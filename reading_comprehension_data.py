"""Files of questions on passages: CMRC2018 in both its shapes, DRCD, SQuAD 1.1 and 2.0.

    {"data": [{"paragraphs": [{"context": .., "qas": [{"id": .., "question": ..,
        "answers": [{"text": .., "answer_start": ..}], "is_impossible": ..}]}]}]}
    [{"context_text": .., "qas": [{"query_id": .., "query_text": .., "answers": [..]}]}]

An answer that does not sit where the file says is searched. Pure Python.
"""

import collections
import json
import os

import errors
import storage

# id: as in the file; passage: the text, shared by its questions; answers: [Answer], empty
# where nobody answered; is_impossible: the passage does not answer it.
Question = collections.namedtuple(
    "Question", ["id", "text", "passage", "answers", "is_impossible"])
# start: where it stands in the passage, None where it does not.
Answer = collections.namedtuple("Answer", ["text", "start"])
# name; metric: of reading_comprehension_scoring; files: {split: names}; submission: what
# CLUE calls the predictions of test, or None.
Task = collections.namedtuple("Task", ["name", "metric", "files", "submission"])

SPLITS = ("train", "dev", "test")


def _files(**others):
    return {split: (split + ".json",) + others[split] for split in SPLITS}


TASKS = {task.name: task for task in [
    Task("cmrc2018", "cmrc", _files(
        train=("cmrc2018_train.json",), dev=("cmrc2018_dev.json",),
        test=("cmrc2018_test_2k.json", "cmrc2018_test.json")), "cmrc2018_predict.json"),
    Task("drcd", "cmrc", _files(
        train=("DRCD_training.json",), dev=("DRCD_dev.json",), test=("DRCD_test.json",)),
        "drcd_predict.json"),
    Task("squad", "squad", _files(
        train=("train-v1.1.json", "train-v2.0.json"),
        dev=("dev-v1.1.json", "dev-v2.0.json"), test=("test-v2.0.json",)), None),
]}
_SHAPES = (' It should hold {"data": [{"paragraphs": [{"context", "qas": [{"id", '
           '"question", "answers": [{"text", "answer_start"}]}]}]}]}, or a list of '
           '{"context_text", "qas": [{"query_id", "query_text", "answers"}]}.')


def find_file(task, split, folder):
    """Where `folder`, or a folder in it, has the data of a split under a known name."""
    if not folder:
        raise errors.InputError("No %s data: give --%s_file, or --data_dir." % (
            split, split))
    for place, _, names in sorted(os.walk(folder)):
        found = [name for name in task.files[split] if name in names]
        if len(found) > 1:
            raise errors.InputError("%s holds %s: give one of them by --%s_file." % (
                place, " and ".join(found), split))
        if found:
            return os.path.join(place, found[0])
    raise errors.InputError("%s holds no %s data: none of %s. Give --%s_file." % (
        folder, split, ", ".join(task.files[split]), split))


def read_questions(path, most=None):
    """File -> [Question], in its order; only the first `most`.

    Raises errors.InputError for a file that is missing, no JSON or of another shape, for
    an empty passage, and for an id that stands there twice.
    """
    questions, places = [], {}
    for place, passage, qas, names in _paragraphs(_load(path), path):
        if not passage.strip():
            raise errors.InputError("%s: %s: the passage is empty." % (path, place))
        for number, item in enumerate(qas):
            where = "%s.qas[%d]" % (place, number)
            question = _question(item, passage, names, path, where)
            if question.id in places:
                raise errors.InputError(
                    "%s: the id %s stands there twice, at %s and %s; predictions go by "
                    "ids." % (path, question.id, places[question.id], where))
            places[question.id] = where
            questions.append(question)
    if not questions:
        raise errors.InputError("%s holds no question." % path)
    return questions[:most]


def _load(path):
    try:
        with storage.open_file(path, "rb") as source:
            return json.loads(source.read().decode("utf-8-sig"))
    except OSError as error:
        raise errors.InputError("%s cannot be read: %s." % (path, error.strerror))
    except UnicodeDecodeError as error:
        raise errors.InputError("%s is not UTF-8 (byte %d)." % (path, error.start))
    except ValueError as error:
        raise errors.InputError("%s is no JSON: %s." % (path, error))


_NEW = {"passage": "context", "id": "id", "question": "question"}
_OLD = {"passage": "context_text", "id": "query_id", "question": "query_text"}


def _paragraphs(content, path):
    """Yields (place, passage, its questions, the names of the keys)."""
    if isinstance(content, list):
        for i, item in enumerate(content):
            place = "[%d]" % i
            yield (place,) + _paragraph(item, _OLD, path, place)
        return
    for i, document in enumerate(_get(content, "data", list, path, "the file")):
        place = "data[%d]" % i
        for j, item in enumerate(_get(document, "paragraphs", list, path, place)):
            inner = "%s.paragraphs[%d]" % (place, j)
            yield (inner,) + _paragraph(item, _NEW, path, inner)


def _paragraph(item, names, path, place):
    return (_get(item, names["passage"], str, path, place),
            _get(item, "qas", list, path, place), names)


def _get(item, key, kind, path, place):
    if not isinstance(item, dict) or not isinstance(item.get(key), kind):
        raise errors.InputError("%s: %s has no %s (%s).%s" % (
            path, place, key, {list: "a list", str: "a text"}[kind], _SHAPES))
    return item[key]


def _question(item, passage, names, path, place):
    text = _get(item, names["question"], str, path, place)
    id_ = item.get(names["id"])
    if isinstance(id_, int) and not isinstance(id_, bool):
        id_ = str(id_)
    if not isinstance(id_, str):
        raise errors.InputError("%s: %s has no %s.%s" % (
            path, place, names["id"], _SHAPES))
    answers = [_answer(answer, passage, path, "%s.answers[%d]" % (place, number))
               for number, answer in enumerate(item.get("answers") or ())]
    # SQuAD 2.0 keeps answers that look right to impossible questions apart.
    return Question(id_, text, passage, answers, item.get("is_impossible") is True)


def _answer(item, passage, path, place):
    if isinstance(item, str):
        item = {"text": item}
    text = _get(item, "text", str, path, place)
    start = item.get("answer_start", 0)
    return Answer(text, locate(text, passage, start if isinstance(start, int) else 0))


def locate(text, passage, start):
    """Where `text` stands in the passage: at `start`, else nearest to it, else None."""
    if not text.strip():
        return None
    if start >= 0 and passage.startswith(text, start):
        return start
    found, place = [], passage.find(text)
    while place >= 0:
        found.append(place)
        place = passage.find(text, place + 1)
    return min(found, key=lambda at: abs(at - start), default=None)


def is_labelled(questions):
    """Whether predictions can be scored: CLUE's test set has placeholders for answers."""
    return all(q.is_impossible or q.answers for q in questions) and any(
        q.is_impossible or any(a.start is not None for a in q.answers) for q in questions)


def unanswerable(questions):
    """The ids of those with answers of which none stands in the passage."""
    return [question.id for question in questions
            if question.answers and not question.is_impossible
            and all(answer.start is None for answer in question.answers)]
