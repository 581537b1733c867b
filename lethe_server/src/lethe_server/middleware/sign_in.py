"""Finds out who asks, and whether they may (A1, A2). What is not listed as open is closed.

| route                                        | who passes                                     |
| -------------------------------------------- | ---------------------------------------------- |
| open, asked directly from loopback           | everybody                                      |
| in the route table                           | a signed-in user whose scopes hold the route's |
| unknown                                      | a signed-in user, who then gets 404 or 405     |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web
from loguru import logger

from lethe_core.errors import LetheError
from lethe_server.auth.forwarded import peer_address
from lethe_server.errors import Forbidden
from lethe_server.keys import CONFIG, IDENTITY, METRICS, SIGN_IN
from lethe_server.routes import ROUTES

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

#: Whoever sends one of these is a proxy, and speaks for somebody else.
_PROXY_HEADERS: Final = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)


@web.middleware
async def sign_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request pass that may."""
    route = request.app[ROUTES].get(request.match_info.route)
    if route is not None and route.is_open and is_direct(request):
        return await handler(request)
    count = request.app[METRICS].sign_ins.labels
    try:
        identity = await request.app[SIGN_IN].identify(request)
        if route is not None and route.scope not in identity.scopes:
            raise Forbidden(f"this needs the scope `{route.scope}`", hint=_SCOPE_HINT)
    except LetheError as error:
        count("-", error.code).inc()
        raise
    count(identity.kind, "ok").inc()
    request[IDENTITY] = identity
    with logger.contextualize(user=identity.user):
        return await handler(request)


_SCOPE_HINT: Final = "`lethe-server token create --scope` makes a token that may"


def is_direct(request: web.Request) -> bool:
    """Tell whether a request comes from this machine itself, through no proxy.

    Args:
        request: any.
    """
    peer = peer_address(request)
    if peer is None or not peer.is_loopback:
        return False
    names = (*_PROXY_HEADERS, request.app[CONFIG].auth.forward_auth.user_header)
    return not any(name in request.headers for name in names)
