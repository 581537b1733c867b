"""Sums over the activity of an owner, or of all, by any of its dimensions.

What is summed are *cells*: the rows of `activity` for whole quarters of an hour, and for the one
or two that a span of time cuts through, the turns of the sessions that were active then. Where time
is not asked for, they are the rows that hold the sums of all time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_server.storage.activity import ALL_TIME, SLOT_SECONDS, SUMS, TIMELESS
from lethe_server.storage.directories import IN_PROJECT, name_of
from lethe_server.storage.records import NANO
from lethe_server.storage.transactions import read_transaction
from lethe_server.storage.zones import spans

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    import apsw

    from lethe_server.storage.zones import Span

_DAY_SECONDS: Final = 86_400
_DAY: Final = f"LOCAL / {_DAY_SECONDS // SLOT_SECONDS}"
#: Periods; of these, at most one makes sense. LOCAL is the slot of the asker's time zone.
PERIODS: Final = {
    "day": f"date(LOCAL * {SLOT_SECONDS}, 'unixepoch')",
    # The Monday that the week begins with; day 0 was a Thursday.
    "week": f"date(({_DAY} - ({_DAY} + 3) % 7) * {_DAY_SECONDS}, 'unixepoch')",
    "month": f"strftime('%Y-%m', LOCAL * {SLOT_SECONDS}, 'unixepoch')",
}
#: The repository of a session, where its parser tells it. What SQLite takes for no JSON, because
#: it is too deep, tells nothing.
REPOSITORY: Final = """
    (SELECT value FROM json_each(
        iif(json_valid(CAST(s.metadata AS TEXT)), CAST(s.metadata AS TEXT), '{}'))
        WHERE key IN ('git_remote', 'repository') AND type = 'text' AND value <> ''
        ORDER BY key LIMIT 1)
"""
#: What can be grouped by, as SQL.
DIMENSIONS: Final = PERIODS | {
    "tool": "s.tool",
    "host": "s.host",
    "project": "s.working_dir",
    "repository": REPOSITORY,
    "owner": "(SELECT name FROM owners WHERE id = c.owner)",
    "model": "nullif(c.model, '')",
    "role": "c.role",
}

#: What has a price.
_PRICED: Final = ("tokens_in", "tokens_out", "cache_read", "cache_write")
_COLUMNS: Final = ("owner", "slot", "session", "role", "model", *SUMS)
#: Whose activity is summed: one owner's, or everybody's.
_WHOSE: Final = "(SELECT id FROM owners WHERE :owner IS NULL OR name = :owner)"
#: Each end of each owner is one step into the table.
_ENDS: Final = """
    SELECT min(first), max(last) FROM (
        SELECT (SELECT min(slot) FROM activity WHERE owner = o.id AND slot >= 0) AS first,
            (SELECT max(slot) FROM activity WHERE owner = o.id AND slot >= 0) AS last
        FROM owners AS o WHERE :owner IS NULL OR o.name = :owner)
"""
_WHOLE: Final = f"""
    SELECT {", ".join(_COLUMNS)} FROM activity
    WHERE owner IN {_WHOSE} AND slot >= :first AND slot < :last
"""  # noqa: S608 - made of the constants above alone
#: A turn as a cell; the tokens of an API reply stand in that of its first turn.
_PART: Final = f"""
    SELECT t.owner, CAST(t.timestamp AS INTEGER) / {SLOT_SECONDS}, t.session, t.role,
        coalesce(t.model, ''), 1,
        coalesce(u.input, iif(t.usage IS NULL, t.tokens_in, 0)),
        coalesce(u.output, iif(t.usage IS NULL, t.tokens_out, 0)),
        coalesce(u.cache_read, iif(t.usage IS NULL, t.cache_read, 0)),
        coalesce(u.cache_write, iif(t.usage IS NULL, t.cache_write, 0)),
        coalesce(u.reasoning, iif(t.usage IS NULL, t.reasoning, 0)),
        coalesce(u.cost_nano, iif(t.usage IS NULL, t.cost_nano, 0))
    FROM turns AS t
    LEFT JOIN usage AS u ON u.owner = t.owner AND u.id = t.usage AND u.turn = t.id
    WHERE (t.owner, t.session) IN (
            SELECT owner, session FROM activity WHERE owner IN {_WHOSE} AND slot = :slot_N)
        AND t.timestamp >= :begin_N AND t.timestamp < :end_N
"""  # noqa: S608 - made of constants alone
_JOIN_SESSIONS: Final = "JOIN sessions AS s ON s.owner = c.owner AND s.id = c.session"
#: What a filter means.
_CONDITIONS: Final = {
    "tool": "s.tool = :tool",
    "host": "s.host = :host",
    "project": IN_PROJECT.format(":project"),
    "model": "c.model = :model",
    "role": "c.role = :role",
}
#: Cells of one session as one: for what does not depend on when, who and by which model.
_PER_SESSION: Final = f"""
    SELECT owner, 0 AS slot, session, '' AS role, '' AS model,
        {", ".join(f"sum({name}) AS {name}" for name in SUMS)}
    FROM ({{}}) GROUP BY owner, session
