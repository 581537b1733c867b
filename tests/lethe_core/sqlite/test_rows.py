"""SqliteParser: rows that their tool updates while they are read."""

from __future__ import annotations

import itertools
import json
import shutil
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from fakes.notes import SCHEMA, NoteParser, closing, contents, dump, put, read, source_of, write

import lethe_core.passes
from lethe_core import Cursor, TurnEvent
from lethe_core.errors import SourceError, SourceReplaced
from lethe_core.testing import ParserConformance, read_records

if TYPE_CHECKING:
    from pathlib import Path

    from lethe_core import Record, Source


def test_rows_are_delivered_and_then_no_more(path: Path) -> None:
    """All rows come once; reading on from the last cursor gives nothing."""
    records = read(path)
    assert {f"m{number}": f"text {number}" for number in range(6)} == contents(records)
    assert records[-1].position == source_of(path).size
    assert [] == read(path, records[-1].cursor)


@pytest.mark.promise("C30", "P5")
def test_c30_a_row_updated_in_place_is_delivered_again(path: Path) -> None:
    """The turn comes again with its new text, a higher revision, and the same place."""
    records = read(path)
    before = next(e for r in records for e in r.events if getattr(e, "turn_id", "") == "m1")
    with closing(path) as connection:
        put(connection, "m1", 1001, "longer text", updated=2000)
    [record] = read(path, records[-1].cursor)
    [after] = record.events
    assert isinstance(before, TurnEvent)
    assert isinstance(after, TurnEvent)
    assert ("m1", "longer text", before.seq) == (after.turn_id, after.content, after.seq)
    assert after.revision > before.revision


@pytest.mark.promise("C31", "P3")
def test_c31_a_reused_rowid_hides_no_row(path: Path) -> None:
    """The newest message is deleted and another takes its rowid: the other one is delivered."""
    cursor = read(path)[-1].cursor
    with closing(path) as connection:
        rowid = connection.execute("SELECT rowid FROM message WHERE id = 'm5'").fetchone()
        connection.execute("DELETE FROM message WHERE id = 'm5'")
        put(connection, "m6", 1010, "another")
        assert rowid == connection.execute("SELECT rowid FROM message WHERE id = 'm6'").fetchone()
    assert {"m6": "another"} == contents(read(path, cursor))


@pytest.mark.promise("C32", "P3")
def test_c32_updates_within_one_unit_of_time_are_all_seen(path: Path) -> None:
    """Two rows, and one row twice, with the time of the watermark: each state is delivered."""
    with closing(path) as connection:
        put(connection, "m0", 1000, "first", updated=2000)
        cursor = read(path)[-1].cursor
        put(connection, "m1", 1001, "second", updated=2000)
        put(connection, "m0", 1000, "first again", updated=2000)
        records = read(path, cursor)
    assert {"m0": "first again", "m1": "second"} == contents(records)


@pytest.mark.promise("C32", "P3")
def test_c32_a_row_that_is_committed_late_is_seen(path: Path) -> None:
    """A row with an earlier time that another writer commits after a later one is delivered."""
    with closing(path) as connection:
        put(connection, "m7", 2000, "later")
        cursor = read(path)[-1].cursor
        put(connection, "m8", 1950, "earlier")
        assert {"m8": "earlier"} == contents(read(path, cursor))


@pytest.mark.promise("C31", "P3")
def test_c31_imported_history_is_seen(path: Path) -> None:
    """New rows that bear old times are delivered, and each of them once."""
    with closing(path) as connection:
        put(connection, "new", 5000, "newest")
        cursor = read(path)[-1].cursor
        put(connection, "old1", 5, "long ago")
        put(connection, "old2", 4, "longer ago")
    records = read(path, cursor)
    assert {"old1": "long ago", "old2": "longer ago"} == contents(records)
    assert ["old2"] == list(contents(read(path, records[0].cursor)))
    assert [] == read(path, records[-1].cursor)


