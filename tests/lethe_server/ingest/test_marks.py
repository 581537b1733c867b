"""Marks: what an archive knows of what it has acknowledged."""

from __future__ import annotations

import json

import apsw
import pytest
from fakes.archive import fresh_database

from lethe_server.storage import marks


def body(event):
    """An event as a body."""
    return json.dumps(event).encode()


@pytest.fixture
def ask(archive):
    """Ask whether a mark is known; nothing is stored."""

    async def ask(mark):
        answer = await archive.post(b"", Lethe_Mark=mark)
        assert answer.status == 200
        return (await answer.json())["mark_known"]

    return ask


async def test_marks_of_acknowledgements_are_known(archive, event, ask):
    """Each commit has a mark of its own; those that came are known, others are not."""
    seen = []
    for number in range(1, 4):
        shown = seen[-1] if seen else ""
        told = await (await archive.post(body(event(number)), Lethe_Mark=shown)).json()
        assert told["mark_known"] is bool(seen)
        seen.append(told["mark"])
    nonce, _, count = seen[-1].partition("-")

    assert len(set(seen)) == 3
    assert [await ask(mark) for mark in seen] == [True] * 3
    assert not await ask(f"{nonce}-{int(count) + 1}")
    assert (await (await archive.post(b"")).json())["mark"] == seen[-1]


@pytest.mark.promise("A9")
@pytest.mark.parametrize("mark", ["", "x", "-", "0-0", "0" * 16 + "-" + "9" * 18, "a" * 3000])
async def test_a9_odd_marks_are_unknown(archive, event, ask, mark):
    """Whatever is shown as a mark, the answer is clean, and the lines count."""
    answer = await archive.post(body(event(1)), Lethe_Mark=mark)

    assert (answer.status, (await answer.json())["accepted"]) == (200, 1)
    assert not await ask(mark)


@pytest.mark.promise("A3")
def test_a3_marks_of_another_owner_are_unknown():
    """Each owner's commits are counted for themselves; what others do is not seen in it."""
    connection = fresh_database()
    first = marks.advance_mark(connection, "alice", "a" * 16)
    for _ in range(5):
        marks.advance_mark(connection, "bob", "a" * 16)
    of_bob = marks.last_mark(connection, "bob")

    assert marks.advance_mark(connection, "alice", "a" * 16).endswith("-2")
    assert marks.is_known(connection, "alice", first)
    assert not marks.is_known(connection, "alice", of_bob)
    assert not marks.is_known(connection, "nobody", first)


@pytest.mark.promise("O1")
def test_o1_a_copy_knows_what_is_in_it_and_nothing_else():
    """An older copy knows the marks up to its moment, however much is written to it later."""
    original = fresh_database()
    known = [marks.advance_mark(original, "alice", "a" * 16) for _ in range(3)]
    copy = apsw.Connection(":memory:")
    copy.deserialize("main", original.serialize("main"))
    lost = [marks.advance_mark(original, "alice", "a" * 16) for _ in range(3)]
    for _ in range(10):
        marks.advance_mark(copy, "alice", "b" * 16)

    assert all(marks.is_known(copy, "alice", mark) for mark in known)
    assert not any(marks.is_known(copy, "alice", mark) for mark in lost)
    assert not any(marks.is_known(fresh_database(), "alice", mark) for mark in known)


def test_rows_of_marks_are_bounded(monkeypatch):
    """Of each owner the newest openings are kept."""
    monkeypatch.setattr(marks, "MAX_ROWS", 3)
    connection = fresh_database()
    given = [marks.advance_mark(connection, "alice", f"{n:016x}") for n in range(6)]

    assert [marks.is_known(connection, "alice", mark) for mark in given] == [False] * 3 + [True] * 3
