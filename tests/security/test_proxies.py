"""The header of a reverse proxy: from where it is believed, and what may stand in it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from security.served import USERS, Served, turn

SECRET = "0123456789abcdef0123456789abcdef"
SESSIONS = "/api/v1/sessions"


def forward_auth(**settings):
    """Settings of the section, with the usual users."""
    return USERS | {"forward_auth": settings}


@pytest.mark.promise("A01", "A1")
async def test_a01_the_header_counts_from_loopback_by_default(served):
    """Plainly from loopback the header signs in."""
    assert 200 == (await served.get(SESSIONS, user="alice")).status
    assert 401 == (await served.get(SESSIONS)).status


@pytest.mark.promise("A01", "A1")
async def test_a01_the_header_counts_from_nowhere_else(serve):
    """From a peer outside of `trusted_proxies`, or switched off, it is a 401."""
    elsewhere = serve(auth=forward_auth(trusted_proxies=["192.0.2.0/24"]))
    off = serve(auth=forward_auth(enabled=False))

    for server in (elsewhere, off):
        answer = await server.get(SESSIONS, user="alice")
        assert (401, "UNAUTHORIZED") == (answer.status, answer.code)


@pytest.mark.promise("A01", "A04", "A1")
async def test_a04_the_secret_of_the_proxy(serve):
    """With a secret: none, a wrong one, two, or the right one elsewhere are 401."""
    server = serve(auth=forward_auth(proxy_secret=SECRET))
    user = {"Remote-User": "alice"}

    async def status(path=SESSIONS, **headers):
        given = user | {name.replace("_", "-"): value for name, value in headers.items()}
        return (await server.get(path, headers=given)).status

    assert 200 == await status(Lethe_Proxy_Secret=SECRET)
    assert 401 == await status()
    assert 401 == await status(Lethe_Proxy_Secret=SECRET[:-1] + "0")
    assert 401 == await status(Lethe_Proxy_Secret="é" * 16)
    assert 401 == await status(Cookie=f"Lethe-Proxy-Secret={SECRET}")
    assert 401 == await status(f"{SESSIONS}?Lethe-Proxy-Secret={SECRET}")
    twice = [("Remote-User", "alice"), *[("Lethe-Proxy-Secret", SECRET)] * 2]
    assert 401 == (await server.ask("GET", SESSIONS, headers=twice)).status


@pytest.fixture(scope="module")
def peers(tmp_path_factory):
    """A server on a unix socket that believes a user who is not this one, and one that does."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o711)  # another user must reach the socket, which alone refuses him
        servers = []
        for name, uid in (("stranger", os.getuid() + 1), ("own", os.getuid())):
            settings = {"auth": forward_auth(trusted_peers=[uid])}
            listen = f"unix:{place}/{name}"
            servers.append(Served(tmp_path_factory.mktemp(name), settings, listen).start())
        yield servers
        for server in servers:
            server.stop()


@pytest.mark.promise("A05", "A01", "A1")
async def test_a05_a_unix_peer_must_be_listed(peers):
    """The kernel's word on who connects decides; nobody else names a user."""
    stranger, own = peers

    assert 401 == (await stranger.get(SESSIONS, user="alice")).status
    assert 200 == (await own.get(SESSIONS, user="alice")).status
    assert 200 == (await stranger.get("/healthz")).status  # this user itself, through no proxy
    assert 401 == (await own.get("/healthz", headers={"X-Forwarded-For": "192.0.2.1"})).status


