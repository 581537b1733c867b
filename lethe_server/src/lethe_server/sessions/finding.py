"""The session that a path names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lethe_server.keys import STORE
from lethe_server.owners import the_only
from lethe_server.storage import SessionKey, find_named

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_server.storage import Connection, SessionRow


async def find_asked_session(request: web.Request, owner: str | None) -> tuple[str, SessionRow]:
    """Return the session that the path of a request names, and whose it is.

    Args:
        request: of a route with `tool`, `host` and `session_id`.
        owner: whose session; whoever's if `None`.

    Raises:
        NotFound: there is none, or it is somebody else's: nobody can tell which (A3).
        Conflict: several owners have one of this name.
    """
    key = asked_key(request)
    return await request.app[STORE].query(lambda connection: find_session(connection, owner, key))


def asked_key(request: web.Request) -> SessionKey:
    """Return the name of a session that the path of a request holds."""
    return SessionKey(*(request.match_info[name] for name in SessionKey._fields))


def find_session(
    connection: Connection, owner: str | None, key: SessionKey
) -> tuple[str, SessionRow]:
    """Return a session, and whose it is.

    Args:
        connection: that reads.
        owner: whose may be found; everybody's if `None`.
        key: the name.

    Raises:
        NotFound: there is none, or it is somebody else's: nobody can tell which (A3).
        Conflict: several owners have one of this name.
    """
    found = find_named(connection, owner, key)
    return the_only(found, missing="there is no such session", what="a session of this name")
