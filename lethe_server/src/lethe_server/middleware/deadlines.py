"""Breaks off a request whose body does not arrive in time (A5).

The web framework waits for a body as long as bytes trickle in. Here a body has one deadline from
its head to its last byte, whatever route it is for; it is then answered with 408.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from lethe_server.errors import RequestTimeout
from lethe_server.keys import BODY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web


@contextlib.contextmanager
def body_deadline(request: web.Request) -> Iterator[None]:
    """Give the body of a request a deadline while the request is handled.

    Args:
        request: with a body.
    """
    seconds = request.app[BODY_SECONDS]
    timer = asyncio.get_running_loop().call_later(seconds, _break_off, request, seconds)
    try:
        yield
    finally:
        timer.cancel()


def _break_off(request: web.Request, seconds: float) -> None:
    if not request.content.is_eof():
        request.content.set_exception(_timeout(seconds))


def _timeout(seconds: float) -> RequestTimeout:
    return RequestTimeout(f"the body did not arrive within {seconds:g} s")
