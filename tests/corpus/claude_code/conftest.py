"""The transcripts of Claude Code in the corpus, and two views of them: counted and parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lethe_claude_code import ClaudeCodeParser

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def transcripts(corpus) -> Path:
    """The directory with the transcripts of Claude Code."""
    path = corpus / "claude-code"
    if not path.is_dir():
        pytest.skip(f"the corpus at {corpus} has no transcripts of Claude Code")
    return path


@pytest.fixture(scope="session")
def sources(transcripts):
    """What the parser finds there, by path."""
    return {source.path: source for source in ClaudeCodeParser().discover(transcripts)}
