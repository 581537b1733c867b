"""Manners of HTTP that all routes have in common."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json

import pytest
import zstandard

from lethe_server.encodings import choose_encoding
from lethe_server.routes import TABLE

SESSION = "/api/v1/sessions/claude-code/laptop/s1"
API = [route for route in TABLE if route.path.startswith("/api/")]
NAMES = {"tool": "claude-code", "host": "laptop", "session_id": "s1"}


def path_of(route):
    """Fill in the pattern of a route."""
    path = route.path
    for name in ("tool", "host", "session_id"):
        path = path.replace(f"{{{name}}}", NAMES[name])
    return path.replace("{", "").replace("}", "")


@pytest.fixture
def ask(archive):
    """Send a request and return status, headers and body as they came."""

    def send(method, path, headers, user):
        url = archive.client.make_url("")
        connection = http.client.HTTPConnection(url.host, url.port, timeout=60)
        given = {"Remote-User": user} if user else {}
        try:
            connection.request(method, path, headers=given | (headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    async def ask(path, method="GET", headers=None, user="alice"):
        return await asyncio.to_thread(send, method, path, headers, user)

    return ask


class TestCompression:
    """Answers are compressed for who asks for it."""

    @pytest.mark.parametrize(
        ("accepted", "expected"),
        [
            ("", None),
            ("identity", None),
            ("gzip", "gzip"),
            ("GZip;q=0.5, deflate", "gzip"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("zstd;q=0, gzip", "gzip"),
            ("gzip; q=0.000", None),
            ("gzip;q=0.001", "gzip"),
            ("*", None),
            (",;,=", None),
        ],
    )
    def test_choice(self, accepted, expected):
        """The client's header decides; what it refuses is not taken."""
        assert choose_encoding(accepted) == expected

    @pytest.mark.parametrize("size", [5, 800])
    @pytest.mark.parametrize(
        "path",
        ["/api/v1/sessions?limit=200", SESSION, f"{SESSION}/export?format=md"],
    )
    async def test_same_bytes(self, archive, event, ask, path, size):
        """Compressed or not, the answer is the same."""
        await archive.send(*(event(n, session_id=f"s{n}") for n in range(2, 60)))
        await archive.send(*(event(n, content=f"many words {n} " * size) for n in range(30)))
        _, plain_headers, plain = await ask(path)
        compressed = {}
        for name in ("gzip", "zstd"):
            _, headers, compressed[name] = await ask(path, headers={"Accept-Encoding": name})
            assert headers["Content-Encoding"] == name
            assert headers["Vary"] == "Accept-Encoding"
            assert len(compressed[name]) < len(plain) / 2

        assert gzip.decompress(compressed["gzip"]) == plain
        assert zstandard.ZstdDecompressor().decompressobj().decompress(compressed["zstd"]) == plain
        assert "Content-Encoding" not in plain_headers
        assert plain_headers["Vary"] == "Accept-Encoding"

    async def test_small_answers_stay(self, ask):
        """What is small is not compressed."""
        _, headers, _ = await ask("/api/v1/sessions", headers={"Accept-Encoding": "gzip"})

        assert "Content-Encoding" not in headers


class TestConditional:
    """Whoever has an answer is not sent it again."""

    @pytest.fixture
    def tag(self, ask):
        """Return the tag of the session now."""

        async def tag(path=SESSION, user="alice"):
            status, headers, _ = await ask(path, user=user)
            assert status == 200
            return headers["ETag"]

        return tag

    async def test_unchanged_session_is_not_sent(self, archive, event, ask, tag):
        """The tag of the answer brings 304 without a body, by itself and in a list."""
        await archive.send(event(1))
        current = await tag()
        for given in (current, f'"x", {current}', current.removeprefix("W/"), "*"):
            status, headers, body = await ask(SESSION, headers={"If-None-Match": given})

            assert (status, body) == (304, b"")
            assert headers["ETag"] == current
            assert headers["Cache-Control"] == "private, no-cache"

    @pytest.mark.parametrize("given", ['"x"', "x", "", 'W/"', "\\", '"' * 500])
    async def test_other_tags_bring_the_answer(self, archive, event, ask, given):
        """What is not the tag, or none at all, brings the whole answer."""
        await archive.send(event(1))
        status, _, body = await ask(SESSION, headers={"If-None-Match": given})

        assert status == 200
        assert json.loads(body)["turns"]

    async def test_every_change_changes_the_tag(self, archive, event, tag):
        """A turn, its revision, a title, and tokens that grew elsewhere make another tag."""
        usage = {"key": "k", "input": 1, "output": 1}
        titled = {"kind": "session", "session_meta": {"title": "Garden"}, "seq": 9}
        names = {name: NAMES[name] for name in ("tool", "host", "session_id")}
        grown = event(1, session_id="fork", role="assistant", usage=usage | {"output": 5})
        tags = []
        for change in (
            event(1, role="assistant", usage=usage),
            event(2, content="abcd"),
            event(2, content="dcba", revision=1),
            names | titled,
            grown,
        ):
            await archive.send(change)
            tags.append(await tag())
            await archive.send(change)
            await archive.send(event(1, session_id="another"))
            assert await tag() == tags[-1]

        assert len(set(tags)) == len(tags)

    @pytest.mark.promise("A16", "A3")
    async def test_a16_tag_of_another_owner(self, archive, event, ask, tag):
        """The same session of two owners has two tags, and neither tells of the other."""
        await archive.send(event(1))
        await archive.as_user("bob").send(event(1))
        foreign = await tag(user="bob")

        assert foreign != await tag()
        assert (await ask(SESSION, headers={"If-None-Match": foreign}))[0] == 200
        status, _, _ = await ask(f"{SESSION}x", headers={"If-None-Match": "*"})
        assert status == 404


