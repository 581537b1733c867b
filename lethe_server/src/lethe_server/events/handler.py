"""``GET /api/v1/events``: new and changed sessions and turns, as they come.

A stream ends when its client goes away or does not read, when the credential that opened it no
longer holds, and when the server stops. The client then connects again and goes on where it was.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from lethe_core.errors import LetheError
from lethe_server.edge import Connection
from lethe_server.events.messages import (
    HEARTBEAT,
    page_messages,
    parse_id,
    ready_message,
    reset_message,
)
from lethe_server.keys import FEED, IDENTITY, SIGN_IN, STORE
from lethe_server.parameters import OWNER_PARAMETERS, load_parameters, whose
from lethe_server.storage.changes import read_changes

if TYPE_CHECKING:
    from lethe_server.events.feed import Follower
    from lethe_server.storage import ChangePage, Places

#: When nothing happened for so long (seconds), a heartbeat is sent.
HEARTBEAT_SECONDS: Final = 15.0
#: Between two portions (seconds): while much comes, it is gathered.
PAUSE_SECONDS: Final = 0.1
#: A client that takes nothing for so long (seconds) is gone.
WRITE_SECONDS: Final = 30.0

_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # for proxies that would gather the stream
}


async def stream_events(request: web.Request) -> web.StreamResponse:
    """Answer changes until the client goes away."""
    identity = request[IDENTITY]
    owner = whose(load_parameters(request, OWNER_PARAMETERS), identity)
    given = request.headers.get("Last-Event-ID")
    with request.app[FEED].follower(identity.user, owner) as follower:
        asked = None if given is None else parse_id(given)
        page = await _read(request, owner, asked)
        response = web.StreamResponse(headers=_HEADERS)
        await response.prepare(request)
        if isinstance(request.protocol, Connection):
            request.protocol.on_lost.append(follower.wake)  # its place is free at once
        stream = _Stream(request, response, follower)
        if page.gap:
            await stream.write(ready_message(page.places) + reset_message(page.places))
        else:
            start = page.places if asked is None else asked
            await stream.write(ready_message(start) + page_messages(page))
        await stream.run(page.places)
    return response


async def _read(request: web.Request, owner: str | None, places: Places | None) -> ChangePage:
    return await request.app[STORE].query(
        lambda connection: read_changes(connection, owner, places)
    )


class _Stream:
    """One stream that was begun.

    Args:
        request: that opened it.
        response: that is written.
        follower: is woken when something was stored.
    """

    def __init__(
        self, request: web.Request, response: web.StreamResponse, follower: Follower
    ) -> None:
        self._request = request
        self._response = response
        self._follower = follower

    async def run(self, places: Places) -> None:
        """Tell all that is stored behind a place, until the stream ends."""
        woken = True
        while await self._may_go_on():
            page = await _read(self._request, self._follower.owner, places)
            if page.gap:
                await self.write(reset_message(page.places))
            elif page.places != places:
                await self.write(page_messages(page))
            if page.places != places:
                places = page.places
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if not woken:
                await self.write(HEARTBEAT)
            woken = await self._follower.wait(HEARTBEAT_SECONDS)

    async def write(self, data: bytes) -> None:
        """Write to the client.

        Raises:
            ConnectionResetError: it is gone, or takes nothing.
        """
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._response.write(data)
        except TimeoutError:
            raise ConnectionResetError("the client does not read") from None

    async def _may_go_on(self) -> bool:
        """Tell whether the server runs and the credential still holds (A1)."""
        app = self._request.app
        if app[FEED].closed or self._request.transport is None:
            return False
        try:
            identity = await app[SIGN_IN].identify(self._request)
        except LetheError:
            return False
        return (identity.user, identity.scopes) == (
            self._request[IDENTITY].user,
            self._request[IDENTITY].scopes,
        )
