"""``GET /api/v1/sessions/.../related``: trees with their sums."""

from __future__ import annotations

import itertools
import random

import pytest

PATH = "/sessions/claude-code/laptop/{}/related"
TOKENS = {
    "input": "tokens_in",
    "output": "tokens_out",
    "cache_read": "cache_read",
    "cache_write": "cache_write",
    "reasoning": "reasoning",
}


@pytest.fixture
def session(event):
    """Turns of a session that carry API replies."""

    def make(name, parent=None, relation=None, replies=(), start=0):
        meta = {"parent_session_id": parent, "relation": relation, "title": f"Title of {name}"}
        told = {key: value for key, value in meta.items() if value}
        common = {"session_id": name, "session_meta": told, "role": "assistant"}
        turns = [event(0, timestamp=1000.0 + start, tokens_in=1, **common)]
        for index, reply in enumerate(replies, 1):
            usage = {name: (len(reply) + ord(reply[-1])) * 7 % 50 for name in TOKENS}
            turns.append(
                event(
                    index,
                    timestamp=1000.0 + start + index,
                    usage={"key": reply, **usage},
                    tool_calls=[{"id": "c", "name": "Bash", "input": {}}],
                    **common,
                )
            )
        return turns

    return make


async def tree(archive, name):
    """The sessions of an answer with their depths."""
    answer = await archive.get(PATH.format(name))
    return [(each["session_id"], each["depth"]) for each in answer["sessions"]]


async def test_tree_names_relations_and_parents(archive, session):
    """Subagents, forks and continuations stand below what they came from, the eldest first."""
    await archive.send(
        *session("main"),
        *session("fork", "main", "fork", start=2),
        *session("agent", "main", "subagent", start=1),
        *session("later", "fork", "continuation", start=3),
        *session("other"),
    )

    answer = await archive.get(PATH.format("fork"))

    assert list(answer) == ["sessions", "asked", "cycle", "truncated"]
    assert await tree(archive, "later") == [("main", 0), ("agent", 1), ("fork", 1), ("later", 2)]
    assert [each["relation"] for each in answer["sessions"]] == [
        None,
        "subagent",
        "fork",
        "continuation",
    ]
    assert [each["parent"] for each in answer["sessions"]] == [None, 0, 0, 2]
    assert (answer["asked"], answer["cycle"], answer["truncated"]) == (2, False, False)
    assert answer["sessions"][2] | {"rollup": {}} == {
        "tool": "claude-code",
        "host": "laptop",
        "session_id": "fork",
        "archived": True,
        "parent": 0,
        "depth": 1,
        "relation": "fork",
        "title": "Title of fork",
        "started_at": 1002.0,
        "last_activity": 1002.0,
        "turns": 1,
        "rollup": {},
    }
    assert await tree(archive, "other") == [("other", 0)]


async def test_rollups_count_each_reply_once(archive, session):
    """Sums over a part of the tree equal a count in Python, whatever the sessions share."""
    chance = random.Random(5)
    parents = {f"s{n}": f"s{chance.randrange(n)}" if n else None for n in range(12)}
    sessions = {
        name: session(name, parent, parent and "fork", chance.sample("abcdefghijkl", 6))
        for name, parent in parents.items()
    }
    await archive.send(*itertools.chain(*sessions.values()))

    def below(name):
        children = [child for child, parent in parents.items() if parent == name]
        return [name, *(each for child in children for each in below(child))]

    for node in (await archive.get(PATH.format("s7")))["sessions"]:
        part = below(node["session_id"])
        turns = [turn for each in part for turn in sessions[each]]
        replies = {turn["usage"]["key"]: turn["usage"] for turn in turns if "usage" in turn}
        expected = {
            column: sum(usage[name] for usage in replies.values())
            for name, column in TOKENS.items()
        }
        expected["tokens_in"] += len(part)
        expected |= {"sessions": len(part), "turns": len(turns), "tool_calls": 6 * len(part)}
        assert {name: node["rollup"][name] for name in expected} == expected


