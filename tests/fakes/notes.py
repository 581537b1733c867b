"""A tool that keeps notes in a database, its parser, and what tests do to such a database."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import apsw
import apsw.shell

from lethe_core import Feed, Row, SessionMeta, SqliteParser, TurnEvent
from lethe_core.testing import only_source, read_records

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
    """Reads the databases of that tool."""

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


class writer:  # noqa: N801 - used as a function
    """Another process that writes, keeps the database open, and is killed unless told to finish."""

    def __init__(self, path: Path, statement: str) -> None:
        script = (
            "import sqlite3, sys\n"
            f"sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
            "from fakes.notes import put\n"
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
