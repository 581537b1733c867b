"""SqliteParser: rows of databases that their tool updates while they are read."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import apsw
import apsw.shell
import pytest

import lethe_core.passes
from lethe_core import Feed, Row, SessionMeta, SqliteParser, TurnEvent
from lethe_core.errors import SourceError, SourceReplaced, SourceUnreadable, SourceUnsupported
from lethe_core.testing import ParserConformance, only_source, read_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lethe_core import Event, Record, Source
    from lethe_core.sources import Cursor

SCHEMA = """
CREATE TABLE session (id TEXT PRIMARY KEY, title TEXT, updated INTEGER);
CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, created INTEGER, updated INTEGER,
                      body TEXT);
"""


class NoteParser(SqliteParser):
    """Reads the databases of these tests."""

    tool = "notes"
    label = "Notes"
    version = 1
    names: ClassVar = ("*.db",)

    def default_roots(self) -> Iterable[Path]:
        """Name one place, which need not exist."""
        return [Path.home() / "notes"]

    def feeds(self, schema: Mapping[str, frozenset[str]]) -> Sequence[Feed]:
        """Watch both tables."""
        if not {"session", "message"} <= schema.keys():
            return []
        return [
            Feed(table="session", changed="updated", columns=("title",), overlap=100),
            Feed(
                table="message",
                changed="updated",
                columns=("session_id", "created", "body"),
                optional=("mood",),
                overlap=100,
            ),
        ]

    def map_row(self, row: Row) -> Iterable[Event] | str:
        """Map a session to its title and a message to one turn."""
        if row.feed.table == "session":
            meta = SessionMeta(title=row["title"], title_source="generated")
            return [row.session(row["id"], meta, seq=row.changed)]
        if not row["body"]:
            return "empty message"
        return [
            row.turn(
                session_id=row["session_id"],
                turn_id=row["id"],
                seq=row["created"],
                role="user",
                content=row["body"].removesuffix("\n"),
                metadata={"mood": row["mood"]} if row["mood"] else {},
            )
        ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database in WAL mode with two sessions, closed cleanly."""
    path = tmp_path / "notes" / "notes.db"
    path.parent.mkdir()
    with closing(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(SCHEMA)
        write(connection, "session", id="s1", title="One", updated=1000)
        write(connection, "session", id="s2", title="Two", updated=1001)
        for number in range(6):
            put(connection, f"m{number}", 1000 + number, f"text {number}")
    return path


class closing:  # noqa: N801 - used as a function
    """A connection that is closed, and its log removed with it, at the end of the block."""

    def __init__(self, path: Path) -> None:
        self.connection = apsw.Connection(str(path))

    def __enter__(self) -> apsw.Connection:
        return self.connection

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def write(connection: apsw.Connection, table: str, **values: Any) -> None:
    """Insert or replace one row."""
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    connection.execute(
        f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", tuple(values.values())
    )


def put(connection: apsw.Connection, name: str, time: int, body: str, updated: int = 0) -> None:
    """Insert a message, or update it in place."""
    connection.execute(
        "INSERT INTO message VALUES (?, 's1', ?, ?, ?) ON CONFLICT (id)"
        " DO UPDATE SET updated = excluded.updated, body = excluded.body",
        (name, time, updated or time, body),
    )


def dump(connection: apsw.Connection) -> str:
    """Word a database as SQL, as ``.dump`` does."""
    output = io.StringIO()
    apsw.shell.Shell(stdout=output, db=connection).process_command(".dump")
    return output.getvalue()


def source_of(path: Path) -> Source:
    """Discover the one database."""
    return only_source(NoteParser(), path)


def read(path: Path, cursor: Cursor | None = None) -> list[Record]:
    """Read with a new parser."""
    return read_records(NoteParser(), source_of(path), cursor)


def contents(records: list[Record]) -> dict[str, str]:
    """The text of each turn, by its id."""
    events = (event for record in records for event in record.events)
    return {event.turn_id: event.content for event in events if isinstance(event, TurnEvent)}


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


@pytest.mark.promise("C34", "P3")
def test_c34_rows_in_the_log_alone_are_seen(path: Path) -> None:
    """What stands in the log alone changes size and time of the source, and is delivered."""
    before, cursor = source_of(path), read(path)[-1].cursor
    with writer(path, "put(c, 'm7', 3000, 'in the log')") as tool:
        status = path.stat()
        after = source_of(path)
        assert (before.inode, status.st_mtime_ns) == (after.inode, before.mtime_ns)
        assert (after.size, after.mtime_ns) != (before.size, before.mtime_ns)
        assert {"m7": "in the log"} == contents(read(path, cursor))
        tool.finish()


@pytest.mark.promise("C34", "P3")
def test_c34_a_log_that_a_killed_tool_left_is_read(path: Path) -> None:
    """Database, log and index of a tool that was killed are read, also when the index is lost."""
    cursor = read(path)[-1].cursor
    with writer(path, "put(c, 'm7', 3000, 'in the log')"):
        pass  # killed
    assert {"m7": "in the log"} == contents(read(path, cursor))
    before = snapshot(path.parent)
    path.with_name("notes.db-shm").unlink()
    assert {"m7": "in the log"} == contents(read(path, cursor))
    assert before.keys() - {"notes.db-shm"} == snapshot(path.parent).keys()


@pytest.mark.promise("C35", "P9", "P16")
def test_c35_an_exclusive_lock_is_waited_out(path: Path) -> None:
    """While the tool holds the database exclusively, the source is unreadable, and then is not."""
    with closing(path) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceUnreadable) as caught:
            read(path)
        connection.execute("ROLLBACK")
    assert caught.value.retryable
    assert "m5" in contents(read(path))


