"""What admins read of others: every route that reads, for one owner and for everybody."""

from __future__ import annotations

import asyncio
import json

import pytest
from security.served import turn

from lethe_server.openapi.operations import OPERATIONS
from lethe_server.parameters import OwnedParameters

PLACES = {"tool": "claude-code", "host": "laptop", "session_id": "of-bob"}
NEEDED = {"q": "text"}
#: The routes whose rows belong to somebody; a stream does not end and is asked below.
READING = sorted(
    path
    for (method, path), operation in OPERATIONS.items()
    if method == "GET" and isinstance(operation.parameters, OwnedParameters)
)
OTHER = sorted({path for method, path in OPERATIONS if method == "GET"} - {*READING})
STREAM = "/api/v1/events"
#: What differs from answer to answer.
PASSING = {"request_id", "took_ms", "age"}
JSON = {"Content-Type": "application/json"}


async def save(served, user, name):
    """Save a search of a user and return its id."""
    body = json.dumps({"name": name, "q": "text"})
    headers = {"Remote-User": user} | JSON
    answer = await served.ask("POST", "/api/v1/saved-searches", data=body, headers=headers)
    assert 201 == answer.status
    return answer.json["id"]


@pytest.fixture
async def filled(serve):
    """A server on which alice, bob and root have a session each, and bob a host and a search."""
    served = serve()
    for user in ("alice", "bob", "root"):
        await served.send(turn(session_id=f"of-{user}"), turn(2, session_id="shared"), user=user)
    for user in ("alice", "bob"):
        path = "/api/v1/hosts/laptop/completeness"
        await served.ask("PUT", path, json={"tools": {}}, headers={"Remote-User": user})
    path = "/api/v1/hosts/desk/completeness"
    await served.ask("PUT", path, json={"tools": {}}, headers={"Remote-User": "bob"})
    return served


async def ask(served, path, user, **parameters):
    """Ask a route that reads, with what it needs."""
    needed = {name: text for name, text in NEEDED.items() if path.endswith(("/search", "/find"))}
    parts = PLACES | parameters.pop("places", {})
    return await served.get(path.format(**parts), user=user, params=needed | parameters)


def settled(answer):
    """The answer without what differs each time."""
    if "json" not in answer.headers["Content-Type"]:
        return answer.body
    return {name: value for name, value in answer.json.items() if name not in PASSING}


@pytest.mark.promise("A18", "A14", "A2", "O4")
async def test_a18_an_admin_reads_what_the_owner_reads(filled):
    """On each route, `owner=bob` answers as bob is answered, and the log tells who asked."""
    search = await save(filled, "bob", "texts")
    for path in READING:
        if path == STREAM:
            continue
        places = {"id": search}
        own = await ask(filled, path, "bob", places=places)
        asked = await ask(filled, path, "root", places=places, owner="bob")
        refused = await ask(filled, path, "alice", places=places, owner="bob")

        assert (200, 200, 403) == (own.status, asked.status, refused.status), path
        assert settled(own) == settled(asked), path
        line = [json.loads(x) for x in filled.log.splitlines() if "belongs to others" in x][-1]
        assert ("root", "bob", path) == (line["user"], line["owner"], line["route"])


