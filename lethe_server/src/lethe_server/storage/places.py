"""Places: where the turns of an owner stand in the search index, in the order of time.

The row numbers of the index are made of time, 64 to a second, so that the newest hits are the
first that FTS5 finds, and a span of time is a range of rows: neither needs a look at a turn. Two
turns never share a place: a turn whose place is taken gets the next free one, which moves it by a
64th of a second. A turn without a time stands before all others, in the order of arrival.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

#: Places of one second.
PER_SECOND: Final = 64
#: Turns without a time stand behind this place, by their number.
_TIMELESS: Final = -(2**62)
#: Before and behind all places.
FIRST: Final = -(2**63)
LAST: Final = 2**63 - 1

_FIND: Final = """
    SELECT turn, place FROM search_places
    WHERE owner = ? AND turn IN (SELECT value FROM json_each(?))
"""
_NEWEST: Final = "SELECT max(place) FROM search_places WHERE owner = ?"
_TAKEN: Final = """
    SELECT place FROM search_places WHERE owner = ? AND place >= ? ORDER BY place LIMIT 1
"""
_INSERT: Final = "INSERT INTO search_places (owner, place, turn, session) VALUES (?, ?, ?, ?)"
_DELETE: Final = "DELETE FROM search_places WHERE owner = ? AND place = ?"


class Placed(NamedTuple):
    """A turn that needs a place.

    Args:
        turn: its number.
        session: the number of its session.
        timestamp: Unix seconds.
        before: the place that it had, if it stood in the index already.
    """

    turn: int
    session: int
    timestamp: float | None
    before: int | None = None


def place_of(time: float) -> int:
    """Return the first place of a point in time.

    Args:
        time: Unix seconds.
    """
    return math.floor(time * PER_SECOND)


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

    A turn that was replaced keeps its place while its time stays in the same second, so that it
    does not move while somebody pages.

    Args:
        connection: in a transaction; the former places were given back.
        owner: whose turns.
        turns: the order of those of the same time is kept.

    Returns:
        The places, in the order of `turns`.
    """
    order = sorted(range(len(turns)), key=lambda index: _wanted(turns[index]))
    newest: int | None = connection.execute(_NEWEST, (owner,)).get
    places = [0] * len(turns)
    for index in order:
        turn = turns[index]
        place = _wanted(turn)
        if newest is not None and place <= newest:
            place = _next_free(connection, owner, place)
        connection.execute(_INSERT, (owner, place, turn.turn, turn.session))
        newest = place if newest is None else max(newest, place)
        places[index] = place
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
    if turn.timestamp is None:
        return _TIMELESS + turn.turn
    place = place_of(turn.timestamp)
    if turn.before is not None and turn.before // PER_SECOND == place // PER_SECOND:
        return turn.before
    return place


def _next_free(connection: apsw.Connection, owner: int, place: int) -> int:
    while connection.execute(_TAKEN, (owner, place)).get == place:
        place += 1
    return place
