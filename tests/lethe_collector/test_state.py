"""The state's file: survives, refuses, is private; and what it remembers."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest
from fakes.batches import make_batch

from lethe_collector import statefile
from lethe_collector.batches import LineKey, Refusal
from lethe_collector.dead_letters import MAX_DEAD_LETTER_BYTES
from lethe_collector.state import State
from lethe_collector.statefile import VERSION, StateInUse, StateLock
from lethe_core.errors import ConfigInvalid
from lethe_core.sources import Cursor, Source


def source(path="/somewhere/one.jsonl", **fields):
    """Make a source as a scan finds it."""
    defaults = {"size": 100, "mtime_ns": 7, "device": 1, "inode": 2}
    return Source(path=Path(path), root=Path("/somewhere"), **{**defaults, **fields})


def batch_of(source_id, cursor="c", lines=(b'{"seq":1}',), **fields):
    """Make a batch of one segment."""
    usual = {"after": Cursor(cursor), "position": 10, "lines": [*lines], "records": len(lines)}
    return make_batch(source_id, **usual | fields)


@pytest.fixture
def state(tmp_path):
    """An open state."""
    with closing(State(tmp_path)) as opened:
        yield opened


def test_reading_goes_on_where_it_was_acknowledged(state):
    """The cursor of the last acknowledged batch is where reading goes on."""
    [row] = state.sources.add("toy", 1, [source()])
    state.record_ack(batch_of(row, "c5"), ())

    point = state.sources.reading_point(row, 1)

    assert (point.cursor, point.position, point.generation) == ("c5", 10, 0)


def test_new_generation_begins_at_the_start(state):
    """What was read of a source before it was replaced no longer moves its cursor (P8)."""
    [row] = state.sources.add("toy", 1, [source()])
    state.sources.begin_generation(row)
    state.record_ack(batch_of(row, "late"), ())

    point = state.sources.reading_point(row, 1)

    assert (point.cursor, point.generation, point.epoch) == (None, 1, 1)


def test_unchanged_sources_are_known_after_a_restart(tmp_path):
    """What was read to its end needs no look when the collector starts again."""
    with closing(State(tmp_path)) as state:
        [row] = state.sources.add("toy", 1, [source()])
        state.record_ack(batch_of(row, read_to=(100, 7)), ())
    with closing(State(tmp_path)) as state:
        known = state.sources.known("toy")["/somewhere/one.jsonl"]

    assert known.is_unchanged(source(), 1)
    assert not known.is_unchanged(source(), 2)
    for change in ({"size": 101}, {"mtime_ns": 8}, {"inode": 3}, {"device": 3}):
        assert not known.is_unchanged(source(**change), 1)


def test_paths_need_not_be_text(state):
    """A file name that is no UTF-8 is a name like any other."""
    path = os.fsdecode(b"/somewhere/\xff.jsonl")

    state.sources.add("toy", 1, [source(path, inode=2**64 - 1)])

    assert list(state.sources.known("toy")) == [path]


def test_dead_letter_is_written_once(state):
    """An event that is refused each time it is read is one dead letter."""
    [row] = state.sources.add("toy", 1, [source()])
    refusal = Refusal(code="INVALID", reason="r", key=LineKey("s", "t", 4), line=b"{}")
    for _ in range(3):
        state.record_ack(batch_of(row, refused=[refusal]), ())

    rows = state._database.query("SELECT session_id, turn_id, seq, code FROM dead_letters")
    assert [tuple(found) for found in rows] == [("s", "t", 4, "INVALID")]


def test_kept_bodies_of_dead_letters_are_bounded(state, monkeypatch):
    """Beyond the bound the place of a refused event is kept, its body is not (P10)."""
    [row] = state.sources.add("toy", 1, [source()])
    for number in range(20):
        body = os.urandom(MAX_DEAD_LETTER_BYTES // 10)
        refusal = Refusal(code="X", reason="r", key=LineKey("s", "t", number), line=body)
        state.dead_letters.bury(row, 0, [refusal])

    [[count, kept]] = state._database.query("SELECT count(*), sum(length(line)) FROM dead_letters")
    assert count == 20
    assert kept <= MAX_DEAD_LETTER_BYTES


def test_space_of_the_outbox_is_given_back(state, tmp_path):
    """After the outbox was emptied its disk space is free again (P10)."""
    [row] = state.sources.add("toy", 1, [source()])
    lines = [os.urandom(2**20).hex().encode() for _ in range(4)]
    rows = [state.put_outbox(batch_of(row, lines=lines)) for _ in range(4)]
    for number in rows:
        state.finish_outbox(number, lines, ())
    state._database.query("PRAGMA wal_checkpoint(TRUNCATE)")

    assert (tmp_path / "state.db").stat().st_size < 2**20


@pytest.mark.promise("P11")
def test_every_commit_is_synchronous(state):
    """The connection forces each commit to the disk."""
    pragmas = ("journal_mode", "synchronous", "foreign_keys")

    assert [state._database.query(f"PRAGMA {name}")[0][0] for name in pragmas] == ["wal", 2, 1]


@pytest.mark.promise("O01", "A7")
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_o01_state_is_private(tmp_path, umask):
    """Directory 0700 and files 0600, whatever the umask."""
    before = os.umask(umask)
    directory = tmp_path / "deep" / "state"
    try:
        lock = StateLock.acquire(directory)
        with closing(State(directory)) as state:
            state.set_note("x", 1)
            modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in directory.iterdir()}
        lock.release()
    finally:
        os.umask(before)

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert modes == dict.fromkeys(("lock", "state.db", "state.db-wal", "state.db-shm"), 0o600)


@pytest.mark.promise("P15")
def test_lock_is_held_by_one(tmp_path):
    """A second collector on the same state is refused until the first has ended."""
    lock = StateLock.acquire(tmp_path)
    with pytest.raises(StateInUse, match="state directory in use"):
        StateLock.acquire(tmp_path)
    lock.release()

    StateLock.acquire(tmp_path).release()


@pytest.mark.promise("S15", "P11")
@pytest.mark.parametrize("damage", ["garbage", "nul page", "truncated"])
def test_s15_damaged_state_is_set_aside(tmp_path, damage):
    """A damaged file is kept under another name, and a new one is begun."""
    with closing(State(tmp_path)) as state:
        for number in range(200):
            state.sources.add("toy", 1, [source(f"/somewhere/{number}.jsonl")])
    file = tmp_path / "state.db"
    data = file.read_bytes()
    spoilt = {
        "garbage": b"no database at all" * 1000,
        "nul page": data[:4096] + bytes(4096 * 3) + data[4096 * 4 :],
        "truncated": data[: len(data) // 2],
    }
    file.write_bytes(spoilt[damage])

    with closing(State(tmp_path)) as state:
        assert state.sources.known("toy") == {}

    [kept] = tmp_path.glob("state.db.corrupt-*")
    assert kept.read_bytes() == spoilt[damage]


@pytest.mark.promise("S15", "P5")
def test_s15_a_state_knows_where_its_revisions_begin_from_the_first_step_on(tmp_path, monkeypatch):
    """Whoever is killed while a state is made goes on with its revisions."""
    whole = statefile._MIGRATIONS
    monkeypatch.setattr(statefile, "_MIGRATIONS", (whole[0], "no SQL"))
    with pytest.raises(sqlite3.OperationalError):
        statefile._open(tmp_path / "state.db")
    monkeypatch.setattr(statefile, "_MIGRATIONS", whole)
    with closing(State(tmp_path)) as state:
        [row] = state.sources.add("toy", 1, [source("/somewhere/1.jsonl")])
        revision = state.sources.reading_point(row, 1).revision

    assert abs(revision / 1000 - time.time()) < 3600


@pytest.mark.promise("C33", "O4")
def test_c33_what_shrank_and_was_read_is_no_loss(tmp_path):
    """A database is made shorter by its tool, read to its end, and put back to a backup."""
    with closing(State(tmp_path)) as state:
        [row] = state.sources.add("toy", 1, [source(size=100)])
        for size in (100, 40):
            state.sources.update([(row, source(size=size))])
            state.record_ack(make_batch(row, position=size, read_to=(size, 7)), ())
        state.sources.update([(row, source(size=90))])
        state.sources.begin_generation(row)
        rows = state.sources._database.query("SELECT lost_before FROM sources")

    assert rows == [(0,)]


@pytest.mark.promise("S15")
def test_s15_newer_state_is_refused(tmp_path):
    """A state of a newer version is not touched."""
    State(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")

    with pytest.raises(ConfigInvalid, match="knows up to"):
        State(tmp_path)


def test_foreign_database_is_refused(tmp_path):
    """A file that is somebody else's is left alone."""
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()

    with pytest.raises(ConfigInvalid, match="no state of lethe"):
        State(tmp_path)


def test_failed_transaction_leaves_nothing(state):
    """What fails half-way is as if it had not begun, and the state goes on."""
    [row] = state.sources.add("toy", 1, [source()])
    with pytest.raises(sqlite3.IntegrityError):
        state.put_outbox(batch_of(row + 1))

    assert state.outbox.size() == (0, 0)
    assert state.put_outbox(batch_of(row)) > 0
