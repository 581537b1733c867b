"""The outbox: batches that wait on disk while the server is away.

It is a queue: rows go out in the order in which they came in, one after the other, and none is
ever dropped. Each row has a digest; one that is damaged on disk sets the cursors of its sources
back to where it began, so that the files give its lines again.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import zstandard

from lethe_core.failpoints import failpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from lethe_collector.batches import Batch
    from lethe_collector.database import Database


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A batch that waits on disk; `lines` is `None` if it is damaged."""

    id: int
    lines: list[bytes] | None


class Outbox:
    """The table of waiting batches.

    Args:
        database: where it stands.
        clock: Unix seconds, for what people read.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def size(self) -> tuple[int, int]:
        """Return how many batches wait, and their bytes on disk."""
        rows = self._database.query("SELECT count(*), coalesce(sum(length(body)), 0) FROM outbox")
        return int(rows[0][0]), int(rows[0][1])

    def put(self, batch: Batch) -> int:
        """Append a batch; return the id of its row. To be called within a transaction."""
        body = zstandard.ZstdCompressor(level=1).compress(b"\n".join(batch))
        failpoint("outbox.put.before")
        with self._database.transaction() as connection:
            row_id = connection.execute(
                "INSERT INTO outbox (created, lines, body, digest) VALUES (?, ?, ?, ?)",
                (self._clock(), batch.lines, body, digest_of(body)),
            ).lastrowid
            # A source that was set back after these lines were read must not be set forward by
            # them, should the row be damaged one day: then it is read from its beginning.
            connection.executemany(
                "INSERT INTO outbox_parts VALUES (?1, ?2, ?3, ?4, ?5,"
                " (SELECT ?6 FROM sources WHERE id = ?3 AND epoch = ?8),"
                " coalesce((SELECT ?7 FROM sources WHERE id = ?3 AND epoch = ?8), 0))",
                [
                    (
                        row_id,
                        place,
                        part.source_id,
                        part.generation,
                        len(part.lines),
                        part.before,
                        part.before_position,
                        part.epoch,
                    )
                    for place, part in enumerate(batch.segments)
                    if part.lines
                ],
            )
        return int(row_id or 0)

    def head(self) -> OutboxRow | None:
        """Return the batch that has waited the longest."""
        rows = self._database.query("SELECT id, body, digest FROM outbox ORDER BY id LIMIT 1")
        if not rows:
            return None
        row_id, body, digest = rows[0]
        if not isinstance(body, bytes) or digest_of(body) != digest:
            return OutboxRow(row_id, None)
        return OutboxRow(row_id, zstandard.ZstdDecompressor().decompress(body).split(b"\n"))

    def origins(self, row_id: int) -> list[tuple[int, int]]:
        """Return source and generation of each line of a batch."""
        rows = self._database.query(
            "SELECT source_id, generation, lines FROM outbox_parts WHERE outbox_id = ?"
            " ORDER BY place",
            (row_id,),
        )
        return [(source_id, generation) for source_id, generation, n in rows for _ in range(n)]

    def remove(self, row_id: int) -> None:
        """Delete a batch that the server has; space on disk is given back."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM outbox WHERE id = ?", (row_id,))

    def discard_damaged(self, row_id: int) -> list[int]:
        """Delete a damaged batch and set its sources back to where it began.

        What was in it of a source that is gone is lost, and counted.

        Returns:
            The sources that must be read again.
        """
        with self._database.transaction() as connection:
            parts = connection.execute(
                "SELECT source_id, generation, before, before_position FROM outbox_parts"
                " WHERE outbox_id = ? ORDER BY place DESC",
                (row_id,),
            ).fetchall()
            for source_id, generation, before, position in parts:
                connection.execute(
                    "UPDATE sources SET lost_bytes = max(1, size - ?)"
                    " WHERE id = ? AND generation = ? AND state = 'gone'",
                    (position, source_id, generation),
                )
                connection.execute(
                    "UPDATE sources SET cursor = ?, position = ?, epoch = epoch + 1,"
                    " read_size = NULL WHERE id = ? AND generation = ?",
                    (before, position, source_id, generation),
                )
            connection.execute("DELETE FROM outbox WHERE id = ?", (row_id,))
        return [part[0] for part in parts]


def digest_of(body: bytes) -> bytes:
    """Return what tells whether a row is damaged.

    Args:
        body: of the row.
    """
    return hashlib.blake2b(body, digest_size=16).digest()
