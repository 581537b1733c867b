"""``GET /api/v1/hosts``."""

from __future__ import annotations

import pytest

NOW = 1_700_000_500.0


@pytest.fixture
def clock(monkeypatch):
    """Set the time at which something is stored."""

    def set_to(now):
        monkeypatch.setattr("lethe_server.storage.turns.time.time", lambda: now)

    set_to(NOW)
    return set_to


async def hosts(archive):
    """The answer by host and tool."""
    return {(each["host"], each["tool"]): each for each in (await archive.get("/hosts"))["hosts"]}


async def test_host_tells_its_last_event_and_how_late_it_came(archive, event, clock):
    """Per host and tool: sessions, turns, the newest turn, when it came, and the lag."""
    await archive.send(
        event(1, timestamp=NOW - 100), event(2, timestamp=NOW - 30), event(3, host="desk", tool="x")
    )

    found = await hosts(archive)

    assert list(found) == [("desk", "x"), ("laptop", "claude-code")]
    assert found["laptop", "claude-code"] == {
        "host": "laptop",
        "tool": "claude-code",
        "sessions": 1,
        "turns": 2,
        "last_event": NOW - 30,
        "last_received": NOW,
        "lag": 30.0,
    }


async def test_history_that_comes_later_leaves_the_lag(archive, event, clock):
    """The lag is that of the newest turn; only what is new counts as received."""
    newest = event(2, timestamp=NOW - 1)
    await archive.send(newest)
    clock(NOW + 1000)
    await archive.send(event(1, timestamp=NOW - 5000))
    clock(NOW + 2000)
    await archive.send(newest)

    (found,) = (await hosts(archive)).values()

    assert (found["last_received"], found["lag"]) == (NOW + 1000, 1.0)


async def test_clock_that_is_fast_has_no_lag(archive, event, clock):
    """A turn from the future came at once; one without a time tells nothing."""
    await archive.send(event(1, timestamp=NOW + 50), event(2, host="desk", timestamp=None))

    found = await hosts(archive)

    assert found["laptop", "claude-code"]["lag"] == 0.0
    assert found["desk", "claude-code"]["last_event"] is None
    assert found["desk", "claude-code"]["lag"] is None


@pytest.mark.promise("A14", "A15", "A17", "Q11", "A3")
async def test_a17_hosts_of_others_are_not_told(archive, event, clock):
    """What another owner stores moves nothing; `owner` is for admins."""
    await archive.send(event(1))
    before = await hosts(archive)
    clock(NOW + 99)
    await archive.as_user("bob").send(event(1), event(2, host="desk"))

    assert before == await hosts(archive)
    assert (await archive.get("/hosts", 403, owner="bob"))["code"] == "FORBIDDEN"
    assert (await archive.get("/hosts", 400, limit="1"))["parameter"] == "limit"
    assert len((await archive.as_user("root").get("/hosts", owner="bob"))["hosts"]) == 2
