"""Parser base for SQLite databases whose rows a tool inserts, updates in place and deletes.

A source is the database; it may hold any number of sessions. A parser names its *feeds*: tables
with a column that tells when a row was changed last. Rows are delivered in the order of that
column, and again whenever they change.

Invariants:

* The database is opened as `lethe_core.databases` says: nothing is written, no lock is held
  beyond a read transaction. A transaction looks at no more than `WINDOW_ROWS` rows, or delivers
  rows for `MAX_SECONDS`; between two of them the writer's log can be checkpointed (P16).
* The cursor is ``q1:`` and JSON: per feed a `Watermark`, the first row that was delivered, and how
  many rows were. It has a few kilobytes at most.
* Neither rowids nor ids are taken for an order: tools reuse rowids after a deletion, and ids
  overflow. Of equal times all rows are delivered, and a row that is changed twice in one unit of
  time is delivered twice.
* The newest row that was delivered of each feed is remembered. If one bears an older time now, or
  if all are gone together with the first row that was ever delivered, or with all rows as new as
  they were, then the database was replaced or an older copy was put back: `SourceReplaced`. Rows
  that are gone otherwise were deleted; they stay in the archive. VACUUM moves rowids at most,
  which repeats the few rows within the overlap.
* The revision of a turn is made of the time of its row's last change, not of the generation, so
  that what an older copy of a database holds never replaces what a newer one held.
* To find what changed, a read looks at every row, about 0.4 ms a MB. Who stops early and reads on
  shortly after must not pay that again: the parser keeps the places that were found and not yet
  delivered. They are a hint: each row is checked when it is delivered, and when they are used up
  all rows are looked at again.
* In memory are 65,536 places of changed rows, and rows of `MAX_BYTES` besides the largest one.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
import os
import sqlite3
import time
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import msgspec

from lethe_core.databases import Database, database_source
from lethe_core.errors import SourceReplaced, SourceUnsupported
from lethe_core.events import SessionEvent, TurnEvent
from lethe_core.jsonl import clean_session_id
from lethe_core.limits import MAX_SEQ, MIB
from lethe_core.parser import Parser, unmapped_turn
from lethe_core.sources import Cursor, Identity, Record, Source
from lethe_core.watermarks import Sent, Watermark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lethe_core.events import Event, Role, SessionMeta

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
_PREFIX: Final = "q1:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Rows of one table that are watched. All names are SQL and come from the parser alone.

    Args:
        table: the table; it must have rowids.
        changed: an integer expression that grows whenever a row changes, such as a column with
            the time of the last update.
        columns: what `map_row` gets to see of a row; all must exist. Name those that are needed:
            the tables of some tools hold secrets beside transcripts.
        optional: further columns, `None` in versions of the tool that lack them.
        key: the column that identifies a row.
        overlap: how far behind the newest row changes may still appear, in units of `changed`:
            several writers, a clock that is set back a little.
    """

    table: str
    changed: str
    columns: tuple[str, ...]
    optional: tuple[str, ...] = ()
    key: str = "id"
    overlap: int = 0


