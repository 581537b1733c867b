"""Following the events of a server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from aiohttp import ClientSession, web

from lethe_server.app import create_app
from lethe_server.edge import EdgeSite

if TYPE_CHECKING:
    from collections.abc import Callable

#: Nothing in these tests takes as long (seconds).
_PATIENCE = 60.0


class Message(NamedTuple):
    """One message: its event, its data, and its id if it has one."""

    event: str
    data: Any
    id: str | None


class EdgeArchive(NamedTuple):
    """What follows a server that is reached through its edge.

    Args:
        client: of aiohttp.
        user: signs in by the header of a proxy.
    """

    client: ClientSession
    user: str = "alice"


class Stream:
    """An open stream of events.

    Args:
        response: of the server.
    """

    def __init__(self, response) -> None:
        self.response = response
        self.last_id: str | None = None

    async def block(self) -> list[str]:
        """Return the lines up to the next empty one; none at the end of the stream."""
        lines: list[str] = []
        async with asyncio.timeout(_PATIENCE):
            while line := (await self.response.content.readline()).decode():
                if line == "\n":
                    break
                lines.append(line.rstrip("\n"))
        return lines

    async def next(self, *, comments=False) -> Message | None:
        """Return the next message; `None` at the end. Comments are passed over, or given."""
        while lines := await self.block():
            if lines == [":"]:
                if comments:
                    return Message("", None, None)
                continue
            fields = dict(line.split(": ", 1) for line in lines)
            self.last_id = fields.get("id", self.last_id)
            return Message(fields["event"], json.loads(fields["data"]), fields.get("id"))
        return None

    async def session(self) -> dict[str, Any]:
        """Return the data of the next message, which must tell of a session."""
        message = await self.next()
        assert message is not None
        assert message.event == "session"
        return message.data


@pytest.fixture
async def follow():
    """Open a stream; all are closed after the test."""
    with contextlib.ExitStack() as stack:

        async def follow(archive, last_id=None, status=200, headers=None, **parameters: Any):
            given = headers or {"Remote-User": archive.user}
            if last_id is not None:
                given = given | {"Last-Event-ID": last_id}
            response = await archive.client.get(
                "/api/v1/events", headers=given, params=parameters, timeout=None
            )
            stack.callback(response.close)
            assert response.status == status, await response.text()
            return Stream(response)

        yield follow


@pytest.fixture
async def at_the_edge(make_config):
    """A server that accepts connections as it does in its own process."""
    runner = web.AppRunner(create_app(make_config()))
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await EdgeSite(runner, listener).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with ClientSession(url) as client:
            yield EdgeArchive(client)
        await runner.cleanup()


@pytest.fixture
def opened(follow) -> Callable[..., Any]:
    """Open a stream and take its first message, which says that it is open."""

    async def opened(*args, **given) -> Stream:
        stream = await follow(*args, **given)
        message = await stream.next()
        assert message is not None
        assert message.event == "ready"
        assert message.id is not None
        return stream

    return opened
