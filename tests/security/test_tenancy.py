"""One owner sees nothing of another: not in rows, counts, cursors, errors or streams."""

from __future__ import annotations

import asyncio
import hashlib
import json

import apsw
import pytest
from security.served import turn

from lethe_server.routes import TABLE

SESSION = "/api/v1/sessions/claude-code/laptop/{}"
#: Routes of one session; each must answer alike for another's and for none.
OF_A_SESSION = sorted(
    {
        route.path.partition("{session_id}")[2]
        for route in TABLE
        if route.method == "GET" and route.path.startswith("/api/") and "{session_id}" in route.path
    }
)
#: Routes that answer about all of an owner's sessions, by what they need.
OF_ALL = {
    "/api/v1/sessions": {},
    "/api/v1/search": {"q": "zebra"},
    "/api/v1/stats": {},
    "/api/v1/projects": {},
    "/api/v1/hosts": {},
    "/api/v1/tools": {},
    "/api/v1/saved-searches": {},
    "/api/v1/me": {},
    "/api/v1/tokens": {},
}
KNOWN = {route.path for route in TABLE}
#: What differs from answer to answer.
PASSING = {"request_id", "took_ms"}


def settled(answer):
    """The answer without what differs each time."""
    return {name: value for name, value in answer.json.items() if name not in PASSING}


@pytest.mark.promise("A15", "A3")
async def test_a15_the_same_ids_of_two_owners_are_two_rows(served):
    """What one stores under the same ids never touches the other's."""
    ids = {"session_id": "shared", "turn_id": "t"}
    await served.send(turn(content="of alice", **ids), user="alice")
    await served.send(turn(content="of bob", revision=7, **ids), user="bob")

    for user in ("alice", "bob"):
        answer = await served.get(SESSION.format("shared"), user=user)
        assert [f"of {user}"] == [each["content"] for each in answer.json["turns"]]


@pytest.mark.promise("A16", "A3")
@pytest.mark.parametrize("rest", OF_A_SESSION)
async def test_a16_anothers_session_does_not_exist(served, rest):
    """The same 404, byte for byte, as for an id that nobody has."""
    await served.send(turn(session_id="of-alice"), user="alice")
    parameters = {"q": "text"} if rest.endswith("/find") else {}

    foreign = await served.get(SESSION.format("of-alice") + rest, user="bob", params=parameters)
    absent = await served.get(SESSION.format("of-nobody") + rest, user="bob", params=parameters)
    own = await served.get(SESSION.format("of-alice") + rest, user="alice", params=parameters)

    assert (404, "NOT_FOUND") == (foreign.status, foreign.code)
    assert settled(absent) == settled(foreign)
    assert 200 == own.status
    varying = {"X-Request-ID", "Date"}
    assert [(k, v) for k, v in absent.headers.items() if k not in varying] == [
        (k, v) for k, v in foreign.headers.items() if k not in varying
    ]


@pytest.mark.promise("A17", "A3")
async def test_a17_answers_do_not_move_with_another_owner(serve):
    """No figure, rank or order of an answer changes while somebody else stores a lot."""
    served = serve()
    for number in range(1, 6):
        content = "zebra " * number + "grass"
        await served.send(turn(number, session_id=f"s{number}", content=content))

    async def ask():
        paths = [path for path in OF_ALL if path in KNOWN]
        answers = [await served.get(path, user="alice", params=OF_ALL[path]) for path in paths]
        assert {200} == {answer.status for answer in answers}
        return dict(zip(paths, map(settled, answers), strict=True))

    before = await ask()
    for block in range(10):
        numbers = range(block * 1000 + 1, block * 1000 + 1001)
        many = [turn(n, session_id=f"s{n % 50}", content=f"zebra {n}") for n in numbers]
        await served.send(*many, user="bob")

    assert before == await ask()


