"""Owners, sessions, turns, usage and tokens.

Every key, unique constraint and index starts with the owner, so that the same tables can be
distributed by owner. Small columns of a turn come before its text: SQLite then reads them without
touching the pages that the text overflows to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import apsw

_STATEMENTS: Final = (
    """
    CREATE TABLE owners (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) STRICT
    """,
    """
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        owner INTEGER NOT NULL REFERENCES owners (id),
        tool TEXT NOT NULL,
        host TEXT NOT NULL,
        session_id TEXT NOT NULL,
        started_at REAL,
        last_activity REAL,
        turns INTEGER NOT NULL DEFAULT 0,
        prompts INTEGER NOT NULL DEFAULT 0,
        user_turns INTEGER NOT NULL DEFAULT 0,
        assistant_turns INTEGER NOT NULL DEFAULT 0,
        tool_turns INTEGER NOT NULL DEFAULT 0,
        system_turns INTEGER NOT NULL DEFAULT 0,
        tool_calls INTEGER NOT NULL DEFAULT 0,
        unmapped INTEGER NOT NULL DEFAULT 0,
        tokens_in INTEGER NOT NULL DEFAULT 0,
        tokens_out INTEGER NOT NULL DEFAULT 0,
        cache_read INTEGER NOT NULL DEFAULT 0,
        cache_write INTEGER NOT NULL DEFAULT 0,
        reasoning INTEGER NOT NULL DEFAULT 0,
        cost_nano INTEGER NOT NULL DEFAULT 0,
        title TEXT,
        preview TEXT,
        working_dir TEXT,
        git_branch TEXT,
        parent_session_id TEXT,
        relation TEXT,
        source_file TEXT,
        metadata BLOB,
        state BLOB NOT NULL,
        UNIQUE (owner, tool, host, session_id)
    ) STRICT
    """,
    "CREATE INDEX sessions_activity ON sessions (owner, last_activity DESC, id DESC)",
    """
    CREATE TABLE usage (
        id INTEGER PRIMARY KEY,
        owner INTEGER NOT NULL REFERENCES owners (id),
        tool TEXT NOT NULL,
        key TEXT NOT NULL,
        input INTEGER NOT NULL,
        output INTEGER NOT NULL,
        cache_read INTEGER NOT NULL,
        cache_write INTEGER NOT NULL,
        reasoning INTEGER NOT NULL,
        cost_nano INTEGER NOT NULL,
        UNIQUE (owner, tool, key)
    ) STRICT
    """,
    """
    CREATE TABLE turns (
        id INTEGER PRIMARY KEY,
        owner INTEGER NOT NULL REFERENCES owners (id),
        session INTEGER NOT NULL REFERENCES sessions (id),
        seq INTEGER NOT NULL,
        seq_version INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        parser_version INTEGER NOT NULL,
        digest INTEGER NOT NULL,
        role TEXT NOT NULL,
        kind TEXT,
        timestamp REAL,
        model TEXT,
        calls INTEGER NOT NULL,
        usage INTEGER,
        tokens_in INTEGER NOT NULL,
        tokens_out INTEGER NOT NULL,
        cache_read INTEGER NOT NULL,
        cache_write INTEGER NOT NULL,
        reasoning INTEGER NOT NULL,
        cost_nano INTEGER NOT NULL,
        turn_id TEXT NOT NULL,
        content TEXT NOT NULL,
        payload BLOB,
        UNIQUE (owner, session, turn_id)
    ) STRICT
    """,
    "CREATE INDEX turns_order ON turns (owner, session, seq)",
    # Answers alone which sessions share an API reply, and where it stands first in each.
    "CREATE INDEX turns_usage ON turns (owner, usage, session, seq) WHERE usage IS NOT NULL",
    """
    CREATE TABLE tokens (
        id INTEGER PRIMARY KEY,
        owner INTEGER NOT NULL REFERENCES owners (id),
        name TEXT NOT NULL,
        scopes TEXT NOT NULL,
        hash BLOB NOT NULL UNIQUE,
        created_at REAL NOT NULL,
        expires_at REAL,
        last_used_at REAL,
        revoked_at REAL
    ) STRICT
    """,
    # Of several tokens of one name at most one is in force.
    "CREATE UNIQUE INDEX tokens_name ON tokens (owner, name) WHERE revoked_at IS NULL",
    """
    CREATE TABLE probe (
        id INTEGER PRIMARY KEY,
        body BLOB NOT NULL
    ) STRICT
    """,
)


def upgrade(connection: apsw.Connection) -> None:
    """Make the tables.

    Args:
        connection: in a transaction.
    """
    for statement in _STATEMENTS:
        connection.execute(statement)
