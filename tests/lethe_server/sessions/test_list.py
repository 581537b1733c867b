"""``GET /api/v1/sessions``."""

from __future__ import annotations

import pytest

from lethe_server.sessions.answers import SessionAnswer, answer_session
from lethe_server.storage import SessionRow


async def ids(archive, **parameters):
    """The sessions that a query finds."""
    return [s["session_id"] for s in (await archive.get("/sessions", **parameters))["sessions"]]


def test_each_column_is_answered_under_its_own_name():
    """What is answered as it is stored has the same name at both ends."""
    names = SessionRow(*SessionRow._fields)._replace(cost_nano=1, state=b"{}", metadata=b"{}")

    answer = answer_session(names)

    computed = {"cost_usd", "models", "metadata", "owner"}
    copied = [name for name in SessionAnswer.__struct_fields__ if name not in computed]
    assert {name: name for name in copied} == {name: getattr(answer, name) for name in copied}


async def test_a_session_carries_its_figures(archive, event):
    """Title, preview, times, counts, tokens, models, place and parent are told."""
    meta = {
        "title": "Mend the parser",
        "title_source": "generated",
        "working_dir": "/home/alice/lethe",
        "git_branch": "main",
        "parent_session_id": "s0",
        "relation": "fork",
        "source_file": "a.jsonl",
        "metadata": {"version": "2.1"},
    }
    usage = {"key": "m1", "input": 5, "output": 7, "cache_read": 11, "cache_write": 13}
    reply = {"role": "assistant", "model": "model-b", "usage": usage}
    call = [{"id": "c1", "name": "Bash", "input": {"command": "ls"}}]
    result = [{"id": "c1", "name": "Bash", "output": "a\nb"}]
    await archive.send(
        event(1, content="  Please\n mend it ", metadata={"kind": "prompt"}, session_meta=meta),
        event(2, **reply, metadata={"kind": "thinking"}),
        event(3, **reply, tool_calls=call, metadata={"kind": "tool_call"}, cost_usd=0.5),
        event(4, role="tool", content="", tool_calls=result, metadata={"kind": "tool_result"}),
        event(5, role="system", content="", timestamp=..., metadata={"kind": "unmapped"}),
        event(6, role="assistant", model="model-a", tokens_in=100, tokens_out=200),
    )

    answer = await archive.get("/sessions")

    assert {"limit": 50, "offset": 0, "total": 1} == {
        name: answer[name] for name in ("limit", "offset", "total")
    }
    assert [
        {
            "tool": "claude-code",
            "host": "laptop",
            "session_id": "s1",
            "title": "Mend the parser",
            "preview": "Please mend it",
            "started_at": 1_700_000_001.0,
            "last_activity": 1_700_000_006.0,
            "turns": 6,
            "prompts": 1,
            "user_turns": 1,
            "assistant_turns": 3,
            "tool_turns": 1,
            "system_turns": 1,
            "tool_calls": 1,
            "unmapped": 1,
            "tokens_in": 105,
            "tokens_out": 207,
            "cache_read": 11,
            "cache_write": 13,
            "reasoning": 0,
            "cost_usd": 0.5,
            "models": ["model-a", "model-b"],
            "working_dir": "/home/alice/lethe",
            "git_branch": "main",
            "parent_session_id": "s0",
            "relation": "fork",
            "source_file": "a.jsonl",
            "metadata": {"version": "2.1"},
        }
    ] == answer["sessions"]


@pytest.mark.promise("I06", "P6")
async def test_i06_titles_follow_their_rules_whatever_comes_first(archive, event):
    """The strongest source wins, then the latest; of prompts the first; else the preview."""

    def titled(number, title, source):
        meta = {"title": title, "title_source": source}
        return event(number, kind="session", session_meta=meta, turn_id=..., role=...) | {}

    await archive.send(event(2, content="second"), event(1, content="first"))
    assert ["first"] == [s["title"] for s in (await archive.get("/sessions"))["sessions"]]

    steps = [
        (9, "late prompt", "prompt", "late prompt"),
        (3, "early prompt", "prompt", "early prompt"),
        (8, "late summary", "summary", "late summary"),
        (5, "early summary", "summary", "late summary"),
        (1, "custom", "custom", "custom"),
        (7, "generated", "generated", "custom"),
    ]
    for number, title, source, expected in steps:
        line = titled(number, title, source)
        del line["content"]
        await archive.send(line)
        [session] = (await archive.get("/sessions"))["sessions"]
        assert expected == session["title"]


