"""``GET /api/v1/sessions`` and ``GET /api/v1/sessions/{tool}/{host}/{session_id}``."""

from __future__ import annotations

from typing import Final, get_args

from aiohttp import web

from lethe_core.events import Relation
from lethe_server.cursors import MAX_LENGTH as MAX_CURSOR
from lethe_server.encodings import EncodedStream
from lethe_server.errors import InvalidRequest
from lethe_server.keys import IDENTITY, LISTING, PARSERS, STORE
from lethe_server.parameters import (
    Choice,
    OwnedParameters,
    Text,
    Time,
    Whole,
    load_parameters,
    whose,
)
from lethe_server.sessions.finding import asked_key
from lethe_server.sessions.pages import DetailParameters
from lethe_server.sessions.reading import SessionReading
from lethe_server.storage import SORTS, SessionFilter

#: Sessions of a page, if nothing else is asked for, and at most.
DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_OFFSET: Final = 10_000_000


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
        *get_args(Relation),
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


LIST_PARAMETERS: Final = ListParameters()
DETAIL_PARAMETERS: Final = DetailParameters()


async def list_sessions(request: web.Request) -> web.Response:
    """Answer a page of sessions, those with the newest activity first, or with the most."""
    asked = load_parameters(request, LIST_PARAMETERS)
    owner = whose(asked, request[IDENTITY])
    del asked["owner"]
    if asked["cursor"] is not None and asked["offset"]:
        raise InvalidRequest("goes together with no cursor", parameter="offset")
    listing = request.app[LISTING]
    wanted = SessionFilter(**asked)
    body = await request.app[STORE].query(
        lambda connection: listing.page(connection, owner, wanted)
    )
    return web.Response(body=body, content_type="application/json")


async def show_session(request: web.Request) -> web.StreamResponse:
    """Answer one session and a page of its turns; streamed unless one slice holds it."""
    asked = load_parameters(request, DETAIL_PARAMETERS)
    reading = SessionReading(
        whose(asked, request[IDENTITY]),
        asked_key(request),
        asked,
        parsers=request.app[PARSERS],
        held=request.if_none_match or (),
    )
    store = request.app[STORE]
    first = await store.query(reading.begin)  # an error is still a problem here
    if first is None:
        return reading.tagged.not_modified()
    headers = {"Content-Type": "application/json", **reading.tagged.headers}
    if reading.ended:
        return web.Response(body=first, headers=headers)
    response = web.StreamResponse(headers=headers)
    stream = EncodedStream(request, response)
    await stream.begin()
    await stream.write(first)
    while not reading.ended:
        await stream.write(await store.query(reading.go_on))
    await stream.end()
    return response
