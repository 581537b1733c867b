"""Refuses requests when too many are going on (A5); probes of health always pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from lethe_server.errors import Overloaded

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

#: Requests that are handled at a time.
MAX_REQUESTS: Final = 256

_ALWAYS: Final = frozenset({"/healthz", "/readyz"})


def make_limits(most: int = MAX_REQUESTS) -> Middleware:
    """Make the middleware.

    Args:
        most: requests at a time.
    """
    running = 0

    @web.middleware
    async def limits(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal running
        if running >= most and request.path not in _ALWAYS:
            raise Overloaded("too many requests are being handled")
        running += 1
        try:
            return await handler(request)
        finally:
            running -= 1

    return limits
