"""What is indexed of a text, and the same transformation for what is looked for.

FTS5 splits text into words itself (`unicode61`: letters and digits, case and diacritics folded), so
that ``foo_bar``, ``src/app/main.py``, ``don't`` or a UUID are found by their parts and, as phrases,
whole. Five things it cannot do are done here, before it sees the text:

* Accents are folded in all scripts (`lethe_server.search.folding`): FTS5 knows those of Latin, one
  to a letter.
* Chinese, Japanese and Korean are written without blanks between words: a run of n characters
  becomes its n - 1 overlapping pairs, then its last character alone. A word is looked for as the
  phrase of its pairs, a single character as the beginning of a pair.
* An emoji becomes a word of its own, such as ``u1f600``.
* The parts of identifiers in camel case go into a second column: ``getUserName`` gives
  ``get user name username``: each part, so that ``UserName`` is found as a phrase, and each
  ending written as one, so that ``username`` is found. One word stands between the parts of two
  identifiers, which no query can hold, so that no phrase reaches from one into the other. The
  first column holds the words as they were written: exact phrases are looked for there.
* Terminals are told colours by sequences right before a word, ``ESC [31merror``, or in it. Colours
  and what erases are removed, so that the word is found as it was seen; what moves the cursor
  becomes a blank.

The runes that mark hits in snippets, U+0002 and U+0003, are removed: nobody can forge a mark.
"""

from __future__ import annotations

import re
from functools import lru_cache
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final, NamedTuple

from lethe_server.search.folding import beyond_ascii, compose, fold_accents

#: Begin and end of a hit in a snippet.
MARK_START: Final = "\x02"
MARK_END: Final = "\x03"

#: Longer words are no identifiers but data.
MAX_IDENTIFIER: Final = 64
#: Words of more parts are random: keys, digests, base64.
MAX_PARTS: Final = 12

#: A character for private use: a word to FTS5, removed from queries.
_BOUNDARY: Final = "\ue000"
_MARKS: Final = {ord(MARK_START): None, ord(MARK_END): None}

_ESCAPE: Final = "\x1b"
#: Colours and erasing; then everything else that ECMA-48 knows: other control sequences, strings
#: such as titles and links if they end somewhere, and short escapes.
_COLOURS: Final = re.compile(r"\x1b\[[0-9:;]*[mK]")
_SEQUENCES: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\n]{0,4096}(?:\x07|\x1b\\)|[ -/]*[0-~])?"
)

_CJK: Final = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9d\U00020000-\U000323af"
)
#: Some stand alone among signs that are none; U+20E3 makes one of a digit before it.
_EMOJI: Final = (
    "\u231a-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
    "\xa9\xae\u203c\u2049\u20e3\u2122\u2194-\u2199\u21a9\u21aa\u24c2\u25aa\u25ab\u25b6\u25c0"
    "\u25fb-\u25fe\u2934\u2935\u3030\u303d\u3297\u3299"
)
_UNSPACED: Final = re.compile(f"[{_CJK}]+|[{_EMOJI}]")
_EMOJI_ONE: Final = re.compile(f"[{_EMOJI}]")

_WORD: Final = re.compile(r"[^\W_]+")
_SMALL: Final = (ascii_lowercase + digits).encode()
#: The class of each byte: ``a`` small letter or digit, ``A`` capital, blank for all others.
_CLASSES: Final = bytes(
    ord("A" if byte in ascii_uppercase.encode() else "a" if byte in _SMALL else " ")
    for byte in range(256)
)
#: Where a part of an identifier begins: ``tU`` in getUserName, ``PSer`` in HTTPServer.
_HUMPS: Final = (b"aA", b"AAaa")
_PART: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")


class Terms(NamedTuple):
    """What is indexed of a text.

    Args:
        text: the words, as they were written.
        parts: the parts of the identifiers among them.
    """

    text: str
    parts: str

    def __bool__(self) -> bool:
        return bool(self.text)


#: What is indexed of nothing.
NO_TERMS: Final = Terms("", "")


def index_terms(text: str) -> Terms:
    """Make what is indexed of a text.

    Args:
        text: of any length.
    """
    if not text:
        return NO_TERMS
    text = plain_text(text)
    parts = [split for word in _humped_words(text) if (split := _split_for_index(word))]
    return Terms(_words(text), f" {_BOUNDARY} ".join(parts))


