"""The connection: whole answers or none, from whatever server, and no request for ever.

docs/decisions/0018-http-of-the-collector.md tells what a client that lacks one of these does.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest

from lethe_collector import transport as transports
from lethe_collector.transport import HttpTransport, NotSent


@asynccontextmanager
async def server_that(answer):
    """Run a server whose answers are a function's; give its URL and what it was asked."""
    asked = []
    serving = set()

    async def serve(reader, writer):
        serving.add(asyncio.current_task())
        try:
            asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            serving.discard(asyncio.current_task())
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving)


def saying(data):
    """Make an answer of bytes."""

    async def answer(_reader, writer):
        writer.write(data)
        await writer.drain()

    return answer


async def ask(url, machine, path="/api"):
    """Ask once, by a transport of one's own."""
    transport = HttpTransport(url, machine.token_file)
    try:
        return await transport.get(path)
    finally:
        await transport.close()


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwho\r\n2\r\nle\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nwhole",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
    ],
    ids=["length", "chunks", "until-the-end", "continue", "hints"],
)
async def test_whole_answers_are_read(machine, data):
    """However a server says where its answer ends, all of it is read."""
    async with server_that(saying(data)) as (url, _):
        answer = await ask(url, machine)

    assert (answer.status, answer.body) == (200, b"whole")


@pytest.mark.promise("S08")
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhol",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwho\r\n2\r\nle\r\n",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
    ],
    ids=["nothing", "headers", "length", "chunks", "garbage", "too-many-headers"],
)
async def test_s08_parts_of_answers_are_none(machine, data):
    """What ended too soon, or is no HTTP, is no answer."""
    async with server_that(saying(data)) as (url, _):
        with pytest.raises(NotSent):
            await ask(url, machine)


async def test_answer_without_a_body(machine):
    """A 204 is whole without a length."""
    async with server_that(saying(b"HTTP/1.1 204 No Content\r\n\r\n")) as (url, _):
        assert (await ask(url, machine)).status == 204


@pytest.mark.promise("S08")
async def test_s08_answer_that_never_ends(machine, monkeypatch):
    """Who sends a byte now and then cannot keep a request for ever, nor the next one."""

    async def dribble(_reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    monkeypatch.setattr(transports, "_TIMEOUT", aiohttp.ClientTimeout(total=1.0))
    async with server_that(dribble) as (url, asked):
        transport = HttpTransport(url, machine.token_file)
        for _ in range(2):
            with pytest.raises(NotSent, match="TimeoutError"):
                await transport.get("/api")
        await transport.close()

    assert len(asked) == 2


async def test_request_can_be_given_up(machine):
    """A request that is cancelled holds back nothing: the next one has a connection of its own."""
    begun = asyncio.Event()

    async def hang_first(_reader, writer):
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with server_that(hang_first) as (url, _):
        transport = HttpTransport(url, machine.token_file)
        asking = asyncio.create_task(transport.get("/first"))
        await begun.wait()
        asking.cancel()
        answer = await transport.get("/second")
        await transport.close()

    assert (asking.cancelled(), answer.status) == (True, 200)


async def test_connection_is_kept(machine):
    """Requests one after the other share a connection, and headers tell who asks."""

    async def answer_many(reader, writer):
        while True:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            await reader.readuntil(b"\r\n\r\n")

    async with server_that(answer_many) as (url, asked):
        transport = HttpTransport(f"{url}/be low", machine.token_file)
        answers = [await transport.get("/api?a=b") for _ in range(3)]
        await transport.close()

    assert ([answer.status for answer in answers], len(asked)) == ([200] * 3, 1)
    assert asked[0].startswith("GET /be%20low/api?a=b HTTP/1.1\r\n")
    assert "\r\nUser-Agent: lethe-collector/" in asked[0]


async def test_host_that_cannot_be(machine):
    """A name that no host can have is an error like a host that is not there."""
    with pytest.raises(NotSent):
        await ask("http://a..b:1", machine)
