"""SqliteParser: the files of a database, their log, their locks, and what is no such database."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fakes.notes import NoteParser, closing, contents, put, read, source_of, writer

import lethe_core.passes
from lethe_core import Feed
from lethe_core.errors import SourceUnreadable, SourceUnsupported
from lethe_core.testing import read_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lethe_core import Event, Row


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
def test_c37_a_table_that_is_watched_and_missing_is_named(path: Path) -> None:
    """A parser that names a table without having looked whether it is there is told which."""

    class Careless(NoteParser):
        def feeds(self, schema: Mapping[str, frozenset[str]]) -> Sequence[Feed]:
            """Watch what no version has."""
            return [*super().feeds(schema), Feed(table="mood", changed="at", columns=())]

    with pytest.raises(SourceUnsupported, match="has no table mood"):
        read_records(Careless(), source_of(path))


@pytest.mark.promise("C37", "P9")
def test_c37_times_that_are_text_are_unsupported(path: Path) -> None:
    """Of text, SQLite would read the year alone, and each change would be missed."""
    with closing(path) as connection:
        connection.execute("ALTER TABLE message RENAME COLUMN updated TO at")
        connection.execute("ALTER TABLE message ADD COLUMN updated TEXT")
        connection.execute("UPDATE message SET updated = datetime(at, 'unixepoch')")
    with pytest.raises(SourceUnsupported, match="updated of message is text") as caught:
        read(path)
    assert "unixepoch(updated)" in caught.value.hint


@pytest.mark.promise("C37", "P9")
@pytest.mark.parametrize(
    "change", ["updated = CAST(updated AS TEXT)", "updated = 'x' WHERE id = 'm5'"]
)
def test_c37_numbers_as_text_and_single_texts_do_no_harm(path: Path, change: str) -> None:
    """Text that is a number is one, and a single bad time costs no other row."""
    expected = contents(read(path))
    with closing(path) as connection:
        connection.execute("ALTER TABLE message RENAME COLUMN updated TO at")
        connection.execute("ALTER TABLE message ADD COLUMN updated TEXT")
        connection.execute("UPDATE message SET updated = at")
        connection.execute(f"UPDATE message SET {change}")
    assert contents(read(path)) == expected


@pytest.mark.promise("C37", "P9")
def test_c37_an_additional_column_does_no_harm(path: Path) -> None:
    """New columns and tables are left alone; an optional one is used where it is there."""
    with closing(path) as connection:
        connection.execute("ALTER TABLE message ADD COLUMN mood TEXT DEFAULT 'gay'")
        connection.execute("CREATE TABLE secret (token TEXT)")
    [*_, last] = read(path)
    assert [{"mood": "gay"}] == [event.metadata for event in last.events]  # type: ignore[union-attr]


TRACED = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
from fakes.notes import NoteParser
parser = NoteParser()
[source] = parser.discover(Path({path!r}))
parser.identify(source)
assert sum(1 for _ in parser.read(source, None)) >= 8
"""


@pytest.mark.promise("C37", "P9")
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
        script = TRACED.format(here=str(Path(__file__).parents[2]), path=str(path))
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


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of each file of a directory."""
    return {p.name: (p.stat().st_size, p.stat().st_mtime_ns) for p in root.iterdir()}
