"""Breaks off a request whose body does not arrive in time (A5), or not whole.

The web framework waits for a body as long as bytes trickle in. Here a body has one deadline from
its head to its last byte, whatever route it is for; it is then answered with 408.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from aiohttp import web

from lethe_server.errors import InvalidRequest, RequestTimeout
from lethe_server.keys import BODY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def guarded_body(request: web.Request) -> Iterator[None]:
    """Give the body of a request a deadline while the request is handled.

    Args:
        request: with a body.

    Raises:
        RequestTimeout: the body did not arrive in time; whoever reads it gets this error.
        InvalidRequest: the body broke off.
    """
    seconds = request.app[BODY_SECONDS]
    timer = asyncio.get_running_loop().call_later(seconds, _break_off, request, seconds)
    try:
        yield
    except web.RequestPayloadError:
        raise InvalidRequest("the body broke off") from None
    finally:
        timer.cancel()


def _break_off(request: web.Request, seconds: float) -> None:
    if not request.content.is_eof():
        late = RequestTimeout(f"the body did not arrive within {seconds:g} s")
        request.content.set_exception(late)
