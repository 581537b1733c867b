"""Cursors of searches: where a page ended, and what was found out for the first one.

What is signed (`lethe_server.cursors`) is a `Cursor` in MessagePack. It is bound to the owners, the
words, the filters and the order of its search.
"""

from __future__ import annotations

from typing import Final

import msgspec

from lethe_server.cursors import refused_cursor, seal, unseal

#: Raised when a cursor means something else than before.
VERSION: Final = 4


class Figures(msgspec.Struct, array_like=True, frozen=True):
    """What was found out for the first page and holds for all.

    Args:
        exact_leaves: which prefixes count as whole words, by index.
        weights: what each leaf of the query counts.
        times: Unix seconds that were asked for, not before and before.
        since: the place where the search begins.
        until: the place before which it ends.
        total: how many hits were counted.
        recent: whether there are more, older than these.
        best: the greatest score.
    """

    exact_leaves: list[int]
    weights: list[float]
    times: tuple[float | None, float | None]
    since: int
    until: int
    total: int = 0
    recent: bool = False
    best: float = 0.0


class Cursor(msgspec.Struct, array_like=True, frozen=True):
    """Where a page ended.

    Args:
        version: of the format.
        binding: from `lethe_server.cursors.binding_of`.
        score: of the last hit.
        place: of the last hit.
        owner: of the last hit, by number.
        figures: of the search.
    """

    version: int
    binding: bytes
    score: float
    place: int
    owner: int
    figures: Figures


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Cursor).decode


def seal_cursor(cursor: Cursor, secret: bytes) -> str:
    """Write a cursor.

    Args:
        cursor: where the page ended.
        secret: of the archive.
    """
    return seal(_encode(cursor), secret)


def open_cursor(text: str, binding: bytes, secret: bytes) -> Cursor:
    """Read a cursor.

    Args:
        text: as it came.
        binding: of the search that it came with.
        secret: of the archive.

    Raises:
        InvalidRequest: it was not made here for this search.
    """
    try:
        cursor = _decode(unseal(text, secret))
    except msgspec.MsgspecError:  # signed by another version, or for another subject
        raise refused_cursor() from None
    if cursor.version != VERSION or cursor.binding != binding:
        raise refused_cursor()
    return cursor
