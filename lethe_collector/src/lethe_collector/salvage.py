"""Salvage: what a damaged state alone holds is taken over into the one that takes its place.

Cursors are not: all sources are read again. But what waits in the outbox, and what was refused, may
have come from sources that are gone. Each row that can still be read, and whose digest is right, is
taken over together with the source that it came from; of what cannot be read, the damaged file
itself stays.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_collector.outbox import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OUTBOX: Final = "SELECT created, lines, body, digest FROM outbox WHERE id = ?"
_PARTS: Final = """
SELECT place, source_id, generation, lines FROM outbox_parts WHERE outbox_id = ? ORDER BY place
"""
_LETTER: Final = """
SELECT source_id, generation, seq, session_id, turn_id, code, reason, bytes, line, at
FROM dead_letters WHERE id = ?
"""
_SOURCE: Final = "SELECT tool, root, path, name, parser_version FROM sources WHERE id = ?"
_ADD_SOURCE: Final = """
INSERT INTO sources (tool, root, path, name, parser_version, device, inode, size, mtime_ns)
VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0)
ON CONFLICT (tool, path) DO UPDATE SET name = excluded.name RETURNING id
"""
_ADD_LETTER: Final = """
INSERT OR IGNORE INTO dead_letters (source_id, generation, seq, session_id, turn_id, code, reason,
  bytes, line, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class Salvage(NamedTuple):
    """What was taken over.

    Args:
        batches: rows of the outbox.
        letters: dead letters.
    """

    batches: int = 0
    letters: int = 0


class _Unreadable(Exception):
    """A row, or what it refers to, is damaged."""


def salvage(damaged: Path, connection: sqlite3.Connection) -> Salvage:
    """Take over what can be read of a damaged state.

    Args:
        damaged: the file; it is only read.
        connection: to the state that takes its place; in no transaction.

    Raises:
        sqlite3.Error: the new state cannot be written.
    """
    batches = letters = 0
    has_log = damaged.with_name(f"{damaged.name}-wal").exists()
    options = "mode=ro" if has_log else "mode=ro&immutable=1"  # then nothing is made beside it
    with closing(sqlite3.connect(f"{damaged.absolute().as_uri()}?{options}", uri=True)) as old:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for number in _numbers(old, "outbox"):
                batches += _take(_take_batch, old, connection, number)
            for number in _numbers(old, "dead_letters"):
                letters += _take(_take_letter, old, connection, number)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return Salvage(batches, letters)


def _numbers(old: sqlite3.Connection, table: str) -> list[int]:
    """Return the rows of a table that can be found from either end."""
    found: set[int] = set()
    for order in ("", " DESC"):
        try:
            rows = old.execute(f"SELECT id FROM {table} ORDER BY id{order}")  # noqa: S608 - our own
            for (number,) in rows:
                found.add(number)
        except sqlite3.Error:
            continue
    return sorted(found)


def _take(take: Any, old: sqlite3.Connection, new: sqlite3.Connection, number: int) -> bool:
    try:
        take(old, new, number)
    except _Unreadable:
        return False
    return True


def _take_batch(old: sqlite3.Connection, new: sqlite3.Connection, number: int) -> None:
    [(created, lines, body, digest)] = _read(old, _OUTBOX, number)
    parts = list(_read(old, _PARTS, number))
    if not isinstance(body, bytes) or digest_of(body) != digest:
        raise _Unreadable
    if sum(part[3] for part in parts) != lines:
        raise _Unreadable
    sources = [(place, _take_source(old, new, row), *rest) for place, row, *rest in parts]
    row_id = new.execute(
        "INSERT INTO outbox (created, lines, body, digest) VALUES (?, ?, ?, ?)",
        (created, lines, body, digest),
    ).lastrowid
    new.executemany(
        "INSERT INTO outbox_parts VALUES (?, ?, ?, ?, ?, NULL, 0)",
        [(row_id, *source) for source in sources],
    )


def _take_letter(old: sqlite3.Connection, new: sqlite3.Connection, number: int) -> None:
    [(source_id, *letter)] = _read(old, _LETTER, number)
    new.execute(_ADD_LETTER, (_take_source(old, new, source_id), *letter))


def _take_source(old: sqlite3.Connection, new: sqlite3.Connection, number: int) -> int:
    """Make the source known, as one that was never read."""
    [source] = _read(old, _SOURCE, number)
    return int(new.execute(_ADD_SOURCE, source).fetchone()[0])


def _read(old: sqlite3.Connection, statement: str, number: int) -> Iterator[tuple[Any, ...]]:
    try:
        rows = old.execute(statement, (number,)).fetchall()
    except sqlite3.Error as error:
        raise _Unreadable from error
    if not rows:
        raise _Unreadable
    return iter(rows)