@pytest.mark.promise("C36", "P16")
def test_c36_the_log_is_never_pinned(path: Path) -> None:
    """A writer's checkpoint completes while a reader stands between any two records."""
    with closing(path) as connection:
        put(connection, "first", 2999, "now the log is there")
        records = NoteParser().read(source_of(path), None)
        for number, _ in enumerate(records):
            put(connection, f"w{number}", 3000 + number, "x" * 1000)
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            assert busy == 0
            assert path.with_name("notes.db-wal").stat().st_size == 0
            if number > 20:
                break
        records.close()


@pytest.mark.slow
@pytest.mark.promise("C36", "P16")
def test_c36_the_log_stays_small_under_a_hundred_reads(path: Path) -> None:
    """A writer writes 256 MiB beside a hundred reads; its log stays below 64 MiB."""
    largest, cursor, number = 0, None, 0
    with closing(path) as connection:
        for _ in range(100):
            for record in read(path, cursor):
                cursor = record.cursor
            for _ in range(10):
                put(connection, f"w{number}", 3000 + number, "x" * 256 * 1024)
                number += 1
            largest = max(largest, path.with_name("notes.db-wal").stat().st_size)
    assert largest < 64 * 1024 * 1024
    assert len(contents(read(path))) == 6 + number


@pytest.mark.promise("C37", "P9")
@pytest.mark.parametrize(
    "data",
    [b"", b"\x00" * 4096, b"SQLite format 3\0" + b"\x07" * 50, os.urandom(8192), b"plain text"],
    ids=["empty", "zeros", "short", "encrypted", "text"],
)
def test_c37_what_is_no_database_is_unsupported(path: Path, data: bytes) -> None:
    """Such a file is refused with a reason, and left as it is."""
    path.write_bytes(data)
    with pytest.raises(SourceUnsupported):
        read(path)
    assert data == path.read_bytes()


@pytest.mark.promise("C37", "P9")
def test_c37_an_empty_file_with_a_log_keeps_its_log(path: Path) -> None:
    """SQLite would remove the log beside an empty database; it is not opened."""
    log = path.with_name("notes.db-wal")
    path.write_bytes(b"")
    log.write_bytes(b"log")
    with pytest.raises(SourceUnsupported):
        read(path)
    assert log.read_bytes() == b"log"


@pytest.mark.promise("C37", "P9")
@pytest.mark.parametrize(
    ("change", "wording"),
    [
        ("DROP TABLE message", "none of the tables"),
        ("ALTER TABLE message RENAME COLUMN body TO words", "no column body"),
        ("ALTER TABLE message RENAME COLUMN updated TO at", "unknown form"),
    ],
)
def test_c37_an_unknown_schema_is_unsupported(path: Path, change: str, wording: str) -> None:
    """A table or column that is needed and missing is named."""
    with closing(path) as connection:
        connection.execute(change)
    with pytest.raises(SourceUnsupported, match=wording):
        read(path)


@pytest.mark.promise("C37", "P9")
def test_c37_an_additional_column_does_no_harm(path: Path) -> None:
    """New columns and tables are left alone; an optional one is used where it is there."""
    with closing(path) as connection:
        connection.execute("ALTER TABLE message ADD COLUMN mood TEXT DEFAULT 'gay'")
        connection.execute("CREATE TABLE secret (token TEXT)")
    [*_, last] = read(path)
    assert [{"mood": "gay"}] == [event.metadata for event in last.events]  # type: ignore[union-attr]


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


