"""Caddy in front of the server, configured as it is shipped in deploy/."""

from __future__ import annotations

import gzip
import json

import pytest
from security.caddy import PROGRAM, SECRET, SITE, Caddy, Upstreams
from security.served import USERS, Served, turn

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="caddy is not installed")

PLAIN, COLLECTORS = "Caddyfile.example", "Caddyfile.collectors.example"
ALICE = ("Cookie", "signed-in=alice")
SESSIONS = "/api/v1/sessions"
#: What somebody outside may send to be taken for root.
FORGED = [
    [("Remote-User", "root")],
    [("remote-user", "root")],
    [("Remote-User", "root"), ("Remote-User", "root")],
    [("REMOTE-USER", "root"), ("Remote-User", "bob")],
    [("Remote_User", "root")],
    [("REMOTE_USER", "root"), ("remote_user", "root")],
    [("Remote-Groups", "admins"), ("Remote-Email", "root@example.org")],
    [("Lethe-Proxy-Secret", SECRET), ("Remote-User", "root")],
    [("X-Forwarded-User", "root"), ("X-Remote-User", "root")],
]


@pytest.fixture
async def upstreams():
    """The stub of an authorisation server, and the echo."""
    upstreams = await Upstreams().start()
    yield upstreams
    await upstreams.stop()


@pytest.fixture
async def front(upstreams, repository, tmp_path):
    """Start Caddy with a shipped configuration before some port."""
    started: list[Caddy] = []

    async def start(example: str, port: int) -> Caddy:
        caddy = Caddy(
            repository / "deploy" / example,
            tmp_path / f"caddy{len(started)}",
            upstream=port,
            verify=upstreams.verify,
        )
        started.append(caddy)
        return await caddy.start()

    yield start
    for caddy in started:
        caddy.stop()


@pytest.fixture(scope="module")
def behind(tmp_path_factory):
    """A server as it stands behind a proxy, with an archive of alice, bob and root."""
    settings = {
        "allowed_hosts": [SITE],
        "auth": USERS | {"forward_auth": {"proxy_secret": SECRET}},
    }
    with Served(tmp_path_factory.mktemp("behind"), settings) as server:
        yield server


async def fill(server):
    """Store a session of each user."""
    for user in ("alice", "bob", "root"):
        headers = {"Authorization": f"Bearer {server.token(owner=user, name='fill')}"}
        headers |= {"Content-Type": "application/x-ndjson"}
        data = json.dumps(turn(session_id=f"of-{user}")).encode()
        answer = await server.ask("POST", "/api/v1/ingest", data=data, headers=headers)
        assert 200 == answer.status


@pytest.mark.promise("A03", "A02", "A1", "O11")
@pytest.mark.parametrize("example", [PLAIN, COLLECTORS])
async def test_a03_no_name_from_outside_arrives(upstreams, front, example):
    """Whatever a client sends, what arrives names the one user that the stub named, once."""
    caddy = await front(example, upstreams.echo)
    for forged in FORGED:
        status, _ = await caddy.ask("/x", ALICE, *forged)
        assert 200 == status, forged

        arrived = upstreams.arrived.pop()
        named = [(n, v) for n, v in arrived if n.lower().replace("_", "-").startswith("remote-")]
        secrets = [value for name, value in arrived if name.lower() == "lethe-proxy-secret"]
        assert [("Remote-User", "alice")] == named, forged
        assert [SECRET] == secrets, forged


@pytest.mark.promise("A03", "A1")
@pytest.mark.parametrize("example", [PLAIN, COLLECTORS])
async def test_a03_who_has_not_signed_in_does_not_arrive(upstreams, front, example):
    """The authorisation server's refusal is the answer, whatever was forged."""
    caddy = await front(example, upstreams.echo)
    for forged in FORGED:
        status, answer = await caddy.ask("/x", *forged)
        assert 401 == status
        assert b"sign in first" in answer

    assert [] == upstreams.arrived


@pytest.mark.promise("A03", "A1")
async def test_a03_a_bearer_takes_no_name_along(upstreams, front):
    """Who passes by the authorisation server with a bearer brings no user and no proof."""
    caddy = await front(COLLECTORS, upstreams.echo)
    for forged in FORGED:
        for bearer in ("Bearer x", "bearer x", "BEARER\tx"):
            await caddy.ask("/x", ("Authorization", bearer), ALICE, *forged)
            names = {name.lower().replace("_", "-") for name, _ in upstreams.arrived.pop()}
            assert not names & {"remote-user", "remote-groups", "lethe-proxy-secret"}, forged

    assert 0 == upstreams.asked


