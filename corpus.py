"""Text files to documents: a sentence a line, a blank line between documents.

Reading is a stream; neither a long file, nor a file without blank lines, nor a line
without an end is ever held in memory as a whole.
"""

import codecs
import functools
import glob
import hashlib
import os

import errors
import sentences

MAX_LINE_BYTES = 4 << 20
MAX_DOCUMENT_CHARACTERS = 300000
_HASH_BYTES = 8


def find_files(patterns):
    """Comma-separated paths and globs -> sorted paths, each once.

    Raises: InputError naming a pattern that matches no file, or if all files are empty.
    """
    paths = set()
    for pattern in patterns.split(","):
        pattern = pattern.strip()
        found = [path for path in glob.glob(pattern) if os.path.isfile(path)]
        if not found:
            raise errors.InputError(
                "--input_file: no file matches %r (working folder: %s); give existing "
                "files or globs, separated by commas" % (pattern, os.getcwd()))
        paths.update(found)
    if not any(os.path.getsize(path) for path in paths):
        raise errors.InputError("--input_file=%s: %d file(s) found, all empty"
                                % (patterns, len(paths)))
    return sorted(paths)


def check_encoding(encoding):
    """Raises InputError for an encoding that is unknown or whose newline is not \\n."""
    try:
        codecs.lookup(encoding)
        is_usable = "\n".encode(encoding) == b"\n"
    except (LookupError, UnicodeError):
        is_usable = False
    if not is_usable:
        raise errors.InputError(
            "--encoding=%s is not supported; use UTF-8, GB18030, GBK or Big5, and "
            "convert other files: iconv -f %s -t UTF-8" % (encoding, encoding))


def read_documents(stream, name, encoding="utf-8", split_sentences=False):
    """Yields the documents of a binary stream as lists of lines without outer blanks.

    A byte order mark and CRLF are tolerated. A document that is longer than
    MAX_DOCUMENT_CHARACTERS goes on as another one at its next line. `split_sentences`
    puts each sentence of a line on a line of its own. `name` is what the stream is
    called in messages.

    Raises: InputError for bytes that are not `encoding`, binary data and endless lines.
    """
    lines = []
    size = 0
    for line in _lines(stream, name, encoding):
        if line:
            lines.extend(sentences.split_sentences(line) if split_sentences else [line])
            size += len(line)
        if lines and (not line or size > MAX_DOCUMENT_CHARACTERS):
            yield lines
            lines, size = [], 0
    if lines:
        yield lines


def _lines(stream, name, encoding):
    offset = 0
    for raw in iter(functools.partial(stream.readline, MAX_LINE_BYTES), b""):
        if len(raw) == MAX_LINE_BYTES:
            raise errors.InputError(
                "%s: the line at byte %d is longer than %d MB; the input is text with "
                "a sentence a line" % (name, offset, MAX_LINE_BYTES >> 20))
        if b"\0" in raw:
            raise errors.InputError(
                "%s: byte %d is 0, so this is not a text file (or it is UTF-16: "
                "convert it, iconv -f UTF-16 -t UTF-8)"
                % (name, offset + raw.index(b"\0")))
        try:
            line = raw.decode(encoding)
        except UnicodeDecodeError as error:
            raise errors.InputError(
                "%s: byte %d is not %s; convert the file, or name its encoding, for "
                "example --encoding=GB18030"
                % (name, offset + error.start, encoding.upper()))
        if not offset:
            line = line.lstrip("\ufeff")
        yield line.strip()
        offset += len(raw)


def document_key(lines, seed):
    """64 bits that depend on the text of a document and the seed, on nothing else."""
    text = "\n".join(lines).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=_HASH_BYTES, salt=b"%d" % seed)
    return int.from_bytes(digest.digest(), "big")
