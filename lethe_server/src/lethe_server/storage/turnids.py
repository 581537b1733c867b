"""The ids of the turns of a session, without anything else of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_READ: Final = """
    SELECT turn_id FROM turns
    WHERE owner = (SELECT id FROM owners WHERE name = ?) AND session = ?
"""


def read_turn_ids(connection: apsw.Connection, owner: str, session: int) -> list[str]:
    """Return the ids of all turns of a session, in no order.

    Args:
        connection: that reads.
        owner: whose session.
        session: the number of the session.
    """
    return [row[0] for row in connection.execute(_READ, (owner, session))]
