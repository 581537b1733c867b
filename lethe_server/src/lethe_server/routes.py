"""The table of all routes. What is not listed here does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from aiohttp import web

from lethe_server import probes
from lethe_server.account import handler as account
from lethe_server.completeness.handler import PATH as COMPLETENESS
from lethe_server.completeness.handler import show_completeness, store_completeness
from lethe_server.completeness.handler_digest import show_digest
from lethe_server.events.handler import stream_events
from lethe_server.exports.handler import export_session
from lethe_server.hosts.handler import list_hosts
from lethe_server.ingest.handler import ingest
from lethe_server.login.handler import log_in, log_out, show_login
from lethe_server.openapi.handler import show_documentation, show_specification, show_style
from lethe_server.projects.handler import list_projects
from lethe_server.related.handler import show_related
from lethe_server.saved_searches import handler as saved
from lethe_server.search.handler import search
from lethe_server.search.handler_within import find_in_session
from lethe_server.sessions.handler import list_sessions, show_session
from lethe_server.stats.handler import stats
from lethe_server.tools.handler import list_tools
from lethe_server.web.handler import show_asset, show_page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lethe_server.auth.identity import Scope


class Route(NamedTuple):
    """One route.

    Args:
        method: of HTTP.
        path: the pattern.
        handler: answers.
        scope: what who asks must be allowed.
        is_open: whether it is answered without sign-in to who asks directly from loopback.
    """

    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    scope: Scope
    is_open: bool = False


#: The path of one session.
SESSION: Final = "/api/v1/sessions/{tool}/{host}/{session_id}"
#: The path of one saved search.
SAVED: Final = f"{saved.PATH}/{{id}}"

TABLE: Final = (
    Route("GET", "/", show_page, "read", is_open=True),
    Route("GET", "/session/{tool}/{host}/{session_id}", show_page, "read", is_open=True),
    Route("GET", "/stats", show_page, "read", is_open=True),
    Route("GET", "/projects", show_page, "read", is_open=True),
    Route("GET", "/hosts", show_page, "read", is_open=True),
    Route("GET", "/settings", show_page, "read", is_open=True),
    Route("GET", "/static/{version}/{path:.+}", show_asset, "read", is_open=True),
    Route("GET", "/healthz", probes.healthz, "admin", is_open=True),
    Route("GET", "/readyz", probes.readyz, "admin", is_open=True),
    Route("GET", "/metrics", probes.metrics, "admin", is_open=True),
    Route("GET", "/login", show_login, "admin", is_open=True),
    Route("POST", "/login", log_in, "admin", is_open=True),
    Route("POST", "/logout", log_out, "read"),
    Route("POST", "/api/v1/ingest", ingest, "ingest"),
    Route("GET", "/api/v1/sessions", list_sessions, "read"),
    Route("GET", "/api/v1/search", search, "read"),
    Route("GET", "/api/v1/events", stream_events, "read"),
    Route("GET", SESSION, show_session, "read"),
    Route("GET", f"{SESSION}/export", export_session, "read"),
    Route("GET", f"{SESSION}/related", show_related, "read"),
    Route("GET", f"{SESSION}/find", find_in_session, "read"),
    Route("GET", f"{SESSION}/digest", show_digest, "ingest"),
    Route("GET", "/api/v1/stats", stats, "read"),
    Route("GET", saved.PATH, saved.list_searches, "read"),
    Route("POST", saved.PATH, saved.create_search, "read"),
    Route("GET", SAVED, saved.show_search, "read"),
    Route("PATCH", SAVED, saved.change_search, "read"),
    Route("DELETE", SAVED, saved.delete_search, "read"),
    Route("GET", f"{SAVED}/run", saved.run_search, "read"),
    Route("GET", "/api/v1/me", account.show_me, "read"),
    Route("GET", account.PATH, account.list_tokens, "read"),
    Route("POST", account.PATH, account.create_token, "read"),
    Route("DELETE", f"{account.PATH}/{{name}}", account.revoke_token, "read"),
    Route("GET", "/api/v1/projects", list_projects, "read"),
    Route("GET", "/api/v1/tools", list_tools, "read"),
    Route("GET", "/api/v1/hosts", list_hosts, "read"),
    Route("GET", COMPLETENESS, show_completeness, "read"),
    Route("PUT", COMPLETENESS, store_completeness, "ingest"),
    Route("GET", "/api/v1/openapi.json", show_specification, "read"),
    Route("GET", "/api/v1/docs", show_documentation, "read"),
    Route("GET", "/api/v1/docs.css", show_style, "read"),
)

#: The entry of the table for each route of the framework.
ROUTES: Final = web.AppKey("routes", dict[web.AbstractRoute, Route])


def add_routes(app: web.Application) -> None:
    """Register the table.

    Args:
        app: that is being made.
    """
    app[ROUTES] = {
        app.router.add_route(route.method, route.path, route.handler): route for route in TABLE
    }
