"""When something new came from each host and tool, and the newest turn of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_TABLE: Final = """
    CREATE TABLE arrivals (
        owner INTEGER NOT NULL REFERENCES owners (id),
        host TEXT NOT NULL,
        tool TEXT NOT NULL,
        newest REAL,
        newest_at REAL,
        last_at REAL NOT NULL,
        PRIMARY KEY (owner, host, tool)
    ) STRICT, WITHOUT ROWID
"""


def upgrade(connection: apsw.Connection) -> None:
    """Make the table; of what came before nothing is known.

    Args:
        connection: in a transaction.
    """
    connection.execute(_TABLE)
