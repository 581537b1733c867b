"""The search index, and the secret that signs the cursors of searches.

What is archived already is indexed in the same transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lethe_server.storage.reindexing import reindex_all
from lethe_server.storage.search_index import create_tables

if TYPE_CHECKING:
    import apsw


def upgrade(connection: apsw.Connection) -> None:
    """Make the tables and fill them.

    Args:
        connection: in a transaction.
    """
    create_tables(connection)
    connection.execute(
        "CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID"
    )
    connection.execute("INSERT INTO secrets (name, value) VALUES ('cursor', randomblob(32))")
    reindex_all(connection)
