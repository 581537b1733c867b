"""Real databases of Crush: each is read, and the archive agrees with an independent count."""

from __future__ import annotations

import pytest

from lethe_core import SessionEvent, TurnEvent
from lethe_crush import CrushParser


@pytest.fixture
def databases(corpus, count):
    """Name the databases of Crush and of opencode in Go."""
    return [*count.files(corpus / "crush"), *count.files(corpus / "opencode-go-legacy")]


def test_every_database_is_read_at_once_and_in_parts(databases, check_reading):
    """No database raises, nothing is unmapped, and reading on from anywhere gives the rest."""
    assert databases
    for path in databases:
        records = check_reading(CrushParser(), path)
        assert not [record for record in records if record.unmapped]


def test_counts_agree(databases, count, check_reading):
    """Sessions, prompts, answers, calls and results of each database are those of the count."""
    for path in databases:
        events = [event for r in check_reading(CrushParser(), path) for event in r.events]
        kinds = [event.metadata["kind"] for event in events if isinstance(event, TurnEvent)]
        actual = {
            "sessions": len({e.session_id for e in events if isinstance(e, SessionEvent)}),
            "prompts": kinds.count("prompt"),
            "answers": kinds.count("answer") + kinds.count("compact_summary"),
            "tool_calls": kinds.count("tool_call"),
            "tool_results": kinds.count("tool_result"),
        }
        assert count.count(path) == actual, path
