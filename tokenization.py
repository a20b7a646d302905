"""Text to tokens to ids: WordPiece and SentencePiece behind one `FullTokenizer`.

The steps are those of BERT and ALBERT, so that published models see the ids they were
trained on. Each token can also be traced to the characters of the original text that it
came from. No TensorFlow here, and sentencepiece is imported only when a model is given.
"""

import itertools
import unicodedata

import characters
import errors
import storage

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# A SentencePiece model has names of its own for padding and for the unknown.
SENTENCEPIECE_SPECIAL_TOKENS = ("[CLS]", "[SEP]", "[MASK]")
MAX_WORD_LENGTH = 200
WORD_BOUNDARY = "\u2581"


def convert_to_unicode(text):
    """str or UTF-8 bytes -> str; bytes that are not UTF-8 are left out."""
    if isinstance(text, bytes):
        return text.decode("utf-8", "ignore")
    if isinstance(text, str):
        return text
    raise ValueError("a text must be str or bytes, not %s" % type(text).__name__)


# On Python 3 a text to print is a text; other people's programs import both names.
printable_text = convert_to_unicode


class _Memory(dict):
    """Remembers what `compute(key)` returned; forgets everything when it is full."""

    MAX_ENTRIES = 1 << 18
    MAX_KEY_LENGTH = 64

    def __init__(self, compute):
        super().__init__()
        self._compute = compute

    def __missing__(self, key):
        value = self._compute(key)
        if len(key) <= self.MAX_KEY_LENGTH:
            if len(self) >= self.MAX_ENTRIES:
                self.clear()
            self[key] = value
        return value


def preprocess_text(text, lower=False):
    """Normalisation before SentencePiece: one blank for many, NFKD without marks."""
    return characters.text_of(_preprocess(text, lower))


def _preprocess(text, lower):
    aligned = []
    blank = None
    for char, start, end in characters.aligned(text):
        if char.isspace():
            blank = (blank[0] if blank else start, end)
            continue
        if blank and aligned:
            aligned.append((" ",) + blank)
        blank = None
        aligned.append((char, start, end))
    aligned = characters.decompose(aligned, "NFKD", unicodedata.combining)
    return characters.lower(aligned) if lower else aligned


def load_vocab(vocab_file):
    """File of a token a line -> {token: id}: see parse_vocab.

    Raises: InputError also for a file that is missing or not UTF-8.
    """
    try:
        with storage.open_file(vocab_file, "rb") as stream:
            text = stream.read().decode("utf-8")
    except OSError as error:
        raise errors.InputError("vocabulary %s cannot be read: %s; give the vocab.txt "
                                "of the model" % (vocab_file, error.strerror))
    except UnicodeDecodeError as error:
        raise errors.InputError(
            "vocabulary %s is not UTF-8 (byte %d); convert it, for example from GBK: "
            "iconv -f GB18030 -t UTF-8" % (vocab_file, error.start))
    return parse_vocab(text, vocab_file)


def parse_vocab(text, origin):
    """Lines of a token each -> {token: id}, the id being the line number from 0.

    Lines end at "\\n" only and are stripped: the published vocabulary holds U+2028, a
    line separator to Python, whose token is therefore the empty string.

    Raises: InputError, naming `origin`, for a text without the five special tokens, or
    with a token twice.
    """
    lines = text[text.startswith("\ufeff"):].rstrip("\r\n").split("\n")
    vocab = {}
    for line_number, line in enumerate(lines):
        token = line.strip()
        if token in vocab:
            raise errors.InputError(
                "%s:%d: token %r stands in line %d already; a token has one id"
                % (origin, line_number + 1, token, vocab[token] + 1))
        vocab[token] = line_number
    _require_tokens(vocab, SPECIAL_TOKENS, origin)
    return vocab


def _require_tokens(vocab, tokens, path):
    missing = [token for token in tokens if token not in vocab]
    if missing:
        raise errors.InputError(
            "%s has %d tokens, but not %s; is it the vocabulary of a BERT-like model?"
            % (path, len(vocab), ", ".join(missing)))