#: Asks with the header of a proxy and prints the beginning of the answer; argument: the socket.
ASK = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(
    b"GET /api/v1/sessions HTTP/1.1\\r\\nHost: localhost\\r\\nRemote-User: alice\\r\\n\\r\\n"
)
sys.stdout.buffer.write(connection.recv(12))
"""


@pytest.mark.promise("A05", "A7")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="no Python for other users")
def test_a05_another_user_of_the_system_is_refused(peers):
    """A process of another user, even one that may open the socket, cannot name a user."""
    _, own = peers
    path = Path(own.place["socket"])
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}

    def ask():
        command = ["/usr/bin/python3", "-c", ASK, str(path)]
        return subprocess.run(command, capture_output=True, check=False, **nobody)

    closed = ask()
    path.chmod(0o666)
    opened = ask()
    path.chmod(0o660)

    assert b"PermissionError" in closed.stderr
    assert b"HTTP/1.1 401" == opened.stdout, opened.stderr


@pytest.mark.promise("A05", "O01", "A7")
def test_a05_the_socket_has_mode_0660(peers):
    """User and group may connect."""
    for server in peers:
        mode = Path(server.place["socket"]).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert 0o660 == stat.S_IMODE(mode)


def test_a_stale_socket_is_replaced_and_a_living_one_not(serve, tmp_path):
    """A server that was killed leaves a socket; a server that runs keeps it."""
    place = f"unix:{tmp_path}/socket"
    killed = serve(listen=place)
    killed.process.kill()
    killed.process.wait()
    assert (tmp_path / "socket").exists()

    running = serve(listen=place)
    second = subprocess.run(
        [sys.executable, "-m", "lethe_server", "serve", "--config", running.write_config()],
        capture_output=True,
        text=True,
        check=False,
    )

    assert 78 == second.returncode
    assert "another program listens" in second.stderr
    assert 0 == running.stop()
    assert not (tmp_path / "socket").exists()


@pytest.mark.promise("A02", "A1")
@pytest.mark.parametrize(
    ("value", "status"),
    [
        (None, 401),
        (b"", 401),
        (b"   ", 401),
        (b"alice\r\nRemote-User: bob", 400),
        (b"alice\r\nRemote-User: alice", 400),
        (b"alice,bob", 400),
        (b"alice bob", 400),
        (b"a" * 300, 400),
        (b"al\x01ice", 400),
        (b"al\tice", 400),
        (b"{http.reverse_proxy.header.Remote-User}", 400),
        (b"<script>", 400),
        (b"\xff\xfe", 400),
        ("alicé".encode(), 403),
        ("alice\u0301".encode(), 403),
        (b"  alice  ", 200),
        (b"Alice", 403),
    ],
)
def test_a02_the_value_is_one_strict_name(served, value, status):
    """What is no name of one user is 401 or 400, and a name is compared exactly."""
    line = b"" if value is None else b"Remote-User: " + value + b"\r\n"
    head = b"GET /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"

    answer = served.raw(head + line + b"\r\n")

    assert status == int(answer.split(b" ", 2)[1])


@pytest.mark.promise("A03", "A1")
@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"Remote_User: alice", 401),
        (b"REMOTE_USER: alice", 401),
        (b"REMOTE-USER: alice", 200),
        (b"remote-user: alice", 200),
        (b"X-Remote-User: alice", 401),
        (b"Remote-User : alice", 400),
        (b"Remote-User\x00: alice", 400),
        (b" Remote-User: alice", 400),
        (b"Remote-User: alice\r\nRemote_User: root", 200),
    ],
)
def test_a03_look_alikes_of_the_header(served, line, status):
    """Another spelling is another header; a malformed one is refused before anybody reads it."""
    head = b"GET /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: y\r\n"

    answer = served.raw(head + line + b"\r\n\r\n")

    assert status == int(answer.split(b" ", 2)[1])
    assert b"application/json" in answer or b"application/problem+json" in answer


@pytest.mark.promise("A08", "A2")
async def test_a08_who_is_not_allowed_is_refused_alike(served, serve):
    """Somebody who has an archive and is not allowed any more, and a stranger: the same 403."""
    await served.send(turn(), user="bob")
    narrow = serve()
    token = narrow.token(owner="mallory")
    bodies = set()
    for headers in (
        {"Remote-User": "mallory"},
        {"Remote-User": "stranger"},
        {"Authorization": f"Bearer {token}"},
    ):
        answer = await narrow.get(SESSIONS, headers=headers)
        assert (403, "FORBIDDEN") == (answer.status, answer.code)
        bodies.add(str(answer.json | {"request_id": ""}))

    assert 1 == len(bodies)