@dataclass(slots=True)
class Row:
    """One row, and short cuts to make events of it; ``row["column"]`` is a column's value.

    Args:
        parser: who reads.
        source: what is read.
        feed: where the row stands.
        rowid: its place in the table; may be another one after a deletion or VACUUM.
        changed: when it was changed, as the feed tells it.
        values: its columns.
        database: for further queries; they see the same state of the database.
        marks: how far each table was read before this row.
    """

    parser: SqliteParser
    source: Source
    feed: Feed
    rowid: int
    changed: int
    values: Mapping[str, Any]
    database: Database
    marks: Mapping[str, Watermark]

    def __getitem__(self, column: str) -> Any:
        return self.values[column]

    def query(self, sql: str, *parameters: Any) -> list[Any]:
        """Run a short query in the row's own transaction; its rows can be read by name."""
        return self.database.query(sql, parameters)

    def awaits(self, table: str, changed: int, rowid: int) -> bool:
        """Say whether another row is still to be delivered, in this read or the next.

        If turns are made of several rows (a message and its parts), each of them may be the one
        that changed. Whoever makes them of the row alone that no other one of them comes after
        makes them once, and again whenever one changes.

        Args:
            table: where the other row stands; that of this row, or one whose feed comes later.
            changed: when it was changed, as its feed tells it.
            rowid: its place.
        """
        mark = self.marks.get(table)
        return mark is None or mark.awaits(changed, rowid)

    def turn(
        self,
        *,
        session_id: str,
        turn_id: str,
        seq: int,
        role: Role,
        revision: int | None = None,
        **fields: Any,
    ) -> TurnEvent:
        """Make a turn of this row.

        Args:
            session_id: the session it belongs to.
            turn_id: the tool's own identity of the turn.
            seq: its place in the session, such as the time of its creation, times the number of
                turns that one row can give, plus its index among them.
            role: who speaks.
            revision: grows with each change of the row; `changed` if `None`.
            **fields: all other fields of `TurnEvent`.
        """
        return TurnEvent(
            tool=self.parser.tool,
            session_id=session_id,
            turn_id=turn_id,
            seq=_bounded(seq),
            role=role,
            revision=_bounded(self.changed if revision is None else revision),
            parser_version=self.parser.version,
            **fields,
        )

    def session(
        self, session_id: str, meta: SessionMeta, *, seq: int, timestamp: float | None = None
    ) -> SessionEvent:
        """Make an event that says something of a session alone.

        Args:
            session_id: the session.
            meta: what is said of it.
            seq: tells which of two statements is the later one.
            timestamp: Unix seconds.
        """
        return SessionEvent(
            tool=self.parser.tool,
            session_id=session_id,
            seq=_bounded(seq),
            session_meta=meta,
            timestamp=timestamp,
            parser_version=self.parser.version,
        )


class SqliteParser(Parser):
    """Reads databases of a tool; a subclass names the feeds and maps one row at a time.

    Attributes:
        names: where the databases lie below a root, as patterns of `Path.glob`.
    """

    names: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        """Begin without any places that were found before."""
        self._found: dict[Path, _Found] = {}

    @abstractmethod
    def feeds(self, schema: Mapping[str, frozenset[str]]) -> Sequence[Feed]:
        """Say which rows are to be watched, in the order in which feeds are read.

        Args:
            schema: the tables of the database and their columns.

        Returns:
            The feeds; none if no version of the tool has such tables.
        """

    @abstractmethod
    def map_row(self, row: Row) -> Iterable[Event] | str:
        """Map one row to its events.

        Whatever it raises makes the row an `unmapped` turn that names the error.

        Returns:
            The events in order, or, for a row that is no turn, a word that says what it is.
        """

    def session_id(self, row: Row) -> str:
        """Name the session of a row that cannot be mapped."""
        value = row.values.get("session_id") or row.values.get(row.feed.key)
        return clean_session_id(str(value or row.source.path.stem))

    def discover(self, root: Path) -> Iterable[Source]:
        """Find the databases below a root by `stat` alone.

        The size and the time of modification count the write-ahead log in: for hours, data may
        stand there alone.

        Raises:
            OSError: the root cannot be listed.
        """
        if root.is_file():
            yield database_source(root, root)
            return
        with os.scandir(root):
            pass  # an unreadable root is an error; what lies below it is left out
        paths = {path for name in self.names for path in root.glob(name)}
        for path in sorted(paths):
            try:
                yield database_source(path, root)
            except OSError:
                continue  # it vanished, or is a link to nowhere

    def identify(self, source: Source) -> Identity:
        """Recognise a database by its inode: its first bytes change with each transaction."""
        status = source.path.stat()
        return Identity(device=status.st_dev, inode=status.st_ino)

    def read(self, source: Source, cursor: Cursor | None) -> Iterator[Record]:
        """Read the rows that were added or changed after a cursor. See `Parser.read`."""
        progress = _Progress.of(cursor, source)
        with Database(source.path) as database:
            with database.snapshot():
                schema = database.schema()
                feeds = self.feeds(schema)
                _check(feeds, schema, source)
                progress.check(feeds, database)
                rows = sum(_count(feed, database) for feed in feeds)
            pass_ = _Pass(self, source, database, progress, rows, self._found)
            for feed in pass_.pending(feeds):
                yield from pass_.read(feed, schema[feed.table])