class BasicTokenizer:
    """Text to words: cleaned, ideographs and punctuation apart, lower case on wish."""

    def __init__(self, do_lower_case=True):
        self.do_lower_case = do_lower_case

    def tokenize(self, text):
        """text -> [word]"""
        return [characters.text_of(word)
                for chunk in self.chunks(convert_to_unicode(text))
                for word in self.words(chunk)]

    def chunks(self, text):
        """Cleaned text between blanks; an ideograph is a chunk of its own."""
        return text.translate(characters.CLEANING).split()

    def chunks_with_places(self, text):
        """The same chunks with the place in `text` of each of their characters."""
        chunks = []
        chars, places = [], []
        for place, char in enumerate(text):
            clean = characters.CLEANING[ord(char)]
            if clean == char != " ":
                chars.append(char)
                places.append(place)
            elif clean is not None:
                if chars:
                    chunks.append(("".join(chars), places))
                    chars, places = [], []
                if clean != " ":
                    chunks.append((char, (place,)))
        if chars:
            chunks.append(("".join(chars), places))
        return chunks

    def words(self, chunk):
        """One chunk -> its words as lists of (char, start, end) within the chunk."""
        aligned = characters.aligned(chunk)
        if self.do_lower_case:
            aligned = characters.decompose(
                characters.lower(aligned), "NFD", characters.is_nonspacing_mark)
        words = []
        in_word = False
        for item in aligned:
            is_punctuation = characters.is_punctuation(item[0])
            if in_word and not is_punctuation:
                words[-1].append(item)
            else:
                words.append([item])
            in_word = not is_punctuation
        return words


class WordpieceTokenizer:
    """Words to pieces: the longest that the vocabulary has, from left to right."""

    def __init__(self, vocab, unk_token="[UNK]",
                 max_input_chars_per_word=MAX_WORD_LENGTH):
        self.vocab = vocab
        self.unk_token = unk_token
        self.max_input_chars_per_word = max_input_chars_per_word

    def tokenize(self, text):
        """Words between blanks -> [piece]"""
        return [piece for word in convert_to_unicode(text).split()
                for piece, _, _ in self.pieces(word)]

    def pieces(self, word):
        """One word -> [(piece, start, end)]; unknown as a whole if a part is."""
        unknown = [(self.unk_token, 0, len(word))]
        if len(word) > self.max_input_chars_per_word:
            return unknown
        pieces = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                if prefix + word[start:end] in self.vocab:
                    break
            else:
                return unknown
            pieces.append((prefix + word[start:end], start, end))
            start = end
        return pieces


class _WordPiece:
    """Whole texts by a vocabulary {token: id}; remembers each chunk's pieces."""

    def __init__(self, vocab, do_lower_case):
        self.vocab = vocab
        self._basic = BasicTokenizer(do_lower_case)
        self._wordpiece = WordpieceTokenizer(self.vocab)
        self._pieces = _Memory(self._find_pieces)
        self._tokens = _Memory(self._find_tokens)

    def tokenize(self, text):
        chunks = self._basic.chunks(text)
        return list(itertools.chain.from_iterable(
            map(self._tokens.__getitem__, chunks)))

    def tokenize_with_offsets(self, text):
        return [(piece, places[first], places[last - 1] + 1)
                for chunk, places in self._basic.chunks_with_places(text)
                for piece, first, last in self._pieces[chunk]]

    def token_to_id(self, token):
        return self.vocab[token]

    def _find_tokens(self, chunk):
        return [piece for piece, _, _ in self._pieces[chunk]]

    def _find_pieces(self, chunk):
        return [
            (piece, word[start][1], word[end - 1][2])
            for word in self._basic.words(chunk)
            for piece, start, end in self._wordpiece.pieces(characters.text_of(word))]


