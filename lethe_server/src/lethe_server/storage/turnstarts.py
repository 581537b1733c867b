"""Where a page of turns begins, for who does not come from the page before it.

Turns of one `seq` belong together: a page holds all of them or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from lethe_core.limits import MAX_SEQ, MIB
from lethe_server.storage.dictionaries import unpacker_of

if TYPE_CHECKING:
    import apsw

#: Turns before the one that is asked for are left to an earlier page when they take more bytes.
LEAD_BYTES: Final = 4 * MIB

_OF_SESSION: Final = "owner = (SELECT id FROM owners WHERE name = ?) AND session = ?"
_COUNT: Final = f"SELECT count(*) FROM turns WHERE {_OF_SESSION} AND seq < ?"  # noqa: S608 - no values
_NUMBERED: Final = f"SELECT seq FROM turns WHERE {_OF_SESSION} ORDER BY seq LIMIT 1 OFFSET ?"  # noqa: S608 - no values
_NAMED: Final = f"SELECT seq FROM turns WHERE {_OF_SESSION} AND turn_id = ?"  # noqa: S608 - no values
_BACK: Final = f"""
    SELECT seq, content, payload FROM turns WHERE {_OF_SESSION} AND seq < ?
    ORDER BY seq DESC LIMIT ?
"""  # noqa: S608 - no values


class TurnStart(NamedTuple):
    """Where a page begins, and how far it must and may go.

    Args:
        seq: of its first turn, at least.
        offset: so many turns of the session stand before it.
        through: the page holds all turns up to this `seq`, however large they are.
        until: it holds none behind this `seq`.
    """

    seq: int
    offset: int
    through: int = -1
    until: int = MAX_SEQ


#: Of the page that begins with the session, and of one that holds no turn.
SESSION_START: Final = TurnStart(0, 0)
NOTHING: Final = TurnStart(MAX_SEQ + 1, 0)


class TurnStarts:
    """Finds where pages of one session begin.

    Args:
        connection: that reads.
        owner: whose session.
        session: by number.
    """

    def __init__(self, connection: apsw.Connection, owner: str, session: int) -> None:
        self._connection = connection
        self._session = (owner, session)

    def after(self, seq: int) -> TurnStart:
        """Begin behind a `seq`."""
        return TurnStart(seq + 1, self._count(seq + 1))

    def before(self, seq: int, limit: int) -> TurnStart:
        """Begin so that the page ends before a `seq`.

        Args:
            seq: of no turn of the page.
            limit: so many turns at most, but for those of one `seq`.
        """
        first = self._back(seq, limit, 2 * LEAD_BYTES)
        if first == seq:
            return NOTHING
        return TurnStart(first, self._count(first), through=seq - 1, until=seq - 1)

    def around(self, turn_id: str, limit: int) -> TurnStart | None:
        """Begin so that a turn stands in the middle, with what was said before it.

        Args:
            turn_id: of a turn.
            limit: turns of the page.

        Returns:
            The place; `None` if the session has no such turn.
        """
        found = self._value(_NAMED, turn_id)
        if found is None:
            return None
        first = self._back(found, limit // 2, LEAD_BYTES)
        return TurnStart(first, self._count(first), through=found)

    def offset(self, number: int) -> TurnStart:
        """Begin with the turn that has so many before it, or with the first of its `seq`."""
        found = self._value(_NUMBERED, number)
        return NOTHING if found is None else TurnStart(found, self._count(found))

    def _count(self, seq: int) -> int:
        return self._value(_COUNT, seq) or 0

    def _back(self, seq: int, limit: int, most: int) -> int:
        size = 0
        unpack = unpacker_of(self._connection).unpack
        cursor = self._connection.cursor()
        try:
            for found, content, payload in cursor.execute(_BACK, (*self._session, seq, limit)):
                seq = found
                size += sum(map(len, unpack(content, payload)))
                if size > most:
                    break
        finally:
            cursor.close(True)  # an open cursor would hold the snapshot
        return seq

    def _value(self, query: str, value: object) -> int | None:
        number: int | None = self._connection.execute(query, (*self._session, value)).get
        return number
