"""The tables of the search index, and the secret that signs the cursors of searches.

The index itself is made of what is stored: `lethe_server.storage.reindexing` fills it when the
archive is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_STATEMENTS: Final = (
    """
    CREATE TABLE search_places (
        owner INTEGER NOT NULL REFERENCES owners (id),
        place INTEGER NOT NULL,
        turn INTEGER NOT NULL,
        session INTEGER NOT NULL,
        PRIMARY KEY (owner, place)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX search_places_turn ON search_places (owner, turn)",
    """
    CREATE TABLE search_owners (
        owner INTEGER PRIMARY KEY REFERENCES owners (id),
        version INTEGER NOT NULL
    ) STRICT
    """,
    "CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "INSERT INTO secrets (name, value) VALUES ('cursor', randomblob(32))",
)


def upgrade(connection: apsw.Connection) -> None:
    """Make the tables.

    Args:
        connection: in a transaction.
    """
    for statement in _STATEMENTS:
        connection.execute(statement)
