"""Building of the search index from the turns that are stored.

The index can always be made again, so it has a version of its own beside that of the database.
Each owner's is built in one transaction: whoever is killed meanwhile goes on with the next.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from lethe_server.search.terms import NO_TERMS, index_terms
from lethe_server.storage.dictionaries import unpacker_of
from lethe_server.storage.faults import translated_faults
from lethe_server.storage.payloads import outputs_of
from lethe_server.storage.search_index import (
    INDEX_VERSION,
    IndexedTurn,
    drop_index,
    facets_of,
    index_turns,
)
from lethe_server.storage.stand_ins import UNMAPPED
from lethe_server.storage.transactions import write_transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

#: Turns that are in memory at a time.
_BATCH: Final = 500
#: Seconds between two lines in the log.
_PROGRESS_SECONDS: Final = 10.0

_OUTDATED: Final = """
    SELECT o.id FROM owners AS o LEFT JOIN search_owners AS s ON s.owner = o.id
    WHERE s.version IS NOT ? AND EXISTS (SELECT 1 FROM turns AS t WHERE t.owner = o.id)
    ORDER BY o.id
"""
_COUNT: Final = "SELECT count(*) FROM turns WHERE owner = ?"
_SESSIONS: Final = "SELECT id, tool, host FROM sessions WHERE owner = ? ORDER BY id"
#: Of one session after the other: to sort the turns of all would take memory for all of them.
_TURNS: Final = """
    SELECT id, role, kind, timestamp, content, payload FROM turns
    WHERE owner = ? AND session = ? ORDER BY seq
"""


def update_indexes(connection: apsw.Connection) -> None:
    """Build the index of each owner who has none, or one of another version.

    Args:
        connection: the one that writes; in no transaction.

    Raises:
        StorageFull: there is no room.
        StorageFailed: it does not work now.
    """
    with translated_faults():
        for (owner,) in list(connection.execute(_OUTDATED, (INDEX_VERSION,))):
            with write_transaction(connection):
                reindex_owner(connection, owner)


def reindex_owner(connection: apsw.Connection, owner: int) -> None:
    """Build the index of one owner anew.

    Args:
        connection: in a transaction.
        owner: the number of the owner.
    """
    drop_index(connection, owner)
    total: int = connection.execute(_COUNT, (owner,)).get
    turns = _turns_of(connection, owner)
    done, told = 0, time.monotonic()
    while batch := list(itertools.islice(turns, _BATCH)):
        index_turns(connection, owner, batch)
        done += len(batch)
        if time.monotonic() - told > _PROGRESS_SECONDS:
            told = time.monotonic()
            logger.info("building the search index: {} of {} turns", done, total)
    logger.info("built the search index of {} turns", done)


def _turns_of(connection: apsw.Connection, owner: int) -> Iterator[IndexedTurn]:
    unpack = unpacker_of(connection).unpack
    sessions: list[Any] = connection.execute(_SESSIONS, (owner,)).fetchall()
    for session, tool, host in sessions:
        rows: Any = connection.execute(_TURNS, (owner, session))
        for turn, role, kind, timestamp, content, payload in rows:
            mapped = kind != UNMAPPED
            parts = unpack(content, payload)
            yield IndexedTurn(
                turn=turn,
                session=session,
                facets=facets_of(session, tool, host, role),
                timestamp=timestamp,
                content=index_terms(parts.content) if mapped else NO_TERMS,
                outputs=index_terms(outputs_of(parts.tool_calls)) if mapped else NO_TERMS,
                is_new=True,
            )
