"""Finding a session in an archive."""

from __future__ import annotations

from lethe_server.storage import find_named


async def find(store, owner, key):
    """The one session of a name."""
    ((_, session),) = await store.query(lambda connection: find_named(connection, owner, key))
    return session