@pytest.mark.promise("A01", "A1", "A3")
@pytest.mark.parametrize("example", [PLAIN, COLLECTORS])
async def test_a01_users_read_through_the_proxy(upstreams, front, behind, example):
    """A user who has signed in reads the own archive, whoever the request says it is."""
    await fill(behind)
    caddy = await front(example, behind.place["port"])
    for forged in ([], *FORGED):
        status, answer = await caddy.ask(SESSIONS, ALICE, *forged)
        assert 200 == status, forged
        assert b"of-alice" in answer
        assert b"of-bob" not in answer
        assert b"of-root" not in answer

    assert 403 == (await caddy.ask(f"{SESSIONS}?owner=bob", ALICE))[0]
    admin = await caddy.ask(f"{SESSIONS}?owner=bob", ("Cookie", "signed-in=root"))
    assert 200 == admin[0]
    assert b"of-bob" in admin[1]
    assert 403 == (await caddy.ask(SESSIONS, ("Cookie", "signed-in=mallory")))[0]


@pytest.mark.promise("A01", "A2")
async def test_a01_what_is_open_on_loopback_is_closed_through_the_proxy(front, behind):
    """Probes, metrics and the sign-in form need an admin there."""
    caddy = await front(PLAIN, behind.place["port"])
    for path in ("/healthz", "/readyz", "/metrics", "/login?code=x"):
        assert 401 == (await caddy.ask(path))[0]
        assert 403 == (await caddy.ask(path, ALICE))[0]
        assert 200 == (await caddy.ask(path, ("Cookie", "signed-in=root")))[0]


@pytest.mark.promise("A01", "A04", "A1")
async def test_a04_the_way_around_the_proxy_is_closed(behind):
    """Directly at the server's port, without the secret, the header is a 401."""
    assert 401 == (await behind.get(SESSIONS, user="alice")).status


@pytest.mark.promise("A02", "A1")
async def test_a02_an_authorisation_server_that_names_nobody(upstreams, front, behind):
    """Some versions of Caddy pass a placeholder or the client's own value then: it is nobody's."""
    upstreams.names = False
    caddy = await front(PLAIN, behind.place["port"])
    for forged in ([], *FORGED):
        status, answer = await caddy.ask(SESSIONS, ALICE, *forged)
        assert status in (400, 401)
        assert b"sessions" not in answer.partition(b"\r\n\r\n")[2]


@pytest.mark.promise("A03", "A1")
@pytest.mark.parametrize("header", ["Remote-User", "Lethe-Proxy-Secret", "Remote-User, Host"])
async def test_a03_a_header_that_is_called_hop_by_hop(front, behind, header):
    """A client that has the proxy drop its name or its proof is nobody."""
    caddy = await front(PLAIN, behind.place["port"])
    status, _ = await caddy.ask(SESSIONS, ALICE, ("Connection", header), ("Remote-User", "root"))

    assert 401 == status


@pytest.mark.promise("A06", "A07", "A1")
async def test_a06_tokens_pass_beside_forward_auth(upstreams, front, behind):
    """A collector's token is checked by the server alone; one that fails is its 401."""
    await fill(behind)
    caddy = await front(COLLECTORS, behind.place["port"])
    token = ("Authorization", f"Bearer {behind.token(owner='bob', name='fill')}")
    body = gzip.compress(json.dumps(turn(session_id="by-proxy")).encode())
    kind = [("Content-Type", "application/x-ndjson"), ("Content-Encoding", "gzip")]

    sent = await caddy.ask("/api/v1/ingest", token, *kind, method="POST", body=body)
    read = await caddy.ask(SESSIONS, token, ("Remote-User", "root"))
    wrong = await caddy.ask(SESSIONS, ("Authorization", "Bearer lethe_x"), ALICE)

    assert 200 == sent[0]
    assert 200 == read[0]
    assert b"by-proxy" in read[1]
    assert b"of-root" not in read[1]
    assert 401 == wrong[0]
    assert b"UNAUTHORIZED" in wrong[1]
    assert 0 == upstreams.asked


@pytest.mark.promise("A06", "A1")
async def test_a06_even_the_lenient_chain_lets_nobody_forge(upstreams, front, serve):
    """With `try_header` a junk bearer past the authorisation server still names nobody."""
    lenient = USERS | {
        "forward_auth": {"proxy_secret": SECRET},
        "on_bearer_failure": "try_header",
    }
    server = serve(allowed_hosts=[SITE], auth=lenient)
    caddy = await front(COLLECTORS, server.place["port"])
    for forged in FORGED:
        junk = ("Authorization", "Bearer junk")
        assert 401 == (await caddy.ask(SESSIONS, junk, *forged))[0]


@pytest.mark.promise("Q03", "A4")
async def test_q03_a_page_behind_the_proxy_is_the_same_origin(front, behind):
    """The proxy keeps `Host`, so that the page's own origin is known."""
    caddy = await front(PLAIN, behind.place["port"])
    kind = ("Content-Type", "application/x-ndjson")
    for origin, status in (
        (f"http://{SITE}:{caddy.port}", 200),
        (f"https://{SITE}:{caddy.port}", 200),
        ("http://evil.example", 403),
    ):
        given = (ALICE, kind, ("Origin", origin))
        assert status == (await caddy.ask("/api/v1/ingest", *given, method="POST"))[0]
