"""Real sessions of Copilot CLI: each is read, and the archive agrees with an independent count."""

from __future__ import annotations

import pytest

from lethe_copilot import CopilotParser


@pytest.fixture
def sessions(corpus, count):
    """Name the sessions of the corpus."""
    return count.files(corpus / "copilot")


def test_every_file_is_read_at_once_and_in_parts(corpus, check_reading):
    """No file of the folder raises, and reading on from anywhere gives the rest."""
    paths = sorted((corpus / "copilot").rglob("*.jsonl"))
    assert paths
    for path in paths:
        check_reading(CopilotParser(), path)


def test_files_are_followed_while_they_grow(corpus, check_growing):
    """A file that is written in pieces is read as one that was written at once."""
    for path in sorted((corpus / "copilot").rglob("*.jsonl")):
        check_growing(CopilotParser(), path)


def test_counts_agree(sessions, count, archive, explain):
    """Prompts, answers, calls and tokens of each file are those of the count."""
    assert sessions
    for path in sessions:
        explain("copilot", path, count.count(path), archive(CopilotParser(), path))
