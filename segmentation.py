"""Where the words of a Chinese text are: jieba, rjieba, or blanks put there by hand.

A segmenter is a function: text -> list of words that, joined, are the text again. jieba
and rjieba are imported only when they are asked for.
"""

import importlib
import itertools
import math
import re

import errors

SEGMENTERS = ("jieba", "rjieba")
# jieba's search for unknown words takes time in the square of their length.
_LONG_TEXT = 500
_LONGEST_BLOCK = 2000
_BLOCK = re.compile(
    "[\u4e00-\u9fd5a-zA-Z0-9+#&._%%-]{1,%d}|[^\u4e00-\u9fd5]" % _LONGEST_BLOCK)
_BLANKS = re.compile(r"\s+|\S+")


def segmenter(name="jieba", user_dict=None):
    """The segmenter of that name -> function from text to words.

    Raises: InputError if its package is missing or `user_dict` cannot be used.
    """
    if name == "rjieba":
        if user_dict:
            raise errors.InputError("--user_dict=%s needs --segmenter=jieba; rjieba "
                                    "takes no dictionary file" % user_dict)
        return _in_blocks(import_package(name).cut)
    tokenizer = _jieba_tokenizer(import_package(name))
    if user_dict:
        try:
            tokenizer.load_userdict(user_dict)
        except (OSError, ValueError) as error:
            raise errors.InputError(
                "--user_dict=%s cannot be used: %s; it holds a word a line, with its "
                "frequency and its tag if known, in UTF-8" % (user_dict, error))
    return _in_blocks(tokenizer.lcut)


def _jieba_tokenizer(jieba):
    """A jieba.Tokenizer whose search for the likeliest words takes half the time.

    jieba.Tokenizer.cut asks get_DAG for the words that begin at each character and calc
    for the likeliest path through them. Here calc does both, and cuts the same words.
    """
    jieba.setLogLevel("ERROR")

    class Tokenizer(jieba.Tokenizer):

        def get_DAG(self, sentence):
            self.check_initialized()

        def calc(self, sentence, DAG, route):
            frequency = self.FREQ.get
            log_total = math.log(self.total)
            length = len(sentence)
            scores = [0.0] * (length + 1)
            for start in range(length - 1, -1, -1):
                best, last = None, start
                for end in range(start + 1, length + 1):
                    # None: no word begins so; 0: longer words do.
                    count = frequency(sentence[start:end])
                    if count:
                        score = math.log(count) - log_total + scores[end]
                        if best is None or score >= best:
                            best, last = score, end - 1
                    elif count is None:
                        break
                if best is None:
                    best = scores[start + 1] - log_total
                scores[start] = best
                route[start] = best, last

    return Tokenizer()


def import_package(name):
    """The package jieba or rjieba. Raises: InputError if it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise errors.InputError("--segmenter=%s needs the package %s: pip install %s"
                                % (name, name, name))


def _in_blocks(cut):
    """Long texts go to `cut` in blocks that end where jieba itself cuts anyway."""
    def segment(text):
        if len(text) <= _LONG_TEXT:
            return cut(text)
        return list(itertools.chain.from_iterable(map(cut, _blocks(text))))
    return segment


def _blocks(text):
    block = ""
    for piece in _BLOCK.findall(text):
        if block and len(block) + len(piece) > _LONG_TEXT:
            yield block
            block = ""
        block += piece
    yield block


def split_at_blanks(text):
    """The segmenter of text whose words were separated by blanks beforehand."""
    return _BLANKS.findall(text)
