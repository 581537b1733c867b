"""A database of the tool of these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fakes.notes import SCHEMA, closing, put, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database in WAL mode with two sessions, closed cleanly."""
    path = tmp_path / "notes" / "notes.db"
    path.parent.mkdir()
    with closing(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(SCHEMA)
        write(connection, "session", id="s1", title="One", updated=1000)
        write(connection, "session", id="s2", title="Two", updated=1001)
        for number in range(6):
            put(connection, f"m{number}", 1000 + number, f"text {number}")
    return path
