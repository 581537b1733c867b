"""One row of a database, and short cuts to make events of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lethe_core.events import SessionEvent, TurnEvent
from lethe_core.limits import MAX_SEQ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lethe_core.databases import Database
    from lethe_core.events import Role, SessionMeta
    from lethe_core.feeds import Feed
    from lethe_core.sources import Source
    from lethe_core.sqlite import SqliteParser
    from lethe_core.watermarks import Watermark


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
            revision: grows with each change of the row; `changed` if `None`. Of two copies with
                the same revision the archive keeps the first: where a tool writes a row several
                times in one unit of `changed`, make it of `changed` and, in the bits below, of
                what grows meanwhile, such as the size of the row.
            **fields: all other fields of `TurnEvent`.
        """
        return TurnEvent(
            tool=self.parser.tool,
            session_id=session_id,
            turn_id=turn_id,
            seq=bounded(seq),
            role=role,
            revision=bounded(self.changed if revision is None else revision),
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
            seq=bounded(seq),
            session_meta=meta,
            timestamp=timestamp,
            parser_version=self.parser.version,
        )


def bounded(value: int) -> int:
    """Return the nearest number that `seq` and `revision` can be."""
    return min(max(value, 0), MAX_SEQ)
