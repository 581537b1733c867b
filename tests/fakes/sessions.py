"""Finding a session in an archive, and reading its turns."""

from __future__ import annotations

from lethe_server.storage import find_named, read_turns


async def find(store, owner, key):
    """The one session of a name."""
    ((_, session),) = await store.query(lambda connection: find_named(connection, owner, key))
    return session


async def read_slice(store, owner, session, place, limit):
    """Some turns of a session."""
    return await store.query(
        lambda connection: read_turns(connection, owner, session, place, limit)
    )
