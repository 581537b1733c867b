"""Stand-ins: turns that stand for what a parser could not map, until a later version of it can.

A stand-in says which places the turns of its part would have had. A turn that a greater version of
the parser puts at one of them is what the part means: the stand-in goes, and one that arrives
later is not stored (docs/decisions/0011-stand-ins.md).
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from lethe_core.decoding import DECODING_ERRORS
from lethe_core.limits import MAX_SEQ
from lethe_server.storage.dictionaries import unpacker_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

#: The kind of a turn that stands for what no parser could map; it is not indexed.
UNMAPPED: Final = "unmapped"

_PREFIX: Final = "unmapped-"

_FIND: Final = """
    SELECT turn_id, seq, seq_version, payload FROM turns
    WHERE owner = ? AND session = ? AND kind = 'unmapped' AND seq_version < ? AND usage IS NULL
"""
_IS_TAKEN: Final = """
    SELECT 1 FROM turns
    WHERE owner = ? AND session = ? AND seq BETWEEN ? AND ? AND seq_version > ?
        AND kind IS NOT 'unmapped'
    LIMIT 1
"""


class StandIn(NamedTuple):
    """A turn that stands for a part of a source.

    Args:
        turn_id: its name.
        seq: the first place that a turn of the part would have had.
        places: how many there are.
        version: of the parser that could not map the part.
    """

    turn_id: str
    seq: int
    places: int
    version: int

    @property
    def last(self) -> int:
        """The last of the places."""
        return self.seq + self.places - 1


class Occupant(NamedTuple):
    """A turn that may take the place of a stand-in."""

    seq: int
    version: int


class _Unmapped(msgspec.Struct):
    places: int = 1


class _Metadata(msgspec.Struct):
    unmapped: _Unmapped


_decode = msgspec.json.Decoder(_Metadata).decode


def count_places(turn_id: str, kind: str | None, metadata: bytes) -> int:
    """Tell how many places a stand-in has; 0 if the turn is none.

    Args:
        turn_id: of the turn.
        kind: of the turn.
        metadata: its JSON.
    """
    if kind != UNMAPPED or not turn_id.startswith(_PREFIX):
        return 0
    try:
        places = _decode(metadata).unmapped.places
    except DECODING_ERRORS:
        return 1
    return min(max(places, 1), MAX_SEQ)


def find_stand_ins(
    connection: apsw.Connection, owner: int, session: int, version: int
) -> list[StandIn]:
    """Find the stand-ins of a session that parsers below a version have made.

    Args:
        connection: any.
        owner: whose.
        session: by number.
        version: of a parser.
    """
    found: list[StandIn] = []
    unpack = unpacker_of(connection).unpack
    for turn_id, seq, made, payload in connection.execute(_FIND, (owner, session, version)):
        if places := count_places(turn_id, UNMAPPED, unpack("", payload).metadata):
            found.append(StandIn(turn_id, seq, places, made))
    return found


def is_taken(connection: apsw.Connection, owner: int, session: int, one: StandIn) -> bool:
    """Tell whether a stored turn has the place of a stand-in."""
    where = (owner, session, one.seq, one.last, one.version)
    return connection.execute(_IS_TAKEN, where).get is not None


def replaced(stand_ins: Iterable[StandIn], occupants: Sequence[Occupant]) -> set[str]:
    """Name the stand-ins whose places some turns have."""
    places = sorted(occupants)
    names: set[str] = set()
    for one in stand_ins:
        start = bisect.bisect_left(places, one.seq, key=lambda place: place.seq)
        end = bisect.bisect_right(places, one.last, key=lambda place: place.seq)
        if any(place.version > one.version for place in places[start:end]):
            names.add(one.turn_id)
    return names
