"""Parser base for SQLite databases whose rows a tool inserts, updates in place and deletes.

A source is the database; it may hold any number of sessions. A parser names its *feeds*: tables
with a column that tells when a row was changed last. Rows are delivered in the order of that
column, and again whenever they change.

Invariants:

* The database is opened as `lethe_core.databases` says: nothing is written, no lock is held
  beyond a read transaction. One looks at no more than `passes.WINDOW_ROWS` rows, or delivers
  rows for `passes.MAX_SECONDS`; between two of them the writer's log can be checkpointed (P16).
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
* In memory are 65,536 places of changed rows, and rows of `passes.MAX_BYTES` besides the largest
  one.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from lethe_core.databases import Database, database_source
from lethe_core.feeds import check_columns, check_times, count_rows
from lethe_core.mapping import clean_session_id
from lethe_core.parser import Parser
from lethe_core.passes import Pass
from lethe_core.progress import Progress
from lethe_core.sources import Cursor, Identity, Record, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lethe_core.events import Event
    from lethe_core.feeds import Feed
    from lethe_core.passes import Found
    from lethe_core.rows import Row


class SqliteParser(Parser):
    """Reads databases of a tool; a subclass names the feeds and maps one row at a time.

    Attributes:
        names: where the databases lie below a root, as patterns of `Path.glob`.
    """

    names: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        """Begin without any places that were found before."""
        self._found: dict[Path, Found] = {}

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

    def places(self, row: Row) -> range:
        """Give the places in its session that the turns of a row, and no others, can have.

        It is asked where a row cannot be mapped: the turn that stands for the row stands there,
        until a later version of the parser maps it.
        """
        return range(row.changed, row.changed + 1)

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
        progress = Progress.of(cursor, source)
        with Database(source.path) as database:
            with database.snapshot():
                schema = database.schema()
                feeds = self.feeds(schema)
                check_columns(feeds, schema, source)
                for feed in feeds:
                    check_times(feed, database, source)
                progress.check(feeds, database)
                rows = sum(count_rows(feed, database) for feed in feeds)
            pass_ = Pass(self, source, database, progress, rows, self._found)
            for feed in pass_.pending(feeds):
                yield from pass_.read(feed, schema[feed.table])
