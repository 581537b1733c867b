"""Counts of hits, remembered as long as nothing is stored.

Who searches while they type asks for the same words again with each letter, and to count the hits
of a common word is the dearest part of a search for several.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    import apsw

#: Counts that a connection remembers: those of the words that a few people type.
REMEMBERED: Final = 512

_counts: weakref.WeakKeyDictionary[apsw.Connection, HitCounts] = weakref.WeakKeyDictionary()


class HitCounts:
    """What was counted on a connection since the last commit of another one."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._counts: OrderedDict[Hashable, int] = OrderedDict()

    def find(self, connection: apsw.Connection, key: Hashable, count: Callable[[], int]) -> int:
        """Return a count.

        Args:
            connection: that these counts are of; it does not write itself.
            key: what is counted.
            count: counts it now.
        """
        version = connection.pragma("data_version")
        if version != self._version:
            self._counts.clear()
            self._version = version
        found = self._counts.get(key)
        if found is None:
            found = self._counts[key] = count()
            if len(self._counts) > REMEMBERED:
                self._counts.popitem(last=False)
        else:
            self._counts.move_to_end(key)
        return found


def hit_counts_of(connection: apsw.Connection) -> HitCounts:
    """Return the counts of a connection.

    Args:
        connection: that reads; used by one thread at a time.
    """
    counts = _counts.get(connection)
    if counts is None:
        counts = _counts[connection] = HitCounts()
    return counts