async def test_parent_that_is_not_archived_yet_is_a_node(archive, session):
    """Its children stand below its name, and below itself when it comes."""
    await archive.send(
        *session("a", "main", "subagent"), *session("b", "main", "subagent", start=1)
    )

    answer = await archive.get(PATH.format("b"))
    before = await tree(archive, "a")
    root = answer["sessions"][0]
    await archive.send(*session("main"))

    assert before == await tree(archive, "a") == [("main", 0), ("a", 1), ("b", 1)]
    assert (root["archived"], root["host"], root["title"], root["turns"]) == (False, None, None, 0)
    assert root["rollup"]["sessions"] == 2


async def test_circle_of_parents_is_told(archive, session):
    """A transcript that was edited by hand gives an answer all the same."""
    await archive.send(
        *session("a", "b", "fork", "xy", start=1),
        *session("b", "a", "fork", "x"),
        *session("c", "c"),
    )

    answer = await archive.get(PATH.format("a"))

    assert (answer["cycle"], answer["asked"]) == (True, 1)
    assert answer["sessions"][0]["session_id"] == "b"
    assert answer["sessions"][0]["rollup"]["sessions"] == 2
    assert (await archive.get(PATH.format("c")))["cycle"] is False


async def test_tree_without_end_is_cut_and_says_so(archive, session, monkeypatch):
    """There are at most so many sessions in an answer; the one that was asked for is among them."""
    monkeypatch.setattr("lethe_server.storage.relatives.MAX_RELATIVES", 5)
    await archive.send(
        *session("main"),
        *itertools.chain(*(session(f"s{n}", "main", "subagent", start=n) for n in range(9))),
    )

    answer = await archive.get(PATH.format("s8"))

    assert answer["truncated"]
    assert len(answer["sessions"]) <= 6
    assert answer["sessions"][answer["asked"]]["session_id"] == "s8"


async def test_what_a_session_came_from_stays_in_a_tree_that_is_cut(archive, session, monkeypatch):
    """A parent that is archived is never said to be absent, however young it is."""
    monkeypatch.setattr("lethe_server.storage.relatives.MAX_RELATIVES", 5)
    await archive.send(
        *session("main", start=50),
        *session("middle", "main", "subagent", start=60),
        *itertools.chain(*(session(f"s{n}", "middle", "subagent", start=n) for n in range(9))),
    )

    answer = await archive.get(PATH.format("s8"))

    names = [node["session_id"] for node in answer["sessions"] if node["archived"]]
    assert answer["truncated"]
    assert {"main", "middle", "s8"} <= set(names)
    assert answer["sessions"][answer["asked"]]["depth"] == 2


async def test_same_name_in_another_tool_is_no_relative(archive, session):
    """Names of sessions are those of one tool."""
    turns = session("agent", "main", "subagent")
    await archive.send(*session("main"), *(turn | {"tool": "codex"} for turn in turns))

    assert await tree(archive, "main") == [("main", 0)]


@pytest.mark.promise("A15", "A3")
async def test_a15_trees_of_owners_never_meet(archive, session):
    """A session of another owner is nobody's parent or child, whatever its name."""
    await archive.send(*session("main", replies="ab"))
    before = await archive.get(PATH.format("main"))

    bob = archive.as_user("bob")
    await bob.send(*session("agent", "main", "subagent", "ab"), *session("main", replies="abcdef"))

    assert before == await archive.get(PATH.format("main"))


@pytest.mark.promise("A14", "A16", "A3")
async def test_a16_session_of_another_owner_is_not_there(archive, session):
    """It is the same 404 as that of a session that nobody has; `owner` is for admins."""
    await archive.as_user("bob").send(*session("main"))

    theirs = await archive.get(PATH.format("main"), status=404)
    nobodys = await archive.get(PATH.format("none"), status=404)

    assert theirs | {"request_id": ""} == nobodys | {"request_id": ""}
    assert (await archive.get(PATH.format("main"), 403, owner="bob"))["code"] == "FORBIDDEN"
    assert (await archive.as_user("root").get(PATH.format("main"), owner="bob"))["sessions"]
    assert (await archive.as_user("bob").get(PATH.format("main"), 400, x="1"))["code"] == "INVALID"
