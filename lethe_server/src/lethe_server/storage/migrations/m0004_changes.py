"""What changed, by owner: for those who follow, and for those who ask whether it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_STATEMENTS: Final = (
    """
    CREATE TABLE changes (
        owner INTEGER NOT NULL REFERENCES owners (id),
        number INTEGER NOT NULL,
        session INTEGER NOT NULL REFERENCES sessions (id),
        nonce INTEGER NOT NULL,
        first_seq INTEGER,
        last_seq INTEGER,
        PRIMARY KEY (owner, number)
    ) STRICT, WITHOUT ROWID
    """,
    "ALTER TABLE sessions ADD COLUMN version INTEGER NOT NULL DEFAULT 0",
    # Browsers keep answers by the version. An archive that is set back to before it had any is
    # brought here again, and must not be taken for the one that went on.
    "UPDATE sessions SET version = random() & 0x1FFFFFFFFFFFFF",
)


def upgrade(connection: apsw.Connection) -> None:
    """Make the table, and give each session a version.

    Args:
        connection: in a transaction.
    """
    for statement in _STATEMENTS:
        connection.execute(statement)
