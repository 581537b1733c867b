"""``GET /api/v1/sessions/.../find``: hits inside one session."""

from __future__ import annotations

import pytest

PATH = "/sessions/claude-code/laptop/s1/find"


async def found(archive, q, **parameters):
    """The places of the first page."""
    return [hit["seq"] for hit in (await archive.get(PATH, q=q, **parameters))["hits"]]


async def pages(archive, q, **parameters):
    """The names of all pages."""
    names, after = [], {}
    while True:
        answer = await archive.get(PATH, q=q, **parameters, **after)
        names.append([hit["turn_id"] for hit in answer["hits"]])
        if answer["next"] is None:
            return names
        after = {"after": answer["next"]}


async def test_hits_come_in_the_order_of_the_session(archive, event):
    """By `seq`, whatever the time of a turn and however good it matches."""
    await archive.send(
        event(1, content="water the roses", timestamp=3000.0),
        event(2, content="nothing"),
        event(3, content="roses roses roses", timestamp=1000.0, role="assistant"),
        event(4, content="more roses", timestamp=None),
        event(5, content="roses elsewhere", session_id="s2"),
        event(6, content="roses elsewhere", tool="codex"),
        event(7, content="roses elsewhere", host="desk"),
    )

    answer = await archive.get(PATH, q="roses")

    assert list(answer) == ["hits", "limit", "next", "total"]
    assert [hit["seq"] for hit in answer["hits"]] == [10, 30, 40]
    assert answer["hits"][1] == {
        "turn_id": "turn-3",
        "seq": 30,
        "timestamp": 1000.0,
        "role": "assistant",
        "snippet": "\x02roses\x03 \x02roses\x03 \x02roses\x03",
        "match_source": "turn",
    }
    assert (answer["limit"], answer["next"]) == (200, None)
    assert answer["total"] == {"value": 3, "relation": "eq"}


async def test_words_mean_what_they_mean_in_a_search(archive, event):
    """Phrases, exclusions, prefixes, parts of identifiers and conditions work as elsewhere."""
    await archive.send(
        event(1, content="call getUserName now"),
        event(2, content="the user is here", role="assistant"),
        event(3, content="here is the user", timestamp=2_000_000_000.0),
    )

    assert await found(archive, "UserName") == [10]
    assert await found(archive, '"the user"') == [20, 30]
    assert await found(archive, '"the user" -is ') == []
    assert await found(archive, "user role:assistant") == [20]
    assert await found(archive, "here after:2030-01-01") == [30]
    assert await found(archive, "her") == [20, 30]
    assert await found(archive, "user tool:codex") == []
    assert await found(archive, "user session:s1") == [10, 20, 30]
    assert await found(archive, "user session:s2") == []
    assert await found(archive, "🌹") == []


async def test_tool_outputs_are_found_on_request(archive, event):
    """Each turn is one hit, with the text where the words stand."""
    call = {"id": "c", "output": "roses in the output"}
    await archive.send(
        event(1, content="roses", tool_calls=[call]), event(2, content="", tool_calls=[call])
    )

    answer = await archive.get(PATH, q="roses", include_tool_outputs="true")

    assert await found(archive, "roses") == [10]
    assert [(hit["seq"], hit["match_source"]) for hit in answer["hits"]] == [
        (10, "turn"),
        (20, "tool_output"),
    ]
    assert answer["total"]["value"] == 2


@pytest.mark.promise("Q09", "P6")
@pytest.mark.parametrize("limit", [1, 2, 5, 40])
async def test_q09_pages_hold_each_hit_once(archive, event, limit):
    """A page never ends between turns of one place, and none is missed."""
    numbers = range(30)
    await archive.send(*(event(n, seq=n // 3, content=f"roses {n}") for n in numbers))

    found = await pages(archive, "roses", limit=limit)

    assert sorted(name for page in found for name in page) == sorted(f"turn-{n}" for n in numbers)
    assert all(len(page) <= max(limit, 3) + 2 for page in found)


async def test_more_hits_than_are_looked_at_are_told(archive, event, monkeypatch):
    """The total is then at least what was counted."""
    monkeypatch.setattr("lethe_server.search.within.MAX_HITS", 3)
    await archive.send(*(event(n, content="roses") for n in range(5)))

    answer = await archive.get(PATH, q="roses")

    assert answer["total"] == {"value": 3, "relation": "gte"}
    assert len(answer["hits"]) == 3


@pytest.mark.promise("Q11", "A9")
@pytest.mark.parametrize(
    "parameters",
    [
        {"q": ""},
        {"q": "x" * 513},
        {"q": "before:soon"},
        {"limit": "0"},
        {"limit": "1001"},
        {"after": "-1"},
        {"tz": "Nowhere"},
        {"include_tool_outputs": "maybe"},
        {"order": "rank"},
    ],
    ids=str,
)
async def test_q11_wrong_parameter_is_refused_by_name(archive, event, parameters):
    """Unknown and wrong parameters are a 400 that names the parameter."""
    await archive.send(event())

    problem = await archive.get(PATH, status=400, **({"q": "x"} | parameters))

    assert (problem["code"], problem["parameter"]) == ("INVALID", next(iter(parameters)))


@pytest.mark.promise("A14", "A16", "A3")
async def test_a16_session_of_another_owner_is_not_there(archive, event):
    """It is the same 404 as that of a session that nobody has; `owner` is for admins."""
    await archive.as_user("bob").send(event(content="roses"))

    theirs = await archive.get(PATH, status=404, q="roses")
    nobodys = await archive.get("/sessions/claude-code/laptop/none/find", status=404, q="roses")

    assert theirs | {"request_id": ""} == nobodys | {"request_id": ""}
    assert (await archive.get(PATH, 403, q="roses", owner="bob"))["code"] == "FORBIDDEN"
    assert (await archive.as_user("root").get(PATH, q="roses", owner="bob"))["hits"]


@pytest.mark.promise("A15", "A3")
async def test_a15_sessions_of_one_name_are_searched_apart(archive, event):
    """Hits are those of the owner's own session."""
    await archive.send(event(1, content="roses"))
    await archive.as_user("bob").send(event(2, content="roses"), event(3, content="roses"))

    assert await found(archive, "roses") == [10]
    assert await found(archive.as_user("bob"), "roses") == [20, 30]
