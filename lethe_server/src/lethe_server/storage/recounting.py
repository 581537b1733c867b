"""Counting of all activity anew from the turns that are stored: to check it, and to mend it.

`lethe_server.storage.activity` keeps the same rows while turns come and change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lethe_server.storage.activity import (
    ALL_TIME,
    FIGURES,
    FIRST_TURN_ORDER,
    SLOT_SECONDS,
    SUMS,
    TIMELESS,
)

if TYPE_CHECKING:
    import apsw

_COLUMNS: Final = ("owner", "slot", "session", "role", "model", *SUMS)
_NAMES: Final = ", ".join(_COLUMNS)
_TOTALS: Final = ", ".join(f"sum({name}) AS {name}" for name in SUMS)
#: Of each figure, the column of a reply that has it.
_OF_REPLY: Final = dict(zip(FIGURES, ("input", "output", *FIGURES[2:]), strict=True))
_TOKENS: Final = ", ".join(
    f"sum(coalesce(u.{column}, iif(t.usage IS NULL, t.{name}, 0)))"
    for name, column in _OF_REPLY.items()
)
_SLOTS: Final = f"""
    SELECT t.owner, coalesce(CAST(t.timestamp AS INTEGER) / {SLOT_SECONDS}, {TIMELESS}),
        t.session, t.role, coalesce(t.model, ''), count(*), {_TOKENS}
    FROM turns AS t
    LEFT JOIN usage AS u ON u.owner = t.owner AND u.id = t.usage AND u.turn = t.id
    GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608 - made of constants alone
_ALL_TIME: Final = f"""
    SELECT owner, {ALL_TIME}, session, role, model, {_TOTALS}
    FROM activity WHERE slot > {ALL_TIME} GROUP BY owner, session, role, model
"""  # noqa: S608 - made of constants alone
_KEPT: Final = f"SELECT {_NAMES} FROM activity WHERE slot"  # noqa: S608 - made of constants alone
_MISCOUNTED: Final = f"""
    SELECT count(DISTINCT session) FROM (
        SELECT * FROM ({_SLOTS} EXCEPT {_KEPT} > {ALL_TIME})
        UNION ALL SELECT * FROM ({_KEPT} > {ALL_TIME} EXCEPT {_SLOTS})
        UNION ALL SELECT * FROM ({_ALL_TIME} EXCEPT {_KEPT} = {ALL_TIME})
        UNION ALL SELECT * FROM ({_KEPT} = {ALL_TIME} EXCEPT {_ALL_TIME}))
"""  # noqa: S608 - made of constants alone
_FIND_FIRST_TURNS: Final = f"""
    UPDATE usage SET turn = (
        SELECT t.id FROM turns AS t JOIN sessions AS s ON s.owner = t.owner AND s.id = t.session
        WHERE t.owner = usage.owner AND t.usage = usage.id AND t.usage IS NOT NULL
        ORDER BY {FIRST_TURN_ORDER} LIMIT 1)
"""  # noqa: S608 - made of a constant alone


def count_miscounted(connection: apsw.Connection) -> int:
    """Return how many sessions the statistics count otherwise than their turns say.

    Args:
        connection: any.
    """
    miscounted: int = connection.execute(_MISCOUNTED).get
    return miscounted


def count_anew(connection: apsw.Connection) -> None:
    """Count all activity anew.

    Args:
        connection: in a transaction.
    """
    connection.execute(_FIND_FIRST_TURNS)
    connection.execute("DELETE FROM activity")
    connection.execute(f"INSERT INTO activity ({_NAMES}) {_SLOTS}")
    connection.execute(f"INSERT INTO activity ({_NAMES}) {_ALL_TIME}")