async def test_the_newest_activity_comes_first(archive, event):
    """Sessions are ordered by their last activity; those without any come last."""
    await archive.send(
        event(1, session_id="old"),
        event(9, session_id="new"),
        event(5, session_id="middle"),
        event(7, session_id="never", timestamp=...),
    )

    assert ["new", "middle", "old", "never"] == await ids(archive)
    assert ["middle", "old"] == await ids(archive, limit=2, offset=1)
    assert 4 == (await archive.get("/sessions", limit=1))["total"]


async def test_filters(archive, event):
    """Each filter finds what it names, and all of them hold together."""

    def session(name, number, **fields):
        relation = fields.pop("relation", None)
        meta = {"working_dir": fields.pop("cwd", "/x"), "relation": relation}
        return event(number, session_id=name, session_meta=meta, **fields)

    await archive.send(
        session("a", 1, cwd="/home/alice/lethe"),
        session("b", 2, cwd="/home/alice/lethe/docs", tool="codex"),
        session("c", 3, cwd="C:\\work\\lethe", host="desktop", relation="subagent"),
        session("d", 4, cwd="/srv/not-lethe", relation="fork"),
    )
    start = 1_700_000_000
    cases = [
        ({"tool": "codex"}, ["b"]),
        ({"host": "desktop"}, ["c"]),
        ({"project": "lethe"}, ["c", "a"]),
        ({"project": "alice/lethe/"}, ["a"]),
        ({"project": "/home/alice/lethe"}, ["a"]),
        ({"project": "%"}, []),
        ({"since": start + 3}, ["d", "c"]),
        ({"until": start + 2}, ["a"]),
        ({"since": start + 2, "until": start + 4}, ["c", "b"]),
        ({"since": "2023-11-14T22:13:23Z"}, ["d", "c"]),
        ({"until": "2023-11-14"}, []),
        ({"relation": "none"}, ["b", "a"]),
        ({"relation": "fork"}, ["d"]),
        ({"tool": "claude-code", "project": "lethe", "relation": "none"}, ["a"]),
        ({"tool": "nothing"}, []),
    ]
    for parameters, expected in cases:
        assert expected == await ids(archive, **parameters), parameters


async def test_session_is_found_by_the_beginning_of_its_id(archive, event):
    """`session` is an id or its beginning, in the case in which it is written."""
    await archive.send(*(event(1, session_id=name) for name in ("ab-1", "ab-2", "abc", "AB-1")))

    assert sorted(await ids(archive, session="ab-")) == ["ab-1", "ab-2"]
    assert await ids(archive, session="AB") == ["AB-1"]
    assert await ids(archive, session="b-1") == []


@pytest.mark.promise("Q11", "A9")
@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ([("limit", "0")], "limit"),
        ([("limit", "-1")], "limit"),
        ([("limit", "201")], "limit"),
        ([("limit", "1e2")], "limit"),
        ([("limit", "٣")], "limit"),
        ([("limit", "9" * 5000)], "limit"),
        ([("offset", "1.5")], "offset"),
        ([("since", "yesterday")], "since"),
        ([("since", "-1")], "since"),
        ([("until", "99999-01-01")], "until"),
        ([("until", "1e300")], "until"),
        ([("relation", "cousin")], "relation"),
        ([("tool", "")], "tool"),
        ([("tool", "a"), ("tool", "b")], "tool"),
        ([("colour", "red")], "colour"),
        ([("<script>", "1")], "a parameter"),
    ],
)
async def test_q11_wrong_parameters_are_named(archive, parameters, named):
    """An unknown, repeated or wrong parameter is 400 INVALID and names the parameter."""
    answer = await archive.client.get(
        "/api/v1/sessions", params=parameters, headers={"Remote-User": "alice"}
    )

    problem = await answer.json()
    assert (400, "INVALID", named) == (answer.status, problem["code"], problem["parameter"])


@pytest.mark.promise("A3", "A15")
async def test_a15_lists_hold_own_sessions_alone(archive, event):
    """Nobody sees another's session, nor counts it."""
    await archive.send(event(1))

    answer = await archive.as_user("bob").get("/sessions")

    assert ([], 0) == (answer["sessions"], answer["total"])


@pytest.mark.promise("A14", "A3")
@pytest.mark.parametrize("path", ["/sessions", "/sessions/claude-code/laptop/s1"])
async def test_a14_only_admins_may_ask_for_an_owner(archive, event, path):
    """`owner` is 403 for all others, whatever its value; for an admin it opens one archive."""
    await archive.send(event(1))

    for value in ("alice", "bob", "*", "", "ALICE"):
        problem = await archive.get(path, status=403, owner=value)
        assert "FORBIDDEN" == problem["code"]

    admin = archive.as_user("root")
    answer = await admin.get(path, owner="alice")
    assert "s1" in str(answer)
    everybody = await admin.get(path, owner="*")
    found = everybody["sessions"][0] if path == "/sessions" else everybody["session"]
    assert "alice" == found["owner"]
