"""One read of a database: what has changed is found, and delivered in short transactions."""

from __future__ import annotations

import base64
import bisect
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import apsw
import msgspec

from lethe_core.errors import SourceUnreadable
from lethe_core.feeds import changed_sql, row_sql
from lethe_core.limits import MIB
from lethe_core.outcomes import (
    FAILURES,
    MappedRecord,
    Outcome,
    describe_failure,
    take,
    tell_failure,
)
from lethe_core.parser import unmapped_turn
from lethe_core.rows import Row, bounded
from lethe_core.watermarks import Sent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lethe_core.databases import Database
    from lethe_core.feeds import Feed
    from lethe_core.progress import Progress
    from lethe_core.sources import Record, Source
    from lethe_core.sqlite import SqliteParser
    from lethe_core.watermarks import Watermark

#: Most rows that one read transaction looks at for a change.
WINDOW_ROWS: Final = 4000
#: Longest delivery of rows in one read transaction, in seconds.
MAX_SECONDS: Final = 0.1
#: Most bytes of rows that are delivered in one read transaction.
MAX_BYTES: Final = MIB // 2

_MAX_CANDIDATES: Final = 65_536
#: How many places are worth remembering, and of how many sources.
_REMEMBERED: Final = 16
_REMEMBERED_SOURCES: Final = 4
_DIGEST_BYTES: Final = 4

_encode = msgspec.json.Encoder(enc_hook=lambda value: base64.b64encode(value).decode()).encode


class _Place(NamedTuple):
    """A row that may have to be delivered.

    Args:
        changed: when it was changed.
        rowid: where it stands.
        high: up to which rowid all is looked at when this row is delivered.
    """

    changed: int
    rowid: int
    high: int


@dataclass(frozen=True, slots=True)
class Found:
    """Places that a look at all rows of a feed has found.

    Args:
        identity: of the database that was looked at.
        table: of the feed.
        marks: how far all feeds were read then; all that had changed after the feed's own mark
            is among the places.
        places: in the order of delivery.
        late: how many of them bear an old time; these come first.
    """

    identity: tuple[int, int, int]
    table: str
    marks: dict[str, Watermark]
    places: list[_Place]
    late: int

    def rest(self, mark: Watermark) -> list[_Place] | None:
        """Give the places that come after a watermark; `None` if some may be missing."""
        start = self.marks[self.table]
        reached = (mark.changed, mark.rowid) >= (start.changed, start.rowid)
        if not reached or mark.high < start.high:
            return None
        late = bisect.bisect_right(
            self.places, mark.high, hi=self.late, key=lambda place: place.rowid
        )
        if late < self.late:
            return self.places[late:]
        floor = (mark.changed, mark.rowid)
        return self.places[bisect.bisect_right(self.places, floor, lo=self.late, key=_row) :]


def _row(place: _Place) -> tuple[int, int]:
    return place.changed, place.rowid


