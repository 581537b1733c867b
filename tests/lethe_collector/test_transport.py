"""One POST, over real HTTP on the loopback interface."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from fakes.server import Reply

from lethe_collector import transport as module
from lethe_collector.transport import HttpTransport, NotSent, TokenUnusable

LINES = [b'{"seq":1}', b'{"seq":2}']


@asynccontextmanager
async def transporting(machine):
    """Make a transport to the machine's server."""
    transport = HttpTransport(machine.server.url, machine.token_file)
    try:
        yield transport
    finally:
        await transport.close()


async def test_sends_compressed_lines_with_the_token(machine):
    """A request carries lines, token and the version of the wire."""
    async with transporting(machine) as transport:
        answer = await transport.post(LINES)

    request = machine.server.requests[0]
    assert (answer.status, request.lines) == (200, LINES)
    names = ("authorization", "content-type", "content-encoding", "lethe-wire")
    assert [request.headers[name] for name in names] == [
        "Bearer lethe_secret",
        "application/x-ndjson",
        "zstd",
        "1",
    ]


async def test_falls_back_to_gzip_for_good(machine):
    """A server that does not know zstd gets gzip, in this request and in later ones."""
    machine.server.script.append(Reply(415))
    async with transporting(machine) as transport:
        answer = await transport.post(LINES)
        await transport.post(LINES)

    encodings = [request.headers["content-encoding"] for request in machine.server.requests]
    assert (answer.status, encodings) == (200, ["zstd", "gzip", "gzip"])
    assert machine.server.requests[-1].lines == LINES


async def test_gives_up_at_the_last_encoding(machine):
    """A server that knows neither is answered for by whoever asked."""
    machine.server.script += [Reply(415), Reply(415)]
    async with transporting(machine) as transport:
        answer = await transport.post(LINES)

    assert answer.status == 415


@pytest.mark.promise("S10")
async def test_s10_follows_no_redirect(machine):
    """The token goes to the configured server and nowhere else."""
    elsewhere = {"Location": f"{machine.server.url}/login"}
    machine.server.script.append(Reply(302, headers=elsewhere))
    async with transporting(machine) as transport:
        answer = await transport.post(LINES)

    assert (answer.status, len(machine.server.requests)) == (302, 1)


@pytest.mark.promise("S12", "A7")
async def test_s12_asks_no_proxy(machine, monkeypatch):
    """Proxies of the environment are not used."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with transporting(machine) as transport:
        answer = await transport.post(LINES)

    assert answer.status == 200


@pytest.mark.promise("S08", "P2")
async def test_s08_answer_cut_at_each_byte(machine):
    """An answer that was cut anywhere is no answer that could be taken for a whole one."""
    whole = 90
    for cut in range(whole):
        machine.server.script.append(Reply(commit=True, cut=cut))
    outcomes = set()
    async with transporting(machine) as transport:
        for _ in range(whole):
            with pytest.raises(NotSent):
                await transport.post(LINES)
            outcomes.add("not sent")

    assert outcomes == {"not sent"}


@pytest.mark.promise("S08")
async def test_s08_server_that_never_answers(machine, monkeypatch):
    """A half-open connection ends in an error within a bounded time."""
    timeout = module.aiohttp.ClientTimeout(total=0.2)
    monkeypatch.setattr(module, "_TIMEOUT", timeout)
    machine.server.script.append(Reply(hang=True))
    async with transporting(machine) as transport:
        with pytest.raises(NotSent):
            await transport.post(LINES)


async def test_refused_connection(machine):
    """A server that is not there is an error that says so."""
    machine.server.down()
    async with transporting(machine) as transport:
        with pytest.raises(NotSent, match="ClientConnectorError"):
            await transport.post(LINES)


async def test_large_answer_is_not_read_whole(machine):
    """What answers too much is read in part."""
    machine.server.script.append(Reply(body=b" " * 3_000_000))
    async with transporting(machine) as transport:
        answer = await transport.post(LINES)

    assert len(answer.body) <= 2**20


async def test_listing_is_read_whole_or_not_at_all(machine, monkeypatch):
    """What was asked for may be long; without an end it is no answer, and is not read to it."""
    listing = b" " * 3_000_000
    machine.server.script += [Reply(body=listing), Reply(body=listing)]
    async with transporting(machine) as transport:
        assert (await transport.get("/api/v1/x")).body == listing
        monkeypatch.setattr(module, "MAX_LISTING_BYTES", 2_999_999)
        with pytest.raises(NotSent, match="more than 2999999 bytes"):
            await transport.get("/api/v1/x")


@pytest.mark.promise("O02", "A7")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
async def test_o02_token_that_others_may_read_is_not_used(machine, mode):
    """A token file that is open to others is refused with the way to mend it."""
    machine.token_file.chmod(mode)
    async with transporting(machine) as transport:
        with pytest.raises(TokenUnusable, match="0600") as caught:
            await transport.post(LINES)

    assert "chmod 600" in caught.value.hint
    assert machine.server.requests == []


@pytest.mark.parametrize("content", ["", "two words", "line\nline", "ü"])
async def test_file_without_a_token(machine, content):
    """A file that holds no token is told, its content is not."""
    machine.token_file.write_text(content)
    async with transporting(machine) as transport:
        with pytest.raises(TokenUnusable, match="holds no token"):
            await transport.post(LINES)
