"""The contract of a parser, checked on the fixtures, and what they are mapped to."""

from __future__ import annotations

from pathlib import Path

import pytest

from lethe_claude_code import ClaudeCodeParser
from lethe_core.testing import JsonlConformance, assert_golden, read_events

FIXTURES = Path(__file__).parent / "fixtures"
SOURCES = sorted(
    source.path.relative_to(FIXTURES) for source in ClaudeCodeParser().discover(FIXTURES)
)


class TestClaudeCodeParser(JsonlConformance):
    """Transcripts of Claude Code keep the contract."""

    parser_type = ClaudeCodeParser
    samples = FIXTURES


@pytest.mark.parametrize("fixture", SOURCES, ids=lambda path: f"{path.parts[0]}-{path.stem[-12:]}")
def test_golden(fixture: Path, monkeypatch: pytest.MonkeyPatch):
    """Each fixture is mapped to the events that stand beside it."""
    monkeypatch.chdir(FIXTURES)
    parser = ClaudeCodeParser()
    sources = {source.path: source for source in parser.discover(Path())}

    assert_golden(
        read_events(parser, sources[fixture]), FIXTURES / fixture.with_suffix(".events.ndjson")
    )
