"""``GET /api/v1/sessions/{tool}/{host}/{session_id}/find``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec
from marshmallow import fields

from lethe_core.limits import MAX_SEQ
from lethe_server.answering import answer_json
from lethe_server.keys import IDENTITY, STORE
from lethe_server.parameters import (
    Flag,
    OwnedParameters,
    Whole,
    Zone,
    load_parameters,
    whose,
)
from lethe_server.search.handler import MATCH_SOURCES, SEARCH_SECONDS, TotalAnswer
from lethe_server.search.query import parse_query
from lethe_server.search.within import Finding, find_within
from lethe_server.sessions.finding import find_asked_session

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_server.search.within import Hit

#: Hits of a page, if nothing else is asked for, and at most.
DEFAULT_LIMIT: Final = 200
MAX_LIMIT: Final = 1000


class FindParameters(OwnedParameters):
    """Query of what is looked for in a session."""

    q = fields.String(required=True, metadata={"description": "Words; see docs/search.md."})
    include_tool_outputs = Flag(
        load_default=False, metadata={"description": "Search what tools answered, too."}
    )
    tz = Zone(load_default=UTC, metadata={"description": "Time zone of the dates in `q`."})
    after = Whole(0, MAX_SEQ, load_default=-1, metadata={"description": "Only turns after."})
    limit = Whole(1, MAX_LIMIT, load_default=DEFAULT_LIMIT)


FIND_PARAMETERS: Final = FindParameters()


class HitAnswer(msgspec.Struct):
    """A turn that was found."""

    turn_id: str
    seq: int
    timestamp: float | None
    role: str
    snippet: str
    match_source: str


class FindAnswer(msgspec.Struct):
    """Hits in the order of the session."""

    hits: list[HitAnswer]
    limit: int
    next: int | None
    total: TotalAnswer


async def find_in_session(request: web.Request) -> web.Response:
    """Answer the turns of one session that match, in their order."""
    asked = load_parameters(request, FIND_PARAMETERS)
    query = parse_query(asked["q"], datetime.now(asked["tz"]))
    owner, session = await find_asked_session(request, whose(asked, request[IDENTITY]))
    finding = Finding(
        owner=owner,
        session=session.id,
        query=query,
        include_outputs=asked["include_tool_outputs"],
        after=asked["after"],
        limit=asked["limit"],
    )
    page = await request.app[STORE].query(
        lambda connection: find_within(connection, finding), SEARCH_SECONDS
    )
    answer = FindAnswer(
        hits=[_answer_hit(hit) for hit in page.hits],
        limit=finding.limit,
        next=page.next,
        total=TotalAnswer(page.total, "gte" if page.more else "eq"),
    )
    return answer_json(answer)


def _answer_hit(hit: Hit) -> HitAnswer:
    turn = hit.turn
    return HitAnswer(
        turn_id=turn.turn_id,
        seq=turn.seq,
        timestamp=turn.timestamp,
        role=turn.role,
        snippet=hit.snippet,
        match_source=MATCH_SOURCES[hit.source],
    )
