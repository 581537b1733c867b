"""The sums of all slots of each session, as a slot of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_FILL: Final = """
    INSERT INTO activity
    SELECT owner, -2, session, role, model, sum(turns), sum(tokens_in), sum(tokens_out),
        sum(cache_read), sum(cache_write), sum(reasoning), sum(cost_nano)
    FROM activity WHERE slot > -2 GROUP BY owner, session, role, model
"""


def upgrade(connection: apsw.Connection) -> None:
    """Add the sums up.

    Args:
        connection: in a transaction.
    """
    connection.execute(_FILL)
