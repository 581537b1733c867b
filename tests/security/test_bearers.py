"""Bearer tokens of an identity provider: what is accepted, and every way to forge one."""

from __future__ import annotations

import time

import pytest
from aiohttp import web
from security.issuer import AUDIENCE, Issuer, describe, make_key, pack, public_forms, sign
from security.served import USERS, Served

SESSIONS = "/api/v1/sessions"


@pytest.fixture
async def issuer():
    """An issuer with one RSA key ``one``."""
    issuer = await Issuer().start()
    yield issuer
    await issuer.stop()


@pytest.fixture
async def ready(issuer, serve, poll):
    """A server that knows the issuer's keys, and a function that sends a token."""
    server = serve(auth=USERS | {"oidc": issuer.settings})

    async def send(token: str, **headers: str):
        return await server.get(SESSIONS, headers={"Authorization": f"Bearer {token}"} | headers)

    async def knows():
        return 200 == (await send(issuer.token())).status

    await poll(knows)
    send.server = server
    return send


async def test_a_good_token_signs_in(issuer, ready):
    """The claim names the user, who needs the allow-list like everybody else."""
    issuer_says = await ready(issuer.token(preferred_username="root"))
    stranger = await ready(issuer.token(preferred_username="mallory"))
    beside = await ready(issuer.token(), **{"Remote-User": "bob"})

    assert 200 == issuer_says.status
    assert (403, "FORBIDDEN") == (stranger.status, stranger.code)
    assert 200 == beside.status
    admin = {"Authorization": f"Bearer {issuer.token(preferred_username='root')}"}
    assert 200 == (await ready.server.get(f"{SESSIONS}?owner=alice", headers=admin)).status


def forgeries(issuer):
    """Give every forged token with a name."""
    claims, key = issuer.claims(), issuer.keys["one"]
    head = {"alg": "RS256", "kid": "one", "typ": "JWT"}
    good = issuer.token()
    own = make_key("RSA", 1)
    for alg in ("none", "None", "NONE", ""):
        yield f"alg {alg!r}", f"{pack(head | {'alg': alg})}.{pack(claims)}."
        yield f"alg {alg!r} signed", sign(head | {"alg": alg}, claims, key)
    for number, secret in enumerate(public_forms(key)):
        yield f"HMAC with the public key {number}", sign(head | {"alg": "HS256"}, claims, secret)
    yield "HMAC with nothing", sign(head | {"alg": "HS256"}, claims, b"x")
    for alg in ("RS384", "PS256", "ES256", "EdDSA", 256, None, ["RS256"], {"a": 1}):
        yield f"alg {alg}", sign(head | {"alg": alg}, claims, key)
    yield (
        "elliptic curve under an RSA name",
        sign(head | {"alg": "ES256"}, claims, make_key("P-256")),
    )
    yield "crit", issuer.token(header={"crit": ["exp"]})
    yield "b64", issuer.token(header={"b64": False})
    jku = {"jku": f"{issuer.url}/evil", "x5u": f"{issuer.url}/evil", "jwk": describe("x", own)}
    yield "own key beside its jwk", sign(head | jku, claims, own)
    yield "own key by its kid", sign(head | jku | {"kid": "x"}, claims, own)
    yield "own key", sign(head, claims, own)
    for kid in (..., "", 1, None, "x" * 300, "../one", "two"):
        yield f"kid {kid}", issuer.token(header={"kid": kid})
    for kind in ("JWE", "logout+jwt", 1, None):
        yield f"typ {kind}", issuer.token(header={"typ": kind})
    yield "9 KiB", issuer.token(padding="x" * 9 * 1024)
    yield (
        "a changed claim",
        ".".join(
            [good.split(".")[0], pack(claims | {"preferred_username": "root"}), good.split(".")[2]]
        ),
    )
    yield "four parts", good + ".x"
    yield "five parts", ".".join([pack({"alg": "dir", "enc": "A256GCM"}), "", "x", "x", "x"])
    yield "two parts", good.rpartition(".")[0]
    yield "padding", good + "="
    yield "no JSON", f"{pack(b'x')}.{pack(b'y')}.{pack(b'z')}"
    yield "header is a list", f"{pack([1])}.{pack(claims)}.{pack(b'z')}"
    yield "deep header", f"{pack(b'[' * 3000)}.{pack(claims)}.{pack(b'z')}"
    yield "claims are a list", sign(head, [1], key)
    yield "claims are deep", sign(head, b"[" * 3000, key)
    yield "claims are no UTF-8", sign(head, b"\xff", key)


@pytest.mark.promise("A09", "A1", "A5")
async def test_a09_forged_tokens_are_refused(issuer, ready):
    """Each is a 401, and nothing is fetched from where a token says."""
    wrong = {}
    for name, token in forgeries(issuer):
        answer = await ready(token, **{"Remote-User": "alice"})
        if (401, "UNAUTHORIZED") != (answer.status, answer.json.get("code")):
            wrong[name] = answer.status

    assert {} == wrong
    assert 0 == issuer.asked["/evil"]
    assert 2 >= issuer.asked["/jwks"]  # the first, and one for all unknown names
    assert 200 == (await ready(issuer.token())).status


