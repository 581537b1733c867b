"""Marks: how far each owner's archive has come, so that a loss of it is noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_TABLE: Final = """
    CREATE TABLE marks (
        id INTEGER PRIMARY KEY,
        owner INTEGER NOT NULL REFERENCES owners (id),
        nonce TEXT NOT NULL,
        commits INTEGER NOT NULL,
        UNIQUE (owner, nonce)
    ) STRICT
"""


def upgrade(connection: apsw.Connection) -> None:
    """Make the table.

    Args:
        connection: in a transaction.
    """
    connection.execute(_TABLE)
