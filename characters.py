"""What a tokenizer must know of single characters, and where each came from.

Characters on their way to tokens are triples (char, start, end): the character as it
is now and its place in the original text. One character may become several, which then
share that place. Imports nothing of ours.
"""

import itertools
import unicodedata

_IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)
_ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


class _Cleaning(dict):
    """A table for str.translate: a code point -> None (dropped), blank, spaced, same.

    The rules are those of BERT's tokenizer; each character is judged once.
    """

    def __missing__(self, code):
        char = chr(code)
        category = unicodedata.category(char)
        if char in "\t\n\r":
            value = " "
        elif code in (0, 0xFFFD) or category in ("Cc", "Cf"):
            value = None
        elif category == "Zs" or char.isspace():
            value = " "
        elif is_ideograph(char):
            value = " %s " % char
        else:
            value = char
        self[code] = value
        return value


CLEANING = _Cleaning()


def is_ideograph(char):
    """A character of one of the blocks that the tokenizer sets apart."""
    return any(first <= ord(char) <= last for first, last in _IDEOGRAPHS)


def is_punctuation(char):
    """Category P, and every visible ASCII character but letters and digits."""
    return char in _ASCII_PUNCTUATION or unicodedata.category(char).startswith("P")


def is_nonspacing_mark(char):
    """Category Mn: accents and the like."""
    return unicodedata.category(char) == "Mn"


def aligned(text):
    """str -> [(char, start, end)]"""
    return [(char, place, place + 1) for place, char in enumerate(text)]


def text_of(triples):
    """[(char, start, end)] -> str"""
    return "".join(char for char, _, _ in triples)


def lower(triples):
    """Lower case of the whole at once: a sigma that ends a word has its own form."""
    lowered = iter(text_of(triples).lower())
    return [(low, start, end) for char, start, end in triples
            for low in itertools.islice(lowered, len(char.lower()))]


def decompose(triples, form, is_mark):
    """Unicode normal form without its marks; a character's span includes its marks."""
    result = []
    first = 0
    while first < len(triples):
        last = first + 1
        while last < len(triples) and unicodedata.combining(triples[last][0]):
            last += 1
        start, end = triples[first][1], triples[last - 1][2]
        normal = unicodedata.normalize(form, text_of(triples[first:last]))
        result.extend((char, start, end) for char in normal if not is_mark(char))
        first = last
    return result
