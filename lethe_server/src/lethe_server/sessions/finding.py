"""The session that a path names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lethe_server.errors import NotFound
from lethe_server.keys import STORE
from lethe_server.storage import SessionKey

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_server.storage import SessionRow


async def find_asked_session(request: web.Request, owner: str) -> SessionRow:
    """Return the session that the path of a request names.

    Args:
        request: of a route with `tool`, `host` and `session_id`.
        owner: whose session.

    Raises:
        NotFound: there is none, or it is somebody else's: nobody can tell which (A3).
    """
    key = SessionKey(*(request.match_info[name] for name in SessionKey._fields))
    session = await request.app[STORE].find_session(owner, key)
    if session is None:
        raise NotFound("there is no such session")
    return session
