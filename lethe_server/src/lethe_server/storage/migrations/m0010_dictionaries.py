"""Dictionaries of payloads. Payloads that are stored already stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_STATEMENTS: Final = (
    """
    CREATE TABLE dictionaries (
        id INTEGER PRIMARY KEY,
        owner INTEGER NOT NULL REFERENCES owners (id),
        created_at REAL NOT NULL,
        turns INTEGER NOT NULL,
        digest BLOB NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT
    """,
    "CREATE INDEX dictionaries_owner ON dictionaries (owner, id)",
)


def upgrade(connection: apsw.Connection) -> None:
    """Make the table.

    Args:
        connection: in a transaction.
    """
    for statement in _STATEMENTS:
        connection.execute(statement)
