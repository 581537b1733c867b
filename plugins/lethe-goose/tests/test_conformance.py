"""The contract of a parser, checked on the samples, and what they are mapped to."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from lethe_core.errors import SourceError
from lethe_core.testing import (
    SqliteConformance,
    assert_golden,
    make_database,
    only_source,
    read_events,
)
from lethe_goose import GooseParser

if TYPE_CHECKING:
    import pytest

    from lethe_core import Source

SAMPLES = Path(__file__).parent / "samples"
SCRIPT = SAMPLES / "sessions.sql"


class TestGooseParser(SqliteConformance):
    """Databases of goose keep the contract."""

    parser_type = GooseParser
    samples = SAMPLES
    tolerated = (SourceError,)

    def grow(self, root: Path, size: int) -> Source | None:
        """Make one session of many messages."""
        path = make_database(SCRIPT, root / "sessions.db")
        content = '[{"type":"text","text":"' + "x" * 4000 + '"}]'
        rows = [(f"g{number}", content, 1777885300 + number) for number in range(size // 4000)]
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.executemany(
                "INSERT INTO messages (message_id, session_id, role, content_json,"
                " created_timestamp) VALUES (?, '20260504_1', 'assistant', ?, ?)",
                rows,
            )
            connection.commit()
        return only_source(self.make_parser(), path)


def test_golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample is mapped to the events that stand beside it."""
    make_database(SCRIPT, tmp_path / "sessions.db")
    monkeypatch.chdir(tmp_path)
    source = only_source(GooseParser(), Path("sessions.db"))

    assert_golden(read_events(GooseParser(), source), SCRIPT.with_suffix(".events.ndjson"))
