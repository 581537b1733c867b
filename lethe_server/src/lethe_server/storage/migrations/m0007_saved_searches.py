"""Saved searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_TABLE: Final = """
    CREATE TABLE saved_searches (
        owner INTEGER NOT NULL REFERENCES owners (id),
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        q TEXT NOT NULL,
        filters TEXT NOT NULL,
        created_at REAL NOT NULL,
        changed_at REAL NOT NULL,
        PRIMARY KEY (owner, id),
        UNIQUE (owner, name)
    ) STRICT, WITHOUT ROWID
"""


def upgrade(connection: apsw.Connection) -> None:
    """Make the table.

    Args:
        connection: in a transaction.
    """
    connection.execute(_TABLE)