TRACED = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_sqlite import NoteParser
parser = NoteParser()
[source] = parser.discover(Path({path!r}))
parser.identify(source)
assert sum(1 for _ in parser.read(source, None)) >= 8
"""


@pytest.mark.promise("C37", "P9")
@pytest.mark.timeout(30)
def test_c37_rows_in_disorder_end_the_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged row number leads SQLite back to rows that were seen: the read ends, and says so."""
    monkeypatch.setattr(lethe_core.passes, "WINDOW_ROWS", 3)
    with closing(path) as connection:
        for number in range(100):
            put(connection, f"n{number}", 3000 + number, f"needle {number:03}")
        [(last,)] = connection.execute("SELECT max(rowid) FROM message")
        connection.execute("PRAGMA journal_mode=DELETE")
    data = bytearray(path.read_bytes())
    end = data.index(b"needle 099")
    place = data.rindex(bytes([last]), end - 40, end - 10)
    data[place] = 3
    path.write_bytes(data)
    with pytest.raises(SourceUnreadable, match="in disorder"):
        read(path)


@pytest.mark.promise("C38", "P16")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("state", ["closed", "live", "left", "rollback"])
def test_c38_nothing_is_written_or_locked(path: Path, state: str) -> None:
    """The kernel sees no write to a source, nothing made or removed, and no exclusive lock."""
    if state == "rollback":
        with closing(path) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
    writes = "put(c, 'm7', 3000, 'live')" if state in ("live", "left") else ""
    with writer(path, writes) as tool:
        if state == "left":  # by a tool that was killed: the log and its index lie there
            tool.kill()
        before = snapshot(path.parent)
        trace = path.parent.parent / "trace"
        script = TRACED.format(here=str(Path(__file__).parent), path=str(path))
        calls = "trace=open,openat,fcntl,flock,write,pwrite64,ftruncate,unlink,rename,mkdir"
        subprocess.run(
            ["strace", "-f", "-y", "-o", str(trace), "-e", calls, sys.executable, "-c", script],
            check=True,
        )
        assert before == snapshot(path.parent)
        tool.finish()
    lines = [line for line in trace.read_text().splitlines() if "notes.db" in line]
    assert lines
    opened = [line for line in lines if line.split()[1].startswith("open")]
    assert [] == [line for line in opened if "O_RDONLY" not in line or "O_CREAT" in line]
    assert [] == [line for line in lines if "F_WRLCK" in line]
    changing = ("write", "ftruncate", "unlink", "rename")
    assert [] == [line for line in lines if line.split()[1].startswith(changing)]


def test_a_writer_that_begins_while_it_is_read_is_noticed(path: Path) -> None:
    """A closed database that is opened and written in the middle of a read is read again."""
    parser = NoteParser()
    source = source_of(path)
    original = parser.map_row

    def map_row(row: Row) -> Iterable[Event] | str:
        if row["id"] == "m3":
            with closing(path) as connection:
                put(connection, "m7", 3000, "just now")
        return original(row)

    parser.map_row = map_row  # type: ignore[method-assign]
    with pytest.raises(SourceUnreadable):
        read_records(parser, source)
    assert "m7" in contents(read(path))


class writer:  # noqa: N801 - used as a function
    """Another process that writes, keeps the database open, and is killed unless told to finish."""

    def __init__(self, path: Path, statement: str) -> None:
        script = (
            "import sqlite3, sys\n"
            f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
            "from test_sqlite import put\n"
            f"c = sqlite3.connect({str(path)!r}, isolation_level=None)\n"
            "c.execute('PRAGMA wal_autocheckpoint=0')\n"
            f"{statement}\n"
            "print('ready', flush=True)\nsys.stdin.read()\nc.close()\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", script if statement else "print(1, flush=True); input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        assert self.process.stdout
        assert self.process.stdout.readline()
        return self

    def finish(self) -> None:
        """Let the process close its database and end."""
        if self.process.poll() is None:
            self.process.communicate(b"\n")

    def kill(self) -> None:
        """End the process before it can close its database."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def __exit__(self, *_: object) -> None:
        self.kill()


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of each file of a directory."""
    return {p.name: (p.stat().st_size, p.stat().st_mtime_ns) for p in root.iterdir()}


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