@pytest.mark.promise("A18", "A14", "A2")
async def test_a18_everybody_is_the_sum_of_all_owners(filled):
    """With `owner=*` each route adds up or lists what each owner reads alone."""
    for user in ("alice", "bob"):
        await save(filled, user, f"texts of {user}")

    async def all_of(path, **parameters):
        answer = await ask(filled, path, "root", owner="*", **parameters)
        assert 200 == answer.status, (path, answer.body)
        return answer.json

    stats = await all_of("/api/v1/stats", group_by="tool", since="2023-11-14T22:13:21.5")
    assert (3, 3) == (stats["totals"]["sessions"], stats["totals"]["turns"])
    assert [3] == [each["turns"] for each in stats["groups"]]
    assert 6 == (await all_of("/api/v1/stats"))["totals"]["turns"]
    (tool,) = (
        each for each in (await all_of("/api/v1/tools"))["tools"] if each["tool"] == "claude-code"
    )
    assert (6, 6) == (tool["sessions"], tool["turns"])
    hosts = (await all_of("/api/v1/hosts"))["hosts"]
    assert [("alice", 2), ("bob", 2), ("root", 2)] == [(x["owner"], x["turns"]) for x in hosts]
    projects = (await all_of("/api/v1/projects"))["projects"]
    assert [1, 1, 1] == [len(each["directories"]) for each in projects]
    (joined,) = (await all_of("/api/v1/projects", join="directory"))["projects"]
    assert ["alice", "bob", "root"] == [each["owner"] for each in joined["directories"]]
    saved = (await all_of("/api/v1/saved-searches"))["saved_searches"]
    assert ["alice", "bob"] == [each["owner"] for each in saved]
    one = await all_of("/api/v1/saved-searches/{id}", places={"id": saved[1]["id"]})
    assert saved[1] == one
    run = await all_of("/api/v1/saved-searches/{id}/run", places={"id": saved[1]["id"]})
    assert {"alice", "bob", "root"} == {each["owner"] for each in run["results"]}


@pytest.mark.promise("A18", "A14")
async def test_a18_one_thing_of_everybody_is_whose_it_is(filled):
    """What has one owner is found with `owner=*`; what several have is a 409, never a guess."""
    for path in READING:
        if "{tool}" in path:
            found = await ask(filled, path, "root", owner="*")
            several = await ask(filled, path, "root", owner="*", places={"session_id": "shared"})
        elif "{host}" in path:
            found = await ask(filled, path, "root", owner="*", places={"host": "desk"})
            several = await ask(filled, path, "root", owner="*")
        else:
            continue
        assert (200, 409, "CONFLICT") == (found.status, several.status, several.code), path
    detail = await ask(filled, "/api/v1/sessions/{tool}/{host}/{session_id}", "root", owner="*")

    assert "bob" == detail.json["session"]["owner"]


@pytest.mark.promise("A14", "A13")
async def test_a14_what_belongs_to_nobody_knows_no_owner(filled):
    """Where nothing of an owner is read, `owner` is 400 for an admin and 403 for all others."""
    for path in OTHER:
        mine = await ask(filled, path, "root", owner="bob", places={"id": "x"})
        refused = await ask(filled, path, "alice", owner="alice", places={"id": "x"})

        assert (400, "INVALID") == (mine.status, mine.code), path
        assert (403, "FORBIDDEN") == (refused.status, refused.code), path


@pytest.mark.promise("A18", "A14")
async def test_a18_an_admin_follows_everybody(filled):
    """A stream with `owner=*` tells what each stores, whose it is, and goes on after a pause."""

    def open_stream(last_id=None):
        connection = filled.connect()
        connection.settimeout(60)
        resume = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        connection.sendall(
            b"GET /api/v1/events?owner=* HTTP/1.1\r\nHost: localhost\r\nRemote-User: root\r\n"
            + resume.encode()
            + b"\r\n"
        )
        return connection

    async def read_until(connection, *words):
        received = b""
        while not all(word in received for word in words):
            part = await asyncio.to_thread(connection.recv, 65536)
            assert part, received
            received += part
        return received.decode()

    with open_stream() as first:
        begin = await read_until(first, b"event: ready", b"\n\n")
        await filled.send(turn(3, session_id="of-alice"), user="alice")
        await filled.send(turn(3, session_id="of-bob"), user="bob")
        told = await read_until(first, b'"owner":"alice"', b'"owner":"bob"', b"of-bob")
    last_id = begin.partition("id: ")[2].partition("\n")[0]
    with open_stream(last_id) as again:
        resumed = await read_until(again, b"of-alice", b"of-bob")

    assert "event: reset" not in told + resumed
    assert 2 == last_id.count(",")
