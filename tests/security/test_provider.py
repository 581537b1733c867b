"""The identity provider is away, changes its keys, or points elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest
from aiohttp import web
from security.issuer import Issuer, describe, make_key
from security.served import USERS

from lethe_core.errors import Unavailable
from lethe_server.auth.oidc.fetching import FetchFailed
from lethe_server.auth.oidc.provider import (
    MISS_SECONDS,
    REFRESH_SECONDS,
    RETRY_SECONDS,
    STALE_SECONDS,
    Provider,
)
from lethe_server.auth.settings import Oidc

SESSIONS = "/api/v1/sessions"
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
async def issuer():
    """An issuer with one RSA key ``one``."""
    issuer = await Issuer().start()
    yield issuer
    await issuer.stop()


@pytest.fixture
def start(issuer, serve):
    """Start a server for the issuer; give it and a function that sends a token."""

    def begin():
        server = serve(auth=USERS | {"oidc": issuer.settings})

        async def send(token):
            return await server.get(SESSIONS, headers={"Authorization": f"Bearer {token}"})

        return server, send

    return begin


@pytest.mark.promise("A11", "A10")
async def test_a11_the_server_starts_without_the_provider(issuer, start, poll):
    """Bearers are 503 until there are keys; everything else works meanwhile."""
    await issuer.stop()
    server, send = start()

    answer = await send(issuer.token())
    assert (503, "UNAVAILABLE") == (answer.status, answer.code)
    assert int(answer.headers["Retry-After"]) > 0
    assert 200 == (await server.get(SESSIONS, user="alice")).status
    assert 401 == (await send("no.token.")).status

    async def noticed():
        return "degraded" == (await server.get("/readyz")).json["checks"]["oidc"]["status"]

    await poll(noticed)
    await issuer.start()

    async def accepted():
        return 200 == (await send(issuer.token())).status

    await poll(accepted)
    await poll(lambda: "are there again" in server.log)


def _redirect(url):
    return web.Response(status=302, headers={"Location": url})


async def _stick(issuer):
    await issuer.stuck.wait()
    return web.Response(status=500)


BAD = {
    "500": lambda _issuer: web.Response(status=500),
    "404": lambda _issuer: web.Response(status=404),
    "HTML": lambda _issuer: web.Response(text="<html></html>", content_type="text/html"),
    "a list": lambda _issuer: web.json_response([]),
    "no keys": lambda _issuer: web.json_response({"keys": []}),
    "keys of no use": lambda _issuer: web.json_response({"keys": [{"kty": "oct", "k": "eHg"}]}),
    "too large": lambda _issuer: web.json_response({"keys": [], "x": "x" * 2_000_000}),
    "cut off": lambda _issuer: web.Response(body=b"{", headers={"Content-Encoding": "gzip"}),
    "a redirect": lambda issuer: _redirect(f"{issuer.url}/elsewhere"),
    "stuck": _stick,
}


#: A server of its own each: the rest is for the slow run.
QUICK = {"500", "HTML", "a redirect", "too large"}
SLOW = pytest.mark.slow


@pytest.mark.promise("A11", "A10")
@pytest.mark.parametrize(
    "way", ["gone", *(way if way in QUICK else pytest.param(way, marks=SLOW) for way in BAD)]
)
async def test_a11_known_keys_outlive_a_provider_that_fails(issuer, start, poll, way):
    """However it fails, tokens of known keys are accepted, and one of an unknown key is a 401."""
    server, send = start()

    async def accepted():
        return 200 == (await send(issuer.token())).status

    await poll(accepted)
    if way == "gone":
        await issuer.stop()
    else:
        issuer.answers["/jwks"] = lambda: BAD[way](issuer)
        issuer.answers["/elsewhere"] = lambda: web.json_response({"keys": []})
    issuer.keys["new"] = make_key("RSA", 1)

    assert 401 == (await send(issuer.token("new"))).status
    assert 200 == (await send(issuer.token(sub="another"))).status
    assert 0 == issuer.asked["/elsewhere"]
    if way != "stuck":

        async def told():
            return "degraded" == (await server.get("/readyz")).json["checks"]["oidc"]["status"]

        await poll(told)
    assert 200 == (await server.get("/readyz")).status


@pytest.mark.promise("A11", "A1", "A5")
async def test_a11_rotation_is_seen_and_floods_are_not(issuer, start, poll):
    """A new key makes the server look at once, an old one holds no more; names make one fetch."""
    _, send = start()

    async def accepted():
        return 200 == (await send(issuer.token())).status

    await poll(accepted)
    old = issuer.token(sub="old")
    before, began = issuer.asked["/jwks"], time.monotonic()
    issuer.keys["two"] = make_key("RSA", 1)
    del issuer.keys["one"]

    async def is_known():  # the first token waits for the fetch, but not for a slow machine's
        return 200 == (await send(issuer.token("two"))).status

    await poll(is_known)
    assert 401 == (await send(old)).status
    flood = [send(issuer.token("two", header={"kid": f"kid-{n}"})) for n in range(200)]
    assert {401} == {answer.status for answer in await asyncio.gather(*flood)}
    minutes = int((time.monotonic() - began) // 60)  # an unknown key is looked for once in each
    assert before + 1 <= issuer.asked["/jwks"] <= before + 1 + minutes


POINTERS = {
    "to http": lambda issuer: {"issuer": issuer.url, "jwks_uri": "http://keys.example/jwks"},
    "to a file": lambda issuer: {"issuer": issuer.url, "jwks_uri": "file:///etc/passwd"},
    "nowhere": lambda issuer: {"issuer": issuer.url},
    "to a number": lambda issuer: {"issuer": issuer.url, "jwks_uri": 1},
    "with a password": lambda issuer: {
        "issuer": issuer.url,
        "jwks_uri": issuer.url.replace("//", "//a:b@") + "/jwks",
    },
    "for another issuer": lambda issuer: {
        "issuer": issuer.url + "/",
        "jwks_uri": issuer.url + "/jwks",
    },
}


@pytest.mark.promise("A12", "A1")
@pytest.mark.parametrize(
    "way",
    [
        "by a redirect",
        "to http",
        *(pytest.param(way, marks=SLOW) for way in POINTERS if way != "to http"),
    ],
)
async def test_a12_a_provider_that_points_elsewhere_is_refused(issuer, start, poll, way):
    """Its keys are not fetched, bearers are 503, and ``/readyz`` says that it is degraded."""
    issuer.answers[DISCOVERY] = lambda: (
        web.json_response(POINTERS[way](issuer))
        if way in POINTERS
        else _redirect(f"{issuer.url}/other")
    )
    issuer.answers["/other"] = lambda: web.json_response(
        {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/jwks"}
    )
    server, send = start()

    async def told():
        return "degraded" == (await server.get("/readyz")).json["checks"]["oidc"]["status"]

    await poll(told)
    assert 503 == (await send(issuer.token())).status
    assert (0, 0) == (issuer.asked["/jwks"], issuer.asked["/other"])
    assert "keys.example" not in server.log


class Shelf:
    """A fetcher without a network: documents by the end of their URL."""

    def __init__(self):
        self.documents = {}
        self.asked = Counter()

    async def fetch(self, url):
        """Give the document, or fail if there is none."""
        name = url.rpartition("/")[2]
        self.asked[name] += 1
        if name not in self.documents:
            raise FetchFailed("is away")
        return self.documents[name]

    async def close(self):
        """Nothing is open."""


@pytest.fixture
async def shelf():
    """A shelf with the documents of an issuer, and a provider with a clock that a test moves."""
    shelf = Shelf()
    shelf.now = 1000.0
    shelf.documents = {
        "openid-configuration": {"issuer": "https://x", "jwks_uri": "https://x/jwks"},
        "jwks": {"keys": [describe("one", make_key("RSA"))]},
    }
    settings = Oidc(
        issuer="https://x", audience="a", username_claim="sub", algorithms=("RS256", "ES256")
    )
    shelf.provider = Provider(settings, shelf, lambda: shelf.now)
    yield shelf
    await shelf.provider.close()


@pytest.mark.promise("A11", "A10")
async def test_a11_known_keys_hold_for_a_day(shelf):
    """While the issuer is away keys hold for 24 hours, and are asked for every few minutes."""
    assert await shelf.provider.find_key("one", "RS256") is not None
    shelf.documents.clear()

    shelf.now += STALE_SECONDS - 1
    assert await shelf.provider.find_key("one", "RS256") is not None
    shelf.now += RETRY_SECONDS + 1
    with pytest.raises(Unavailable):
        await shelf.provider.find_key("one", "RS256")


@pytest.mark.promise("A11", "A1")
async def test_a11_a_withdrawn_key_is_believed_for_a_minute(shelf):
    """The first token after a minute is checked by the keys of now, however long nobody came."""
    assert await shelf.provider.find_key("one", "RS256") is not None
    proved = shelf.provider.generation
    shelf.documents["jwks"] = {"keys": [describe("two", make_key("RSA", 1))]}

    shelf.now += REFRESH_SECONDS - 1
    assert shelf.provider.is_current(proved)
    assert await shelf.provider.find_key("one", "RS256") is not None
    shelf.now += 3600
    assert not shelf.provider.is_current(proved)
    assert await shelf.provider.find_key("one", "RS256") is None


@pytest.mark.promise("A11", "A5")
async def test_a11_unknown_names_are_looked_for_once_a_minute(shelf):
    """A thousand unknown names make one fetch, and a minute later one more."""
    await shelf.provider.find_key("one", "RS256")
    before = shelf.asked["jwks"]
    for period in (1, 2):
        for number in range(1000):
            assert await shelf.provider.find_key(f"kid-{number}", "RS256") is None
        assert before + period == shelf.asked["jwks"]
        shelf.now += MISS_SECONDS


async def test_a_key_is_bound_to_its_algorithm(shelf):
    """A key of one kind is none of another."""
    assert await shelf.provider.find_key("one", "ES256") is None