@pytest.mark.promise("C26", "C31", "P3")
def test_c26_rows_written_after_a_clock_was_set_back_are_followed(path: Path) -> None:
    """What changes before the clock is as late as it was is delivered, each state of it."""
    with closing(path) as connection:
        for number in range(300):
            put(connection, f"ahead{number}", 90_000 + number, "by a clock that is ahead")
        cursor = read(path)[-1].cursor
        put(connection, "m10", 2000, "a word")
        cursor = read(path, cursor)[-1].cursor
        for body, updated in [("a word more", 2010), ("and one", 2010), ("and the last", 2020)]:
            put(connection, "m10", 2000, body, updated=updated)
            put(connection, body, updated, "beside it")
            records = read(path, cursor)
            assert {"m10": body, body: "beside it"} == contents(records)
            cursor = records[-1].cursor
    assert [] == read(path, cursor)


@pytest.mark.promise("C26", "P10")
def test_c26_a_cursor_from_before_late_rows_were_followed_holds(path: Path) -> None:
    """Nothing is read again with a cursor that remembers no late rows, and they are noted."""
    with closing(path) as connection:
        put(connection, "ahead", 90_000, "by a clock that is ahead")
        put(connection, "old", 5, "long ago")
        cursor = read(path)[-1].cursor
        before = json.loads(cursor.removeprefix("q1:"))
        assert all(mark.pop() == [] for mark in before["marks"].values())
        cursor = Cursor(f"q1:{json.dumps(before)}")
        assert [] == read(path, cursor)
        put(connection, "m10", 2000, "a word")
        cursor = read(path, cursor)[-1].cursor
        put(connection, "m10", 2000, "a word more", updated=2010)
        assert {"m10": "a word more"} == contents(read(path, cursor))


@pytest.mark.promise("C33", "P8", "P5")
def test_c33_an_older_backup_is_recognised(path: Path) -> None:
    """Rows of an older copy are a new generation, with revisions below those of newer rows."""
    backup = path.with_suffix(".backup")
    shutil.copyfile(path, backup)
    with closing(path) as connection:
        put(connection, "m1", 1001, "newer", updated=2000)
        write(connection, "session", id="s1", title="Newer", updated=2000)
    records = read(path)
    backup.replace(path)
    with pytest.raises(SourceReplaced):
        read(path, records[-1].cursor)
    revisions = {e.turn_id: e.revision for r in read(path) for e in r.events if hasattr(e, "role")}
    assert revisions["m1"] == 1001


@pytest.mark.promise("C33", "P8")
def test_c33_another_database_is_recognised(path: Path) -> None:
    """A database with other rows, some of them newer, is a new generation."""
    cursor = read(path)[-1].cursor
    path.unlink()
    with closing(path) as connection:
        connection.execute(SCHEMA)
        write(connection, "session", id="other", title="Other", updated=5)
        put(connection, "x", 9000, "other")
    with pytest.raises(SourceReplaced):
        read(path, cursor)


@pytest.mark.promise("C33", "P8", "P3")
@pytest.mark.parametrize("how", ["vacuum", "dump"])
def test_c33_a_database_that_was_written_anew_loses_nothing(path: Path, how: str) -> None:
    """After VACUUM or a restored dump no row is lost: at most those of the overlap come again."""
    with closing(path) as connection:
        put(connection, "m9", 5000, "newest")
        connection.execute("DELETE FROM message WHERE id = 'm0'")
    cursor = read(path)[-1].cursor
    with closing(path) as connection:
        if how == "vacuum":
            connection.execute("VACUUM")
        else:
            statements = dump(connection)
    if how == "dump":
        path.unlink()
        with closing(path) as connection:
            connection.execute(statements)
    with closing(path) as connection:
        put(connection, "m10", 5001, "after")
    assert contents(read(path, cursor)).items() >= {"m10": "after"}.items()
    assert set(contents(read(path, cursor))) <= {"m9", "m10"}


@pytest.mark.promise("C33", "P8")
def test_c33_deleted_rows_are_no_replacement(path: Path) -> None:
    """When the newest rows are deleted and newer ones written, reading goes on."""
    cursor = read(path)[-1].cursor
    with closing(path) as connection:
        connection.execute("DELETE FROM message WHERE updated >= 1003")
        put(connection, "n", 1100, "next")
    assert {"n": "next"} == contents(read(path, cursor))


