"""What of a text may reach a terminal (A6).

Transcripts hold what programs and web pages wrote: control sequences that would move the cursor,
set the title or type for the user, and marks that turn the direction of writing. Nothing but
printable characters passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The server puts these around each hit of a snippet.
HIT_BEGINS: Final = "\x02"
HIT_ENDS: Final = "\x03"

#: Characters of a short id, at least.
SHORT_ID: Final = 8

_TAB: Final = "    "


def clean_line(text: str) -> str:
    """Make one printable line of a text.

    Args:
        text: any.
    """
    return " ".join(_printable(text).split())


def clean_block(text: str) -> str:
    """Keep the lines of a text and of each what is printable.

    Args:
        text: any.
    """
    lines = text.replace("\t", _TAB).splitlines()
    kept = ("".join(char for char in line if char.isprintable()).rstrip() for line in lines)
    return "\n".join(kept)


def split_hits(snippet: str) -> list[tuple[str, bool]]:
    """Split a snippet into its parts, and tell of each whether it is a hit.

    Args:
        snippet: with the server's marks.
    """
    parts: list[tuple[str, bool]] = []
    for index, piece in enumerate(snippet.split(HIT_BEGINS)):
        hit, ends, rest = piece.partition(HIT_ENDS) if index else ("", "", piece)
        if ends:
            parts += [(hit, True), (rest, False)]
        else:
            parts.append((hit + rest, False))
    return [(kept, is_hit) for text, is_hit in parts if (kept := _printable(text))]


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """Return for each id a beginning that no other one of them has.

    Ids that hold their time begin alike, so that a fixed length would not do.

    Args:
        ids: any; the same one may come several times.
    """
    known = set(ids)
    length = SHORT_ID
    while len({each[:length] for each in known}) < len(known):
        length += 1
    return {each: each[:length] for each in known}


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
