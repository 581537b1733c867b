"""Snippets: the part of a text where most of the words stand, with marks around them.

They are cut from the text itself, for the hits of one page alone. A mark begins with U+0002 and
ends with U+0003; the text holds neither (`terms.plain_text`). Runs of blanks and line ends become
one blank. What FTS5 folds is folded here: case, diacritics, and whatever stands between two words.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from lethe_server.search.folding import compose, fold, fold_accents, fold_case, places_of_kept
from lethe_server.search.terms import MARK_END, MARK_START, is_spaced, plain_text, split_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lethe_server.search.query import Phrase

#: Characters of a snippet, without its marks.
LENGTH: Final = 240
#: Characters before the first hit.
_LEAD: Final = 60
#: Characters that are searched first: the best part of a very long text is seldom its end.
_HEAD: Final = 64 * 1024
#: Hits that are looked at; more say nothing new.
_MAX_HITS: Final = 200
#: Places that are looked at to find those: a short word may stand within many longer ones.
_MAX_PLACES: Final = 2000

_ELLIPSIS: Final = "…"


#: Where a leaf stands: start, end, and which one. A plain tuple: thousands are made.
_Hit = tuple[int, int, int]
#: Tells where a leaf begins and ends in a folded text.
_Finder = Callable[[str], Iterator[tuple[int, int]]]


class SnippetMaker:
    """Cuts snippets for one query.

    Args:
        leaves: the words and phrases that were looked for.
    """

    def __init__(self, leaves: Sequence[Phrase]) -> None:
        self._finders = [finder for leaf in leaves if (finder := _finder_of(leaf))]

    def cut(self, text: str) -> str:
        """Cut the best part of a text.

        Args:
            text: of a turn, or the output of a tool.
        """
        text = plain_text(text)
        if not text.isascii():
            text = compose(text)
        hits = self._find(text[:_HEAD])
        if not hits and len(text) > _HEAD:
            hits = self._find(text)
        start, end = _at_words(text, *_best_window(hits, len(text)))
        return _marked(text, start, end, [hit for hit in hits if start <= hit[0] < end])

    def _find(self, text: str) -> list[_Hit]:
        """Return where leaves stand, in order; of a lone one what its first place needs."""
        plain = text if text.isascii() else fold_accents(text)
        hits = self._find_plain(plain)
        if not hits or len(plain) == len(text):
            return hits
        # Some accents were characters of their own: a hit ends behind those of its last letter.
        places = [*places_of_kept(text), len(text)]
        return [(places[start], places[end], leaf) for start, end, leaf in hits]

    def _find_plain(self, text: str) -> list[_Hit]:
        folded = fold_case(text)
        alone = len(self._finders) == 1
        hits: list[_Hit] = []
        for leaf, find in enumerate(self._finders):
            places = (
                (start, end)
                for start, end in itertools.islice(find(folded), _MAX_PLACES)
                if _is_border(text, start) and _is_border(text, end)
            )
            for start, end in itertools.islice(places, _MAX_HITS):
                hits.append((start, end, leaf))
                if alone and start > hits[0][0] + 2 * LENGTH:
                    return hits
        return hits if alone else sorted(hits)


def _is_border(text: str, place: int) -> bool:
    """Tell whether a word, or a part of an identifier, may begin or end at a place."""
    if place in (0, len(text)):
        return True
    before, after = text[place - 1], text[place]
    spaced = before.isalnum() and after.isalnum() and is_spaced(before) and is_spaced(after)
    return not spaced or after.isupper()


def _finder_of(leaf: Phrase) -> _Finder | None:
    """Return what finds a leaf in a folded text; `None` if it is nowhere."""
    typed = fold(leaf.typed)
    words = split_words(typed)
    tail = r"[^\W_]*" if words and leaf.prefix and is_spaced(words[-1][-1]) else ""
    if len(words) > 1:
        pattern = re.compile(r"[\W_]+".join(map(re.escape, words)) + tail)
        return lambda folded: (match.span() for match in pattern.finditer(folded))
    word = words[0] if words else typed
    return functools.partial(_find_word, word, re.compile(tail)) if word else None


def _find_word(word: str, tail: re.Pattern[str], folded: str) -> Iterator[tuple[int, int]]:
    """Find a word and what may follow it: `str.find` is ten times as quick as a search of `re`."""
    start = folded.find(word)
    while start >= 0:
        rest = tail.match(folded, start + len(word))
        assert rest is not None  # it may be empty
        yield start, rest.end()
        start = folded.find(word, rest.end())


def _best_window(hits: Sequence[_Hit], length: int) -> tuple[int, int]:
    """Find the part of a text that has the most different words, the first of several."""
    if not hits:
        return 0, min(length, LENGTH)
    leaves = len({leaf for _, _, leaf in hits})
    first, behind, _ = hits[0] if leaves == 1 else _best_hit(hits, leaves)
    start = max(0, min(first - _LEAD, length - LENGTH))
    return start, min(length, max(start + LENGTH, min(behind, start + 2 * LENGTH)))


def _best_hit(hits: Sequence[_Hit], leaves: int) -> _Hit:
    """Find the hit that has the most of the leaves near behind it."""
    best, most, last = hits[0], 0, 0
    for index, hit in enumerate(hits):
        last = max(last, index)
        while last < len(hits) and hits[last][1] <= hit[0] + LENGTH - _LEAD:
            last += 1
        different = len({leaf for _, _, leaf in hits[index:last]})
        if different > most:
            best, most = hit, different
            if most == leaves:
                break
    return best


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
    for first, behind, _ in hits:
        if first < place:  # two leaves meet
            continue
        stop = min(behind, end)
        pieces += (text[place:first], MARK_START, text[first:stop], MARK_END)
        place = stop
    pieces.append(text[place:end])
    if end < len(text):
        pieces.append(_ELLIPSIS)
    return " ".join("".join(pieces).split())
