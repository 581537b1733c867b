"""How far a stream of rows was read that are updated in place.

Rows come in the order of ``(changed, rowid)``, where `changed` is the time of a row's last update.
A watermark alone would lose rows: several are updated in one unit of time, a row more than once,
and of two writers the one that took its time first may commit last. So the mark stays `overlap`
units behind the newest row, and what was sent of the rows above it is remembered by digest.

* All rows at or below the floor were sent; a row above it was sent if its digest is remembered.
* A row that stands after all that were looked at is new, whatever time it bears: tools import
  history with its old times, and a clock that was ahead is set right. The last `MAX_LATE` of such
  rows are remembered by digest as well: those that are written after a clock was set back would
  change unnoticed until it is as late as it was.
* At most `MAX_SENT` digests are kept; if more rows were changed within the overlap, the floor
  rises to them, so that a cursor has a few kilobytes at most.
"""

from __future__ import annotations

from typing import Final

import msgspec

MAX_SENT: Final = 128
MAX_LATE: Final = 16


class Sent(msgspec.Struct, array_like=True, order=True):
    """A row that was sent: when it was changed, where it stood, and a digest of its values."""

    changed: int
    rowid: int
    digest: str


class Watermark(msgspec.Struct, array_like=True):
    """How far one feed was read.

    Args:
        changed: with `rowid`, the floor.
        rowid: see `changed`.
        sent: rows above the floor that were sent, in order.
        tip: key of the newest row that was sent, as text.
        top: when that row was changed.
        high: all rows up to this rowid were looked at.
        late: rows that were sent although they lay at or below the floor; the last one is last.
    """

    changed: int = -(2**62)
    rowid: int = -(2**62)
    sent: list[Sent] = []
    tip: str = ""
    top: int = -(2**62)
    high: int = -(2**62)
    late: list[Sent] = []

    def copy(self) -> Watermark:
        """Copy it, to be compared with later."""
        return msgspec.structs.replace(self, sent=list(self.sent), late=list(self.late))

    def knows(self, row: Sent) -> bool:
        """Say whether a row was sent with exactly these values."""
        return row in self.sent or row in self.late

    def awaits(self, changed: int, rowid: int) -> bool:
        """Say whether a row, as it stands now, is still to be sent.

        Args:
            changed: when it was changed.
            rowid: where it stands.
        """
        if (changed, rowid) <= (self.changed, self.rowid) and rowid <= self.high:
            return any(one.rowid == rowid and one.changed != changed for one in self.late)
        return not any(one.rowid == rowid and one.changed == changed for one in self.sent)

    def add(self, row: Sent, *, key: str, overlap: int, high: int) -> None:
        """Take note of a row that is being sent.

        Args:
            row: a new one at or below the floor, or the next one above it in the order of
                ``(changed, rowid)``.
            key: what identifies it.
            overlap: how far the floor stays behind, in units of `changed`.
            high: all rows up to this rowid were sent or stand above the floor.
        """
        self.high = max(self.high, high)
        self.sent = [one for one in self.sent if one.rowid != row.rowid]
        self.late = [one for one in self.late if one.rowid != row.rowid]
        if (row.changed, row.rowid) <= (self.changed, self.rowid):
            self.late = [*self.late, row][-MAX_LATE:]
            return
        if row.changed >= self.top:
            self.tip, self.top = key, row.changed
        self.sent.append(row)
        self.sent.sort()
        floor = self.top - overlap
        passed = sum(one.changed < floor for one in self.sent)
        passed = max(passed, len(self.sent) - MAX_SENT)
        if passed:
            last = self.sent[passed - 1]
            floor_row = (self.changed, self.rowid)
            self.changed, self.rowid = max(floor_row, (last.changed, last.rowid))
            del self.sent[:passed]
