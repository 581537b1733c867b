"""Time zones, as far as days need them: which offset from UTC holds from when to when."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Final, NamedTuple

from lethe_server.storage.activity import SLOT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Zones are asked from 1970 to 2100; what holds at either end is taken to hold beyond it.
_FIRST: Final = 0
_LAST: Final = int(dt.datetime(2100, 1, 1, tzinfo=dt.UTC).timestamp()) // SLOT_SECONDS
#: No offset holds for less than a week.
_STEP: Final = 7 * 86400 // SLOT_SECONDS


class Span(NamedTuple):
    """A span of time with one offset.

    Args:
        first: slot.
        last: slot; the span ends before it.
        shift: of local time from UTC, in slots.
    """

    first: int
    last: int
    shift: int


def spans(zone: dt.tzinfo, first: int, last: int) -> list[Span]:
    """Return the offsets of a zone, in the order of time.

    Args:
        zone: any.
        first: slot where the first span begins.
        last: slot before which the last span ends.
    """
    borders = [first, *_changes(zone, max(first, _FIRST), min(last, _LAST)), last]
    return [
        Span(begin, end, _shift(zone, begin))
        for begin, end in itertools.pairwise(borders)
        if begin < end
    ]


def _changes(zone: dt.tzinfo, first: int, last: int) -> Iterator[int]:
    """Find the slots where another offset begins, by steps and then by halving."""
    begin = first
    while begin < last:
        end = min(begin + _STEP, last)
        if _shift(zone, begin) != _shift(zone, end):
            low, high = begin, end
            while high - low > 1:
                middle = (low + high) // 2
                if _shift(zone, middle) == _shift(zone, begin):
                    low = middle
                else:
                    high = middle
            yield high
        begin = end


def _shift(zone: dt.tzinfo, slot: int) -> int:
    seconds = min(max(slot, _FIRST), _LAST) * SLOT_SECONDS
    offset = dt.datetime.fromtimestamp(seconds, zone).utcoffset() or dt.timedelta()
    return int(offset.total_seconds()) // SLOT_SECONDS