def index_text(text: str) -> str:
    """Make words of scripts that have no blanks, and remove what nobody reads.

    Args:
        text: of any length.
    """
    return _words(plain_text(text))


def query_text(text: str) -> str:
    """Make of what is looked for the words that `index_text` makes of where it is found.

    Where the text ends in Chinese, Japanese or Korean, more of it may follow in what is found:
    the last character alone is left out.

    Args:
        text: one word or a phrase.
    """
    text = clean_query(text).rstrip()
    words = index_text(text).split()
    ends_in_cjk = len(text) > 1 and all(map(is_lone_cjk, text[-2:]))
    return " ".join(words[:-1] if ends_in_cjk else words)


def split_words(text: str) -> list[str]:
    """Split a text where FTS5 does; case and diacritics stay.

    Args:
        text: of a query.
    """
    return _WORD.findall(text)


def split_identifier(word: str) -> list[str]:
    """Split an identifier in camel case into its parts.

    Args:
        word: of ASCII letters and digits alone.

    Returns:
        Two parts or more; nothing for any other word.
    """
    if len(word) > MAX_IDENTIFIER or not word.isascii() or not word.isalnum():
        return []
    parts: list[str] = _PART.findall(word)
    return parts if 1 < len(parts) <= MAX_PARTS else []


def clean_query(text: str) -> str:
    """Replace what no text in the index holds, and what would end an expression of FTS5.

    Args:
        text: as it was typed.
    """
    cleaned = compose(plain_text(text)).replace(_BOUNDARY, " ")
    return "".join(char if char.isprintable() or char.isspace() else " " for char in cleaned)


def plain_text(text: str) -> str:
    """Return a text as a person reads it: without marks and without sequences for terminals.

    Args:
        text: of any length.
    """
    if _ESCAPE in text:
        text = _SEQUENCES.sub(" ", _COLOURS.sub("", text))
    return strip_marks(text)


def strip_marks(text: str) -> str:
    """Remove the runes that mark hits.

    Args:
        text: of any length.
    """
    if MARK_START in text or MARK_END in text:
        return text.translate(_MARKS)
    return text


def has_words(text: str) -> bool:
    """Tell whether there is anything in a text that the index can hold.

    Args:
        text: of a query.
    """
    return any(char.isalnum() for char in text) or _EMOJI_ONE.search(text) is not None


def is_lone_cjk(text: str) -> bool:
    """Tell whether a text is one Chinese, Japanese or Korean character.

    Args:
        text: of a query.
    """
    return len(text) == 1 and not is_spaced(text)


def is_spaced(char: str) -> bool:
    """Tell whether a character is of a script that has blanks between words.

    Args:
        char: a letter or digit.
    """
    return _UNSPACED.match(char) is None or _EMOJI_ONE.match(char) is not None


def _words(text: str) -> str:
    return text if text.isascii() else _spread_unspaced(fold_accents(compose(text)))


def _spread_unspaced(text: str) -> str:
    """Make words of scripts that have no blanks.

    Most texts have none, but one arrow or quotation mark that is not ASCII. To look through such
    characters alone costs a tenth of what the regular expression costs over the whole text.
    """
    return _UNSPACED.sub(_spread, text) if _UNSPACED.search(beyond_ascii(text)) else text


def _spread(match: re.Match[str]) -> str:
    run = match[0]
    if _EMOJI_ONE.match(run):
        return f" u{ord(run):x} "
    return f" {' '.join(run[index : index + 2] for index in range(len(run)))} "


def _humped_words(text: str) -> dict[bytes, None]:
    """Find the distinct words in camel case, in order.

    Searching the classes of the bytes for humps costs a quarter of what a regular expression
    over the text costs, and this is the dearest step of indexing.
    """
    data = text.encode()
    classes = data.translate(_CLASSES) + b" "
    find, find_back = classes.find, classes.rfind
    words: dict[bytes, None] = {}
    for hump in _HUMPS:
        found = find(hump)
        while found >= 0:
            start = find_back(b" ", 0, found) + 1
            end = find(b" ", found)
            if end - start <= MAX_IDENTIFIER:
                words[data[start:end]] = None
            found = find(hump, end)
    return words


@lru_cache(maxsize=16_384)
def _split_for_index(word: bytes) -> str:
    parts = split_identifier(word.decode())
    endings = ("".join(parts[index:]) for index in range(1, len(parts) - 1))
    return " ".join((*parts, *endings))
