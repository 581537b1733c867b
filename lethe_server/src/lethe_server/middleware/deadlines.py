"""Breaks off a request whose body does not arrive in time (A5).

The web framework waits for a body as long as bytes trickle in. Here a body has one deadline from
its head to its last byte, whatever route it is for; it is then answered with 408.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from lethe_server.errors import RequestTimeout
from lethe_server.keys import BODY_SECONDS

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler


@web.middleware
async def deadlines(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Handle a request whose body has a deadline."""
    if not request.body_exists:
        return await handler(request)
    seconds = request.app[BODY_SECONDS]
    timer = asyncio.get_running_loop().call_later(seconds, _break_off, request, seconds)
    try:
        return await handler(request)
    finally:
        timer.cancel()


def _break_off(request: web.Request, seconds: float) -> None:
    if not request.content.is_eof():
        request.content.set_exception(_timeout(seconds))


def _timeout(seconds: float) -> RequestTimeout:
    return RequestTimeout(f"the body did not arrive within {seconds:g} s")
