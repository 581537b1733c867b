"""What the collector remembers: sources and their cursors, the outbox, dead letters.

Invariants:

* A cursor moves only in the transaction that records the acknowledgement of what lies before it,
  or that puts it into the outbox (P2).
* What an acknowledgement refuses for good becomes a dead letter in that same transaction (P3).
* The mark of an acknowledgement is stored with the cursors that it moves; when an archive is begun
  anew, its mark is stored with the cursors that go back (`lethe_collector.marks`).
* `epoch` grows whenever a cursor is set back; what was read before that no longer moves it.

All methods may be called from any thread; each is one transaction.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lethe_collector.database import Database
from lethe_collector.dead_letters import DeadLetters, refuse_line
from lethe_collector.outbox import Outbox
from lethe_collector.source_table import SourceTable
from lethe_core.failpoints import failpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from lethe_collector.batches import Batch, LineRefusal
    from lethe_collector.source_table import Anew


class State:
    """The state of one collector; to be opened while its lock is held.

    Attributes:
        sources: the sources and their cursors.
        outbox: the batches that wait.
        dead_letters: what was refused for good.

    Args:
        directory: where ``state.db`` lies.
        clock: Unix seconds, for what people read; nothing is decided by it.

    Raises:
        ConfigInvalid: the file is not ours or of a newer version.
        Unavailable: the disk does not let it be opened.
    """

    def __init__(self, directory: Path, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(directory)
        self._clock = clock
        self.sources = SourceTable(self._database, clock)
        self.outbox = Outbox(self._database, clock)
        self.dead_letters = DeadLetters(self._database, clock)

    def close(self) -> None:
        """Close the file; what was committed is safe anyway."""
        self._database.close()

    def was_visited(self) -> bool:
        """Whether a command has changed the state since this was asked the last time."""
        return self._database.was_visited()

    def mark(self) -> str:
        """Return the mark of the last acknowledgement; empty if there is none."""
        return str(self._database.note("mark") or "")

    def begin_anew(self, mark: str) -> Anew:
        """Note that the archive lost what it had acknowledged: all sources are set back.

        Args:
            mark: of the archive as it is now.
        """
        failpoint("archive.anew.before")
        with self._database.transaction():
            anew = self.sources.set_all_back()
            failpoint("archive.anew.middle")
            self._database.set_note("mark", mark)
            note = {"at": self._clock(), "sources": len(anew.sources), "lost": anew.lost_turns}
            self._database.set_note("anew", note)
        failpoint("archive.anew.after")
        return anew

    def record_ack(
        self, batch: Batch, refusals: Sequence[LineRefusal], mark: str | None = None
    ) -> None:
        """Note that the server has a batch: cursors move, refused events become dead letters.

        Args:
            batch: what it has.
            refusals: lines that it never takes.
            mark: of the archive behind it; `None` if nothing was sent.
        """
        failpoint("cursor.commit.before")
        with self._database.transaction():
            self._advance(batch)
            if batch.lines:
                owners = [
                    (part.source_id, part.generation) for part in batch.segments for _ in part.lines
                ]
                self._bury(owners, list(batch), refusals)
                self._note_ack(mark)
        failpoint("cursor.commit.after")

    def put_outbox(self, batch: Batch) -> int:
        """Keep a batch on disk until the server takes it: cursors move.

        Returns:
            The id of its row in the outbox.
        """
        with self._database.transaction():
            row_id = self.outbox.put(batch)
            self._advance(batch)
        failpoint("outbox.put.after")
        return row_id

    def finish_outbox(
        self,
        row_id: int,
        lines: Sequence[bytes],
        refusals: Sequence[LineRefusal],
        mark: str | None = None,
    ) -> None:
        """Note that the server has a batch of the outbox; see `record_ack`."""
        failpoint("outbox.delete.before")
        with self._database.transaction():
            self._bury(self.outbox.origins(row_id), lines, refusals)
            self.outbox.remove(row_id)
            self._note_ack(mark)
        self._database.give_back_space()
        failpoint("outbox.delete.after")

    def set_note(self, key: str, value: Any) -> None:
        """Remember something that `status` tells, as JSON."""
        self._database.set_note(key, value)

    def _note_ack(self, mark: str | None) -> None:
        self._database.set_note("last_ack", self._clock())
        if mark is not None:
            self._database.set_note("mark", mark)

    def _advance(self, batch: Batch) -> None:
        self.sources.advance(batch.segments)
        for part in batch.segments:
            self.dead_letters.bury(part.source_id, part.generation, part.refused)

    def _bury(
        self,
        owners: Sequence[tuple[int, int]],
        lines: Sequence[bytes],
        refusals: Iterable[LineRefusal],
    ) -> None:
        for place, code, reason in refusals:
            self.dead_letters.bury(*owners[place], [refuse_line(lines[place], code, reason)])
