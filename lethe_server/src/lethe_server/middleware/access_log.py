"""Names each request, and has its answer logged and counted (see `lethe_server.journal`).

The log tells the route's pattern, not the path or the query: these may hold anything (A7).
"""

from __future__ import annotations

import re
import secrets
import time
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from lethe_core.logs import CONTEXT
from lethe_server.journal import Answered
from lethe_server.keys import IDENTITY, JOURNAL, REQUEST_ID

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

REQUEST_ID_HEADER: Final = "X-Request-ID"

_GIVEN: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
_NO_STATUS: Final = 499  # the client went away before there was an answer


@web.middleware
async def access_log(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Handle a request under its name and log what came of it."""
    request_id = request.headers.get(REQUEST_ID_HEADER, "")
    if not _GIVEN.fullmatch(request_id):
        request_id = secrets.token_hex(8)
    request[REQUEST_ID] = request_id
    begun = time.perf_counter()
    status = _NO_STATUS
    context = CONTEXT.set({"request_id": request_id})
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        CONTEXT.reset(context)
        _note(request, status, time.perf_counter() - begun)


def route_pattern(request: web.Request) -> str:
    """Return the pattern of the request's route, or ``-``.

    Args:
        request: any.
    """
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "-"


def _note(request: web.Request, status: int, seconds: float) -> None:
    identity = request.get(IDENTITY)
    request.app[JOURNAL].note(
        Answered(
            time=time.time(),
            request_id=request[REQUEST_ID],
            user=identity.user if identity else None,
            kind=identity.kind if identity else None,
            method=request.method if request.method in hdrs.METH_ALL else "other",
            route=route_pattern(request),
            status=status,
            seconds=seconds,
        )
    )
