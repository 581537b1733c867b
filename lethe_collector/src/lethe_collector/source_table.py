"""The sources that the collector knows, and how far each was read."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from lethe_collector.statefile import REVISION_BASE
from lethe_core.sources import Cursor, Identity

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from lethe_collector.batches import Segment
    from lethe_collector.database import Database
    from lethe_core.sources import Source

SourceState = Literal["active", "gone", "unsupported", "unreadable", "failed", "stalled"]

_THERE: Final = "SELECT id FROM sources WHERE state <> 'gone' AND cursor IS NOT NULL"
_LOSE: Final = """
UPDATE sources SET cursor = NULL, position = 0, epoch = epoch + 1, read_size = NULL,
  lost_turns = max(0, turns
    - (SELECT coalesce(sum(lines), 0) FROM outbox_parts WHERE source_id = sources.id)
    - (SELECT count(*) FROM dead_letters WHERE source_id = sources.id))
WHERE state = 'gone' RETURNING lost_turns
"""
_TEXT_LENGTH: Final = 300
_INTEGER_MASK: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class KnownSource:
    """What a scan needs to know of a source to tell whether it has changed.

    Args:
        id: its row.
        device: when it was last seen.
        inode: when it was last seen.
        size: when it was last seen.
        mtime_ns: when it was last seen.
        was_read: whether it was read to its end as it was then.
        parser_version: that read it.
        state: whether it can be read.
    """

    id: int
    device: int
    inode: int
    size: int
    mtime_ns: int
    was_read: bool
    parser_version: int
    state: str = "active"

    @classmethod
    def of(
        cls, row_id: int, source: Source, parser_version: int, *, was_read: bool = False
    ) -> KnownSource:
        """Make it of a source as it is now."""
        return cls(row_id, *_inode(source), *_stat(source), was_read, parser_version)

    def was_seen(self, source: Source) -> bool:
        """Tell whether a source is as it was last seen, and there."""
        seen = (self.device, self.inode, self.size, self.mtime_ns)
        return seen == (*_inode(source), *_stat(source)) and self.state != "gone"

    def is_unchanged(self, source: Source, parser_version: int) -> bool:
        """Tell whether a source needs no look: it was read, and nothing about it differs."""
        return (
            self.was_read
            and self.state == "active"
            and self.parser_version >= parser_version
            and self.was_seen(source)
        )

    def seen_as(self, row_id: int, source: Source) -> KnownSource:
        """Note that the source has changed."""
        now = KnownSource.of(row_id, source, self.parser_version)
        return now if self.state == "gone" else replace(now, state=self.state)


class Anew(NamedTuple):
    """What it means that all is read again.

    Args:
        sources: that are.
        gone: sources of which delivered turns are lost.
        lost_turns: how many.
    """

    sources: list[int]
    gone: int
    lost_turns: int


@dataclass(slots=True, kw_only=True)
class ReadingPoint:
    """From where a source is read on; generation and revision are those of `Source`."""

    generation: int
    revision: int
    epoch: int
    cursor: Cursor | None
    position: int
    head_size: int


class SourceTable:
    """The table of sources.

    Args:
        database: where it stands.
        clock: Unix seconds, for what people read; nothing is decided by it.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._revision_base: int = database.note(REVISION_BASE) or 0

    def known(self, tool: str) -> dict[str, KnownSource]:
        """Return all sources of a tool by path."""
        with self._database.snapshot() as connection:
            # Row by row, and each word once: there may be a hundred thousand (P10).
            rows = connection.execute(
                "SELECT path, state, id, device, inode, size, mtime_ns,"
                " read_size IS size AND read_mtime_ns IS mtime_ns, parser_version"
                " FROM sources WHERE tool = ?",
                (tool,),
            )
            return {
                os.fsdecode(path): KnownSource(*seen, state=sys.intern(state))  # type: ignore[misc]
                for path, state, *seen in rows
            }

    def named(self, tool: str, name: str) -> list[tuple[int, str, Identity]]:
        """Return id, path and identity of the sources of a tool whose files have this name."""
        rows = self._database.query(
            "SELECT id, path, device, inode, head_size, head_hash FROM sources"
            " WHERE tool = ? AND name = ?",
            (tool, os.fsencode(name)),
        )
        return [
            (
                row_id,
                os.fsdecode(path),
                Identity(device=device, inode=inode, head_size=head_size, head_hash=head_hash),
            )
            for row_id, path, device, inode, head_size, head_hash in rows
        ]

    def add(self, tool: str, parser_version: int, sources: Sequence[Source]) -> list[int]:
        """Remember sources that were never seen; return their ids."""
        ids = []
        with self._database.transaction() as connection:
            for source in sources:
                cursor = connection.execute(
                    "INSERT INTO sources (tool, root, path, name, device, inode, parser_version,"
                    " size, mtime_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (tool, *_place(source), *_inode(source), parser_version, *_stat(source)),
                )
                ids.append(int(cursor.lastrowid or 0))
        return ids

    def update(self, found: Iterable[tuple[int, Source]]) -> None:
        """Remember where known sources lie now and how large they are; they are there."""
        with self._database.transaction() as connection:
            connection.executemany(
                "UPDATE sources SET root = ?1, path = ?2, name = ?3, device = ?4, inode = ?5,"
                " seen_size = iif(may_differ, seen_size, max(seen_size, size)),"
                " may_differ = may_differ OR device <> ?4 OR inode <> ?5 OR size > ?6,"
                " size = ?6, mtime_ns = ?7,"
                " lost_bytes = 0, lost_full = 0, lost_turns = 0,"
                # One that is back after its turns were lost is read and counted anew.
                " records = iif(lost_turns, 0, records), turns = iif(lost_turns, 0, turns),"
                " unmapped = iif(lost_turns, 0, unmapped),"
                " state = CASE state WHEN 'gone' THEN 'active' ELSE state END WHERE id = ?8",
                [
                    (*_place(source), *_inode(source), *_stat(source), row_id)
                    for row_id, source in found
                ],
            )

    def mark_gone(self, ids: Iterable[int], *, outbox_full: bool) -> int:
        """Note that sources vanished.

        What had been seen of them but not been read is lost; it is counted.

        Returns:
            How many bytes were lost.
        """
        lost = 0
        with self._database.transaction() as connection:
            for row_id in ids:
                row = connection.execute(
                    "UPDATE sources SET state = 'gone', error_code = NULL, lost_bytes = CASE"
                    " WHEN read_size IS size AND read_mtime_ns IS mtime_ns THEN 0"
                    " ELSE max(0, size - position) END,"
                    " lost_full = ? WHERE id = ? RETURNING lost_bytes",
                    (int(outbox_full), row_id),
                ).fetchone()
                lost += row[0] if row else 0
        return lost

    def reading_point(self, source_id: int, parser_version: int) -> ReadingPoint:
        """Tell from where to read a source on; from the start if its mapping has improved."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE sources SET parser_version = ?, cursor = NULL, position = 0,"
                " epoch = epoch + 1, records = 0, turns = 0, unmapped = 0, read_size = NULL"
                " WHERE id = ? AND parser_version < ?",
                (parser_version, source_id, parser_version),
            )
            if connection.execute("SELECT changes()").fetchone()[0]:
                connection.execute("DELETE FROM skipped WHERE source_id = ?", (source_id,))
                # What an earlier generation held is not read again: its letters stay.
                connection.execute(
                    "DELETE FROM dead_letters WHERE source_id = ?1 AND generation ="
                    " (SELECT generation FROM sources WHERE id = ?1)",
                    (source_id,),
                )
            row = connection.execute(
                "SELECT generation, epoch, cursor, position, head_size FROM sources WHERE id = ?",
                (source_id,),
            ).fetchone()
        return ReadingPoint(
            generation=row[0],
            revision=self._revision_base + row[0],
            epoch=row[1],
            cursor=None if row[2] is None else Cursor(row[2]),
            position=row[3],
            head_size=row[4],
        )

    def begin_generation(self, source_id: int) -> None:
        """Note that a source was replaced: it is read from its beginning (P8).

        What had been seen of what it held before, and not been read, is lost; it is counted.
        """
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE sources SET generation = generation + 1, epoch = epoch + 1, cursor = NULL,"
                " lost_before = lost_before"
                "   + iif(read_size IS seen_size, 0, max(0, seen_size - position)),"
                " position = 0, records = 0, turns = 0, unmapped = 0, read_size = NULL,"
                " seen_size = 0, may_differ = 0, head_size = 0, head_hash = '' WHERE id = ?",
                (source_id,),
            )
            connection.execute("DELETE FROM skipped WHERE source_id = ?", (source_id,))

    def epochs(self) -> dict[int, int]:
        """Return the epoch of each source."""
        return dict(self._database.query("SELECT id, epoch FROM sources"))

    def set_back(self, ids: Iterable[int]) -> None:
        """Have sources read again from their beginning; what was read before moves no cursor."""
        rows = [(source_id,) for source_id in ids]
        with self._database.transaction() as connection:
            connection.executemany(
                "UPDATE sources SET cursor = NULL, position = 0, epoch = epoch + 1, records = 0,"
                " turns = 0, unmapped = 0, read_size = NULL WHERE id = ?",
                rows,
            )
            connection.executemany("DELETE FROM skipped WHERE source_id = ?", rows)
            connection.executemany(
                "UPDATE outbox_parts SET before = NULL, before_position = 0 WHERE source_id = ?",
                rows,
            )

    def set_all_back(self) -> Anew:
        """Have all sources read again, because the archive has lost what they gave.

        Of those that are gone, what was delivered is lost: all turns but those that wait in the
        outbox or were refused. Should one come back, it is read from its beginning, too.
        """
        with self._database.transaction() as connection:
            gone = connection.execute(_LOSE).fetchall()
            lost = sum(row[0] for row in gone)
            ids = [row[0] for row in connection.execute(_THERE)]
            self.set_back(ids)
        return Anew(ids, sum(1 for row in gone if row[0]), lost)

    def note_error(
        self, source_id: int, state: SourceState, code: str, text: str, hint: str
    ) -> None:
        """Note why a source cannot be read now."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE sources SET state = ?, error_code = ?, error_text = ?, error_hint = ?,"
                " error_at = ? WHERE id = ?",
                (state, code, text[:_TEXT_LENGTH], hint, self._clock(), source_id),
            )

    def advance(self, segments: Sequence[Segment]) -> None:
        """Move the cursors behind what was read, and note what was found.

        P2: to be called within a transaction that records why the cursors may move.
        """
        with self._database.transaction() as connection:
            for part in segments:
                self._advance(connection, part)

    def _advance(self, connection: sqlite3.Connection, part: Segment) -> None:
        read_size, read_mtime_ns = part.read_to or (None, None)
        moved = connection.execute(
            "UPDATE sources SET cursor = ?, position = ?, records = records + ?,"
            " turns = turns + ?, unmapped = unmapped + ?, last_read = ?,"
            " read_size = coalesce(?, read_size), read_mtime_ns = coalesce(?, read_mtime_ns),"
            # A source may have vanished after it was read and before this was acknowledged.
            " lost_bytes = CASE WHEN state <> 'gone' THEN 0 ELSE max(0, size - ?) END"
            " WHERE id = ? AND epoch = ?",
            (
                part.after,
                part.position,
                part.records,
                len(part.lines),
                part.unmapped,
                self._clock(),
                read_size,
                read_mtime_ns,
                part.position,
                part.source_id,
                part.epoch,
            ),
        ).rowcount
        if not moved:
            return  # it was set back after this was read
        if part.read_to is not None:
            # Only now is an error over: what was read before it may be acknowledged after it.
            connection.execute(
                "UPDATE sources SET lost_bytes = 0, seen_size = 0, may_differ = 0,"
                " error_code = NULL, error_text = NULL, error_hint = NULL, error_at = NULL,"
                " state = CASE state WHEN 'gone' THEN 'gone' ELSE 'active' END WHERE id = ?",
                (part.source_id,),
            )
        if part.identity is not None:
            connection.execute(
                "UPDATE sources SET head_size = ?, head_hash = ? WHERE id = ?",
                (part.identity.head_size, part.identity.head_hash, part.source_id),
            )
        connection.executemany(
            "INSERT INTO skipped VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
            " SET records = records + excluded.records",
            [(part.source_id, reason, count) for reason, count in part.skipped.items()],
        )


def _place(source: Source) -> tuple[bytes, bytes, bytes]:
    return os.fsencode(source.root), os.fsencode(source.path), os.fsencode(source.path.name)


def _inode(source: Source) -> tuple[int, int]:
    return source.device & _INTEGER_MASK, source.inode & _INTEGER_MASK


def _stat(source: Source) -> tuple[int, int]:
    return source.size & _INTEGER_MASK, source.mtime_ns
