"""Refuses by a request's head, and by a body that is late or broken, whoever asks (A4, A5).

One middleware for all of that: each layer costs a small answer a fiftieth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from lethe_server.middleware.bodies import guarded_body
from lethe_server.middleware.hosts import check_host
from lethe_server.middleware.origins import check_origin

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request pass that is meant for this server and comes from no foreign page."""
    check_host(request)
    check_origin(request)
    if not request.body_exists:
        return await handler(request)
    with guarded_body(request):
        return await handler(request)
