"""How far behind their time the turns of an owner stand in the search index.

What stands there is not known: the index is built anew, since its version was raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_COLUMN: Final = "ALTER TABLE search_owners ADD COLUMN delay INTEGER NOT NULL DEFAULT 0"


def upgrade(connection: apsw.Connection) -> None:
    """Add the column.

    Args:
        connection: in a transaction.
    """
    connection.execute(_COLUMN)