def test_a_bad_row_costs_only_itself(path: Path) -> None:
    """A row that cannot be mapped becomes an unmapped turn; its neighbours are delivered."""
    with closing(path) as connection:
        connection.execute("UPDATE message SET body = x'00' WHERE id = 'm2'")
        connection.execute("UPDATE message SET body = CAST(x'ff41' AS TEXT) WHERE id = 'm3'")
        connection.execute("UPDATE message SET updated = NULL WHERE id = 'm4'")
    records = read(path)
    texts = contents(records)
    assert [r.events[0].metadata["unmapped"]["code"] for r in records if r.unmapped] == [  # type: ignore[union-attr]
        "UNMAPPABLE"
    ]
    assert ("\ufffdA", "text 4") == (texts["m3"], texts["m4"])


def test_memory_is_bounded(path: Path) -> None:
    """Large rows are not held together."""
    with closing(path) as connection:
        for number in range(60):
            put(connection, f"b{number}", 3000 + number, "x" * 1024 * 1024)
    source = source_of(path)
    tracemalloc.start()
    try:
        count = sum(1 for _ in NoteParser().read(source, None))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 68
    assert peak < 32 * 1024 * 1024


@pytest.mark.promise("P5", "P3")
def test_reading_beside_a_writer_converges(path: Path) -> None:
    """However a writer's steps and the reader's fall together, the last state is delivered."""
    state: dict[str, tuple[int, str]] = {}
    cursor = None
    with closing(path) as connection:
        for step in range(200):
            name = f"m{step * 7 % 13}"
            put(connection, name, 1000 + step, f"state {step}", updated=2000 + step // 3)
            for number, record in enumerate(NoteParser().read(source_of(path), cursor)):
                cursor = record.cursor
                for event in record.events:
                    if isinstance(event, TurnEvent):
                        state[event.turn_id] = (event.revision, event.content)
                if number == step % 3:
                    break
        for record in read(path, cursor):
            for event in record.events:
                if isinstance(event, TurnEvent):
                    state[event.turn_id] = (event.revision, event.content)
        expected = dict(connection.execute("SELECT id, body FROM message").fetchall())
    assert expected == {name: content for name, (_, content) in state.items()}


def test_who_reads_in_small_steps_does_not_pay_for_each(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parser that reads on where it has stopped looks at all rows but once, and misses none."""
    with closing(path) as connection:
        for number in range(500):
            put(connection, f"n{number}", 3000 + number, f"text {number}")
    looks = []
    find = lethe_core.passes.Pass._find
    monkeypatch.setattr(
        lethe_core.passes.Pass, "_find", lambda *args: looks.append(args) or find(*args)
    )
    expected, looked = contents(read(path)), len(looks)
    parser, source, cursor = NoteParser(), source_of(path), None
    taken: list[Record] = []
    while steps := list(itertools.islice(parser.read(source, cursor), 3)):
        taken += steps
        cursor = steps[-1].cursor
    assert expected == contents(taken)
    assert len(taken) == 508
    assert len(looks) - looked < 10


def test_places_of_another_cursor_are_not_taken(path: Path) -> None:
    """What was found after a later cursor is no help for an earlier one."""
    with closing(path) as connection:
        for number in range(100):
            put(connection, f"n{number}", 3000 + 10 * number, f"text {number}")
    parser, source = NoteParser(), source_of(path)
    records = read_records(parser, source)
    for place in (60, 20, 90, 3, 100):
        next(parser.read(source, records[place - 1].cursor))
        rest = read_records(parser, source, records[place - 1].cursor)
        assert [record.cursor for record in records[place:]] == [record.cursor for record in rest]


class TestNoteParser(ParserConformance):
    """The base class keeps the contract of parsers."""

    parser_type = NoteParser
    tolerated = (SourceError,)

    def write_samples(self, root: Path) -> None:
        """Write one database in WAL mode and one with a rollback journal."""
        for name in ("one.db", "two.db"):
            with closing(root / name) as connection:
                connection.execute(f"PRAGMA journal_mode={'WAL' if name == 'one.db' else 'DELETE'}")
                connection.execute(SCHEMA)
                write(connection, "session", id="s1", title=name, updated=1000)
                for number in range(40):
                    put(connection, f"m{number}", 1000 + number * 7, f"text {number}")

    def grow(self, root: Path, size: int) -> Source | None:
        """Write one database of many rows."""
        with closing(root / "large.db") as connection:
            connection.execute(SCHEMA)
            for number in range(size // 5000):
                put(connection, f"m{number}", 1000 + number, "x" * 5000)
        return source_of(root)
