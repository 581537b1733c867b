"""What each route of the API takes and gives.

The parameters are the schemas that read the queries, the answers the types that are written; the
types here put those together where a handler writes its answer piece by piece. A route without
an entry fails a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, NotRequired, TypedDict

from lethe_core.wire import MARK_HEADER
from lethe_server.account.handler import PATH as _TOKENS
from lethe_server.account.handler import TOKEN_BODY, MeAnswer, NewTokenAnswer, TokenList
from lethe_server.completeness.bodies import REPORT_BODY
from lethe_server.completeness.handler import PATH as _COMPLETENESS
from lethe_server.completeness.handler import CompletenessAnswer
from lethe_server.completeness.handler_digest import DIGEST_PARAMETERS, DigestAnswer
from lethe_server.events.messages import SessionEvent
from lethe_server.exports.handler import EXPORT_PARAMETERS
from lethe_server.hosts.handler import HostList
from lethe_server.ingest.answers import IngestAnswer
from lethe_server.parameters import NO_PARAMETERS, OWNER_PARAMETERS, Parameters
from lethe_server.projects.handler import PROJECTS_PARAMETERS, ProjectList
from lethe_server.related.handler import RelatedAnswer
from lethe_server.routes import SAVED, SESSION
from lethe_server.saved_searches.bodies import SAVED_SEARCH_BODY
from lethe_server.saved_searches.handler import PATH as _SAVED_SEARCHES
from lethe_server.saved_searches.handler import RUN_PARAMETERS, SavedSearchAnswer, SavedSearchList
from lethe_server.search.handler import SEARCH_PARAMETERS, SearchAnswer
from lethe_server.search.handler_within import FIND_PARAMETERS, FindAnswer
from lethe_server.sessions.answers import SessionAnswer, TurnAnswer  # noqa: TC001 - msgspec reads it
from lethe_server.sessions.handler import DETAIL_PARAMETERS, LIST_PARAMETERS
from lethe_server.stats.handler import STATS_PARAMETERS, StatsAnswer
from lethe_server.tools.handler import ToolList

if TYPE_CHECKING:
    from marshmallow import Schema

JSON: Final = "application/json"


class SessionList(TypedDict):
    """A page of sessions."""

    sessions: list[SessionAnswer]
    limit: int
    offset: int
    total: int
    next_cursor: str | None


class SessionDetail(TypedDict):
    """A session and a page of its turns."""

    session: SessionAnswer
    turns: list[TurnAnswer]
    offset: int
    previous: int | None
    next: int | None
    resume_command: str | None


class Specification(TypedDict):
    """This specification."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]