@pytest.mark.promise("A18", "A2", "O4")
async def test_a18_an_admin_sees_whose_rows_they_are_and_it_is_logged(serve):
    """With `owner=*` rows carry their owner; the log tells who asked for whose."""
    served = serve()
    for user in ("alice", "bob", "root"):
        await served.send(turn(session_id=f"of-{user}"), user=user)

    everybody = await served.get("/api/v1/sessions?owner=*", user="root")
    one = await served.get("/api/v1/sessions?owner=bob", user="root")
    await served.get("/api/v1/sessions", user="root")
    await served.get("/api/v1/sessions?owner=root", user="root")
    found = await served.get("/api/v1/search?q=text&owner=*", user="root")

    owners = {each["session_id"]: each["owner"] for each in everybody.json["sessions"]}
    assert {"of-alice": "alice", "of-bob": "bob", "of-root": "root"} == owners
    assert 3 == everybody.json["total"]
    assert ["of-bob"] == [each["session_id"] for each in one.json["sessions"]]
    assert {"alice", "bob", "root"} == {each["owner"] for each in found.json["results"]}
    lines = [json.loads(line) for line in served.log.splitlines() if "belongs to others" in line]
    assert [
        ("root", "*", "/api/v1/sessions"),
        ("root", "bob", "/api/v1/sessions"),
        ("root", "*", "/api/v1/search"),
    ] == [(line["user"], line["owner"], line["route"]) for line in lines]
    assert all(line["request_id"] and "warning" == line["level"] for line in lines)


@pytest.mark.promise("A14", "A3")
async def test_a14_an_owner_with_no_archive_is_empty(served):
    """For an admin, a user who never stored anything has no sessions; a wrong name is a 400."""
    empty = await served.get("/api/v1/sessions?owner=nobody-yet", user="root")
    wrong = [
        await served.get("/api/v1/sessions", user="root", params={"owner": name})
        for name in ("a,b", "", "a b", "x" * 300, "{}")
    ]

    assert (200, []) == (empty.status, empty.json["sessions"])
    assert [(400, "INVALID")] * 5 == [(each.status, each.code) for each in wrong]


@pytest.mark.promise("Q04", "A4")
async def test_q04_reading_changes_nothing(serve):
    """After every GET route was asked in many ways, the database says what it said before."""
    served = serve()
    await served.send(turn())
    code = served.link().partition("=")[2]
    content = dump(served)
    for route in TABLE:
        if route.method != "GET":
            continue
        path = route.path
        for name, value in {"tool": "claude-code", "host": "laptop", "session_id": "s1"}.items():
            path = path.replace(f"{{{name}}}", value)
        for parameters in ({}, {"q": "text"}, {"owner": "bob"}, {"code": code}):
            headers = {"Remote-User": "root"}
            await served.ask("GET", path, headers=headers, params=parameters, read=False)
            await served.ask("HEAD", path, headers=headers, params=parameters, read=False)

    assert content == dump(served)


def dump(served):
    """The digest of all rows but those of tokens, which say when they were used."""
    connection = apsw.Connection(str(served.data / "lethe.db"), flags=apsw.SQLITE_OPEN_READONLY)
    tables = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    ).fetchall()
    digest = hashlib.sha256()
    for (table,) in sorted(tables):
        if table in ("tokens", "probe"):
            continue
        for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY 1'):
            digest.update(repr(row).encode())
    connection.close()
    return digest.hexdigest()


@pytest.mark.promise("A3")
@pytest.mark.skipif("/api/v1/events" not in KNOWN, reason="there is no stream of events")
async def test_a_stream_tells_of_own_changes_alone(served):
    """Another owner's new turn is not in the stream; the own one that follows is."""
    connection = served.connect()
    connection.settimeout(60)
    connection.sendall(
        b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nRemote-User: alice\r\n\r\n"
    )
    received = b""
    while b"event: ready" not in received:
        received += await asyncio.to_thread(connection.recv, 65536)
    await served.send(turn(900, session_id="of-bob", content="canary"), user="bob")
    await served.send(turn(901, session_id="of-alice-now"), user="alice")
    while b"of-alice-now" not in received:
        received += await asyncio.to_thread(connection.recv, 65536)
    connection.close()

    assert b"of-bob" not in received
    assert b"canary" not in received
