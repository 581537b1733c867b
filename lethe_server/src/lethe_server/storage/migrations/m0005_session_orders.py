"""Orders of sessions: by activity and name, by the tool's own identity, and by parent.

The order by activity no longer depends on the order of arrival, and has no NULL in it, so that a
page can begin behind any session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_STATEMENTS: Final = (
    "DROP INDEX sessions_activity",
    """
    CREATE INDEX sessions_activity
        ON sessions (owner, coalesce(last_activity, -1), tool, host, session_id)
    """,
    "CREATE INDEX sessions_identity ON sessions (owner, session_id, tool)",
    """
    CREATE INDEX sessions_parent ON sessions (owner, parent_session_id, tool)
        WHERE parent_session_id IS NOT NULL
    """,
)


def upgrade(connection: apsw.Connection) -> None:
    """Make the indexes.

    Args:
        connection: in a transaction.
    """
    for statement in _STATEMENTS:
        connection.execute(statement)
