"""Where a Chinese sentence ends.

Raw paragraphs become the "one sentence per line" that pre-training reads, both for
create_pretraining_data's --split_sentences and for tools.build_corpus. Pure Python.
"""

import re

# A full-width mark always ends a sentence. A half-width one does so only where it
# cannot be part of an address or a name (`?id=3`, `Yahoo!7`); a half-width full stop
# only after a Han character: after Latin letters and digits it is mostly something
# else.
_END = re.compile(
    "(?:[。！？；…｡]+[!?]*"
    "|[!?]+(?![A-Za-z0-9=&/#%._-])"
    "|(?<=[\u4e00-\u9fff])\\.(?=\\s|$))"
    "[”’」』）】》〉〕)\\]]*")
_STRAIGHT_QUOTE = '"'
_WORD = re.compile(r"\w")


def _sentence_ends(line):
    """The end offset of every sentence of `line` but an unfinished last one."""
    quotes = start = 0
    for match in _END.finditer(line):
        end = match.end()
        quotes += line.count(_STRAIGHT_QUOTE, start, end)
        start = end
        # A straight quote closes, and belongs to this sentence, if an odd number of
        # them stand before it; otherwise it opens the next sentence.
        if quotes % 2 and line.startswith(_STRAIGHT_QUOTE, end):
            quotes, start, end = quotes + 1, end + 1, end + 1
        yield end


def split_sentences(text):
    """The sentences of a raw text, in order, without the blanks around them.

    A sentence ends with 。！？；… or with their half-width forms, together with the closing
    quotes and brackets that follow, and at a line break. What holds no letter, digit or
    Han character joins the sentence before it, so nothing but white space is lost.
    """
    sentences = []
    for line in text.splitlines():
        start = 0
        is_first = True
        for end in list(_sentence_ends(line)) + [len(line)]:
            piece = line[start:end].strip()
            start = end
            if not piece:
                continue
            if not is_first and not _WORD.search(piece):
                sentences[-1] += piece
            else:
                sentences.append(piece)
                is_first = False
    return sentences
