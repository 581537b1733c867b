"""Pages of a session's turns: where one begins, and its JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from marshmallow import ValidationError, validates_schema

from lethe_core.limits import MAX_SEQ, MIB
from lethe_server.errors import NotFound
from lethe_server.parameters import OwnedParameters, Text, Whole
from lethe_server.sessions.answers import TurnAnswers
from lethe_server.storage import SESSION_START, TurnPlace, TurnStarts, read_turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_server.sessions.answers import TurnAnswer
    from lethe_server.storage import Connection, SessionRow, TurnRow, TurnStart

#: Turns of a page, if nothing else is asked for, and at most.
DEFAULT_TURNS: Final = 1000
MAX_TURNS: Final = 5000
MAX_OFFSET: Final = 10_000_000
#: A page of turns ends when it has so many bytes.
PAGE_BYTES: Final = 8 * MIB

#: Turns that are read by one query: those of most pages, and one that tells that there are more.
_SLICE_TURNS: Final = DEFAULT_TURNS + 1
_encode: Final = msgspec.json.Encoder().encode
_STARTS: Final = ("after", "before", "around", "offset")


class DetailParameters(OwnedParameters):
    """Query of one session."""

    after = Whole(0, MAX_SEQ, load_default=None, metadata={"description": "Turns after a `seq`."})
    before = Whole(
        0, MAX_SEQ, load_default=None, metadata={"description": "The last turns before a `seq`."}
    )
    around = Text(
        load_default=None, metadata={"description": "Turns before and behind one, by its id."}
    )
    offset = Whole(
        0, MAX_OFFSET, load_default=None, metadata={"description": "Turns behind so many."}
    )
    turns = Whole(1, MAX_TURNS, load_default=DEFAULT_TURNS)

    @validates_schema
    def check_start(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse two places to begin at."""
        given = [name for name in _STARTS if data[name] is not None]
        if len(given) > 1:
            raise ValidationError(f"goes together with no `{given[0]}`", given[1])


def find_start(
    connection: Connection, owner: str, session: SessionRow, asked: dict[str, Any]
) -> TurnStart:
    """Return where a page begins.

    Args:
        connection: that reads.
        owner: whose session.
        session: that is read.
        asked: loaded by `DetailParameters`.

    Raises:
        NotFound: there is no such turn to begin around.
    """
    name = next((name for name in _STARTS if asked[name] is not None), None)
    if name is None:
        return SESSION_START
    starts = TurnStarts(connection, owner, session.id)
    start: TurnStart | None
    if name == "before":
        start = starts.before(asked[name], asked["turns"])
    elif name == "around":
        start = starts.around(asked[name], asked["turns"])
    else:
        start = starts.after(asked[name]) if name == "after" else starts.offset(asked[name])
    if start is None:
        raise NotFound("there is no such turn in this session")
    return start


class TurnPage:
    """One page of a session's turns.

    It ends at the limit, or when it is large; but never between turns of the same `seq`, since
    the next page begins behind a `seq`.

    Args:
        owner: whose.
        session: that is read.
        start: where it begins.
        limit: so many turns.

    Attributes:
        more: whether there is more to read.
        offset: so many turns of the session stand before it.
        previous: the `before` of the page before it; `None` if this is the first.
        next: the `after` of the next page; `None` if this is the last. Known at the end, as all
            that stands above.
    """

    def __init__(self, owner: str, session: SessionRow, *, start: TurnStart, limit: int) -> None:
        self._owner = owner
        self._session = session.id
        self._place = TurnPlace(start.seq, "")
        self._start = start
        self._limit = limit
        self._last_seq = -1
        self._count = 0
        self._bytes = 0
        self._whole = start is SESSION_START
        self._answers = TurnAnswers(session, whole=self._whole)
        self.more = True
        self.offset = start.offset
        self.previous: int | None = None
        self.next: int | None = None

    def read(self, connection: Connection) -> list[bytes | memoryview]:
        """Return the JSON of some turns, with commas between them and those before; to be joined.

        Args:
            connection: that reads.
        """
        wanted = max(1, min(_SLICE_TURNS, self._limit - self._count + 1))
        part = read_turns(
            connection, self._owner, self._session, self._place, wanted, firsts=not self._whole
        )
        begun = self._count > 0
        before = self._bytes
        answers = list(self._take(part.turns))
        self.more = part.more and self.next is None
        if not answers:
            return []
        encoded = _encode(answers)
        self._bytes = before + len(encoded)
        return [b"," if begun else b"", memoryview(encoded)[1:-1]]

    def _take(self, turns: list[TurnRow]) -> Iterator[TurnAnswer]:
        """Answer turns as long as the page has room for them."""
        answer = self._answers.answer
        for turn in turns:
            seq = turn.seq
            if self._ends_before(seq):
                self.next = self._last_seq
                return
            if not self._count and self.offset:
                self.previous = seq
            self._count += 1
            self._bytes += len(turn.content) + len(turn.tool_calls) + len(turn.metadata)
            self._last_seq = seq
            yield answer(turn)
        if turns:
            self._place = TurnPlace(turns[-1].seq, turns[-1].turn_id)

    def _ends_before(self, seq: int) -> bool:
        if not self._count:
            return False
        if seq > self._start.until:
            return True
        full = self._count >= self._limit or self._bytes >= PAGE_BYTES
        return full and seq != self._last_seq and self._last_seq >= self._start.through