@pytest.mark.promise("A09", "A1")
async def test_a09_elliptic_signatures(issuer, ready, poll):
    """A signature that is no pair of numbers is a 401; a good one passes."""
    issuer.keys["curve"] = make_key("P-256")
    good = issuer.token("curve")

    async def accepted():
        return 200 == (await ready(good)).status

    await poll(accepted)
    head, claims, _ = good.split(".")
    for signature in (b"", b"\0" * 64, b"\xff" * 64, b"\0" * 63, b"0E\x02", b"x" * 200):
        assert 401 == (await ready(f"{head}.{claims}.{pack(signature)}")).status


def claims_at(now):
    """Give claims by name, with the status of a token that makes them at a time."""
    return {
        "iss: another": ({"iss": "https://evil.example"}, 401),
        "iss: missing": ({"iss": ...}, 401),
        "iss: list": ({"iss": ["x"]}, 401),
        "aud: another": ({"aud": "somebody"}, 401),
        "aud: missing": ({"aud": ...}, 401),
        "aud: empty list": ({"aud": []}, 401),
        "aud: list with it": ({"aud": ["somebody", AUDIENCE]}, 200),
        "aud: list without": ({"aud": ["somebody"]}, 401),
        "aud: object": ({"aud": {AUDIENCE: 1}}, 401),
        "aud: prefix": ({"aud": AUDIENCE + "x"}, 401),
        "azp is no aud": ({"aud": "somebody", "azp": AUDIENCE}, 401),
        "exp: missing": ({"exp": ...}, 401),
        "exp: 30 s ago": ({"exp": now - 30}, 200),
        "exp: long ago": ({"exp": now - 600}, 401),
        "exp: text": ({"exp": "soon"}, 401),
        "exp: null": ({"exp": None}, 401),
        "exp: huge": ({"exp": float("inf")}, 401),
        "exp: of 400 digits": ({"exp": 10**400 - 1}, 401),
        "exp: number as text": ({"exp": str(int(now) + 600)}, 401),
        "exp: true": ({"exp": True}, 401),
        "nbf: in 30 s": ({"nbf": now + 30}, 200),
        "nbf: in 10 min": ({"nbf": now + 600}, 401),
        "nbf: text": ({"nbf": "x"}, 401),
        "iat: in 30 s": ({"iat": now + 30}, 200),
        "iat: in 10 min": ({"iat": now + 600}, 401),
        "iat: text": ({"iat": "x"}, 401),
        "iat: true": ({"iat": True}, 401),
        "iat: missing": ({"iat": ...}, 200),
        "sub: missing": ({"sub": ...}, 401),
        "sub: empty": ({"sub": ""}, 401),
        "sub: number": ({"sub": 42}, 401),
        "user: missing": ({"preferred_username": ...}, 401),
        "user: empty": ({"preferred_username": ""}, 401),
        "user: list": ({"preferred_username": ["alice"]}, 401),
        "user: two": ({"preferred_username": "alice,bob"}, 401),
        "user: long": ({"preferred_username": "a" * 300}, 401),
        "at_hash of another token": ({"at_hash": "x"}, 200),
    }


@pytest.mark.promise("A10", "A1", "P17")
async def test_a10_the_claims_of_a_token(issuer, ready):
    """Each claim is there and right, within 60 seconds."""
    wrong = {}
    for name in claims_at(0):
        claims, status = claims_at(int(time.time()))[name]
        answer = await ready(issuer.token(**claims))
        if status != answer.status:
            wrong[name] = answer.status

    assert {} == wrong


async def test_an_email_counts_if_it_is_verified(issuer, serve, poll):
    """Whoever may choose an address at the provider cannot become somebody."""
    users = {"allowed_users": ["alice@example.org"]}
    server = serve(auth=users | {"oidc": issuer.settings | {"username_claim": "email"}})

    async def status(**claims):
        token = issuer.token(email="alice@example.org", **claims)
        return (await server.get(SESSIONS, headers={"Authorization": f"Bearer {token}"})).status

    async def accepted():
        return 200 == await status(email_verified=True)

    await poll(accepted)
    assert [401, 401, 401] == [
        await status(),
        await status(email_verified=False),
        await status(email_verified="true"),
    ]


async def test_keys_that_do_not_fit_are_not_used(issuer, ready, poll):
    """A weak key, one for encryption and one for another algorithm sign nobody in."""
    weak, one = make_key("weak"), issuer.keys["one"]
    document = {
        "keys": [
            describe("weak", weak),
            describe("enc", one, use="enc"),
            describe("alg", one, alg="RS512"),
            {"kid": "secret", "kty": "oct", "k": pack(b"x" * 32)},
            {"kid": "broken", "kty": "RSA", "n": 1, "e": []},
            {"kty": "RSA"},
            "nonsense",
            describe("fresh", one),
        ]
    }
    issuer.answers["/jwks"] = lambda: web.json_response(document)
    issuer.keys |= {"weak": weak, "enc": one, "alg": one, "fresh": one}

    async def accepted():
        return 200 == (await ready(issuer.token("fresh"))).status

    await poll(accepted)
    for kid in ("weak", "enc", "alg"):
        assert 401 == (await ready(issuer.token(kid))).status
    secret = sign({"alg": "HS256", "kid": "secret"}, issuer.claims(), b"x" * 32)
    assert 401 == (await ready(secret)).status


async def test_without_a_provider_no_such_token_is_accepted(issuer, served: Served):
    """Where `auth.oidc` is not configured, a good token is a 401."""
    headers = {"Authorization": f"Bearer {issuer.token()}"}

    assert 401 == (await served.get(SESSIONS, headers=headers)).status