"""  # noqa: S608 - made of the constants above alone
#: Sessions of which no turn has come: they count where none is asked for.
_TURNLESS: Final = f"""
    SELECT owner, {TIMELESS}, id, '', '', {", ".join("0" for _ in SUMS)} FROM sessions
    WHERE owner IN {_WHOSE} AND turns = 0
"""  # noqa: S608 - made of the constants above alone
_OF_SESSIONS: Final = frozenset({"tool", "host", "project", "repository", "owner"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityFilter:
    """Which turns are counted.

    Args:
        since: at or after, Unix seconds; turns without a time do not count then.
        until: before, likewise.
        tool: of this tool.
        host: of this machine.
        project: whose working directory this is, or ends in.
        model: answered by it.
        role: of this role.
    """

    since: float | None = None
    until: float | None = None
    tool: str | None = None
    host: str | None = None
    project: str | None = None
    model: str | None = None
    role: str | None = None

    def names(self) -> dict[str, str]:
        """Return the filters that are set, by name, without those of time."""
        asked = {
            "tool": self.tool,
            "host": self.host,
            "project": self.project and name_of(self.project),
            "model": self.model,
            "role": self.role,
        }
        return {name: value for name, value in asked.items() if value is not None}


class _Part(NamedTuple):
    """A part of a slot, its end not included."""

    slot: int
    begin: float
    end: float


class Figures(NamedTuple):
    """Sums of some turns, and how many sessions they are of."""

    sessions: int = 0
    turns: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost_nano: int = 0

    def plus(self, other: Figures) -> Figures:
        """Return the sums of both, which must share no session."""
        return Figures(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def cost_usd(self) -> float | None:
        """The price that tools reported, if any did."""
        return self.cost_nano / NANO or None


class Group(NamedTuple):
    """The turns that have the same values.

    Args:
        values: in the order of the dimensions.
        figures: of the turns.
        last_activity: of their sessions; only where it was asked for.
    """

    values: tuple[str | None, ...]
    figures: Figures
    last_activity: float | None = None


class Use(NamedTuple):
    """Tokens of one model in a group.

    Args:
        values: of the group, in the order of the dimensions.
        model: that used them; `None` if no turn tells.
        tokens: input, output, read from and written to caches.
    """

    values: tuple[str | None, ...]
    model: str | None
    tokens: tuple[int, int, int, int]


class Statistics(NamedTuple):
    """Sums of all turns, and of each group and model; all of one moment."""

    totals: Figures
    groups: list[Group]
    uses: list[Use]


def read_statistics(
    connection: apsw.Connection,
    owner: str | None,
    wanted: ActivityFilter,
    *,
    dimensions: Sequence[str],
    zone: dt.tzinfo,
    limit: int,
) -> Statistics:
    """Return sums over the turns of an owner.

    Args:
        connection: that reads.
        owner: whose; everybody's if `None`.
        wanted: which turns.
        dimensions: keys of `DIMENSIONS`; no groups without any.
        zone: whose days count.
        limit: at most so many groups.
    """
    with read_transaction(connection):
        sums = ActivitySums(connection, owner, wanted)
        totals = sums.groups(())[0].figures
        if not dimensions:
            return Statistics(totals, [], sums.uses(()))
        periods = PERIODS.keys() & {*dimensions}
        offsets = spans(zone, *sums.ends()) if periods else []
        groups = sums.groups(dimensions, offsets, limit)
        return Statistics(totals, groups, sums.uses(dimensions, offsets))


def read_workplaces(
    connection: apsw.Connection, owner: str | None, wanted: ActivityFilter
) -> list[Group]:
    """Return sums by repository, directory, owner, host and tool, with the last activity of each.

    Args:
        connection: that reads.
        owner: whose; everybody's if `None`.
        wanted: which turns.
    """
    sums = ActivitySums(connection, owner, wanted)
    return sums.groups(("repository", "project", "owner", "host", "tool"), with_activity=True)


class ActivitySums:
    """Adds up the activity of one owner, or of all.

    Args:
        connection: that reads.
        owner: whose; everybody's if `None`.
        wanted: which turns.
    """

    def __init__(
        self, connection: apsw.Connection, owner: str | None, wanted: ActivityFilter
    ) -> None:
        self._connection = connection
        self._owner = owner
        self._wanted = wanted

    def ends(self) -> tuple[int, int]:
        """Return the first slot that counts, and the one behind the last."""
        row: Any = self._connection.execute(_ENDS, {"owner": self._owner}).fetchone()
        first, last = row
        if first is None:
            return 0, 0
        since, until = self._wanted.since or 0, self._wanted.until
        begin = max(first, math.floor(since / SLOT_SECONDS))
        end = last + 1 if until is None else min(last + 1, math.ceil(until / SLOT_SECONDS))
        return begin, max(begin, end)

    def groups(
        self,
        dimensions: Sequence[str],
        offsets: Sequence[Span] = (),
        limit: int = -1,
        *,
        with_activity: bool = False,
    ) -> list[Group]:
        """Return the sums of the turns that have the same values, in the order of these.

        Args:
            dimensions: keys of `DIMENSIONS`.
            offsets: of the time zone, if there is a period among the dimensions.
            limit: at most so many groups.
            with_activity: whether the last activity is wanted.
        """
        local = _local_slot(offsets)
        keys = [DIMENSIONS[name].replace("LOCAL", local) for name in dimensions]
        filters = self._wanted.names()
        of_sessions = with_activity or _OF_SESSIONS & {*dimensions, *filters}
        joins = _JOIN_SESSIONS if of_sessions else ""
        cells, values = self._cells(dimensions)
        if {*dimensions} <= _OF_SESSIONS and {*filters} <= _OF_SESSIONS:
            if self._wanted.since is None and self._wanted.until is None:
                cells += f" UNION ALL {_TURNLESS}"
            cells = _PER_SESSION.format(cells)
        values |= filters | {"limit": limit}
        columns = [
            *keys,
            "count(DISTINCT c.session)",
            *(f"coalesce(sum(c.{name}), 0)" for name in SUMS),
            "max(s.last_activity)" if with_activity else "NULL",
        ]
        order = ", ".join(str(number + 1) for number in range(len(keys)))
        query = " ".join(
            (
                f"SELECT {', '.join(columns)} FROM ({cells}) AS c {joins}",  # noqa: S608 - made of constants alone
                f"WHERE {' AND '.join(_CONDITIONS[name] for name in filters)}" if filters else "",
                f"GROUP BY {order} ORDER BY {order} LIMIT :limit" if keys else "",
            )
        )
        rows: list[Any] = self._connection.execute(query, values).fetchall()
        width = len(keys)
        return [Group(tuple(row[:width]), Figures(*row[width:-1]), row[-1]) for row in rows]

    def uses(self, dimensions: Sequence[str], offsets: Sequence[Span] = ()) -> list[Use]:
        """Return the tokens of each model in each group, where there are any.

        Args:
            dimensions: keys of `DIMENSIONS`.
            offsets: of the time zone, if there is a period among the dimensions.
        """
        local = _local_slot(offsets)
        keys = [DIMENSIONS[name].replace("LOCAL", local) for name in (*dimensions, "model")]
        filters = self._wanted.names()
        cells, values = self._cells(dimensions)
        query = " ".join(
            (
                f"SELECT {', '.join(keys)}, {', '.join(f'sum(c.{name})' for name in _PRICED)}",
                f"FROM ({cells}) AS c",
                _JOIN_SESSIONS if _OF_SESSIONS & {*dimensions, *filters} else "",
                f"WHERE ({' OR '.join(f'c.{name} > 0' for name in _PRICED)})",
                *(f"AND {_CONDITIONS[name]}" for name in filters),
                f"GROUP BY {', '.join(str(number + 1) for number in range(len(keys)))}",
            )
        )
        width = len(dimensions)
        rows: list[Any] = self._connection.execute(query, values | filters).fetchall()
        return [Use(tuple(row[:width]), row[width], row[width + 1 :]) for row in rows]

    def _cells(self, dimensions: Sequence[str]) -> tuple[str, dict[str, Any]]:
        """Return a query of the cells of the span of time, and its values."""
        since, until = self._wanted.since, self._wanted.until
        values: dict[str, Any] = {"owner": self._owner}
        if since is not None or until is not None:
            values["first"] = math.ceil((since or 0) / SLOT_SECONDS)
            values["last"] = 2**62 if until is None else math.floor(until / SLOT_SECONDS)
        elif PERIODS.keys() & {*dimensions}:
            values |= {"first": TIMELESS, "last": 2**62}
        else:
            values |= {"first": ALL_TIME, "last": ALL_TIME + 1}
        query = _WHOLE
        for number, part in enumerate(_parts(since, until)):
            query += f" UNION ALL {_PART.replace('_N', f'_{number}')}"
            values |= {f"{name}_{number}": value for name, value in part._asdict().items()}
        return query, values


def _local_slot(offsets: Sequence[Span]) -> str:
    """Return the slot of a time zone, as SQL (measured: a join takes five times as long)."""
    cases = " ".join(f"WHEN c.slot < {span.last:d} THEN {span.shift:d}" for span in offsets)
    return f"(c.slot + CASE WHEN c.slot < 0 THEN NULL {cases} END)"


def _parts(since: float | None, until: float | None) -> list[_Part]:
    """Return what a span of time cuts off slots that it does not hold as a whole."""
    cuts = [time for time in (since, until) if time is not None and time % SLOT_SECONDS]
    parts: list[_Part] = []
    for slot in sorted({math.floor(time / SLOT_SECONDS) for time in cuts}):
        begin, end = slot * SLOT_SECONDS, (slot + 1) * SLOT_SECONDS
        part = _Part(
            slot,
            begin if since is None else max(begin, since),
            end if until is None else min(end, until),
        )
        if part.begin < part.end:
            parts.append(part)
    return parts
