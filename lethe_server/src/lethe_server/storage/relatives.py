"""Queries for related sessions: who may belong to a tree, and which API replies they share.

Replies that only one session has are not read: a long session would cost its length.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_server.storage.activity import ALL_TIME, FIGURES
from lethe_server.storage.records import Tokens
from lethe_server.storage.sessions import find_sessions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import apsw

    from lethe_server.storage.sessions import SessionRow

#: Most sessions of an answer.
MAX_RELATIVES: Final = 1000

_FIND_NAMED: Final = """
    SELECT id, host, session_id, parent_session_id, started_at FROM sessions
    WHERE owner = :owner AND tool = :tool AND session_id IN (SELECT value FROM json_each(:names))
"""
_FIND: Final = f"""
    {_FIND_NAMED}
    UNION
    SELECT id, host, session_id, parent_session_id, started_at FROM sessions
    WHERE owner = :owner AND tool = :tool AND parent_session_id IS NOT NULL
        AND parent_session_id IN (SELECT value FROM json_each(:names))
    ORDER BY id LIMIT :limit
"""  # noqa: S608 - made of the constant above alone
#: Sessions with API replies that count in others: their own sums are greater than what counts in
#: them (see `activity`). Two sessions share a reply only if one of them is such.
_FIND_BORROWERS: Final = f"""
    SELECT s.id FROM sessions AS s LEFT JOIN activity AS a
        ON a.owner = s.owner AND a.slot = {ALL_TIME} AND a.session = s.id
    WHERE s.owner = ? AND s.id IN (SELECT value FROM json_each(?))
    GROUP BY s.id
    HAVING {" + ".join(f"s.{name}" for name in FIGURES)}
        <> coalesce({" + ".join(f"sum(a.{name})" for name in FIGURES)}, 0)
"""  # noqa: S608 - made of constants alone
#: What these share with others of the tree. `+usage` keeps SQLite from reading all replies of the
#: owner instead of the turns of a few sessions.
_FIND_SHARED: Final = """
    SELECT DISTINCT t.session, u.id,
        u.input, u.output, u.cache_read, u.cache_write, u.reasoning, u.cost_nano
    FROM (SELECT DISTINCT usage FROM turns
        WHERE owner = :owner AND session IN (SELECT value FROM json_each(:borrowers))
            AND +usage IS NOT NULL) AS b
    CROSS JOIN usage AS u ON u.owner = :owner AND u.id = b.usage
    CROSS JOIN turns AS t ON t.owner = :owner AND t.usage = b.usage AND t.usage IS NOT NULL
        AND t.session IN (SELECT value FROM json_each(:sessions))
"""


class Link(NamedTuple):
    """What of a session makes trees.

    Args:
        id: its number.
        host: of the session.
        session_id: the tool's own identity.
        parent: likewise, of the parent.
        started_at: Unix seconds.
    """

    id: int
    host: str
    session_id: str
    parent: str | None
    started_at: float | None

    @property
    def age(self) -> tuple[bool, float, str, str]:
        """Sorts those that began first first."""
        return (self.started_at is None, self.started_at or 0.0, self.host, self.session_id)


class Relatives(NamedTuple):
    """Sessions that may belong to one tree.

    Args:
        links: what connects them.
        complete: whether these are all.
    """

    links: list[Link]
    complete: bool


def find_relatives(connection: apsw.Connection, session: SessionRow) -> Relatives:
    """Return all sessions that are connected with one by the names of parents.

    Of too many, those stay that it came from, the nearest first, and of the others those that were
    archived first.

    Args:
        connection: that reads.
        session: where to begin; it is among them.
    """
    first = Link(
        session.id,
        session.host,
        session.session_id,
        session.parent_session_id,
        session.started_at,
    )
    values = {"owner": session.owner, "tool": session.tool, "limit": MAX_RELATIVES + 1}
    found = _find_ancestors(connection, first, values)
    steps = {number: step for step, number in enumerate(found)}
    names = _names_of(found.values())
    asked: set[str] = set()
    while names and len(found) <= MAX_RELATIVES:
        asked |= names
        links = _find_links(connection, _FIND, values, names)
        found |= {link.id: link for link in links}
        names = _names_of(links) - asked
    complete = len(found) <= MAX_RELATIVES
    nearest = sorted(found.values(), key=lambda link: (steps.get(link.id, len(steps)), link.age))
    return Relatives(nearest[:MAX_RELATIVES], complete)


def _find_ancestors(
    connection: apsw.Connection, first: Link, values: dict[str, Any]
) -> dict[int, Link]:
    """Go up from a session by the names of parents; return it and those that have the names."""
    found = {first.id: first}
    names = _parents_of([first])
    asked: set[str] = set()
    while names and len(found) <= MAX_RELATIVES:
        asked |= names
        links = _find_links(connection, _FIND_NAMED, values, names)
        found |= {link.id: link for link in links if link.id not in found}
        names = _parents_of(links) - asked
    return found


def _find_links(
    connection: apsw.Connection, statement: str, values: dict[str, Any], names: set[str]
) -> list[Link]:
    rows = connection.execute(statement, {**values, "names": json.dumps(sorted(names))})
    return [Link._make(row) for row in rows]


def _parents_of(links: Iterable[Link]) -> set[str]:
    return {link.parent for link in links if link.parent is not None}


def _names_of(links: Iterable[Link]) -> set[str]:
    return {link.session_id for link in links} | _parents_of(links)


def find_related_rows(
    connection: apsw.Connection, owner: int, sessions: Collection[int]
) -> tuple[dict[int, SessionRow], dict[int, dict[int, Tokens]]]:
    """Return sessions, and all API replies that several of them share, by number.

    Args:
        connection: that reads.
        owner: whose, by number.
        sessions: by number.
    """
    rows = {row.id: row for row in find_sessions(connection, owner, list(sessions))}
    replies: dict[int, dict[int, Tokens]] = {}
    among = json.dumps(list(sessions))
    borrowers = [number for (number,) in connection.execute(_FIND_BORROWERS, (owner, among))]
    if borrowers:
        values = {"owner": owner, "sessions": among, "borrowers": json.dumps(borrowers)}
        for session, reply, *tokens in connection.execute(_FIND_SHARED, values):
            replies.setdefault(session, {})[reply] = Tokens(*tokens)
    return rows, replies