class _State(msgspec.Struct):
    """What a cursor holds: a watermark by table, the first row delivered, a number of rows."""

    marks: dict[str, Watermark] = {}
    first: tuple[str, str] | None = None
    rows: int = 0


_decode_state = msgspec.json.Decoder(_State).decode
_encode = msgspec.json.Encoder(enc_hook=lambda value: base64.b64encode(value).decode()).encode


@dataclass(slots=True)
class _Progress:
    """A cursor, taken apart, and moved on."""

    source: Source
    state: _State

    @classmethod
    def of(cls, cursor: Cursor | None, source: Source) -> _Progress:
        """Take a cursor apart.

        Raises:
            SourceReplaced: it was not made here.
        """
        if cursor is None:
            return cls(source, _State())
        try:
            if not cursor.startswith(_PREFIX):
                raise ValueError(cursor[:3])
            return cls(source, _decode_state(cursor[len(_PREFIX) :]))
        except (ValueError, msgspec.MsgspecError) as error:
            message = f"{source.path} was read by another kind of parser"
            raise SourceReplaced(message) from error

    def check(self, feeds: Sequence[Feed], database: Database) -> None:
        """Check that the database is the one that the cursor was made for.

        Raises:
            SourceReplaced: another one stands in its place, or an older copy of it.
        """
        marks = self.state.marks
        marked = [(feed, marks[feed.table]) for feed in feeds if feed.table in marks]
        marked = [(feed, mark) for feed, mark in marked if mark.tip]
        tips = [(feed, mark, _tip(database, feed, mark)) for feed, mark in marked]
        if any(tip is not None and tip < mark.top - feed.overlap for feed, mark, tip in tips):
            raise SourceReplaced(f"{self.source.path} is older than what was read of it")
        if not tips or any(tip is not None for _, _, tip in tips):
            return
        if not any(_is_reached(database, feed, mark) for feed, mark in marked):
            raise SourceReplaced(f"{self.source.path} has lost all rows as new as those read of it")
        table, key = self.state.first or ("", "")
        for feed in feeds:
            if feed.table == table and not _has(database, feed, key):
                raise SourceReplaced(f"{self.source.path} is another database than before")

    def mark(self, feed: Feed) -> Watermark:
        """Return the watermark of a feed."""
        return self.state.marks.setdefault(feed.table, Watermark())

    def add(self, feed: Feed, sent: Sent, key: str, high: int) -> None:
        """Move on past a row."""
        self.mark(feed).add(sent, key=key, overlap=feed.overlap, high=high)
        self.state.first = self.state.first or (feed.table, key)
        self.state.rows += 1

    def cursor(self) -> Cursor:
        """Make the cursor that stands here."""
        return Cursor(_PREFIX + _encode(self.state).decode())


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
class _Found:
    """Places that a look at all rows of a feed has found.

    Args:
        identity: of the database that was looked at.
        table: of the feed.
        marks: how far all feeds were read then; all that had changed after the feed's own mark
            is among the places.
        places: in the order of delivery.
        late: how many of them are new rows that bear an old time; these come first.
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
class _Pass:
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
    progress: _Progress
    rows: int
    found: dict[Path, _Found]
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
            self.found[self.source.path] = _Found(
                self._identity(), feed.table, marks, late + places, len(late)
            )
        return late + places, more

    def _find(self, feed: Feed) -> tuple[list[_Place], list[_Place], bool]:
        """Find the rows that are new or above the floor, a window of rows at a time.

        Returns:
            The places of those that are new and bear an old time, and of those above the floor,
            in the order of delivery, and whether there are more than are given.
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
        while True:
            with self.database.snapshot():
                end = self.database.query(
                    f"SELECT max(rowid) FROM (SELECT rowid FROM {feed.table}"  # noqa: S608
                    " WHERE rowid > ? ORDER BY rowid LIMIT ?)",
                    (self._end, WINDOW_ROWS),
                )[0][0]
                if end is None:
                    return
                window = self.database.query(
                    f"SELECT {_changed(feed)}, rowid FROM {feed.table}"  # noqa: S608
                    " WHERE rowid > ? AND rowid <= ?"
                    f" AND (({_changed(feed)}, rowid) > (?, ?) OR rowid > ?)",
                    (self._end, end, mark.changed, mark.rowid, mark.high),
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
        select = _select(feed, columns)
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
        record = Record(
            events=mapped.events,
            cursor=self.progress.cursor(),
            position=self.source.size * done // max(self.rows, 1),
            skipped=mapped.skipped,
            unmapped=mapped.unmapped,
        )
        return record, len(raw)

    def _map(self, row: Row, raw: bytes) -> _Mapped:
        try:
            mapped = self.parser.map_row(row)
            if isinstance(mapped, str):
                return _Mapped(skipped=mapped)
            events = tuple(mapped)
        except sqlite3.Error:
            raise  # the database's fault, not the row's
        except Exception as error:  # noqa: BLE001 - P9: a bad row costs only itself
            return self._unmapped(row, raw, error)
        return _Mapped(events, skipped="" if events else "no turn")

    def _unmapped(self, row: Row, raw: bytes, error: Exception) -> _Mapped:
        name = hashlib.blake2b(str(row[row.feed.key]).encode(), digest_size=12).hexdigest()
        turn = unmapped_turn(
            self.parser,
            session_id=self.parser.session_id(row),
            seq=_bounded(row.changed),
            raw=raw,
            start=0,
            end=len(raw),
            code="UNMAPPABLE",
            reason=f"the parser failed with {type(error).__name__} on a row of {row.feed.table}",
            revision=_bounded(row.changed),
            source_file=row.source.path,
        )
        turn.turn_id = f"unmapped-{row.feed.table}-{name}"
        return _Mapped((turn,), unmapped=True)


class _Mapped(NamedTuple):
    """What became of one row."""

    events: tuple[Event, ...] = ()
    skipped: str = ""
    unmapped: bool = False


def _bounded(value: int) -> int:
    return min(max(value, 0), MAX_SEQ)


def _changed(feed: Feed) -> str:
    return f"CAST(ifnull({feed.changed}, 0) AS INTEGER)"


def _select(feed: Feed, columns: frozenset[str]) -> str:
    """Word the query for one row; columns that this version lacks are NULL."""
    optional = (name if name in columns else f"NULL AS {name}" for name in feed.optional)
    names = ", ".join(dict.fromkeys((feed.key, *feed.columns, *optional)))
    return f"SELECT {_changed(feed)} AS _changed, {names} FROM {feed.table} WHERE rowid = ?"  # noqa: S608


def _check(feeds: Sequence[Feed], schema: Mapping[str, frozenset[str]], source: Source) -> None:
    """Check that the database has what the parser needs.

    Raises:
        SourceUnsupported: it has not.
    """
    if not feeds:
        raise SourceUnsupported(f"{source.path} has none of the tables that are known")
    for feed in feeds:
        missing = {feed.key, *feed.columns} - schema[feed.table]
        if missing:
            names = ", ".join(sorted(missing))
            raise SourceUnsupported(f"{source.path}: {feed.table} has no column {names}")


def _count(feed: Feed, database: Database) -> int:
    return int(database.query(f"SELECT count(*) FROM {feed.table}")[0][0])  # noqa: S608


def _tip(database: Database, feed: Feed, mark: Watermark) -> int | None:
    """Say when the newest row that was delivered was changed last; `None` if it is gone."""
    sql = f"SELECT max({_changed(feed)}) FROM {feed.table} WHERE {feed.key} = ?"  # noqa: S608
    changed: int | None = database.query(sql, (mark.tip,))[0][0]
    return changed


def _is_reached(database: Database, feed: Feed, mark: Watermark) -> bool:
    """Say whether any row is as new as the newest one that was delivered."""
    sql = f"SELECT 1 FROM {feed.table} WHERE {_changed(feed)} >= ? LIMIT 1"  # noqa: S608
    return bool(database.query(sql, (mark.top,)))


def _has(database: Database, feed: Feed, key: str) -> bool:
    sql = f"SELECT 1 FROM {feed.table} WHERE {feed.key} = ?"  # noqa: S608
    return bool(database.query(sql, (key,)))
