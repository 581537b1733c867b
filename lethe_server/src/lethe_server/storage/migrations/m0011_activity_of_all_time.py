"""The sums of all slots of each session, as a slot of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lethe_server.storage.activity import ALL_TIME

if TYPE_CHECKING:
    import apsw

_SUMS: Final = (
    "turns",
    "tokens_in",
    "tokens_out",
    "cache_read",
    "cache_write",
    "reasoning",
    "cost_nano",
)
_FILL: Final = f"""
    INSERT INTO activity (owner, slot, session, role, model, {", ".join(_SUMS)})
    SELECT owner, {ALL_TIME}, session, role, model, {", ".join(f"sum({name})" for name in _SUMS)}
    FROM activity WHERE slot > {ALL_TIME} GROUP BY owner, session, role, model
"""  # noqa: S608 - made of constants alone


def upgrade(connection: apsw.Connection) -> None:
    """Add the sums up.

    Args:
        connection: in a transaction.
    """
    connection.execute(_FILL)
