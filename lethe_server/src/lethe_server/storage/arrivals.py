"""Arrivals: when something new came from each host and tool, and how old it was then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_server.storage.records import TurnRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw

    from lethe_server.storage.records import Record

_NOTE: Final = """
    INSERT INTO arrivals (owner, host, tool, newest, newest_at, last_at)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (owner, host, tool) DO UPDATE SET
        newest_at = iif(excluded.newest > coalesce(newest, -1), excluded.newest_at, newest_at),
        newest = max(coalesce(excluded.newest, newest), coalesce(newest, excluded.newest)),
        last_at = max(last_at, excluded.last_at)
"""
_HOSTS: Final = """
    SELECT s.host, s.tool, count(*), sum(s.turns), max(s.last_activity),
        max(a.last_at), max(a.newest), max(a.newest_at), o.name
    FROM owners AS o JOIN sessions AS s ON s.owner = o.id LEFT JOIN arrivals AS a
        ON a.owner = s.owner AND a.host = s.host AND a.tool = s.tool
    WHERE :owner IS NULL OR o.name = :owner
    GROUP BY s.host, s.tool, o.id ORDER BY s.host, s.tool, o.id
"""
_TOOLS: Final = """
    SELECT tool, count(*), sum(turns), max(last_activity) FROM sessions
    WHERE owner IN (SELECT id FROM owners WHERE :owner IS NULL OR name = :owner)
    GROUP BY tool ORDER BY tool
"""


class HostRow(NamedTuple):
    """What is known of a tool on a host.

    Args:
        host: the machine.
        tool: on it.
        sessions: that are archived.
        turns: of them.
        last_event: time of the newest turn.
        last_received: when something new came the last time.
        newest: time of the newest turn that came while arrivals were noted.
        newest_received: when it came.
        owner: whose machine.
    """

    host: str
    tool: str
    sessions: int
    turns: int
    last_event: float | None
    last_received: float | None
    newest: float | None
    newest_received: float | None
    owner: str


class ToolRow(NamedTuple):
    """What is archived of a tool."""

    tool: str
    sessions: int
    turns: int
    last_activity: float | None


def note_arrivals(
    connection: apsw.Connection, owner: int, records: Iterable[Record], now: float
) -> None:
    """Note that something new came.

    Args:
        connection: in a transaction.
        owner: whose.
        records: of sessions of which something is new.
        now: Unix seconds.
    """
    newest: dict[tuple[str, str], float | None] = {}
    for record in records:
        if not isinstance(record, TurnRecord):
            continue
        key = (record.session.host, record.session.tool)
        known = newest.setdefault(key, record.timestamp)
        if record.timestamp is not None and (known is None or record.timestamp > known):
            newest[key] = record.timestamp
    rows = [
        (owner, host, tool, time, None if time is None else now, now)
        for (host, tool), time in sorted(newest.items())
    ]
    connection.executemany(_NOTE, rows)


def find_hosts(connection: apsw.Connection, owner: str | None) -> list[HostRow]:
    """Return the hosts of an owner with their tools, by name.

    Args:
        connection: that reads.
        owner: whose; everybody's if `None`.
    """
    rows: list[Any] = connection.execute(_HOSTS, {"owner": owner}).fetchall()
    return [HostRow._make(row) for row in rows]


def find_tools(connection: apsw.Connection, owner: str | None) -> list[ToolRow]:
    """Return the tools of which an owner has sessions, by name.

    Args:
        connection: that reads.
        owner: whose; everybody's if `None`.
    """
    rows: list[Any] = connection.execute(_TOOLS, {"owner": owner}).fetchall()
    return [ToolRow._make(row) for row in rows]
