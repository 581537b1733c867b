"""``GET /api/v1/projects``."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def turn(event):
    """A turn of a session in a directory."""

    def make(session, directory, time=1000.0, repository=None, **fields):
        meta = {"working_dir": directory, "metadata": {"repository": repository}}
        told = {name: value for name, value in meta.items() if value}
        name = f"{session}-{time}-{fields.get('revision', 0)}"
        given = {"session_id": session, "timestamp": time, "session_meta": told, "turn_id": name}
        return event(1, **given, **fields)

    return make


async def test_project_carries_its_sums(archive, turn):
    """Sessions, turns, tokens, tools, hosts, directories and the last activity are told."""
    usage = {"key": "k", "input": 1, "output": 2, "cache_read": 3, "cache_write": 4, "reasoning": 5}
    await archive.send(
        turn("a", "/src/garden", 1000.0, usage=usage, cost_usd=0.5),
        turn("fork", "/src/garden", 2000.0, usage=usage, cost_usd=0.5),
        turn("b", "/src/garden", 1500.0, tool="codex", repository="git@x.example:me/garden.git"),
        turn("c", "/src/shed", 3000.0),
    )

    answer = await archive.get("/projects")

    assert [each["project"] for each in answer["projects"]] == ["/src/shed", "/src/garden"]
    assert {"limit": 200, "offset": 0, "total": 2} == {
        name: value for name, value in answer.items() if name != "projects"
    }
    assert answer["projects"][1] == {
        "project": "/src/garden",
        "repository": "x.example/me/garden",
        "sessions": 3,
        "turns": 3,
        "tokens_in": 1,
        "tokens_out": 2,
        "cache_read": 3,
        "cache_write": 4,
        "reasoning": 5,
        "cost_usd": 0.5,
        "tools": ["claude-code", "codex"],
        "hosts": ["laptop"],
        "directories": [{"host": "laptop", "working_dir": "/src/garden"}],
        "last_activity": 2000.0,
    }


async def test_hosts_are_told_apart_or_joined(archive, turn):
    """By host and directory, by directory, or by the repository."""
    remote = "https://x.example/me/garden"
    await archive.send(
        turn("a", "/src/garden", repository=remote),
        turn("b", "/src/garden", host="desk"),
        turn("c", "/home/garden", 5000.0, host="desk", repository=remote),
        turn("d", None, host="desk"),
    )

    async def found(join):
        answer = await archive.get("/projects", join=join)
        return {(each["project"], *each["hosts"]) for each in answer["projects"]}

    apart = {("/src/garden", "laptop"), ("/src/garden", "desk"), ("/home/garden", "desk")}
    assert await found("none") == apart | {(None, "desk")}
    assert await found("directory") == {
        ("/src/garden", "desk", "laptop"),
        ("/home/garden", "desk"),
        (None, "desk"),
    }
    assert await found("repository") == {
        ("/home/garden", "desk", "laptop"),
        ("/src/garden", "desk"),
        (None, "desk"),
    }


async def test_pages_and_spans_of_time(archive, turn):
    """`limit` and `offset` page; `since`, `until`, `tool` and `host` choose turns."""
    await archive.send(*(turn(f"s{n}", f"/src/p{n}", 86400.0 * n) for n in range(5)))
    await archive.send(turn("x", "/src/p1", 86400.0 * 9, tool="codex", host="desk"))

    async def found(**parameters):
        answer = await archive.get("/projects", **parameters)
        return [each["project"][-2:] for each in answer["projects"]]

    assert await found() == ["p1", "p4", "p3", "p2", "p1", "p0"]
    assert await found(limit=2, offset=1) == ["p4", "p3"]
    assert await found(join="directory") == ["p1", "p4", "p3", "p2", "p0"]
    assert await found(tool="codex") == await found(host="desk") == ["p1"]
    assert await found(since="1970-01-03", until="1970-01-04") == ["p2"]


async def test_metadata_that_is_no_text_tells_no_repository(archive, turn):
    """Whatever a parser wrote there, the projects are answered."""
    for number, odd in enumerate(({"a": 1}, [1], 5, "", "DEEP")):
        text = json.dumps(turn(f"s{number}", "/src", repository=odd))
        text = text.replace('"DEEP"', "[" * 900 + "]" * 900)
        assert (await (await archive.post(text.encode())).json())["errors"] == []

    answer = await archive.get("/projects")

    assert [(each["repository"], each["sessions"]) for each in answer["projects"]] == [(None, 5)]


@pytest.mark.promise("Q11", "A9")
@pytest.mark.parametrize(
    "parameters",
    [
        {"join": "host"},
        {"limit": "0"},
        {"limit": "1e3"},
        {"limit": "1001"},
        {"offset": "-1"},
        {"since": "soon"},
        {"since": "2026-02-01", "until": "2026-01-01"},
        {"tz": "../x"},
        {"q": "x"},
    ],
    ids=str,
)
async def test_q11_wrong_parameter_is_refused_by_name(archive, parameters):
    """Unknown and wrong parameters are a 400 that names the parameter."""
    problem = await archive.get("/projects", status=400, **parameters)

    assert (problem["code"], problem["parameter"]) == ("INVALID", next(iter(parameters)))


@pytest.mark.promise("A14", "A15", "A17", "A3")
async def test_a17_projects_of_others_move_no_figure(archive, turn):
    """The same directories and replies of another owner change nothing; `owner` is for admins."""
    usage = {"key": "k", "input": 5}
    await archive.send(turn("a", "/src", usage=usage))
    before = await archive.get("/projects")

    bob = archive.as_user("bob")
    await bob.send(*(turn(f"s{n}", "/src", usage=usage | {"input": 9}) for n in range(9)))

    assert before == await archive.get("/projects")
    assert (await archive.get("/projects", 403, owner="bob"))["code"] == "FORBIDDEN"
    his = await archive.as_user("root").get("/projects", owner="bob")
    assert (his["projects"][0]["sessions"], his["projects"][0]["tokens_in"]) == (9, 9)
