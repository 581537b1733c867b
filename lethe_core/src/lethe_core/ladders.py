"""How far a sequence was read that may change anywhere: rolling digests at chosen places.

A *ladder* stands for the first COUNT items of a sequence. Its rungs are rolling digests of the
items before COUNT, COUNT-1 ... COUNT-7, COUNT-8, COUNT-16, COUNT-32 and so on, so that it has a
few hundred characters however long the sequence is. The last rung that still matches tells up to
where nothing has changed; near the end, where tools make their changes, it tells exactly.

As text it is ``s1:REVISION:COUNT:RUNGS``, the digests of 8 bytes each in hexadecimal.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from lethe_core.sources import Cursor

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

_DENSE_RUNGS: Final = 8
_DIGEST_BYTES: Final = 8
_FORM = re.compile(r"s1:(\d{1,16}):(\d{1,9}):((?:[0-9a-f]{16})+)")


@dataclass(frozen=True, slots=True)
class Ladder:
    """A cursor, taken apart.

    Args:
        revision: that the items were sent with.
        count: how many items it stands for.
        rungs: the rolling digest by the number of items it covers.
    """

    revision: int
    count: int
    rungs: dict[int, bytes]

    @classmethod
    def empty(cls) -> Self:
        """Make the ladder of a sequence that was not read yet."""
        return cls(0, 0, {})

    @classmethod
    def parse(cls, cursor: Cursor) -> Self | None:
        """Take a cursor apart; `None` if it is not one of a ladder."""
        match = _FORM.fullmatch(cursor)
        if not match:
            return None
        count, digests = int(match[2]), bytes.fromhex(match[3])
        places = _rung_places(count)
        if len(digests) != len(places) * _DIGEST_BYTES:
            return None
        starts = range(0, len(digests), _DIGEST_BYTES)
        rungs = [digests[start : start + _DIGEST_BYTES] for start in starts]
        return cls(int(match[1]), count, dict(zip(places, rungs, strict=True)))


def make_cursor(revision: int, digests: Sequence[bytes], count: int) -> Cursor:
    """Make the cursor that stands after some items.

    Args:
        revision: that they were sent with.
        digests: the rolling digest of each item and all before it.
        count: how many of the items it stands for, at least one.
    """
    rungs = b"".join(digests[place - 1] for place in _rung_places(count))
    return Cursor(f"s1:{revision}:{count}:{rungs.hex()}")


def roll(before: bytes, item: bytes | msgspec.Raw, more: bytes = b"") -> bytes:
    """Digest an item and all before it.

    Args:
        before: the digest of all before it; empty for the first.
        item: what it holds.
        more: what else belongs to it.
    """
    digest = hashlib.blake2b(before, digest_size=_DIGEST_BYTES)
    digest.update(item)
    digest.update(more)
    return digest.digest()


def _rung_places(count: int) -> list[int]:
    """Say of which counts of items a ladder holds the digest, the greatest first."""
    places = list(range(count, max(0, count - _DENSE_RUNGS), -1))
    distance = _DENSE_RUNGS
    while distance < count:
        places.append(count - distance)
        distance *= 2
    return places
