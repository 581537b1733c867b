"""Bodies and heads of any form, size and speed, sent to a server over real connections."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import socket
import struct
import time
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from security.served import NDJSON, turn

INGEST = "/api/v1/ingest"
MIB = 1024 * 1024


def memory(served):
    """The memory that the server's process has in use, in bytes."""
    pages = int(Path(f"/proc/{served.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(served):
    """How many files and connections the server's process has open."""
    return len(list(Path(f"/proc/{served.process.pid}/fd").iterdir()))


needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")


async def post(served, body, **headers):
    """Post a body to ingest."""
    given = {"Remote-User": "alice"} | NDJSON
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await served.ask("POST", INGEST, data=io.BytesIO(body), headers=given)


@pytest.mark.promise("I10", "A5")
@pytest.mark.parametrize("body", [b"", b"\n", b"\n\n\r\n", b"LINE", b"LINE\n", b"LINE\r\n"])
async def test_i10_lines_end_in_any_way_or_not_at_all(served, body):
    """Empty bodies are nothing received; a last line needs no end."""
    line = json.dumps(turn()).encode()

    answer = await post(served, body.replace(b"LINE", line))

    lines = int(b"LINE" in body)
    assert (200, lines, lines) == (
        answer.status,
        answer.json["received"],
        answer.json["accepted"],
    )


def held_open(body=b"", length=100, **headers):
    """Write the head of a request whose body does not come."""
    lines = [f"POST {INGEST} HTTP/1.1", "Host: localhost", f"Content-Length: {length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.slow
@pytest.mark.promise("I10", "A5")
def test_i10_a_slow_body_is_broken_off(served):
    """A byte now and then does not move the deadline: 408 after 30 seconds, nothing stored."""
    line = json.dumps(turn(session_id="slow")).encode() + b"\n"
    head = held_open(line, 10_000, Remote_User="alice", Content_Type="application/x-ndjson")
    with served.connect() as connection:
        connection.sendall(head)
        connection.settimeout(0.1)
        end = time.monotonic() + 120
        answer = b""
        while not answer and time.monotonic() < end:
            connection.sendall(b"\n")
            try:
                answer = connection.recv(65536)
            except TimeoutError:
                continue

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"REQUEST_TIMEOUT" in answer
    listed = asyncio.run(served.get("/api/v1/sessions?limit=200", user="alice")).json
    assert "slow" not in {each["session_id"] for each in listed["sessions"]}


@pytest.mark.promise("I17", "O4")
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    "asked",
    [
        (INGEST, "application/x-ndjson", "Remote-User: alice"),
        ("/api/v1/saved-searches", "application/json", "Remote-User: alice"),
        ("/login", "application/x-www-form-urlencoded", "X-Nobody: asks"),
    ],
)
async def test_i17_a_client_that_goes_away_is_no_mistake(served, poll, asked, reset):
    """Whoever breaks off in the middle of a body is logged as gone, not as an error."""
    path, kind, user = asked
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", user]
    lines += [f"Content-Type: {kind}", "Content-Length: 60000"]
    before = len(served.log)
    with served.connect() as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        connection.sendall(b"x" * 30_000)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    await poll(lambda: '"status": 499' in served.log[before:], 60)
    assert '"level": "error"' not in served.log[before:]


@pytest.mark.promise("I11", "A5")
async def test_i11_bounds_of_lines_and_bodies(served):
    """A long line passes; more bytes or lines than the bounds are a 413, and nothing is stored."""
    long = json.dumps(turn(content="x" * MIB)).encode()
    other = json.dumps(turn(session_id="never")).encode() + b"\n"

    assert 1 == (await post(served, long)).json["accepted"]
    huge = await post(served, other + b" " * 17 * MIB)
    many = [
        await post(served, other + b"\n" * 100_000),
        await post(served, other + b"{}\n" * 2001),
        await post(served, gzip.compress(b"\n" * 100_001), Content_Encoding="gzip"),
    ]
    with served.connect() as connection:
        kind = {"Content_Type": "application/x-ndjson"}
        connection.sendall(held_open(length=10**12, Remote_User="alice", **kind))
        lying = connection.recv(65536)
    found = await served.get("/api/v1/sessions/claude-code/laptop/never", user="alice")

    assert [(413, "TOO_LARGE")] * 4 == [(each.status, each.code) for each in (huge, *many)]
    assert lying.startswith(b"HTTP/1.1 413")
    assert 404 == found.status


@needs_proc
@pytest.mark.promise("I12", "A5")
async def test_i12_bombs_are_refused_in_bounded_memory(served):
    """A body that is small as it came and huge decoded is a 413, and takes little memory."""
    line = json.dumps(turn(content="x" * 1000)).encode() + b"\n"
    await post(served, gzip.compress(line * 1000), Content_Encoding="gzip")
    before = memory(served)
    bombs = {
        "gzip": gzip.compress(b"\n" * 64 * MIB),
        "zstd": zstandard.ZstdCompressor(level=3).compress(b"\0" * 128 * MIB),
    }
    for encoding, bomb in bombs.items():
        for _ in range(5):
            answer = await post(served, bomb, Content_Encoding=encoding)
            assert (413, "TOO_LARGE") == (answer.status, answer.code)

    assert memory(served) < before + 40 * MIB


@pytest.mark.promise("I12", "A5")
@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", gzip.compress(b"\n", mtime=0), 200),
        ("zstd", zstandard.ZstdCompressor().compress(b"\n"), 200),
        ("identity", b"\n", 200),
        ("gzip", gzip.compress(gzip.compress(b"\n", mtime=0), mtime=0), 400),
        ("gzip", b"no gzip", 400),
        ("gzip", gzip.compress(b"x" * 5000, mtime=0)[:-9], 400),
        ("zstd", b"no zstd", 400),
        ("", gzip.compress(b"\n", mtime=0), 400),
        ("br", b"\n", 415),
        ("deflate", b"\n", 415),
        ("gzip, gzip", b"\n", 415),
        ("nonsense", b"\n", 415),
    ],
)
async def test_i12_encodings(served, encoding, body, status):
    """Known encodings are decoded once; damaged ones are 400, others 415."""
    answer = await post(served, body, Content_Encoding=encoding)

    assert status == answer.status


