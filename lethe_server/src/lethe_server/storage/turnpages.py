"""Reading of turns in their order, in slices of bounded size.

A slice is read by one query of a reader; a long session is answered from many, so that neither
memory nor the time that a reader holds its snapshot depends on the length of the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_server.storage.dictionaries import unpacker_of
from lethe_server.storage.records import Tokens

if TYPE_CHECKING:
    import apsw

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
    ORDER BY t.seq, t.turn_id LIMIT ?
"""


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


_TEXTS: Final = TurnRow._fields.index("content")
_PACKED: Final = slice(_TEXTS, None)


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
        limit: at most so many.
        firsts: whether to look up where replies stand first; who reads from the beginning knows.
    """
    turns: list[TurnRow] = []
    size = 0
    unpack = unpacker_of(connection).unpack
    cursor = connection.cursor()
    try:
        values = (firsts, owner, session, place.seq, place.seq, place.turn_id, limit + 1)
        row: Any
        for row in cursor.execute(_READ, values):
            if len(turns) == limit or size > SLICE_BYTES:
                return TurnSlice(turns, more=True)
            texts = unpack(*row[_PACKED])
            turns.append(TurnRow._make(row[:_TEXTS] + texts))
            size += sum(map(len, texts))
    finally:
        cursor.close(True)  # an open cursor would hold the snapshot
    return TurnSlice(turns, more=False)
