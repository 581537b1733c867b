"""Places: the row numbers of the search index, which put turns in the order of time.

    place   slot << 5 | length       slot    Unix time * 32, or less than all times
                                     length  of the text, as the logarithm that ranking needs

So the newest hits are the first that FTS5 finds, a span of time is a range of rows, and how long a
text is costs no look-up (measured: that was more than half of the cost of a hit). Two turns of an
owner never share a slot: a turn whose slot is taken gets the next free one, a 32nd of a second
later. A turn without a time stands before all others, in the order of arrival.

A span of time is exact nevertheless (`Window`): it is noted how many slots at the most an owner's
turns stand behind the one that they should have (`search_owners.delay`), and of turns that stand
so near to an end of a span the time itself decides.
"""

from __future__ import annotations

import bisect
import json
import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

#: Slots of one second.
PER_SECOND: Final = 32
#: Bits of a place that tell the length.
LENGTH_BITS: Final = 5
#: Before and behind all places.
FIRST: Final = -(2**63)
LAST: Final = 2**63 - 1

#: Turns without a time have slots behind this one, by their number.
_TIMELESS: Final = -(2**57)
#: Texts shorter than this are all short.
_SHORT: Final = 16

_FIND: Final = """
    SELECT turn, place FROM search_places
    WHERE owner = ? AND turn IN (SELECT value FROM json_each(?))
"""
_TAKEN: Final = f"""
    SELECT w.value FROM json_each(?) AS w WHERE EXISTS (
        SELECT 1 FROM search_places
        WHERE owner = ? AND place BETWEEN w.value AND w.value | {(1 << LENGTH_BITS) - 1})
"""  # noqa: S608 - made of the constant above alone
_FOLLOWING: Final = "SELECT place FROM search_places WHERE owner = ? AND place >= ? ORDER BY place"
_DELAY: Final = "UPDATE search_owners SET delay = ?2 WHERE owner = ?1 AND delay < ?2"
_INSERT: Final = "INSERT INTO search_places (owner, place, turn, session) VALUES (?, ?, ?, ?)"
_DELETE: Final = "DELETE FROM search_places WHERE owner = ? AND place = ?"


class Placed(NamedTuple):
    """A turn that needs a place.

    Args:
        turn: its number.
        session: the number of its session.
        timestamp: Unix seconds.
        length: characters of its text.
        before: the place that it had, if it stood in the index already.
    """

    turn: int
    session: int
    timestamp: float | None
    length: int
    before: int | None = None


class Window(NamedTuple):
    """Which places count.

    Args:
        first: the first place.
        last: behind the last one.
        sure_first: from here on all turns are of the times.
        sure_last: before here all turns are of the times; others must be asked.
        times: Unix seconds, not before and before; infinite where it does not matter.
    """

    first: int
    last: int
    sure_first: int
    sure_last: int
    times: tuple[float, float]


def window_of(since: float | None, until: float | None, delay: int) -> Window:
    """Return where the turns of a span of time stand.

    Args:
        since: Unix seconds, not before.
        until: Unix seconds, before.
        delay: slots that turns stand behind the one that they should have, at the most.
    """
    first, sure_first = (FIRST, FIRST) if since is None else _edge(since, delay)
    sure_last, last = (LAST, LAST) if until is None else _edge(until, delay)
    times = (-math.inf if since is None else since, math.inf if until is None else until)
    return Window(first, last, sure_first, sure_last, times)


def _edge(time: float, delay: int) -> tuple[int, int]:
    """Return from where to where turns of before and after a time may stand."""
    # A turn that was replaced may ask for any slot of the second of its time.
    second = math.floor(time)
    return place_of(second), place_of(second + 1) + (delay << LENGTH_BITS)


def place_of(time: float) -> int:
    """Return the first place of a point in time.

    Args:
        time: Unix seconds.
    """
    return math.floor(time * PER_SECOND) << LENGTH_BITS


def slot_of(place: int) -> int:
    """Return the slot of a place."""
    return place >> LENGTH_BITS


def slot_start(place: int) -> int:
    """Return the first place of the slot of a place."""
    return slot_of(place) << LENGTH_BITS


def slot_end(place: int) -> int:
    """Return the first place behind the slot of a place."""
    return slot_of(place) + 1 << LENGTH_BITS


def length_class(length: int) -> int:
    """Return the part of a place that tells how long a text is: two steps for each doubling.

    Args:
        length: characters.
    """
    return min(int(2 * math.log2(1 + length / _SHORT)), (1 << LENGTH_BITS) - 1)


