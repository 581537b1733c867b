"""Real Gemini CLI chats: each is read, and the archive agrees with an independent count."""

from __future__ import annotations

import pytest

from lethe_gemini import GeminiParser

#: A document of a form that no version of Gemini CLI writes: ``history`` instead of ``messages``.
FOREIGN = "schema_drift.json"


@pytest.fixture
def chats(corpus, count):
    """Name the chats of the corpus."""
    return count.files(corpus / "gemini")


def test_every_file_is_read_at_once_and_in_parts(chats, check_reading):
    """No file raises, reading on from anywhere gives the rest, and none but one is unmapped."""
    assert chats
    for path in chats:
        records = check_reading(GeminiParser(), path)
        assert any(record.unmapped for record in records) == (path.name == FOREIGN)


def test_counts_agree(chats, count, archive):
    """Prompts, answers, calls and tokens of each file are those of the count."""
    for path in chats:
        assert count.count(path) == archive(GeminiParser(), path), path
