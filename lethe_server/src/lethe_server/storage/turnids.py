"""The ids and places of the turns of a session, without anything else of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_READ: Final = """
    SELECT turn_id, seq FROM turns
    WHERE owner = (SELECT id FROM owners WHERE name = ?) AND session = ?
"""


def read_turn_ids(connection: apsw.Connection, owner: str, session: int) -> list[tuple[str, int]]:
    """Return the ids and places of all turns of a session, in no order.

    Args:
        connection: that reads.
        owner: whose session.
        session: the number of the session.
    """
    rows: list[tuple[str, int]] = list(connection.execute(_READ, (owner, session)))
    return rows
