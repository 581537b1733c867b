"""The activity of each quarter of an hour, and the turn that each API reply counts with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_TABLE: Final = """
    CREATE TABLE activity (
        owner INTEGER NOT NULL REFERENCES owners (id),
        slot INTEGER NOT NULL,
        session INTEGER NOT NULL REFERENCES sessions (id),
        role TEXT NOT NULL,
        model TEXT NOT NULL,
        turns INTEGER NOT NULL,
        tokens_in INTEGER NOT NULL,
        tokens_out INTEGER NOT NULL,
        cache_read INTEGER NOT NULL,
        cache_write INTEGER NOT NULL,
        reasoning INTEGER NOT NULL,
        cost_nano INTEGER NOT NULL,
        PRIMARY KEY (owner, slot, session, role, model)
    ) STRICT, WITHOUT ROWID
"""
_ADD_FIRST_TURN: Final = "ALTER TABLE usage ADD COLUMN turn INTEGER"
_FIND_FIRST_TURNS: Final = """
    UPDATE usage SET turn = (
        SELECT t.id FROM turns AS t JOIN sessions AS s ON s.owner = t.owner AND s.id = t.session
        WHERE t.owner = usage.owner AND t.usage = usage.id AND t.usage IS NOT NULL
        ORDER BY t.timestamp IS NULL, t.timestamp, s.host, s.session_id, t.seq, t.turn_id LIMIT 1)
"""
_FILL: Final = """
    INSERT INTO activity
    SELECT t.owner, coalesce(CAST(t.timestamp AS INTEGER) / 900, -1), t.session, t.role,
        coalesce(t.model, ''), count(*),
        sum(coalesce(u.input, iif(t.usage IS NULL, t.tokens_in, 0))),
        sum(coalesce(u.output, iif(t.usage IS NULL, t.tokens_out, 0))),
        sum(coalesce(u.cache_read, iif(t.usage IS NULL, t.cache_read, 0))),
        sum(coalesce(u.cache_write, iif(t.usage IS NULL, t.cache_write, 0))),
        sum(coalesce(u.reasoning, iif(t.usage IS NULL, t.reasoning, 0))),
        sum(coalesce(u.cost_nano, iif(t.usage IS NULL, t.cost_nano, 0)))
    FROM turns AS t
    LEFT JOIN usage AS u ON u.owner = t.owner AND u.id = t.usage AND u.turn = t.id
    GROUP BY 1, 2, 3, 4, 5
"""


def upgrade(connection: apsw.Connection) -> None:
    """Make the table and fill it from the turns.

    Args:
        connection: in a transaction.
    """
    connection.execute(_TABLE)
    connection.execute(_ADD_FIRST_TURN)
    connection.execute(_FIND_FIRST_TURNS)
    connection.execute(_FILL)
