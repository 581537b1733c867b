"""``GET /api/v1/sessions/{tool}/{host}/{session_id}``."""

from __future__ import annotations

import pytest

from lethe_server.sessions import pages
from lethe_server.storage import turnpages

PATH = "/sessions/claude-code/laptop/s1"


async def test_a_turn_is_told_whole(archive, event):
    """Text, calls, metadata and usage come back as they were sent."""
    calls = [{"id": "c1", "name": "Bash", "input": {"b": 1, "a": [None, 1.0]}, "output": "ü"}]
    metadata = {"kind": "answer", "deep": {"x": "\u2028"}}
    usage = {"key": "m1", "input": 3, "output": 4, "cache_read": 5, "reasoning": 1}
    sent = event(
        1,
        role="assistant",
        model="model-a",
        content="\x00 ok \U0001f600",
        tool_calls=calls,
        metadata=metadata,
        usage=usage,
        cost_usd=0.25,
        revision=2,
    )
    await archive.send(sent)

    answer = await archive.get(PATH)

    assert [
        {
            "turn_id": "turn-1",
            "seq": 10,
            "role": "assistant",
            "timestamp": 1_700_000_001.0,
            "content": "\x00 ok \U0001f600",
            "model": "model-a",
            "tokens_in": 3,
            "tokens_out": 4,
            "cost_usd": 0.25,
            "usage": usage | {"cache_write": 0},
            "tool_calls": calls,
            "metadata": metadata,
            "revision": 2,
            "removed": None,
        }
    ] == answer["turns"]
    assert ("s1", 1, None) == (
        answer["session"]["session_id"],
        answer["session"]["turns"],
        answer["next"],
    )


async def test_shared_tokens_stand_on_the_first_turn_alone(archive, event):
    """The sum over turns counts an API reply once, with its greatest numbers."""
    usage = {"key": "m1", "input": 3}
    await archive.send(
        event(3, role="assistant", usage=usage | {"output": 90}),
        event(2, role="assistant", usage=usage | {"output": 1}),
        event(4, turn_id="z", seq=20, role="assistant", usage=usage | {"output": 2}),
        event(5, role="assistant", tokens_out=7),
    )

    turns = (await archive.get(PATH))["turns"]

    assert [90, None, None, 7] == [turn["tokens_out"] for turn in turns]
    assert [90, 90, 90] == [turn["usage"]["output"] for turn in turns[:3]]


@pytest.mark.parametrize(
    ("place", "told"), [({"after": 20}, [None, 7]), ({"after": 10}, [90, None, 7])]
)
async def test_shared_tokens_are_not_told_again_by_a_later_page(archive, event, place, told):
    """A page that begins behind the first turn of a reply leaves its tokens to the page before."""
    usage = {"key": "m1", "input": 3, "output": 90}
    await archive.send(
        event(1),
        *(event(number, role="assistant", usage=usage) for number in (2, 3)),
        event(4, role="assistant", tokens_out=7),
    )

    turns = (await archive.get(PATH, **place))["turns"]

    assert told == [turn["tokens_out"] for turn in turns]


@pytest.mark.parametrize(("size", "streamed"), [(1_000, False), (400_000, True)])
async def test_only_long_answers_come_in_pieces(archive, event, size, streamed):
    """What one slice holds is answered at once and tells its length; either way it is whole."""
    await archive.send(*(event(number, content="x" * size) for number in range(1, 6)))

    answer = await archive.client.get(f"/api/v1{PATH}", headers={"Remote-User": "alice"})
    body = await answer.json()

    assert streamed == ("Content-Length" not in answer.headers)
    assert [size] * 5 == [len(turn["content"]) for turn in body["turns"]]
    assert (0, None, None) == (body["offset"], body["previous"], body["next"])
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.promise("P6", "I06")
async def test_i06_turns_come_in_source_order(archive, event):
    """Whatever the order of arrival, turns are told by seq."""
    for number in (5, 1, 4, 2, 3):
        await archive.send(event(number))

    turns = (await archive.get(PATH))["turns"]

    assert [f"text {number}" for number in range(1, 6)] == [turn["content"] for turn in turns]


@pytest.mark.parametrize("ties", [0, 5, 200])
@pytest.mark.parametrize("length", [1, 300_000])
async def test_turns_of_one_seq_are_told_by_name(archive, event, ties, length, monkeypatch):
    """Whatever their order of arrival and their size, turns of one seq are in that of their ids."""
    monkeypatch.setattr(turnpages, "_TIES", ties)
    monkeypatch.setattr(pages, "_SLICE_TURNS", 3)
    names = [f"t{number:02}" for number in range(8)]
    content = "x" * length
    for name in reversed(names):
        await archive.send(event(1, seq=7, turn_id=name, content=content))
    await archive.send(event(0, turn_id="first"), event(9, turn_id="last"))

    turns = (await archive.get(PATH))["turns"]

    assert ["first", *names, "last"] == [turn["turn_id"] for turn in turns]