class ProblemAnswer(TypedDict):
    """What is answered in place of what was asked for (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    hint: NotRequired[str]
    parameter: NotRequired[str]


class Operation(NamedTuple):
    """One route.

    Args:
        subject: what it belongs to.
        summary: for people, in a line.
        answer: the type of what is answered; `None` if it is no JSON.
        parameters: of the query.
        kinds: content types of the answer.
        body: content type of what is sent; empty for nothing.
        headers: that the route reads, with what they are for.
        tagged: whether the answer carries an `ETag`.
        takes: the schema of a JSON body.
        partial: whether fields that the schema requires may be left out.
        status: of the answer.
    """

    subject: str
    summary: str
    answer: Any
    parameters: Parameters
    kinds: tuple[str, ...] = (JSON,)
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    tagged: bool = False
    takes: Schema | None = None
    partial: bool = False
    status: int = 200


_MARK: Final = (MARK_HEADER, "The mark of the last answer; asks whether it is known.")
_LAST_EVENT: Final = ("Last-Event-ID", "The last id that was seen; goes on behind it.")
_EXPORTS: Final = (JSON, "application/x-ndjson", "text/markdown", "text/html")

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("POST", "/api/v1/ingest"): Operation(
        "ingest",
        "Store events.",
        IngestAnswer,
        NO_PARAMETERS,
        body="application/x-ndjson",
        headers=(_MARK,),
    ),
    ("GET", "/api/v1/search"): Operation(
        "search", "Find turns by what they say.", SearchAnswer, SEARCH_PARAMETERS
    ),
    ("GET", "/api/v1/sessions"): Operation(
        "sessions", "List sessions.", SessionList, LIST_PARAMETERS
    ),
    ("GET", SESSION): Operation(
        "sessions",
        "One session and its turns.",
        SessionDetail,
        DETAIL_PARAMETERS,
        tagged=True,
    ),
    ("GET", f"{SESSION}/export"): Operation(
        "sessions", "A session as a file.", None, EXPORT_PARAMETERS, kinds=_EXPORTS
    ),
    ("GET", f"{SESSION}/related"): Operation(
        "sessions", "The tree that a session stands in.", RelatedAnswer, OWNER_PARAMETERS
    ),
    ("GET", f"{SESSION}/find"): Operation(
        "sessions", "Find words inside a session.", FindAnswer, FIND_PARAMETERS
    ),
    ("GET", f"{SESSION}/digest"): Operation(
        "ingest", "Which turns of a session are there.", DigestAnswer, DIGEST_PARAMETERS
    ),
    ("GET", "/api/v1/projects"): Operation(
        "figures", "Projects with their sums.", ProjectList, PROJECTS_PARAMETERS
    ),
    ("GET", "/api/v1/stats"): Operation(
        "figures", "Sums over turns, in all and by group.", StatsAnswer, STATS_PARAMETERS
    ),
    ("GET", "/api/v1/tools"): Operation(
        "figures", "Tools that are known.", ToolList, OWNER_PARAMETERS
    ),
    ("GET", "/api/v1/hosts"): Operation(
        "figures", "Hosts, and how late their turns come.", HostList, OWNER_PARAMETERS
    ),
    ("GET", _COMPLETENESS): Operation(
        "figures",
        "What is archived of a machine.",
        CompletenessAnswer,
        OWNER_PARAMETERS,
    ),
    ("PUT", _COMPLETENESS): Operation(
        "ingest",
        "Say what is on a machine.",
        None,
        NO_PARAMETERS,
        kinds=(),
        takes=REPORT_BODY,
        status=204,
    ),
    ("GET", _SAVED_SEARCHES): Operation(
        "saved", "List saved searches.", SavedSearchList, OWNER_PARAMETERS
    ),
    ("POST", _SAVED_SEARCHES): Operation(
        "saved",
        "Save a search.",
        SavedSearchAnswer,
        NO_PARAMETERS,
        takes=SAVED_SEARCH_BODY,
        status=201,
    ),
    ("GET", SAVED): Operation("saved", "A saved search.", SavedSearchAnswer, OWNER_PARAMETERS),
    ("PATCH", SAVED): Operation(
        "saved",
        "Change a saved search.",
        SavedSearchAnswer,
        NO_PARAMETERS,
        takes=SAVED_SEARCH_BODY,
        partial=True,
    ),
    ("DELETE", SAVED): Operation(
        "saved", "Delete a saved search.", None, NO_PARAMETERS, kinds=(), status=204
    ),
    ("GET", f"{SAVED}/run"): Operation(
        "saved", "Run a saved search.", SearchAnswer, RUN_PARAMETERS
    ),
    ("GET", "/api/v1/events"): Operation(
        "events",
        "What changes, as it comes.",
        SessionEvent,
        OWNER_PARAMETERS,
        kinds=("text/event-stream",),
        headers=(_LAST_EVENT,),
    ),
    ("GET", "/api/v1/me"): Operation("account", "Who asks.", MeAnswer, NO_PARAMETERS),
    ("GET", _TOKENS): Operation("account", "List your tokens.", TokenList, NO_PARAMETERS),
    ("POST", _TOKENS): Operation(
        "account", "Make a token.", NewTokenAnswer, NO_PARAMETERS, takes=TOKEN_BODY, status=201
    ),
    ("DELETE", f"{_TOKENS}/{{name}}"): Operation(
        "account", "Put a token out of force.", None, NO_PARAMETERS, kinds=(), status=204
    ),
    ("GET", "/api/v1/openapi.json"): Operation(
        "documentation", "This specification.", Specification, NO_PARAMETERS, tagged=True
    ),
    ("GET", "/api/v1/docs"): Operation(
        "documentation",
        "A page about the API.",
        None,
        NO_PARAMETERS,
        kinds=("text/html",),
        tagged=True,
    ),
    ("GET", "/api/v1/docs.css"): Operation(
        "documentation",
        "The style of the page.",
        None,
        NO_PARAMETERS,
        kinds=("text/css",),
        tagged=True,
    ),
}
