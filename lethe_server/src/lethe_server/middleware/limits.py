"""Refuses requests when too many are going on (A5); probes of health always pass.

Requests with a body and without are counted apart, so that bodies that trickle in keep nobody from
reading. One user has a share of each at most, so that nobody keeps the others out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from lethe_server.errors import Overloaded
from lethe_server.keys import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.typedefs import Handler, Middleware

#: Requests of each kind that are handled at a time.
MAX_REQUESTS: Final = 256
#: Those of one user.
MAX_SHARE: Final = 64

_ALWAYS: Final = frozenset({"/healthz", "/readyz"})


def make_limits(most: int = MAX_REQUESTS) -> Middleware:
    """Make the middleware that counts all requests.

    Args:
        most: requests of each kind at a time.
    """
    return _make_counter(most, lambda _request: "", "too many requests are being handled")


def make_shares(most: int = MAX_SHARE) -> Middleware:
    """Make the middleware that counts the requests of each user; it comes after the sign-in.

    Args:
        most: requests of each kind and user at a time.
    """
    return _make_counter(most, _user, "too many requests of this user are being handled")


def _user(request: web.Request) -> str | None:
    identity = request.get(IDENTITY)
    return identity.user if identity is not None else None


def _make_counter(
    most: int, find_name: Callable[[web.Request], str | None], message: str
) -> Middleware:
    """Make a middleware that counts by a name and by kind; what has no name is not counted."""
    running: dict[tuple[str, bool], int] = {}

    @web.middleware
    async def limits(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = find_name(request)
        if name is None or request.path in _ALWAYS:
            return await handler(request)
        key = (name, request.body_exists)
        count = running.get(key, 0)
        if count >= most:
            raise Overloaded(message)
        running[key] = count + 1
        try:
            return await handler(request)
        finally:
            running[key] -= 1
            if not running[key]:
                del running[key]

    return limits
