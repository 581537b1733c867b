"""Queries for related sessions: who may belong to a tree, and which API replies they share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_server.related.trees import Link
from lethe_server.storage.records import Tokens
from lethe_server.storage.sessions import find_sessions

if TYPE_CHECKING:
    from collections.abc import Collection

    import apsw
    from playhouse.apsw_ext import APSWDatabase  # type: ignore[import-untyped]

    from lethe_server.storage.sessions import SessionRow

#: Most sessions of an answer.
MAX_RELATIVES: Final = 1000

_FIND: Final = """
    SELECT id, host, session_id, parent_session_id, started_at FROM sessions
    WHERE owner = :owner AND tool = :tool AND session_id IN (SELECT value FROM json_each(:names))
    UNION
    SELECT id, host, session_id, parent_session_id, started_at FROM sessions
    WHERE owner = :owner AND tool = :tool AND parent_session_id IS NOT NULL
        AND parent_session_id IN (SELECT value FROM json_each(:names))
    ORDER BY id LIMIT :limit
"""
_FIND_REPLIES: Final = """
    SELECT DISTINCT t.session, u.id,
        u.input, u.output, u.cache_read, u.cache_write, u.reasoning, u.cost_nano
    FROM turns AS t JOIN usage AS u ON u.owner = t.owner AND u.id = t.usage
    WHERE t.owner = ? AND t.session IN (SELECT value FROM json_each(?))
"""


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
    found = {session.id: first}
    names = {session.session_id, session.parent_session_id or session.session_id}
    asked: set[str] = set()
    while names and len(found) <= MAX_RELATIVES:
        values = {
            "owner": session.owner,
            "tool": session.tool,
            "names": json.dumps(sorted(names)),
            "limit": MAX_RELATIVES + 1,
        }
        asked |= names
        names = set()
        rows: list[Any] = connection.execute(_FIND, values).fetchall()
        for link in map(Link._make, rows):
            found[link.id] = link
            names |= {link.session_id, link.parent or link.session_id}
        names -= asked
    complete = len(found) <= MAX_RELATIVES
    links = sorted(found.values(), key=lambda link: (link.id != session.id, link.age))
    return Relatives(links[:MAX_RELATIVES], complete)


def find_related_rows(
    database: APSWDatabase, owner: int, sessions: Collection[int]
) -> tuple[dict[int, SessionRow], dict[int, dict[int, Tokens]]]:
    """Return sessions and the API replies in them, by number.

    Args:
        database: that reads.
        owner: whose, by number.
        sessions: by number.
    """
    rows = {row.id: row for row in find_sessions(database, owner, list(sessions))}
    replies: dict[int, dict[int, Tokens]] = {}
    values = (owner, json.dumps(list(sessions)))
    for session, reply, *tokens in database.connection().execute(_FIND_REPLIES, values):
        replies.setdefault(session, {})[reply] = Tokens(*tokens)
    return rows, replies
