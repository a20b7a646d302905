"""Files between text and records: parts of the text, shuffled parts, merged shards.

Documents are spread over parts by the hash of their text, so that a part is a random
sample of the corpus and can be worked on alone. Every file gets its name when it is
complete.
"""

import bisect
import contextlib
import errno
import gzip
import itertools
import os
import random

import corpus
import errors
import records

# Bounds on memory: text waiting to be spread, and records waiting to be shuffled.
_SPREAD_BYTES = 32 << 20
_SHUFFLE_BYTES = 64 << 20
_COPY_BYTES = 1 << 20
_USER_CAN_MEND = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM,
                  errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.EMFILE,
                  errno.ENAMETOOLONG}


@contextlib.contextmanager
def _explaining(path):
    """Raises InputError if the disk is full or `path` cannot be written to."""
    try:
        yield
    except OSError as error:
        if error.errno not in _USER_CAN_MEND:
            raise
        raise errors.InputError(
            "%s cannot be written: %s; mend that or choose another --output_file, then "
            "run the same command with --resume" % (path, error.strerror))


@contextlib.contextmanager
def writing_to(path):
    """Gives a temporary name beside `path`, which takes its place if all went well.

    Raises: InputError if the disk is full or the folder cannot be written to.
    """
    temporary = "%s.tmp-%d" % (path, os.getpid())
    try:
        with _explaining(path):
            yield temporary
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)


def spread_documents(documents, seed, num_parts, path_of_part):
    """Writes each document to the part that its hash says; gives (documents, lines)."""
    buffers = [[] for _ in range(num_parts)]
    buffered = num_documents = num_lines = 0
    for lines in documents:
        text = "\n".join(lines) + "\n\n"
        buffers[corpus.document_key(lines, seed) % num_parts].append(text)
        buffered += len(text)
        num_documents += 1
        num_lines += len(lines)
        if buffered > _SPREAD_BYTES:
            _flush(buffers, path_of_part)
            buffered = 0
    _flush(buffers, path_of_part)
    return num_documents, num_lines


def _flush(buffers, path_of_part):
    for part, texts in enumerate(buffers):
        path = path_of_part(part)
        with _explaining(path), open(path, "ab") as stream:
            stream.write("".join(texts).encode("utf-8", "surrogatepass"))
        texts.clear()


def read_part(path):
    """Yields the documents of one part as lists of lines."""
    with open(path, encoding="utf-8", errors="surrogatepass", newline="\n") as stream:
        for has_text, lines in itertools.groupby(stream, key=lambda line: line != "\n"):
            if has_text:
                yield [line[:-1] for line in lines]


def shuffle_to(path, examples, seed):
    """Writes serialised examples as records in an order made of `seed`.

    Up to _SHUFFLE_BYTES of records wait in a buffer; a new one takes the place of a
    random one. All records of a part that fits come in uniformly random order.
    -> number of records.
    """
    draw = random.Random(seed).random
    waiting = []
    size = num_records = 0
    with writing_to(path) as temporary, open(temporary, "wb", _COPY_BYTES) as stream:
        for example in examples:
            record = records.frame(example)
            num_records += 1
            if size < _SHUFFLE_BYTES:
                waiting.append(record)
                size += len(record)
                continue
            place = int(draw() * len(waiting))
            stream.write(waiting[place])
            waiting[place] = record
        while waiting:
            place = int(draw() * len(waiting))
            stream.write(waiting[place])
            waiting[place] = waiting[-1]
            waiting.pop()
    return num_records


def merge_to(path, parts, seed, compression):
    """Writes the records of all parts, [(path, number of records)], to one shard.

    The next record comes from a part with probability proportional to the number of
    records left in it: parts in random order give a whole in random order.
    """
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(writing_to(path))
        raw = stack.enter_context(open(temporary, "wb", _COPY_BYTES))
        # No name and no time in the file: the same records give the same bytes.
        stream = raw if not compression else stack.enter_context(
            gzip.GzipFile("", "wb", 6, raw, 0))
        sources = [stack.enter_context(open(part, "rb", 1 << 16)) for part, _ in parts]
        for source in _draw_sources([number for _, number in parts], seed):
            stream.write(records.read_frame(sources[source]))


def _draw_sources(left, seed):
    """[records in each part] -> yields the part that the next record comes from."""
    left = list(left)
    draw = random.Random(seed).random
    while any(left):
        limits = list(itertools.accumulate(left))
        bases = [limit - number for limit, number in zip(limits, left)]
        # A draw beyond what is left in its part does not count. The table is made anew
        # before that becomes frequent.
        for _ in range(limits[-1] // 2 + 1):
            place = draw() * limits[-1]
            source = bisect.bisect_right(limits, place)
            if place - bases[source] < left[source]:
                left[source] -= 1
                yield source
