"""What a request meets before a handler: host, origin, sign-in, limits, headers."""

from __future__ import annotations

import asyncio
import re

import pytest
from aiohttp import web

from lethe_server.middleware.limits import make_limits
from lethe_server.middleware.security_headers import HEADERS
from lethe_server.routes import TABLE

PATH = "/api/v1/sessions"
USER = {"Remote-User": "alice"}


async def raw(archive, request: str):
    """Send a request as it stands; return the status and the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", archive.client.server.port)
    writer.write(request.replace("\n", "\r\n").encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1]), answer.decode()


@pytest.mark.promise("Q01", "A4")
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:1234", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("lethe.example.org", 200),
        ("lethe.example.org:8443", 200),
        ("evil.example:8080", 403),
        ("localhost.evil", 403),
        ("localhost.", 403),
        ("localhost:x", 403),
        ("localhost@evil.example", 403),
        ("[::2]", 403),
        ("", 403),
    ],
)
async def test_q01_the_host_must_be_on_the_list(make_archive, host, status):
    """Loopback names and configured ones pass, with any port; nothing else does."""
    archive = await make_archive(ALLOWED_HOSTS="lethe.example.org")
    request = f"GET {PATH} HTTP/1.1\nHost: {host}\nRemote-User: alice\nConnection: close\n\n"

    found, answer = await raw(archive, request)

    assert status == found
    assert ("HOST_NOT_ALLOWED" in answer) == (status == 403)


@pytest.mark.promise("Q01", "A4")
async def test_q01_one_host_and_a_target_that_fits(archive):
    """No Host, two of them, or another host in the target are refused."""
    end = "Remote-User: alice\nConnection: close\n\n"
    for request, status in (
        (f"GET {PATH} HTTP/1.1\n{end}", 400),
        (f"GET {PATH} HTTP/1.1\nHost: localhost\nHost: localhost\n{end}", 400),
        (f"GET http://evil.example{PATH} HTTP/1.1\nHost: localhost\n{end}", 403),
        (f"GET http://localhost{PATH} HTTP/1.1\nHost: localhost\n{end}", 200),
    ):
        assert status == (await raw(archive, request))[0], request


@pytest.mark.promise("Q03", "A4")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Origin": "http://{host}"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://{host}"}, 403),
    ],
)
async def test_q03_other_origins_change_nothing(archive, headers, status):
    """What a browser sends for another page is refused; programs pass."""
    host = f"127.0.0.1:{archive.client.server.port}"
    given = {name: value.replace("{host}", host) for name, value in headers.items()}
    given |= USER | {"Content-Type": "application/x-ndjson"}

    answer = await archive.client.post("/api/v1/ingest", data=b"", headers=given)

    assert status == answer.status
    if status == 403:
        assert "CROSS_ORIGIN" == (await answer.json())["code"]


@pytest.mark.promise("Q03", "A4")
async def test_q03_there_is_no_cors(archive):
    """A preflight is refused and allows nothing."""
    headers = USER | {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    answer = await archive.client.options("/api/v1/ingest", headers=headers)

    assert 405 == answer.status
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.promise("Q14", "A2", "A8")
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("GET", "/api/v1/", 404, "NOT_FOUND"),
        ("DELETE", PATH, 405, "METHOD_NOT_ALLOWED"),
        ("PATCH", PATH, 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/v1/ingest", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/healthz", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_q14_unknown_routes_and_methods(archive, method, path, status, code):
    """They are problems like all others, and 401 to who has not signed in."""
    known = await archive.client.request(method, path, headers=USER)
    stranger = await archive.client.request(method, path)

    assert (status, code) == (known.status, (await known.json())["code"])
    assert (401, "UNAUTHORIZED") == (stranger.status, (await stranger.json())["code"])
    assert ("Allow" in known.headers) == (status == 405)


@pytest.mark.promise("A2")
@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.path)
async def test_routes_are_closed_unless_listed(archive, route):
    """Without sign-in only what is listed answers, and this only to direct loopback."""
    path = re.sub(r"\{[^}]+\}", "x", route.path)

    direct = await archive.client.request(route.method, path)
    proxied = await archive.client.request(
        route.method, path, headers={"X-Forwarded-For": "192.0.2.1"}
    )

    assert route.is_open == (direct.status != 401)
    assert not (route.is_open and route.path.startswith("/api/"))
    assert 401 == proxied.status


@pytest.mark.promise("O06", "A3")
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_o06_probes_are_for_admins_behind_a_proxy(archive, path):
    """Through a proxy a probe needs an admin."""
    for user, status in (("alice", 403), ("root", 200)):
        answer = await archive.client.get(path, headers={"Remote-User": user})
        assert status == answer.status


@pytest.mark.promise("W02", "A4", "A6")
async def test_w02_every_answer_carries_the_headers(archive):
    """Answers and problems alike tell browsers to do nothing with them."""
    for path, headers in ((PATH, USER), (PATH, {}), ("/healthz", {}), ("/x", USER)):
        answer = await archive.client.get(path, headers=headers)
        assert set(HEADERS.items()) <= set(answer.headers.items())
        assert "lethe" == answer.headers["Server"]


async def test_a_request_has_a_name(archive):
    """The name is in the answer and in the problem; a given one is kept if it is harmless."""
    for given, kept in (("abcd-1234", True), ("x" * 65, False), ("a b c d e f", False)):
        answer = await archive.client.get("/x", headers=USER | {"X-Request-ID": given})
        name = answer.headers["X-Request-ID"]
        assert name == (await answer.json())["request_id"]
        assert kept == (name == given)


async def test_too_many_requests_at_a_time_are_refused(aiohttp_client):
    """Above the limit a request is refused at once; afterwards there is room again."""
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(_request):
        entered.set()
        await leave.wait()
        return web.Response()

    @web.middleware
    async def told(request, handler):
        try:
            return await handler(request)
        except Exception as error:  # noqa: BLE001 - the test asks for its code
            return web.Response(status=503, text=error.code)

    app = web.Application(middlewares=[told, make_limits(1)])
    app.router.add_get("/slow", slow)
    client = await aiohttp_client(app)
    first = asyncio.create_task(client.get("/slow"))
    await entered.wait()

    refused = await client.get("/slow")
    leave.set()

    assert (503, "UNAVAILABLE") == (refused.status, await refused.text())
    assert 200 == (await first).status
    assert 200 == (await client.get("/slow")).status
