"""What collectors say of their machines: the newest report of each host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_TABLE: Final = """
    CREATE TABLE host_reports (
        owner INTEGER NOT NULL REFERENCES owners (id),
        host TEXT NOT NULL,
        received_at REAL NOT NULL,
        report TEXT NOT NULL,
        PRIMARY KEY (owner, host)
    ) STRICT, WITHOUT ROWID
"""


def upgrade(connection: apsw.Connection) -> None:
    """Make the table.

    Args:
        connection: in a transaction.
    """
    connection.execute(_TABLE)
