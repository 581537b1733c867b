"""Building of the search index from the turns that are stored."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Final

from loguru import logger

from lethe_server.search.terms import NO_TERMS, index_terms
from lethe_server.storage.payloads import outputs_of
from lethe_server.storage.records import UNMAPPED
from lethe_server.storage.search_index import IndexedTurn, drop_index, facets_of, index_turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

#: Turns that are in memory at a time.
_BATCH: Final = 500
#: Seconds between two lines in the log.
_PROGRESS_SECONDS: Final = 10.0

_OWNERS: Final = "SELECT id FROM owners ORDER BY id"
_COUNT: Final = "SELECT count(*) FROM turns WHERE owner = ?"
_TURNS: Final = """
    SELECT t.id, t.session, s.tool, s.host, t.role, t.kind, t.timestamp, t.content, t.payload
    FROM turns AS t JOIN sessions AS s ON s.owner = t.owner AND s.id = t.session
    WHERE t.owner = ? ORDER BY t.id
"""


def reindex_all(connection: apsw.Connection) -> None:
    """Build the index of every owner anew.

    Args:
        connection: in a transaction.
    """
    for (owner,) in list(connection.execute(_OWNERS)):
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
    if total:
        logger.info("built the search index of {} turns", done)


def _turns_of(connection: apsw.Connection, owner: int) -> Iterator[IndexedTurn]:
    for row in connection.execute(_TURNS, (owner,)):
        turn, session, tool, host, role, kind, timestamp, content, payload = row
        mapped = kind != UNMAPPED
        yield IndexedTurn(
            turn=turn,
            session=session,
            facets=facets_of(session, tool, host, role),
            timestamp=timestamp,
            content=index_terms(content) if mapped else NO_TERMS,
            outputs=index_terms(outputs_of(payload)) if mapped else NO_TERMS,
        )
