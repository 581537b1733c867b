"""Folding: what of a letter does not matter to who looks for it.

That is its case, and the marks that people leave out when they type: accents of Latin, Greek and
Cyrillic, vowel points of Hebrew and Arabic, and what makes an emoji of a sign. Other marks stay:
without its voicing mark a kana is another letter, and without their vowel signs the scripts of
India and South East Asia hold half of a word. Unicode tells them apart by their combining class.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_ASCII: Final = bytes(range(128))
#: Up to so many, replacing one after the other costs less than a table for all (measured).
_FEW_CHANGES: Final = 8
#: Letters with marks, marks, and others of the scripts that have any that are folded.
_MARKED: Final = re.compile("[\u00c0-\u1fff\u20d0-\u20ff\ua66f-\ua6ff\ufe00-\ufe2f]")
#: Behind a sign: whether it is shown in colours.
_VARIANTS: Final = "\ufe0e\ufe0f"
_SIGMA, _FINAL_SIGMA = "\u03c3", "\u03c2"
#: Combining classes of vowel points, and the first of those of accents.
_POINTS: Final = range(10, 37)
_ACCENTS: Final = 200


def fold(text: str) -> str:
    """Fold case and accents.

    Args:
        text: of any length.
    """
    return text.lower() if text.isascii() else fold_case(fold_accents(compose(text)))


def fold_case(text: str) -> str:
    """Fold case; each character stays where it is.

    Args:
        text: from `fold_accents`.
    """
    return text.lower().replace(_FINAL_SIGMA, _SIGMA)


def compose(text: str) -> str:
    """Write letters with marks as one character each, where there is one.

    Args:
        text: of any length.
    """
    return unicodedata.normalize("NFC", text)


def fold_accents(text: str) -> str:
    """Fold accents: each character gives one, or none if it is an accent.

    Args:
        text: from `compose`.
    """
    # To look through what is not ASCII alone costs a tenth; where few distinct letters have
    # accents, to replace each of them costs less than to ask each character.
    changes = _changes(text)
    if len(changes) > _FEW_CHANGES:
        return text.translate({ord(char): plain for char, plain in changes.items()})
    for char, plain in changes.items():
        text = text.replace(char, plain)
    return text


def places_of_kept(text: str) -> Sequence[int]:
    """Say where the characters stand that `fold_accents` gives anything for.

    Args:
        text: from `compose`.
    """
    dropped = [char for char, plain in _changes(text).items() if not plain]
    if not dropped:
        return range(len(text))
    gone = re.compile(f"[{re.escape(''.join(dropped))}]")
    places: list[int] = []
    begin = 0
    for found in gone.finditer(text):
        places += range(begin, found.start())
        begin = found.end()
    return [*places, *range(begin, len(text))]


def _changes(text: str) -> dict[str, str]:
    """Return the characters of a text that are folded, and what each becomes."""
    others = beyond_ascii(text)
    if not _MARKED.search(others):
        return {}
    return {char: plain for char in set(others) if (plain := _plain(char)) != char}


def beyond_ascii(text: str) -> str:
    """Return the characters of a text that are not ASCII.

    Args:
        text: of any length.
    """
    return text.encode(errors="replace").translate(None, _ASCII).decode()


@lru_cache(maxsize=4096)
def _plain(char: str) -> str:
    parts = (part for part in unicodedata.normalize("NFD", char) if not _is_accent(part))
    plain = compose("".join(parts))
    return plain if len(plain) <= 1 else char


def _is_accent(char: str) -> bool:
    kind = unicodedata.combining(char)
    return kind in _POINTS or kind >= _ACCENTS or char in _VARIANTS
