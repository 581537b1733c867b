"""What somebody sends appears in no log, metric or error, and cannot forge a line (A7, A6)."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from security.served import NDJSON, turn

CANARY = "c4n4ry"
SESSIONS = "/api/v1/sessions"


async def scatter(served):
    """Send the canary in every place that a request has; return all answers that are errors."""
    token = f"lethe_{CANARY}" + "x" * 37
    bearer = ("Bearer " + token, f"Bearer a.{CANARY}.b", f"Basic {CANARY}", CANARY)
    for value in bearer:
        yield await served.get(SESSIONS, headers={"Authorization": value})
    yield await served.get(SESSIONS, user=f"{CANARY},x")
    yield await served.get(SESSIONS, user=f"{CANARY}-stranger")
    yield await served.get(SESSIONS, headers={"Cookie": f"lethe-session={CANARY}"})
    for path in (f"/{CANARY}", f"{SESSIONS}/{CANARY}/x/y", f"/static/{CANARY}/x"):
        yield await served.get(path, user="alice")
    for name in ("limit", f"{CANARY}\n", "tool", "since", "relation", "cursor", "q"):
        yield await served.get(SESSIONS, user="alice", params={name: f"{CANARY}\x00"})
    yield await served.get("/api/v1/search", user="alice", params={"q": f'"{CANARY} x:y ('})
    yield await served.get(
        "/api/v1/search", user="alice", params={"q": f"{CANARY} OR (", "syntax": "fts5"}
    )
    yield await served.get("/login", params={"code": CANARY * 100})
    yield await served.ask("POST", "/login", data={"code": CANARY})
    event = turn(content=CANARY, session_id=CANARY, metadata={CANARY: CANARY}, **{CANARY: 1})
    bodies = [
        json.dumps(event).encode(),
        json.dumps(event | {"role": CANARY, "turn_id": ""}).encode(),
        f'{{"tool": "{CANARY}'.encode(),
        f'["{CANARY}"]'.encode(),
        CANARY.encode() + b"\xff",
    ]
    for body in bodies:
        for headers in ({}, {"Content-Encoding": "gzip"}, {"Content-Type": CANARY}):
            given = NDJSON | headers | {"Remote-User": "alice"}
            yield await served.ask("POST", "/api/v1/ingest", data=body, headers=given)
    given = NDJSON | {"Remote-User": "alice", "Content-Encoding": "gzip"}
    yield await served.ask(
        "POST", "/api/v1/ingest", data=gzip.compress(bodies[0])[:-5], headers=given
    )
    for extra in (
        f"X-{CANARY} : x",
        f"X\x01: {CANARY}",
        f"Host: {CANARY}.example",
        f"Expect: {CANARY}",
        f"Transfer-Encoding: {CANARY}",
        f"Content-Length: {CANARY}",
        f"X: {CANARY}" + "x" * 20_000,
    ):
        head = f"GET {SESSIONS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        served.raw((head + extra + "\r\n\r\n").encode())
    for line in (f"{CANARY} / HTTP/1.1", f"GET / HTTP/{CANARY}", CANARY):
        served.raw(f"{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())


@pytest.mark.promise("O03", "A7")
@pytest.mark.parametrize("form", ["json", "human"])
async def test_o03_a_secret_appears_nowhere(serve, form):
    """Sent in content, bearer, header, path, parameter and cookie, at the log's lowest level."""
    served = serve(log={"format": form, "level": "debug"})
    secret = served.token(name="kept")
    await served.get(SESSIONS, headers={"Authorization": f"Bearer {secret}"})
    errors = [answer async for answer in scatter(served) if answer.status >= 400]
    metrics = (await served.get("/metrics")).body.decode()
    ready = (await served.get("/readyz")).body.decode()
    listed = served.command("token", "list").stdout
    served.stop()

    assert len(errors) > 25
    for answer in errors:
        assert CANARY not in answer.body.decode() + str(answer.headers)
        assert 500 != answer.status
    for place in (served.log, metrics, ready, listed):
        assert CANARY not in place
        assert secret not in place
    assert "ERROR" not in served.log.upper().replace("LETHE_SERVER.ERRORS", "")


@pytest.mark.promise("O04", "A6")
@pytest.mark.parametrize("form", ["json", "human"])
async def test_o04_nothing_forges_a_line_of_the_log(serve, form):
    """Whatever is sent where it may be logged: one line a request, escaped, of 8 KiB at most."""
    served = serve(log={"format": form, "level": "debug"})
    before = len(served.log.splitlines())
    for number, text in enumerate(("x\x1b[31m", "y\u202ez", "w\u2028v", "q" * 10_000, "a\tb")):
        raw = f"GET {SESSIONS}?owner={text} HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: {text}\r\n"
        user = ("root", "alice")[number % 2]
        served.raw(f"{raw}Remote-User: {user}\r\nConnection: close\r\n\r\n".encode())
        for user in (text, "alice"):
            head = f"M{text} / HTTP/1.1\r\nHost: localhost\r\nRemote-User: {user}\r\n"
            served.raw(f"{head}Connection: close\r\n\r\n".encode())
    served.stop()

    data = (served.directory / "server.log").read_bytes()
    lines = data.decode("ascii").split("\n")
    assert len(lines) > before
    for line in filter(None, lines):
        assert len(line) <= 8 * 1024
        assert re.fullmatch(r"[ -~]+", line)
        if form == "json":
            assert {"time", "level", "message"} <= set(json.loads(line))
        else:
            assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", line)


@pytest.mark.promise("O05", "A5", "A3")
async def test_o05_metrics_stay_bounded_and_name_nobody(served):
    """Thousands of tools, hosts, sessions, paths and methods make no new series."""
    users = ("alice", "bob", "root")
    for user in users:
        await served.send(turn(), user=user)

    async def series():
        body = (await served.get("/metrics")).body.decode()
        return {line.rpartition(" ")[0] for line in body.splitlines() if line[:1] != "#"}

    async def vary(number):
        many = [
            turn(n, tool=f"tool-{n}", host=f"host-{n}", session_id=f"session-{n}")
            for n in range(number, number + 500)
        ]
        await served.send(*many, user=users[number % 3])
        for part in (f"nobody-{number}", f"x/{number}"):
            await served.get(f"/{part}", user="alice")
            await served.get(f"/{part}", user=f"stranger-{number}")
            await served.ask(f"METHOD{number}", f"/{part}", headers={"Remote-User": "alice"})
            await served.get(f"{SESSIONS}/tool-{number}/{part}/s", user="alice")

    await vary(0)
    await series()
    before = await series()
    for number in range(500, 10_000, 500):
        await vary(number)
    after = await series()

    assert before == after
    assert not [line for line in after if re.search(r"alice|bob|root|stranger|tool-|host-", line)]