class TestQ14:
    """Methods, routes and headers that are not what they should be."""

    @pytest.mark.promise("Q14", "A8")
    @pytest.mark.parametrize("method", ["HEAD", "PUT", "PURGE", "OPTIONS", "TRACE"])
    @pytest.mark.parametrize("path", ["/api/v1/sessions", SESSION, "/api/v1/events"])
    async def test_q14_other_methods(self, ask, method, path):
        """A method that a route does not have is a 405 that names those it has."""
        status, headers, body = await ask(path, method)

        assert (status, headers["Allow"]) == (405, "GET")
        assert headers["Content-Type"] == "application/problem+json"
        if method != "HEAD":
            assert json.loads(body)["code"] == "METHOD_NOT_ALLOWED"

    @pytest.mark.promise("Q14", "A8")
    @pytest.mark.parametrize(
        "path", ["/api/v1/nothing", "/api/v1/sessions/", "/api/v2/sessions", "/api/v1/sessions/a"]
    )
    async def test_q14_unknown_routes(self, ask, path):
        """What does not exist is a 404 problem."""
        status, _, body = await ask(path)

        assert (status, json.loads(body)["code"]) == (404, "NOT_FOUND")

    @pytest.mark.promise("Q14", "A2")
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/api/v1/nothing"),
            ("PURGE", "/api/v1/sessions"),
            ("HEAD", "/api/v1/sessions"),
            ("GET", "/api/v1/sessions?limit=x"),
            ("GET", f"{SESSION}"),
        ],
    )
    async def test_q14_strangers_learn_nothing(self, ask, method, path):
        """Who is not signed in gets 401, whether there is such a route or not."""
        status, headers, _ = await ask(path, method, user=None)

        assert status == 401
        assert "Allow" not in headers

    @pytest.mark.promise("Q14")
    @pytest.mark.parametrize("accepted", ["text/xml", "image/*;q=0", "nonsense", ""])
    async def test_q14_accept_is_not_obeyed(self, ask, accepted):
        """There is one form of an answer; `Accept` does not change it."""
        status, headers, _ = await ask("/api/v1/sessions", headers={"Accept": accepted})

        assert (status, headers["Content-Type"]) == (200, "application/json")


class TestParameters:
    """Queries are read strictly, whatever the route."""

    @pytest.mark.parametrize("route", API, ids=lambda route: f"{route.method} {route.path}")
    async def test_unknown_parameter(self, archive, event, ask, route):
        """A parameter that a route does not know is a 400 that names it."""
        await archive.send(event(1))
        headers = {"Content-Type": "application/x-ndjson"}
        path = f"{path_of(route)}?colour=red"
        status, _, body = await ask(path, route.method, headers)

        assert (status, json.loads(body)["parameter"]) == (400, "colour")


async def test_fields_come_in_the_order_of_the_documentation(archive, event, ask):
    """The order of fields is that of the schema, in every answer."""
    await archive.send(event(1), event(1, session_id="s2"))
    _, _, body = await ask("/api/v1/sessions")
    first, second = json.loads(body)["sessions"]
    _, _, detail = await ask(SESSION)

    assert list(first) == list(second) == list(json.loads(detail)["session"])
    assert list(first)[:4] == ["tool", "host", "session_id", "title"]
    assert list(json.loads(detail)["turns"][0])[:4] == ["turn_id", "seq", "role", "timestamp"]


async def test_who_is_no_admin_is_told_who_is(archive):
    """Who asks for an owner in vain is told what makes an admin, not how to get some token."""
    answer = await archive.get("/sessions", 403, owner="bob")

    assert "auth.admins" in answer["hint"]