def class_length(number: int) -> float:
    """Return about how many characters texts of a class have.

    Args:
        number: from `length_class`.
    """
    return _SHORT * (math.exp2((number + 0.5) / 2) - 1)


def find_places(connection: apsw.Connection, owner: int, turns: Iterable[int]) -> dict[int, int]:
    """Return the places of those turns that have one.

    Args:
        connection: any.
        owner: whose turns.
        turns: their numbers.
    """
    return dict(connection.execute(_FIND, (owner, json.dumps(list(turns)))))


def take_places(connection: apsw.Connection, owner: int, turns: Sequence[Placed]) -> list[int]:
    """Give each turn a place.

    A turn that was replaced keeps its slot while its time stays in the same second, so that it
    does not move while somebody pages.

    Args:
        connection: in a transaction; the former places were given back.
        owner: whose turns.
        turns: the order of those of the same time is kept.

    Returns:
        The places, in the order of `turns`.
    """
    wanted = [_wanted(turn) for turn in turns]
    slots = _Slots(connection, owner, wanted)
    places = [0] * len(turns)
    delay = 0
    for index in sorted(range(len(turns)), key=wanted.__getitem__):
        slot = slots.take(wanted[index])
        delay = max(delay, slot - wanted[index])
        places[index] = slot << LENGTH_BITS | length_class(turns[index].length)
    connection.execute(_DELAY, (owner, delay))
    rows = zip(places, turns, strict=True)
    connection.executemany(
        _INSERT, sorted((owner, place, turn.turn, turn.session) for place, turn in rows)
    )
    return places


def release_places(connection: apsw.Connection, owner: int, places: Iterable[int]) -> None:
    """Give places back.

    Args:
        connection: in a transaction.
        owner: whose turns.
        places: that are taken.
    """
    connection.executemany(_DELETE, ((owner, place) for place in places))


def _wanted(turn: Placed) -> int:
    """Return the slot that a turn should have."""
    if turn.timestamp is None:
        return _TIMELESS + turn.turn
    slot = slot_of(place_of(turn.timestamp))
    if turn.before is not None and slot_of(turn.before) // PER_SECOND == slot // PER_SECOND:
        return slot_of(turn.before)
    return slot


class _Slots:
    """Finds free slots. What was found to be full is walked through once, not for each turn.

    Nearly all turns get the slot that they should have: which of these are taken is asked at once.
    But thousands of turns may have the same time: of a tool that notes days, or of an import.

    Args:
        connection: in a transaction; nobody else takes slots meanwhile.
        owner: whose slots.
        wanted: the slots that will be asked for.
    """

    def __init__(self, connection: apsw.Connection, owner: int, wanted: Iterable[int]) -> None:
        self._connection = connection
        self._owner = owner
        starts = json.dumps([slot << LENGTH_BITS for slot in wanted])
        taken = connection.execute(_TAKEN, (starts, owner))
        # Of those that are wanted; those that were given away since join them.
        self._taken = {slot_of(start) for (start,) in taken}
        # Stretches that are full, apart from each other: where each begins, and what is behind it.
        self._begins: list[int] = []
        self._ends: list[int] = []

    def take(self, slot: int) -> int:
        """Return the first free slot from a slot on, which is taken from now on."""
        if slot in self._taken:
            slot = self._next_free(slot)
        self._taken.add(slot)
        return slot

    def _next_free(self, slot: int) -> int:
        first = bisect.bisect_right(self._begins, slot) - 1
        if first >= 0 and slot < self._ends[first]:
            free = self._ends[first]
        else:
            first, free = first + 1, slot
            self._begins.insert(first, slot)
            self._ends.insert(first, slot)
        free = self._walk(first + 1, free)
        self._ends[first] = free + 1
        return free

    def _walk(self, following: int, free: int) -> int:
        """Go on to a free slot; stretches that are reached become part of the one before."""
        while True:
            reached = self._begins[following] if following < len(self._begins) else LAST
            free = self._first_gap(free, reached)
            if free != reached:
                return free
            free = self._ends[following]
            del self._begins[following], self._ends[following]

    def _first_gap(self, slot: int, end: int) -> int:
        """Return the first slot that is free; no further than an end."""
        for (place,) in self._connection.execute(_FOLLOWING, (self._owner, slot << LENGTH_BITS)):
            slot = self._skip_taken(slot, min(slot_of(place), end))
            if slot == end or slot != slot_of(place):
                return slot
            slot += 1
        return self._skip_taken(slot, end)

    def _skip_taken(self, slot: int, end: int) -> int:
        while slot != end and slot in self._taken:
            slot += 1
        return slot
