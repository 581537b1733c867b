"""Snippets: the part of a text where most of the words stand, with marks around them.

They are cut from the text itself, for the hits of one page alone. A mark begins with U+0002 and
ends with U+0003; the text holds neither (`terms.plain_text`). Runs of blanks and line ends become
one blank. What FTS5 folds is folded here: case, diacritics, and whatever stands between two words.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

from lethe_server.search.terms import MARK_END, MARK_START, is_spaced, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lethe_server.search.query import Phrase

#: Characters of a snippet, without its marks.
LENGTH: Final = 240
#: Characters before the first hit.
_LEAD: Final = 60
#: Characters that are searched first: the best part of a very long text is seldom its end.
_HEAD: Final = 64 * 1024
#: Hits that are looked at; more say nothing new.
_MAX_HITS: Final = 200

_ELLIPSIS: Final = "…"


class _Hit(NamedTuple):
    start: int
    end: int
    leaf: int


class SnippetMaker:
    """Cuts snippets for one query.

    Args:
        leaves: the words and phrases that were looked for.
    """

    def __init__(self, leaves: Sequence[Phrase]) -> None:
        self._patterns = [pattern for leaf in leaves if (pattern := _pattern_of(leaf))]

    def cut(self, text: str) -> str:
        """Cut the best part of a text.

        Args:
            text: of a turn, or the output of a tool.
        """
        text = plain_text(text)
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
        hits = sorted(self._find(text[:_HEAD]))
        if not hits and len(text) > _HEAD:
            hits = sorted(self._find(text))
        start, end = _best_window(hits, len(text))
        start, end = _at_words(text, start, end)
        return _marked(text, start, end, [hit for hit in hits if start <= hit.start < end])

    def _find(self, text: str) -> Iterator[_Hit]:
        folded = fold(text)
        for leaf, pattern in enumerate(self._patterns):
            for count, match in enumerate(pattern.finditer(folded)):
                if count == _MAX_HITS:
                    break
                start, end = match.span()
                if _is_border(text, start) and _is_border(text, end):
                    yield _Hit(start, end, leaf)


def _is_border(text: str, place: int) -> bool:
    """Tell whether a word, or a part of an identifier, may begin or end at a place."""
    if place in (0, len(text)):
        return True
    before, after = text[place - 1], text[place]
    spaced = before.isalnum() and after.isalnum() and is_spaced(before) and is_spaced(after)
    return not spaced or after.isupper()


class _Folding(dict[int, str]):
    """Maps each character to one without case and diacritics; never to several."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        base = unicodedata.normalize("NFD", char)[:1].lower()
        self[code] = base if len(base) == 1 else char
        return self[code]


_FOLDING: Final = _Folding()


def fold(text: str) -> str:
    """Fold case and diacritics; each character stays where it is.

    Args:
        text: of any length.
    """
    return text.lower() if text.isascii() else text.translate(_FOLDING)


def _pattern_of(leaf: Phrase) -> re.Pattern[str] | None:
    words = re.findall(r"[^\W_]+", fold(leaf.typed))
    if not words:
        return re.compile(re.escape(leaf.typed)) if leaf.typed else None
    body = r"[\W_]+".join(map(re.escape, words))
    if leaf.prefix and is_spaced(words[-1][-1]):
        body += r"[^\W_]*"
    return re.compile(body)


def _best_window(hits: Sequence[_Hit], length: int) -> tuple[int, int]:
    """Find the part of a text that has the most different words, the first of several."""
    if not hits:
        return 0, min(length, LENGTH)
    best, most, leaves = hits[0], 0, len({hit.leaf for hit in hits})
    last = 0
    for index, hit in enumerate(hits):
        last = max(last, index)
        while last < len(hits) and hits[last].end <= hit.start + LENGTH - _LEAD:
            last += 1
        different = len({each.leaf for each in hits[index:last]})
        if different > most:
            best, most = hit, different
            if most == leaves:
                break
    start = max(0, min(best.start - _LEAD, length - LENGTH))
    return start, min(length, max(start + LENGTH, min(best.end, start + 2 * LENGTH)))


def _at_words(text: str, start: int, end: int) -> tuple[int, int]:
    """Move the ends of a snippet to the borders of words, if there are any near."""
    if start:
        border = text.find(" ", start, start + _LEAD // 2)
        start = border + 1 if border >= 0 else start
    if end < len(text):
        border = text.rfind(" ", end - _LEAD // 2, end)
        end = border if border > start else end
    return start, end


def _marked(text: str, start: int, end: int, hits: Sequence[_Hit]) -> str:
    pieces: list[str] = [_ELLIPSIS] if start else []
    place = start
    for hit in hits:
        if hit.start < place:  # two leaves meet
            continue
        stop = min(hit.end, end)
        pieces += (text[place : hit.start], MARK_START, text[hit.start : stop], MARK_END)
        place = stop
    pieces.append(text[place:end])
    if end < len(text):
        pieces.append(_ELLIPSIS)
    return " ".join("".join(pieces).split())