@pytest.mark.promise("I13", "A4")
@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/json", "multipart/form-data; boundary=x", "", "application/x", "x"],
)
async def test_i13_other_content_types(served, kind):
    """What a form of another page could send is a 415."""
    answer = await post(served, b"", Content_Type=kind)

    assert (415, "UNSUPPORTED_MEDIA_TYPE") == (answer.status, answer.code)


def send_all(served, requests):
    """Send requests one after the other on their own connections; give the statuses."""
    return [int((served.raw(each) or b"x 0 ").split(b" ", 2)[1]) for each in requests]


HEAD = (
    b"POST /api/v1/ingest HTTP/1.1\r\n"
    b"Host: localhost\r\nConnection: close\r\nRemote-User: alice\r\n"
)
TEXTS = st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=60)
NAMES = st.sampled_from(
    [
        *("Remote-User", "Authorization", "Cookie", "Host", "Origin", "Sec-Fetch-Site"),
        *("Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding", "Expect"),
        *("X-Forwarded-For", "X-Request-ID", "Lethe-Wire", "Upgrade", "Connection", "Range"),
        *("Accept", "Accept-Encoding", "If-None-Match", "Last-Event-ID", "Lethe-Proxy-Secret"),
    ]
)
TARGETS = st.sampled_from(
    [
        *("/", "/healthz", "/metrics", "/login?code=x", "/api/v1/sessions", INGEST),
        *("/api/v1/sessions/a/b/c", "/api/v1/search?q=x", "/api/v1/stats", "/nothing"),
    ]
)
fuzz = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.promise("I16", "A8", "A9")
@pytest.mark.parametrize("target", ["/", "/nothing", "/api/v1/sessions"])
def test_i16_an_expectation_that_is_no_text_is_refused(served, target):
    """`Expect` with bytes that are no text is a 417, and no mistake of the server."""
    head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: \x81\r\n\r\n"
    with served.connect() as connection:
        connection.settimeout(60)
        connection.sendall(head.encode("latin-1"))
        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 417 "), answer
    assert b'"code":"INVALID"' in answer


