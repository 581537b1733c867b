"""Answers for sessions that are kept say what is so now, and to whom they may."""

from __future__ import annotations

import pytest

from lethe_server.keys import LISTING
from lethe_server.sessions import listing


async def _listed(archive, **parameters):
    """The sessions of the list, by their id."""
    answer = await archive.get("/sessions", **parameters)
    return {session["session_id"]: session for session in answer["sessions"]}


@pytest.mark.promise("P6")
async def test_a_session_that_has_changed_is_told_anew(archive, event):
    """What the list told before is told of those alone that are as they were."""
    await archive.send(event(1, session_id="one"), event(2, session_id="two"))
    before = await _listed(archive)
    await archive.send(event(3, session_id="two", content="more", timestamp=1_800_000_000))

    after = await _listed(archive)

    assert [*after] == ["two", "one"]
    assert after["one"] == before["one"]
    assert (before["two"]["turns"], after["two"]["turns"]) == (1, 2)
    assert after["two"]["last_activity"] == 1_800_000_000


async def test_tokens_that_another_session_tells_are_told(archive, event):
    """A session changes where a reply that it shares turns out to have cost more elsewhere."""
    usage = {"key": "reply", "output": 3}
    await archive.send(event(1, session_id="one", role="assistant", usage=usage))
    before = await _listed(archive)
    fuller = usage | {"output": 7}
    await archive.send(event(2, session_id="fork", role="assistant", usage=fuller))

    after = await _listed(archive)

    assert (before["one"]["tokens_out"], after["one"]["tokens_out"]) == (3, 7)


@pytest.mark.promise("A18")
async def test_a18_whose_a_session_is_is_told_to_who_asks_for_all(archive, event):
    """The same session is told with its owner or without, whatever was told before."""
    await archive.send(event(1, session_id="one"))
    admin = archive.as_user("root")

    for _ in range(2):
        everybody = await _listed(admin, owner="*")
        assert everybody["one"].pop("owner") == "alice"
        assert await _listed(archive) == await _listed(admin, owner="alice") == everybody
        assert await _listed(archive.as_user("bob")) == {}


async def test_large_answers_are_not_kept(archive, event):
    """What a session says of itself may be large; it is told, and not held in memory."""
    meta = {"metadata": {"note": "x" * listing.MAX_BYTES}}
    await archive.send(event(1, session_id="one", session_meta=meta), event(2, session_id="two"))

    first, second = await _listed(archive), await _listed(archive)

    assert first == second
    assert first["one"]["metadata"] == meta["metadata"]
    assert len(archive.app[LISTING]._answers) == 1


async def test_no_more_answers_are_kept_than_have_room(archive, event, monkeypatch):
    """A list is whole although not all of it can be kept."""
    monkeypatch.setattr(listing, "AT_HAND", 2)
    await archive.send(*(event(number, session_id=f"s{number}") for number in range(1, 6)))

    first, second = await _listed(archive), await _listed(archive)

    assert first == second
    assert [*first] == ["s5", "s4", "s3", "s2", "s1"]
