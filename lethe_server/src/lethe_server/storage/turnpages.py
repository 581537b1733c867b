"""Reading of turns in their order, in slices of bounded size.

A slice is read by one query of a reader; a long session is answered from many, so that neither
memory nor the time that a reader holds its snapshot depends on the length of the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_server.storage.dictionaries import unpacker_of
from lethe_server.storage.records import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from playhouse.apsw_ext import APSWDatabase  # type: ignore[import-untyped]

    from lethe_server.storage.payloads import Unpacked

#: A slice ends with the turn that makes it larger than this.
SLICE_BYTES: Final = 512 * 1024

_READ: Final = """
    SELECT t.turn_id, t.seq, t.role, t.timestamp, t.content, t.model, t.revision, t.payload,
        t.tokens_in, t.tokens_out, t.cost_nano,
        u.key, u.input, u.output, u.cache_read, u.cache_write, u.reasoning, u.cost_nano,
        (SELECT min(o.seq) FROM turns AS o
            WHERE o.owner = t.owner AND o.usage = t.usage AND o.session = t.session)
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
    """A turn as it is answered.

    Args:
        turn_id: its name.
        seq: its place.
        role: who speaks.
        timestamp: Unix seconds.
        content: the text.
        model: that answered.
        revision: of the turn.
        tool_calls: JSON as it came.
        metadata: JSON as it came.
        tokens: of the API reply if `usage_key` names one, else the turn's own.
        usage_key: the API reply.
        first_seq: where the reply stands first in the session.
    """

    turn_id: str
    seq: int
    role: str
    timestamp: float | None
    content: str
    model: str | None
    revision: int
    tool_calls: bytes
    metadata: bytes
    tokens: Tokens
    usage_key: str | None
    first_seq: int | None

    @property
    def size(self) -> int:
        """About how many bytes it takes in an answer."""
        return len(self.content) + len(self.tool_calls) + len(self.metadata)


class TurnSlice(NamedTuple):
    """Some turns, and whether there are more."""

    turns: list[TurnRow]
    more: bool


def read_turns(
    database: APSWDatabase, owner: str, session: int, place: TurnPlace, limit: int
) -> TurnSlice:
    """Read turns in their order.

    Args:
        database: that reads.
        owner: whose.
        session: the id of a session of the owner.
        place: begin behind it.
        limit: at most so many.
    """
    turns: list[TurnRow] = []
    size = 0
    connection = database.connection()
    unpack = unpacker_of(connection).unpack
    cursor = connection.cursor()
    try:
        where = (owner, session, place.seq, place.seq, place.turn_id, limit + 1)
        for row in cursor.execute(_READ, where):
            if len(turns) == limit or size > SLICE_BYTES:
                return TurnSlice(turns, more=True)
            turn = _turn_of_row(row, unpack)
            turns.append(turn)
            size += turn.size
    finally:
        cursor.close(True)  # an open cursor would hold the snapshot
    return TurnSlice(turns, more=False)


def _turn_of_row(row: Any, unpack: Callable[[str, bytes | None], Unpacked]) -> TurnRow:
    (turn_id, seq, role, timestamp, content, model, revision, payload, *numbers) = row
    tokens_in, tokens_out, cost, usage_key, *shared, first_seq = numbers
    own = Tokens(input=tokens_in, output=tokens_out, cost=cost)
    content, tool_calls, metadata = unpack(content, payload)
    return TurnRow(
        turn_id=turn_id,
        seq=seq,
        role=role,
        timestamp=timestamp,
        content=content,
        model=model,
        revision=revision,
        tool_calls=tool_calls,
        metadata=metadata,
        tokens=own if usage_key is None else Tokens(*shared),
        usage_key=usage_key,
        first_seq=first_seq,
    )