@dataclass(slots=True)
class Pass:
    """One read of a database.

    Args:
        parser: who reads.
        source: what is read.
        database: the same, open.
        progress: how far it was read.
        rows: how many rows the feeds have.
        found: what earlier reads have found and not delivered, by path.
    """

    parser: SqliteParser
    source: Source
    database: Database
    progress: Progress
    rows: int
    found: dict[Path, Found]
    _end: int = 0

    def pending(self, feeds: Sequence[Feed]) -> Sequence[Feed]:
        """Leave out the feeds that were read to their end before one that was left unfinished."""
        found = self.found.get(self.source.path)
        if found is None or found.identity != self._identity():
            return feeds
        tables = [feed.table for feed in feeds]
        place = tables.index(found.table) if found.table in tables else 0
        marks = self.progress.state.marks
        same = all(found.marks.get(table) == marks.get(table) for table in tables[:place])
        return feeds[place if same else 0 :]

    def read(self, feed: Feed, columns: frozenset[str]) -> Iterator[Record]:
        """Deliver the new and changed rows of a feed."""
        places, more = self._remembered(feed), True
        while more:
            if not places:
                places, more = self._look(feed)
            start = 0
            while start < len(places):
                with self.database.snapshot():
                    records, start = self._deliver(feed, columns, places, start)
                # Outside of the transaction: who takes the records may take their time.
                yield from records
            places = []
            self._forget(feed)

    def _identity(self) -> tuple[int, int, int]:
        return self.source.device, self.source.inode, self.source.generation

    def _remembered(self, feed: Feed) -> list[_Place]:
        """Take up the places that an earlier read has left."""
        found = self.found.get(self.source.path)
        if found is None or (found.identity, found.table) != (self._identity(), feed.table):
            return []
        return found.rest(self.progress.mark(feed)) or []

    def _forget(self, feed: Feed) -> None:
        found = self.found.get(self.source.path)
        if found is not None and found.table == feed.table:
            del self.found[self.source.path]

    def _look(self, feed: Feed) -> tuple[list[_Place], bool]:
        """Look at all rows, and remember what was found; says whether there is more."""
        self.progress.mark(feed)
        marks = {table: mark.copy() for table, mark in self.progress.state.marks.items()}
        late, places, more = self._find(feed)
        if len(late) + len(places) > _REMEMBERED:
            if len(self.found) >= _REMEMBERED_SOURCES:
                self.found.clear()
            self.found[self.source.path] = Found(
                self._identity(), feed.table, marks, late + places, len(late)
            )
        return late + places, more

    def _find(self, feed: Feed) -> tuple[list[_Place], list[_Place], bool]:
        """Find the rows that are new or above the floor, a window of rows at a time.

        Returns:
            The places of those that bear an old time and are new, or were lately, and of those
            above the floor, in the order of delivery, and whether there are more than are given.
        """
        mark = self.progress.mark(feed)
        floor = (mark.changed, mark.rowid)
        late: list[_Place] = []
        found: list[tuple[int, int]] = []
        cut = False
        for window in self._windows(feed, mark):
            late += (_Place(*row, row[1]) for row in window if row <= floor)
            found += (row for row in window if row > floor)
            if len(late) > _MAX_CANDIDATES:
                return late[:_MAX_CANDIDATES], [], True
            if len(found) > _MAX_CANDIDATES:
                found.sort()
                del found[_MAX_CANDIDATES:]
                cut = True
        found.sort()
        return late, [_Place(*row, self._end) for row in found], cut

    def _windows(self, feed: Feed, mark: Watermark) -> Iterator[list[tuple[int, int]]]:
        """Give ``(changed, rowid)`` of rows that may be new, by rowid, a transaction a window."""
        self._end = -(2**63)
        late = [one.rowid for one in mark.late]
        is_late = f"rowid IN ({', '.join('?' * len(late))})"
        while True:
            with self.database.snapshot():
                end = self.database.query(
                    f"SELECT max(rowid) FROM (SELECT rowid FROM {feed.table}"  # noqa: S608
                    " WHERE rowid > ? ORDER BY rowid LIMIT ?)",
                    (self._end, WINDOW_ROWS),
                )[0][0]
                if end is None:
                    return
                if end <= self._end:  # SQLite takes the order of rows for granted
                    path = self.source.path
                    raise SourceUnreadable(
                        f"{path} is damaged: rows of {feed.table} are in disorder"
                    )
                window = self.database.query(
                    f"SELECT {changed_sql(feed)}, rowid FROM {feed.table}"  # noqa: S608
                    " WHERE rowid > ? AND rowid <= ?"
                    f" AND (({changed_sql(feed)}, rowid) > (?, ?) OR rowid > ? OR {is_late})",
                    (self._end, end, mark.changed, mark.rowid, mark.high, *late),
                )
            self._end = end
            yield [(changed, rowid) for changed, rowid in window]

    def _deliver(
        self, feed: Feed, columns: frozenset[str], places: list[_Place], start: int
    ) -> tuple[list[Record], int]:
        """Map rows until the transaction has taken its share.

        Returns:
            The records, and how many places were dealt with.
        """
        records: list[Record] = []
        deadline = time.monotonic() + MAX_SECONDS
        size = 0
        select = row_sql(feed, columns)
        for number, place in enumerate(places[start:], start + 1):
            for values in self.database.query(select, (place.rowid,)):
                record, taken = self._record(feed, place, dict(values))
                size += taken
                if record:
                    records.append(record)
            if size > MAX_BYTES or time.monotonic() > deadline:
                return records, number
        return records, len(places)

    def _record(
        self, feed: Feed, place: _Place, values: dict[str, Any]
    ) -> tuple[Record | None, int]:
        """Map a row, unless it was sent as it is; returns its size in bytes, too."""
        changed = values.pop("_changed")
        if changed != place.changed:
            return None, 0  # it was changed just now, and so the source is read again soon
        raw = _encode(values)
        digest = hashlib.blake2b(raw, digest_size=_DIGEST_BYTES).hexdigest()
        sent = Sent(changed, place.rowid, digest)
        if self.progress.mark(feed).knows(sent):
            return None, 0
        row = Row(
            parser=self.parser,
            source=self.source,
            feed=feed,
            rowid=place.rowid,
            changed=changed,
            values=values,
            database=self.database,
            marks=self.progress.state.marks,
        )
        mapped = self._map(row, raw)
        self.progress.add(feed, sent, str(values[feed.key]), place.high)
        done = min(self.progress.state.rows, self.rows)
        record = MappedRecord(
            events=mapped.events,
            cursor=self.progress.cursor(),
            position=self.source.size * done // max(self.rows, 1),
            skipped=mapped.skipped,
            unmapped=mapped.unmapped,
            failure=mapped.failure,
        )
        return record, len(raw)

    def _map(self, row: Row, raw: bytes) -> Outcome:
        try:
            return take(self.parser.map_row(row), "map_row")
        except apsw.Error:
            raise  # the database's fault, not the row's
        except FAILURES as error:  # P9: a bad row costs only itself
            return self._unmapped(row, raw, error)

    def _unmapped(self, row: Row, raw: bytes, error: BaseException) -> Outcome:
        name = hashlib.blake2b(str(row[row.feed.key]).encode(), digest_size=12).hexdigest()
        places = self._places(row)
        turn = unmapped_turn(
            self.parser,
            session_id=self.parser.session_id(row),
            seq=bounded(places.start),
            raw=raw,
            start=0,
            end=len(raw),
            code="UNMAPPABLE",
            reason=f"{describe_failure(error)}, on a row of {row.feed.table}",
            places=max(1, len(places)),
            revision=bounded(row.changed),
            source_file=row.source.path,
        )
        turn.turn_id = f"unmapped-{row.feed.table}-{name}"
        return Outcome((turn,), unmapped=True, failure=tell_failure(error, self.parser))

    def _places(self, row: Row) -> range:
        try:
            return self.parser.places(row)
        except apsw.Error:
            raise
        except FAILURES:  # P9: what hinders the mapping may hinder this as well
            return range(row.changed, row.changed + 1)