class _SentencePiece:
    """Whole texts by a SentencePiece model, as Google's ALBERT programs use it."""

    def __init__(self, spm_model_file, do_lower_case):
        try:
            import sentencepiece
        except ImportError:
            raise errors.InputError("spm_model_file=%s needs the package sentencepiece:"
                                    " pip install sentencepiece" % spm_model_file)
        self._model = sentencepiece.SentencePieceProcessor()
        try:
            self._model.Load(spm_model_file)
        except (OSError, RuntimeError) as error:
            raise errors.InputError("spm_model_file=%s is no SentencePiece model: %s"
                                    % (spm_model_file, error))
        self._do_lower_case = do_lower_case
        self.vocab = {self._model.IdToPiece(i): i
                      for i in range(self._model.GetPieceSize())}
        _require_tokens(self.vocab, SENTENCEPIECE_SPECIAL_TOKENS, spm_model_file)

    def tokenize(self, text):
        return [piece for piece, _, _ in self.tokenize_with_offsets(text)]

    def tokenize_with_offsets(self, text):
        aligned = _preprocess(text, self._do_lower_case)
        tokens = []
        for piece, start, end in self._split_commas(characters.text_of(aligned)):
            # The mark of a word's begin may stand for no character at all.
            covered = aligned[start:end] or aligned[start:start + 1]
            first = covered[0][1]
            tokens.append((piece, first, covered[-1][2] if start < end else first))
        return tokens

    def token_to_id(self, token):
        return self._model.PieceToId(token)

    def _encode(self, text):
        return [(piece.piece, piece.begin, piece.end)
                for piece in self._model.EncodeAsImmutableProto(text).pieces]

    def _split_commas(self, text):
        """A comma after a digit becomes a piece, and what stood before is cut anew."""
        for piece, start, end in self._encode(text):
            if not (len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit()):
                yield piece, start, end
                continue
            offset = start + (text[start] == " ")
            parts = self._encode(piece[:-1].replace(WORD_BOUNDARY, ""))
            if not piece.startswith(WORD_BOUNDARY):
                parts = self._without_boundary(parts)
            for part, part_start, part_end in parts:
                yield part, offset + part_start, offset + part_end
            yield ",", end - 1, end

    @staticmethod
    def _without_boundary(parts):
        first, start, end = parts[0]
        if first == WORD_BOUNDARY:
            return parts[1:]
        return [(first[first.startswith(WORD_BOUNDARY):], start, end)] + parts[1:]


class FullTokenizer:
    """WordPiece by `vocab_file`, or by what parse_vocab made of its text; SentencePiece
    if `spm_model_file` is given.

    `vocab` maps token to id, `inv_vocab` id to token. Sources: google-research/bert and
    google-research/albert, tokenization.py.

    Raises: InputError if a file is missing or is not what it should be.
    """

    def __init__(self, vocab_file=None, do_lower_case=True, spm_model_file=None,
                 vocab=None):
        if not vocab_file and not spm_model_file and not vocab:
            raise errors.InputError("no vocabulary: give vocab_file or spm_model_file")
        self._tokenizer = (_SentencePiece(spm_model_file, do_lower_case)
                           if spm_model_file else
                           _WordPiece(vocab or load_vocab(vocab_file), do_lower_case))
        self.do_lower_case = do_lower_case
        self.vocab = self._tokenizer.vocab
        self.inv_vocab = {id_: token for token, id_ in self.vocab.items()}

    @property
    def vocab_size(self):
        return len(self.vocab)

    def tokenize(self, text):
        """text -> [token]"""
        return self._tokenizer.tokenize(convert_to_unicode(text))

    def tokenize_with_offsets(self, text):
        """str -> [(token, start, end)]: text[start:end] is what the token came from.

        Spans are in order. They share characters only where one character becomes
        several tokens, such as a Hangul syllable that is taken apart.
        """
        return self._tokenizer.tokenize_with_offsets(text)

    def convert_tokens_to_ids(self, tokens):
        """[token] -> [id]. WordPiece knows its tokens; others raise KeyError."""
        return [self._tokenizer.token_to_id(token) for token in tokens]

    def convert_ids_to_tokens(self, ids):
        """[id] -> [token]"""
        return [self.inv_vocab[id_] for id_ in ids]
