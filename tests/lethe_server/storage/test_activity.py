"""Activity equals what the turns say, whatever came in whatever order."""

from __future__ import annotations

import json

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lethe_core.wire import decode_line
from lethe_server.storage.activity import ALL_TIME
from lethe_server.storage.migrations import known_migrations, migrate
from lethe_server.storage.records import prepare_record
from lethe_server.storage.recounting import count_anew, count_miscounted
from lethe_server.storage.turns import store_records

FIGURES = ("tokens_in", "tokens_out", "cache_read", "cache_write", "reasoning", "cost_nano")

small = st.integers(0, 5)
#: Times on both sides of the border of a slot.
times = st.one_of(st.none(), st.sampled_from([0.0, 899.999, 900.0, 1800.5]))


@st.composite
def turns(draw):
    """A copy of one of a few turns; copies of one revision and version say the same."""
    key = draw(st.sampled_from([None, "k1", "k2"]))
    tokens = {"input": draw(small), "output": draw(small)}
    said = {"usage": {"key": key, "cache_read": draw(small), **tokens}} if key else {}
    if not key:
        said = {"tokens_in": tokens["input"], "tokens_out": tokens["output"]}
    return {
        "tool": draw(st.sampled_from(["t", "u"])),
        "host": draw(st.sampled_from(["h", "i"])),
        "session_id": draw(st.sampled_from(["s1", "s2"])),
        "turn_id": draw(st.sampled_from(["t1", "t2"])),
        "seq": draw(small),
        "revision": draw(st.integers(0, 3)),
        "role": draw(st.sampled_from(["user", "assistant"])),
        "timestamp": draw(times),
        "model": draw(st.sampled_from([None, "m1", "m2"])),
        "content": "",
        "cost_usd": draw(st.sampled_from([None, 0.25])),
        **said,
    }


@st.composite
def histories(draw):
    """Turns, of which no two differ without a revision between them."""
    drawn = draw(st.lists(turns(), min_size=1, max_size=12))
    identity = ("tool", "host", "session_id", "turn_id", "revision")
    unique = {tuple(turn[name] for name in identity): turn for turn in drawn}
    return list(unique.values())


def fresh_database():
    """An empty archive in memory."""
    connection = apsw.Connection(":memory:")
    migrate(connection)
    return connection


def store(connection, events, owner="alice"):
    """Store events as one request."""
    records = [prepare_record(decode_line(json.dumps(event).encode())) for event in events]
    with connection:
        store_records(connection, owner, records)


def kept(connection):
    """The rows of the table, sessions by name."""
    query = f"""
        SELECT a.slot, s.tool, s.host, s.session_id, a.role, a.model, a.turns, {
        ", ".join(f"a.{name}" for name in FIGURES)
    } FROM activity a JOIN sessions s ON s.id = a.session AND s.owner = a.owner"""
    return {row[:6]: row[6:] for row in connection.execute(query)}


def counted(connection):
    """The same, counted in Python from the turns alone."""
    query = f"""
        SELECT t.timestamp, s.tool, s.host, s.session_id, t.seq, t.turn_id, t.role,
            coalesce(t.model, ''), u.key, {", ".join(f"t.{name}" for name in FIGURES)}
        FROM turns t JOIN sessions s ON s.id = t.session LEFT JOIN usage u ON u.id = t.usage"""
    cells, replies = {}, {}

    def add(cell, turn, numbers):
        sums = cells.setdefault(cell, [0] * 7)
        cells[cell] = [a + b for a, b in zip(sums, (turn, *numbers), strict=True)]

    for time, tool, host, session, seq, turn, role, model, key, *numbers in connection.execute(
        query
    ):
        slot = -1 if time is None else int(time // 900)
        cell = (slot, tool, host, session, role, model)
        add(cell, 1, [0] * 6 if key else numbers)
        if key:
            place = (time is None, time or 0.0, host, session, seq, turn)
            replies.setdefault((tool, key), []).append((place, cell, numbers))
    for copies in replies.values():
        greatest = map(max, zip(*(numbers for _, _, numbers in copies), strict=True))
        add(min(copies)[1], 0, greatest)
    for (_, *rest), sums in list(cells.items()):
        cell = (ALL_TIME, *rest)
        cells[cell] = [a + b for a, b in zip(cells.get(cell, [0] * 7), sums, strict=True)]
    return {cell: tuple(sums) for cell, sums in cells.items()}


def stale_firsts(connection):
    """The replies whose `turn` is not the earliest that carries them."""
    query = """
        SELECT u.key, u.turn, (
            SELECT t.id FROM turns t JOIN sessions s ON s.id = t.session WHERE t.usage = u.id
            ORDER BY coalesce(t.timestamp, 1e12), s.host, s.session_id, t.seq, t.turn_id LIMIT 1)
        FROM usage u"""
    return [row for row in connection.execute(query) if row[1] != row[2]]


@pytest.mark.promise("P4", "P5", "I04")
@settings(max_examples=100)
@given(events=histories(), data=st.data())
def test_i04_activity_is_exact_in_any_order(events, data):
    """Order, repetition and splitting change no row, and each row is what the turns say."""
    once = fresh_database()
    store(once, events)

    order = data.draw(st.permutations([*events, *events]), label="order")
    cut = data.draw(st.integers(0, len(order)), label="cut")
    split = fresh_database()
    for part in (order[:cut], order[cut:]):
        store(split, part)
        assert counted(split) == kept(split)
        assert stale_firsts(split) == []

    assert counted(once) == kept(once)
    assert kept(once) == kept(split)


@settings(max_examples=50)
@given(events=histories())
def test_migration_counts_what_is_archived_already(events):
    """An archive of the version before gets the same rows as one that kept them all along."""
    kept_along = fresh_database()
    store(kept_along, events)

    migrated = fresh_database()
    store(migrated, events)
    migrated.execute("DROP TABLE activity; ALTER TABLE usage DROP COLUMN turn")
    names = ("m0003_activity", "m0011_activity_of_all_time")
    steps = [step for step in known_migrations() if step.__module__.endswith(names)]
    with migrated:
        for step in steps:
            step(migrated)

    firsts = "SELECT u.tool, u.key, t.turn_id FROM usage u JOIN turns t ON t.id = u.turn ORDER BY 1"
    assert kept(kept_along) == kept(migrated)
    assert sorted(kept_along.execute(firsts)) == sorted(migrated.execute(firsts))


#: What may be wrong of a row: it is gone, it counts too much, it is of no turn, its sum is.
WRONGS = (
    f"DELETE FROM activity WHERE slot > {ALL_TIME}",
    f"UPDATE activity SET tokens_out = tokens_out + 1 WHERE slot > {ALL_TIME}",
    f"UPDATE activity SET slot = slot + 7 WHERE slot > {ALL_TIME}",
    f"DELETE FROM activity WHERE slot = {ALL_TIME}",
    f"UPDATE activity SET turns = turns - 1 WHERE slot = {ALL_TIME}",
)


@settings(max_examples=50)
@given(events=histories(), wrong=st.sampled_from(WRONGS))
def test_what_is_counted_wrong_is_found_and_counted_anew(events, wrong):
    """What was kept along is right; whatever is wrong of it is told, and mended to the same."""
    connection = fresh_database()
    store(connection, events)
    before = kept(connection)
    assert count_miscounted(connection) == 0

    connection.execute(wrong)
    assert count_miscounted(connection) > 0
    with connection:
        count_anew(connection)
    assert kept(connection) == before
    assert count_miscounted(connection) == 0
    assert stale_firsts(connection) == []
