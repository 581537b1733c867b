"""Dead letters again: listing what was refused for good, and sending it once the cause is mended.

An event that was kept goes from the dead letters into the outbox, in one transaction; what is
refused once more becomes a dead letter once more. Of an event that was too much to keep, only its
place is known: its source is read again from its beginning, and the server knows what it has.
Where that is gone, or holds something else by now, the dead letter stays: it is all that tells of
the event.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import zstandard

from lethe_collector import paths
from lethe_collector.outbox import digest_of
from lethe_collector.source_table import SourceTable
from lethe_collector.status import open_read_only
from lethe_core.errors import Unavailable
from lethe_core.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lethe_collector.database import Database

#: Events that go into one row of the outbox.
_ROW_EVENTS: Final = 100

_LIST: Final = """
SELECT d.id, s.tool, s.path, d.session_id, d.turn_id, d.code, d.reason, d.bytes,
  d.line IS NOT NULL, d.at
FROM dead_letters d JOIN sources s ON s.id = d.source_id ORDER BY d.id
"""
_LETTERS: Final = """
SELECT d.id, d.source_id, d.generation, d.code, d.line,
  s.state <> 'gone' AND s.generation = d.generation
FROM dead_letters d JOIN sources s ON s.id = d.source_id ORDER BY d.id
"""


class Replay(NamedTuple):
    """What became of a retry.

    Args:
        queued: events that wait in the outbox now.
        reread: sources that are read again.
        stuck: events that were not kept, and that no source holds any more.
    """

    queued: int
    reread: int
    stuck: int


def list_dead_letters(directory: Path) -> list[dict[str, Any]]:
    """List the dead letters, the oldest first; a daemon may run.

    Args:
        directory: of the state.

    Raises:
        Unavailable: the state cannot be read.
    """
    file = directory / paths.STATE_FILE
    if not file.exists():
        return []
    try:
        with closing(open_read_only(directory)) as connection:
            rows = connection.execute(_LIST).fetchall()
    except sqlite3.Error as error:
        hint = "`lethe-collector status` says how it is; restart the collector, which mends it"
        raise Unavailable(f"{file}: cannot be read: {error}", hint=hint) from error
    names = ("id", "tool", "path", "session_id", "turn_id", "code", "reason", "bytes", "kept", "at")
    found = [dict(zip(names, row, strict=True)) for row in rows]
    for row in found:
        row["path"] = os.fsdecode(row["path"]).encode("utf-8", "backslashreplace").decode()
        row["kept"] = bool(row["kept"])
    return found


def tell(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Say in a line what each dead letter is."""
    for row in rows:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["at"]))
        kept = "" if row["kept"] else ", not kept"
        text = (
            f"{row['id']:>5}  {when}  {row['tool']}  {row['session_id']}  {row['turn_id']}"
            f"  {row['code']}: {row['reason']} ({row['bytes']} bytes{kept})"
        )
        yield printable(text)


def retry_dead_letters(
    database: Database, *, ids: Sequence[int] = (), code: str | None = None
) -> Replay:
    """Put dead letters back on their way.

    Args:
        database: the state.
        ids: of the dead letters; all of them if there is none.
        code: only those that were refused with this code.
    """
    with database.transaction() as connection:
        rows = connection.execute(_LETTERS).fetchall()
        chosen = [row for row in rows if (not ids or row[0] in ids) and code in {None, row[3]}]
        kept = [row for row in chosen if row[4] is not None]
        for start in range(0, len(kept), _ROW_EVENTS):
            _queue(connection, kept[start : start + _ROW_EVENTS])
        legible = [row for row in chosen if row[4] is None and row[5]]
        lost = {row[1] for row in legible}
        SourceTable(database).set_back(lost)
        connection.executemany(
            "DELETE FROM dead_letters WHERE id = ?", [(row[0],) for row in (*kept, *legible)]
        )
    return Replay(len(kept), len(lost), len(chosen) - len(kept) - len(legible))


def _queue(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    decompress = zstandard.ZstdDecompressor().decompress
    body = zstandard.ZstdCompressor(level=1).compress(b"\n".join(decompress(r[4]) for r in rows))
    row_id = connection.execute(
        "INSERT INTO outbox (created, lines, body, digest) VALUES (?, ?, ?, ?)",
        (time.time(), len(rows), body, digest_of(body)),
    ).lastrowid
    connection.executemany(
        # If this row is damaged on disk, its sources are read again from their beginning.
        "INSERT INTO outbox_parts VALUES (?, ?, ?, ?, 1, NULL, 0)",
        [(row_id, place, row[1], row[2]) for place, row in enumerate(rows)],
    )
