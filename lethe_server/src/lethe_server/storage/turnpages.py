"""Reading of turns in their order, in slices of bounded size.

A slice is read by one query of a reader; a long session is answered from many, so that neither
memory nor the time that a reader holds its snapshot depends on the length of the session.

The order is that of `seq`, and of names among turns of one `seq`. The index knows the first alone.
To have SQLite sort by both would copy each row once more, a quarter of what reading costs. So a
slice is read in the order of the index, ends between two `seq`, and is sorted only if it holds
several turns of one. Only where very many have the same `seq` SQLite sorts, and a slice ends among
them.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_server.storage.dictionaries import unpacker_of
from lethe_server.storage.records import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw

    from lethe_server.storage.payloads import Unpacker

#: A slice ends with the turn that makes it larger than this.
SLICE_BYTES: Final = 512 * 1024

_READ: Final = """
    SELECT t.turn_id, t.seq, t.role, t.timestamp, t.model, t.revision,
        t.tokens_in, t.tokens_out, t.cost_nano,
        u.key, u.input, u.output, u.cache_read, u.cache_write, u.reasoning, u.cost_nano,
        CASE WHEN ? THEN (SELECT min(o.seq) FROM turns AS o
            WHERE o.owner = t.owner AND o.usage = t.usage AND o.session = t.session) END,
        t.content, t.payload
    FROM turns AS t LEFT JOIN usage AS u ON u.owner = t.owner AND u.id = t.usage
    WHERE t.owner = (SELECT id FROM owners WHERE name = ?) AND t.session = ?
        AND t.seq >= ? AND NOT (t.seq = ? AND t.turn_id <= ?)
    ORDER BY t.seq LIMIT ?
"""
_READ_SORTED: Final = _READ.replace("ORDER BY t.seq", "ORDER BY t.seq, t.turn_id")
#: So many turns of one `seq` may follow a slice that is full, until it is sorted by SQLite.
_TIES: Final = 200


class TurnPlace(NamedTuple):
    """A place in a session: the turn that was read last."""

    seq: int
    turn_id: str

    @classmethod
    def after(cls, seq: int) -> TurnPlace:
        """Return the place behind all turns of a `seq`."""
        return cls(seq + 1, "")


class TurnRow(NamedTuple):
    """A turn as it is answered: what `_READ` gives, its text and payload unpacked.

    Args:
        turn_id: its name.
        seq: its place.
        role: who speaks.
        timestamp: Unix seconds.
        model: that answered.
        revision: of the turn.
        tokens_in: its own, as are the next two; none if an API reply has them.
        usage_key: the API reply, and what it used in the next six.
        first_seq: where the reply stands first in the session, if that was asked for.
        content: the text.
        tool_calls: JSON as it came.
        metadata: JSON as it came.
    """

    turn_id: str
    seq: int
    role: str
    timestamp: float | None
    model: str | None
    revision: int
    tokens_in: int
    tokens_out: int
    cost_nano: int
    usage_key: str | None
    shared_in: int | None
    shared_out: int | None
    shared_cache_read: int | None
    shared_cache_write: int | None
    shared_reasoning: int | None
    shared_cost_nano: int | None
    first_seq: int | None
    content: str
    tool_calls: bytes
    metadata: bytes

    @property
    def tokens(self) -> Tokens:
        """Those of the API reply if `usage_key` names one, else the turn's own."""
        if self.usage_key is None:
            return Tokens(self.tokens_in, self.tokens_out, cost=self.cost_nano)
        columns: Any = self
        return Tokens(*columns[_SHARED])


_SHARED: Final = slice(
    TurnRow._fields.index("shared_in"), TurnRow._fields.index("shared_cost_nano") + 1
)


_SEQ: Final = TurnRow._fields.index("seq")
_TEXTS: Final = TurnRow._fields.index("content")
_order: Final = operator.attrgetter("seq", "turn_id")


class TurnSlice(NamedTuple):
    """Some turns, and whether there are more."""

    turns: list[TurnRow]
    more: bool


def read_turns(
    connection: apsw.Connection,
    owner: str,
    session: int,
    place: TurnPlace,
    limit: int,
    *,
    firsts: bool = False,
) -> TurnSlice:
    """Read turns in their order.

    Args:
        connection: that reads.
        owner: whose.
        session: the id of a session of the owner.
        place: begin behind it.
        limit: so many; a few more may have the `seq` of the last.
        firsts: whether to look up where replies stand first; who reads from the beginning knows.
    """
    values = (firsts, owner, session, place.seq, place.seq, place.turn_id)
    unpacker = unpacker_of(connection)
    cursor = connection.cursor()
    try:
        found = _read_slice(cursor.execute(_READ, (*values, limit + _TIES + 1)), unpacker, limit)
        if found is None:
            rows = cursor.execute(_READ_SORTED, (*values, limit + 1))
            found = _read_sorted(rows, unpacker, limit)
    finally:
        cursor.close(True)  # an open cursor would hold the snapshot
    return found


def _read_slice(rows: Iterable[Any], unpacker: Unpacker, limit: int) -> TurnSlice | None:
    """Read rows in the order of their `seq`; `None` if too many have the same one."""
    unpack = unpacker.unpack
    turns: list[TurnRow] = []
    size = 0
    last = -1
    tied = more = False
    for row in rows:
        seq = row[_SEQ]
        if len(turns) >= limit or size > SLICE_BYTES:
            more = seq != last
            if more:
                break
            if len(turns) >= limit + _TIES or size > 2 * SLICE_BYTES:
                return None
        content, calls, metadata = texts = unpack(row[_TEXTS], row[_TEXTS + 1])
        turns.append(TurnRow._make(row[:_TEXTS] + texts))
        size += len(content) + len(calls) + len(metadata)
        tied |= seq == last
        last = seq
    if tied:
        turns.sort(key=_order)
    return TurnSlice(turns, more)


def _read_sorted(rows: Iterable[Any], unpacker: Unpacker, limit: int) -> TurnSlice:
    """Read rows that are in order, and end anywhere."""
    turns: list[TurnRow] = []
    size = 0
    for row in rows:
        if len(turns) == limit or size > SLICE_BYTES:
            return TurnSlice(turns, more=True)
        texts = unpacker.unpack(row[_TEXTS], row[_TEXTS + 1])
        turns.append(TurnRow._make(row[:_TEXTS] + texts))
        size += sum(map(len, texts))
    return TurnSlice(turns, more=False)
