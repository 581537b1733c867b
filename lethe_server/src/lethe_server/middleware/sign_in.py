"""Finds out who asks, and whether they may (A1, A2). What is not listed as open is closed.

| route                                        | who passes                                     |
| -------------------------------------------- | ---------------------------------------------- |
| open, asked directly from loopback           | everybody                                      |
| in the route table                           | a signed-in user whose scopes hold the route's |
| unknown                                      | a signed-in user, who then gets 404 or 405     |
| any that reads, with the parameter `owner`   | an admin; it is logged (A3)                    |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from loguru import logger

from lethe_core.errors import LetheError
from lethe_core.logs import CONTEXT
from lethe_server.auth.peers import is_direct
from lethe_server.errors import Forbidden, InvalidRequest
from lethe_server.keys import CONFIG, IDENTITY, METRICS, SIGN_IN
from lethe_server.middleware.access_log import route_pattern
from lethe_server.parameters import asked_owner
from lethe_server.routes import ROUTES

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler


@web.middleware
async def sign_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request pass that may."""
    route = request.app[ROUTES].get(request.match_info.route)
    if route is not None and route.is_open and _is_direct(request):
        return await handler(request)
    try:
        identity = await request.app[SIGN_IN].identify(request)
        if route is not None and route.scope not in identity.scopes:
            hint = f"`lethe-server token create --scope {route.scope}` makes a token that may"
            raise Forbidden(f"this needs the scope `{route.scope}`", hint=hint)
        owner = asked_owner(request, identity)
        if owner is not None and request.method not in ("GET", "HEAD"):
            raise InvalidRequest("is for reading alone", parameter="owner")
    except LetheError as error:
        request.app[METRICS].sign_ins.labels("-", error.code).inc()
        raise
    request[IDENTITY] = identity
    context = CONTEXT.set({**CONTEXT.get(), "user": identity.user})
    try:
        if owner is not None and owner != identity.user:
            logger.bind(owner=owner, route=route_pattern(request)).warning(
                "an admin asks for what belongs to others"
            )
        return await handler(request)
    finally:
        CONTEXT.reset(context)


def _is_direct(request: web.Request) -> bool:
    return is_direct(request, request.app[CONFIG].auth.forward_auth.user_header)