@pytest.mark.parametrize("ties", [0, 1, 200])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 5000])
async def test_pages_hold_each_turn_once(archive, event, size, ties, monkeypatch):
    """Following `next` gives every turn once, even where several share a seq, however many may."""
    monkeypatch.setattr(turnpages, "_TIES", ties)
    events = [event(n, seq=10 * (n // 3)) for n in range(25)]
    await archive.send(*events)

    found, after, pages = [], None, 0
    while pages < 30:
        parameters = {"turns": size} | ({} if after is None else {"after": after})
        page = await archive.get(PATH, **parameters)
        found += [turn["turn_id"] for turn in page["turns"]]
        pages += 1
        after = page["next"]
        if after is None:
            break

    assert sorted(event["turn_id"] for event in events) == sorted(found)
    assert (1 if size == 5000 else 1 < pages) == (pages if size == 5000 else True)


async def test_a_page_is_bounded_in_bytes(archive, event):
    """A page ends when it is large, however few turns it holds."""
    for number in range(1, 6):
        await archive.send(event(number, content="x" * 3_000_000))

    first = await archive.get(PATH)
    second = await archive.get(PATH, after=first["next"])

    assert (3, 30, 2, None) == (
        len(first["turns"]),
        first["next"],
        len(second["turns"]),
        second["next"],
    )


async def test_a_session_without_turns_is_told(archive, event):
    """A session of which only the title is known has an empty list of turns."""
    line = event(1, kind="session", session_meta={"title": "T"}, content=..., role=..., turn_id=...)
    await archive.send(line)

    answer = await archive.get(PATH)

    assert ("T", [], None) == (answer["session"]["title"], answer["turns"], answer["next"])


@pytest.mark.promise("A16", "A3")
async def test_a16_anothers_session_is_as_one_that_does_not_exist(archive, event):
    """The answers for another's session and for none are equal but for the request's name."""
    await archive.send(event(1))
    bob = archive.as_user("bob")

    problems = [
        await bob.get(path, status=404)
        for path in (PATH, "/sessions/claude-code/laptop/none", "/sessions/x/y/z")
    ]

    for problem in problems:
        del problem["request_id"]
    assert problems[0] == problems[1] == problems[2]
    assert "NOT_FOUND" == problems[0]["code"]


@pytest.mark.promise("Q05", "A6")
@pytest.mark.parametrize("name", ["%2e%2e", "a%2fb", "..%5c", "%00", "a" * 4096, "%ff", "s1/"])
async def test_q05_odd_names_are_not_found(archive, name):
    """Whatever stands in the path is a name that is looked up, or nothing."""
    answer = await archive.client.get(
        f"/api/v1/sessions/claude-code/laptop/{name}", headers={"Remote-User": "alice"}
    )

    assert answer.status in {400, 404}


@pytest.mark.parametrize(("name", "value"), [("after", "-1"), ("turns", "0"), ("turns", "5001")])
async def test_wrong_parameters_are_named(archive, event, name, value):
    """A wrong parameter is 400 INVALID and named."""
    await archive.send(event(1))

    problem = await archive.get(PATH, status=400, **{name: value})

    assert ("INVALID", name) == (problem["code"], problem["parameter"])


@pytest.mark.promise("C31", "P4")
@pytest.mark.parametrize("order", [1, -1])
async def test_c31_what_was_taken_back_stays_and_is_told(archive, event, order):
    """Turns between two places are marked, and no more once they were brought back."""
    turns = [event(number, seq=10 * number) for number in (1, 2, 3)]
    said = [
        {"removed:revert": {"from": 20, "to": 100, "why": "reverted"}},
        {"removed:revert": None, "removed:m1": {"from": 10, "to": 11, "why": "deleted"}},
    ]
    metas = [
        {key: turns[0][key] for key in ("tool", "host", "session_id")}
        | {"kind": "session", "seq": 50 + number, "session_meta": {"metadata": metadata}}
        for number, metadata in enumerate(said)
    ]
    await archive.send(*turns, metas[0])
    answer = await archive.get(PATH)
    assert [None, "reverted", "reverted"] == [turn["removed"] for turn in answer["turns"]]

    await archive.send(*metas[::order])

    answer = await archive.get(PATH)
    assert ["deleted", None, None] == [turn["removed"] for turn in answer["turns"]]
    assert "removed:revert" not in answer["session"]["metadata"]