@needs_proc
@pytest.mark.promise("I16", "A5", "A9")
@fuzz
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT", "x"]),
    target=st.one_of(TARGETS, TEXTS),
    headers=st.lists(st.tuples(st.one_of(NAMES, TEXTS), TEXTS), max_size=6),
    body=st.binary(max_size=60),
)
def test_i16_any_head_gets_a_clean_answer(served, method, target, headers, body):
    """Whatever the head says, the answer is no 5xx, or the connection is closed."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    data = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
    with served.connect() as connection:
        connection.settimeout(60)
        connection.sendall(data)
        connection.shutdown(1)  # what is missing never comes
        answer = connection.recv(65536)

    assert not answer.startswith(b"HTTP/1.1 5"), answer
    assert served.process.poll() is None


@needs_proc
@pytest.mark.promise("I16", "A5", "A9")
@fuzz
@given(
    body=st.one_of(
        st.binary(max_size=300),
        st.lists(
            st.recursive(
                st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text()),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=8,
            ).map(lambda value: json.dumps(value).encode()),
            max_size=4,
        ).map(b"\n".join),
        st.dictionaries(
            st.sampled_from([*turn(), "usage", "metadata", "tool_calls", "session_meta", "owner"]),
            st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.lists(st.text())),
        ).map(lambda changes: json.dumps(turn() | changes).encode()),
    ),
    encoding=st.sampled_from([b"", b"gzip", b"zstd", b"br", b"identity"]),
)
def test_i16_any_body_gets_a_clean_answer(served, body, encoding):
    """Any bytes, any JSON and any event are answered by 200, 400, 413 or 415."""
    if encoding == b"gzip" and len(body) % 2:
        body = gzip.compress(body)
    head = HEAD + b"Content-Type: application/x-ndjson\r\nContent-Encoding: " + encoding
    data = head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    assert send_all(served, [data])[0] in {200, 400, 413, 415}


@needs_proc
@pytest.mark.promise("I16", "A5")
def test_i16_refused_requests_leave_nothing_behind(served, poll):
    """After a thousand requests of all bad kinds no descriptor is left, and memory is as it was."""
    bad = [
        b"nonsense\r\n\r\n",
        HEAD + b"Content-Type: x\r\nContent-Length: 3\r\n\r\nabc",
        HEAD + b"Content-Type: application/x-ndjson\r\nContent-Length: 9\r\n\r\n[[[[[[[[[",
        HEAD + b"Authorization: Bearer " + b"x" * 5000 + b"\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ]
    send_all(served, bad * 20)
    base, before = descriptors(served), memory(served)
    send_all(served, bad * 200)

    asyncio.run(poll(lambda: descriptors(served) <= base + 2))
    assert memory(served) < before + 16 * MIB


@needs_proc
@pytest.mark.slow
@pytest.mark.promise("I18", "A5")
async def test_i18_slow_clients_keep_nobody_out(serve, poll):
    """While 500 connections hold heads and bodies others read and write; then they are closed."""
    served = serve()
    await served.send(turn(), user="bob")
    base, before = descriptors(served), memory(served)
    body = held_open(b"{", 1000, Remote_User="alice", Content_Type="application/x-ndjson")
    nobody = held_open(b"{", 1000, Content_Type="application/x-ndjson")
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "
    held = []
    for number in range(500):
        connection = served.connect()
        connection.sendall((body, head, nobody, b"G")[number % 4])
        held.append(connection)

    for number in range(50):
        await served.send(turn(number), user="bob")
        answer = await served.get("/api/v1/sessions", user="bob")
        assert 200 == answer.status
    assert 200 == (await served.get("/api/v1/sessions", user="alice")).status
    assert descriptors(served) <= base + 500 + 20

    # Nobody reads the held connections, so that the server has to close them by itself.
    await poll(lambda: descriptors(served) <= base + 2, seconds=120)
    assert memory(served) < before + 40 * MIB
    for connection in held:
        connection.close()
