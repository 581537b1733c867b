"""Feeds: which rows of another program's tables are watched, and the SQL that reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lethe_core.errors import SourceUnsupported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lethe_core.databases import Database
    from lethe_core.sources import Source
    from lethe_core.watermarks import Watermark

#: What SQLite reads whole as a number; a function such as `strftime` gives one as text.
_NUMBER = re.compile(r"\s*[+-]?\d+(\.\d*)?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Rows of one table that are watched. All names are SQL and come from the parser alone.

    Args:
        table: the table; it must have rowids.
        changed: an integer expression that grows whenever a row changes, such as a column with
            the time of the last update; of a time that is text, ``unixepoch(updated)``.
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


def changed_sql(feed: Feed) -> str:
    """Word when a row was changed last; a row that does not tell was changed at 0."""
    return f"CAST(ifnull({feed.changed}, 0) AS INTEGER)"


def row_sql(feed: Feed, columns: frozenset[str]) -> str:
    """Word the query for one row; columns that this version lacks are NULL."""
    optional = (name if name in columns else f"NULL AS {name}" for name in feed.optional)
    names = ", ".join(dict.fromkeys((feed.key, *feed.columns, *optional)))
    return f"SELECT {changed_sql(feed)} AS _changed, {names} FROM {feed.table} WHERE rowid = ?"  # noqa: S608


def check_columns(
    feeds: Sequence[Feed], schema: Mapping[str, frozenset[str]], source: Source
) -> None:
    """Check that the database has what the parser needs.

    Raises:
        SourceUnsupported: it has not.
    """
    if not feeds:
        raise SourceUnsupported(f"{source.path} has none of the tables that are known")
    for feed in feeds:
        if feed.table not in schema:
            raise SourceUnsupported(f"{source.path} has no table {feed.table}")
        missing = {feed.key, *feed.columns} - schema[feed.table]
        if missing:
            names = ", ".join(sorted(missing))
            raise SourceUnsupported(f"{source.path}: {feed.table} has no column {names}")


def check_times(feed: Feed, database: Database, source: Source) -> None:
    """Check that the times of change are numbers, by those of the first and the last row.

    SQLite reads ``2026-03-01`` as 2026: each change of the year would go unnoticed.

    Raises:
        SourceUnsupported: they are text.
    """
    ends = (f"(SELECT {end}(rowid) FROM {feed.table})" for end in ("min", "max"))  # noqa: S608
    sql = f"SELECT {feed.changed} FROM {feed.table} WHERE rowid IN ({', '.join(ends)})"  # noqa: S608
    times = [changed for (changed,) in database.query(sql)]
    if times and all(isinstance(time, str) and not _NUMBER.fullmatch(time) for time in times):
        raise SourceUnsupported(
            f"{source.path}: {feed.changed} of {feed.table} is text, no number",
            hint="the parser must watch a number, such as `unixepoch(updated)`",
        )


def count_rows(feed: Feed, database: Database) -> int:
    """Count the rows of a feed."""
    return int(database.query(f"SELECT count(*) FROM {feed.table}")[0][0])  # noqa: S608


def find_tip(database: Database, feed: Feed, mark: Watermark) -> int | None:
    """Say when the newest row that was delivered was changed last; `None` if it is gone."""
    sql = f"SELECT max({changed_sql(feed)}) FROM {feed.table} WHERE {feed.key} = ?"  # noqa: S608
    changed: int | None = database.query(sql, (mark.tip,))[0][0]
    return changed


def is_reached(database: Database, feed: Feed, mark: Watermark) -> bool:
    """Say whether any row is as new as the newest one that was delivered."""
    sql = f"SELECT 1 FROM {feed.table} WHERE {changed_sql(feed)} >= ? LIMIT 1"  # noqa: S608
    return bool(database.query(sql, (mark.top,)))


def has_row(database: Database, feed: Feed, key: str) -> bool:
    """Say whether a row with this key is there."""
    sql = f"SELECT 1 FROM {feed.table} WHERE {feed.key} = ?"  # noqa: S608
    return bool(database.query(sql, (key,)))
