"""``GET /api/v1/search``."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from marshmallow import fields, validate

from lethe_core.events import ROLES
from lethe_server.answering import answer_json
from lethe_server.keys import IDENTITY, STORE
from lethe_server.parameters import (
    Choice,
    Flag,
    OwnedParameters,
    Text,
    Time,
    Whole,
    Zone,
    check_span,
    load_parameters,
    whose,
)
from lethe_server.search.fts5_syntax import parse_fts5
from lethe_server.search.query import Condition, parse_query
from lethe_server.search.searching import Search, search_turns
from lethe_server.search.terms import strip_marks

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_server.auth.identity import Identity
    from lethe_server.search.query import Query
    from lethe_server.search.searching import Result, SearchPage

#: Hits of a page, if nothing else is asked for, and at most.
DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
#: Seconds that a search may take.
SEARCH_SECONDS: Final = 2.0

_FIELDS: Final = ("tool", "host", "project", "role", "session")
#: What `match_source` calls the tables of the index.
MATCH_SOURCES: Final = {"turns": "turn", "outputs": "tool_output"}


class SearchParameters(OwnedParameters):
    """Query of a search."""

    q = fields.String(required=True, metadata={"description": "Words; see docs/search.md."})
    tool = Text(load_default=None, metadata={"description": "Only this tool."})
    host = Text(load_default=None, metadata={"description": "Only this host."})
    project = Text(
        load_default=None, metadata={"description": "Working directory, whole or its last parts."}
    )
    role = Choice(*ROLES, load_default=None, metadata={"description": "Only turns of this role."})
    session = Text(load_default=None, metadata={"description": "Only this session."})
    since = Time(load_default=None, metadata={"description": "At or after this time."})
    until = Time(load_default=None, metadata={"description": "Before this time."})
    include_tool_outputs = Flag(
        load_default=False, metadata={"description": "Search what tools answered, too."}
    )
    order = Choice("rank", "time", load_default="rank", metadata={"description": "Or the newest."})
    syntax = Choice("words", "fts5", load_default="words", metadata={"description": "Of `q`."})
    tz = Zone(load_default=UTC, metadata={"description": "Time zone of the dates in `q`."})
    limit = Whole(1, MAX_LIMIT, load_default=DEFAULT_LIMIT)
    cursor = fields.String(
        load_default=None,
        validate=validate.Length(min=1, error="must be the next_cursor of an answer"),
        metadata={"description": "Where the last page ended."},
    )


SEARCH_PARAMETERS: Final = SearchParameters()


class ResultAnswer(msgspec.Struct):
    """A hit."""

    tool: str
    host: str
    session_id: str
    turn_id: str
    seq: int
    timestamp: float | None
    role: str
    working_dir: str | None
    title: str | None
    snippet: str
    match_source: str
    rank: float | None
    owner: str | msgspec.UnsetType = msgspec.UNSET


class TotalAnswer(msgspec.Struct):
    """How many hits there are: just as many, or at least."""

    value: int
    relation: str


class SearchAnswer(msgspec.Struct):
    """A page of hits."""

    results: list[ResultAnswer]
    limit: int
    next_cursor: str | None
    total: TotalAnswer
    ranking: str
    took_ms: float


async def search(request: web.Request) -> web.Response:
    """Answer a page of turns that match, the best or the newest first."""
    return await answer_search(request, load_parameters(request, SEARCH_PARAMETERS))


async def answer_search(request: web.Request, asked: dict[str, Any]) -> web.Response:
    """Answer a page of what is asked for.

    Args:
        request: of who asks.
        asked: loaded by `SearchParameters`.

    Raises:
        InvalidRequest: the query or the cursor is wrong.
    """
    begun = time.perf_counter()
    wanted = _search_of(asked, request[IDENTITY])
    page = await request.app[STORE].query(
        lambda connection: search_turns(connection, wanted), SEARCH_SECONDS
    )
    answer = SearchAnswer(
        results=[_result_of(result, owned=wanted.owner is None) for result in page.results],
        limit=wanted.limit,
        next_cursor=page.next_cursor,
        total=TotalAnswer(page.total, "gte" if page.more else "eq"),
        ranking=_ranking_of(page),
        took_ms=round((time.perf_counter() - begun) * 1000, 1),
    )
    return answer_json(answer)


def _search_of(asked: dict[str, Any], identity: Identity) -> Search:
    owner = whose(asked, identity)
    return Search(
        query=query_of(asked),
        # What `q` says of time may move from page to page (`after:7d`); the cursor holds it.
        identity=(
            owner,
            *(asked[name] for name in ("q", *_FIELDS, "since", "until", "order", "syntax")),
            str(asked["tz"]),
            asked["include_tool_outputs"],
        ),
        owner=owner,
        include_outputs=asked["include_tool_outputs"],
        order=asked["order"],
        limit=asked["limit"],
        cursor=asked["cursor"],
    )


def query_of(asked: dict[str, Any]) -> Query:
    """Return what is looked for.

    Args:
        asked: loaded by `SearchParameters`.

    Raises:
        InvalidRequest: the query is wrong.
    """
    if asked["syntax"] == "fts5":
        query = parse_fts5(asked["q"])
    else:
        query = parse_query(asked["q"], datetime.now(asked["tz"]))
    check_span(asked["since"], asked["until"])
    conditions = tuple(
        Condition(name, (asked[name],)) for name in _FIELDS if asked[name] is not None
    )
    return query.narrowed(conditions, asked["since"], asked["until"])


def _ranking_of(page: SearchPage) -> str:
    return "recent" if page.recent else "exact"


def _result_of(result: Result, *, owned: bool) -> ResultAnswer:
    turn = result.turn
    return ResultAnswer(
        tool=turn.tool,
        host=turn.host,
        session_id=turn.session_id,
        turn_id=turn.turn_id,
        seq=turn.seq,
        timestamp=turn.timestamp,
        role=turn.role,
        working_dir=_shown(turn.working_dir),
        title=_shown(turn.title),
        snippet=result.snippet,
        match_source=MATCH_SOURCES[result.source],
        rank=result.rank,
        owner=result.owner if owned else msgspec.UNSET,
    )


def _shown(text: str | None) -> str | None:
    """Nothing but a snippet holds marks."""
    return None if text is None else strip_marks(text)
