"""The cursor of a database: how far each of its feeds was read, and by what it is recognised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from lethe_core.errors import SourceReplaced
from lethe_core.feeds import find_tip, has_row, is_reached
from lethe_core.sources import Cursor, Source
from lethe_core.watermarks import Sent, Watermark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lethe_core.databases import Database
    from lethe_core.feeds import Feed

_PREFIX: Final = "q1:"


class _State(msgspec.Struct):
    """What a cursor holds: a watermark by table, the first row delivered, a number of rows."""

    marks: dict[str, Watermark] = {}
    first: tuple[str, str] | None = None
    rows: int = 0


_decode = msgspec.json.Decoder(_State).decode
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Progress:
    """A cursor, taken apart, and moved on."""

    source: Source
    state: _State

    @classmethod
    def of(cls, cursor: Cursor | None, source: Source) -> Progress:
        """Take a cursor apart.

        Raises:
            SourceReplaced: it was not made here.
        """
        if cursor is None:
            return cls(source, _State())
        try:
            if not cursor.startswith(_PREFIX):
                raise ValueError(cursor[:3])
            return cls(source, _decode(cursor[len(_PREFIX) :]))
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
        tips = [(feed, mark, find_tip(database, feed, mark)) for feed, mark in marked]
        if any(tip is not None and tip < mark.top - feed.overlap for feed, mark, tip in tips):
            raise SourceReplaced(f"{self.source.path} is older than what was read of it")
        if not tips or any(tip is not None for _, _, tip in tips):
            return
        if not any(is_reached(database, feed, mark) for feed, mark in marked):
            raise SourceReplaced(f"{self.source.path} has lost all rows as new as those read of it")
        table, key = self.state.first or ("", "")
        for feed in feeds:
            if feed.table == table and not has_row(database, feed, key):
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
