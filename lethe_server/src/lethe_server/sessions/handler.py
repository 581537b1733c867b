"""``GET /api/v1/sessions`` and ``GET /api/v1/sessions/{tool}/{host}/{session_id}``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import web

from lethe_core.events import Relation
from lethe_core.limits import MAX_SEQ, MIB
from lethe_server.conditional import Tagged
from lethe_server.cursors import MAX_LENGTH as MAX_CURSOR
from lethe_server.encodings import EncodedStream
from lethe_server.errors import InvalidRequest
from lethe_server.keys import IDENTITY, PARSERS, STORE
from lethe_server.parameters import (
    Choice,
    OwnedParameters,
    Text,
    Time,
    Whole,
    load_parameters,
    whose,
)
from lethe_server.sessions.answers import TurnEncoder, answer_session
from lethe_server.sessions.finding import find_asked_session
from lethe_server.sessions.resuming import resume_command
from lethe_server.storage import SORTS, SessionFilter, TurnPlace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lethe_server.storage import SessionRow, Store, TurnRow

#: Sessions of a page, if nothing else is asked for, and at most.
DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_OFFSET: Final = 10_000_000
#: Turns of a page, if nothing else is asked for, and at most.
DEFAULT_TURNS: Final = 1000
MAX_TURNS: Final = 5000
#: A page of turns ends when it has so many bytes.
PAGE_BYTES: Final = 8 * MIB

#: Turns that are read by one query.
_SLICE_TURNS: Final = 200


class ListParameters(OwnedParameters):
    """Query of the list of sessions."""

    tool = Text(load_default=None, metadata={"description": "Only this tool."})
    host = Text(load_default=None, metadata={"description": "Only this host."})
    project = Text(
        load_default=None,
        metadata={"description": "Working directory, whole or its last parts."},
    )
    since = Time(load_default=None, metadata={"description": "Active at or after this time."})
    until = Time(load_default=None, metadata={"description": "Active before this time."})
    relation = Choice(
        *Relation.__args__,  # type: ignore[attr-defined]
        "none",
        load_default=None,
        metadata={"description": "Only these; `none` are top-level sessions."},
    )
    session = Text(
        load_default=None, metadata={"description": "Only of this id, or beginning of an id."}
    )
    q = Text(load_default=None, metadata={"description": "Words that the title holds."})
    sort = Choice(*SORTS, load_default=SORTS[0], metadata={"description": "The greatest first."})
    limit = Whole(1, MAX_LIMIT, load_default=DEFAULT_LIMIT)
    offset = Whole(0, MAX_OFFSET, load_default=0)
    cursor = Text(
        MAX_CURSOR, load_default=None, metadata={"description": "Where the last page ended."}
    )


class DetailParameters(OwnedParameters):
    """Query of one session."""

    after = Whole(0, MAX_SEQ, load_default=-1, metadata={"description": "Only turns after."})
    turns = Whole(1, MAX_TURNS, load_default=DEFAULT_TURNS)


LIST_PARAMETERS: Final = ListParameters()
DETAIL_PARAMETERS: Final = DetailParameters()


async def list_sessions(request: web.Request) -> web.Response:
    """Answer a page of sessions, those with the newest activity first, or with the most."""
    wanted = load_parameters(request, LIST_PARAMETERS)
    owner = whose(wanted, request[IDENTITY])
    del wanted["owner"]
    if wanted["cursor"] is not None and wanted["offset"]:
        raise InvalidRequest("goes together with no cursor", parameter="offset")
    page = await request.app[STORE].list_sessions(owner, SessionFilter(**wanted))
    answer = {
        "sessions": [
            answer_session(row, page.owners[row.owner] if owner is None else None)
            for row in page.sessions
        ],
        "limit": wanted["limit"],
        "offset": wanted["offset"],
        "total": page.total,
        "next_cursor": page.next_cursor,
    }
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


async def show_session(request: web.Request) -> web.StreamResponse:
    """Answer one session and a page of its turns, streamed."""
    wanted = load_parameters(request, DETAIL_PARAMETERS)
    owner = whose(wanted, request[IDENTITY])
    found, session = await find_asked_session(request, owner)
    store = request.app[STORE]
    command = resume_command(request.app[PARSERS], session)
    tagged = Tagged(session.id, session.version, command)
    if (unchanged := tagged.unchanged(request)) is not None:
        return unchanged
    page = TurnPage(store, found, session, after=wanted["after"], limit=wanted["turns"])
    chunks = page.chunks()
    first = await anext(chunks)  # an error is still a problem here, and half an answer later
    answer = answer_session(session, found if owner is None else None)
    response = web.StreamResponse(headers={"Content-Type": "application/json", **tagged.headers})
    stream = EncodedStream(request, response)
    await stream.begin()
    await stream.write(b'{"session":' + msgspec.json.encode(answer))
    await stream.write(b',"turns":[' + first)
    async for chunk in chunks:
        await stream.write(chunk)
    tail = (msgspec.json.encode(page.next), msgspec.json.encode(command))
    await stream.write(b'],"next":%s,"resume_command":%s}' % tail)
    await stream.end()
    return response


class TurnPage:
    """One page of a session's turns.

    It ends at the limit, or when it is large; but never between turns of the same `seq`, since
    the next page begins behind a `seq`.

    Args:
        store: the archive.
        owner: whose.
        session: that is read.
        after: begin behind this `seq`.
        limit: so many turns.

    Attributes:
        next: the `after` of the next page; `None` if this is the last. Known at the end.
    """

    def __init__(
        self, store: Store, owner: str, session: SessionRow, *, after: int, limit: int
    ) -> None:
        self._store = store
        self._owner = owner
        self._session = session.id
        self._place = TurnPlace.after(after)
        self._limit = limit
        self._count = 0
        self._bytes = 0
        self._encoder = TurnEncoder(session)
        self.next: int | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the JSON of the turns, separated by commas; at least one chunk."""
        more = True
        while more and self.next is None:
            wanted = max(1, min(_SLICE_TURNS, self._limit - self._count + 1))
            part = await self._store.read_turns(self._owner, self._session, self._place, wanted)
            more = part.more
            yield b"".join(self._encode(part.turns))

    def _encode(self, turns: list[TurnRow]) -> list[bytes]:
        encoded: list[bytes] = []
        for turn in turns:
            full = self._count >= self._limit or self._bytes >= PAGE_BYTES
            if full and turn.seq != self._place.seq:
                self.next = self._place.seq
                break
            if self._count:
                encoded.append(b",")
            data = self._encoder.encode(turn)
            encoded.append(data)
            self._count += 1
            self._bytes += len(data)
            self._place = TurnPlace(turn.seq, turn.turn_id)
        return encoded
