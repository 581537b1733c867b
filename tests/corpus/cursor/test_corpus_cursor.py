"""Transcripts of the Cursor agent: each is read, and the archive agrees with a count."""

from __future__ import annotations

import pytest

from lethe_cursor import CursorParser

#: Holds a line that is no JSON.
DAMAGED = "cursor-edge-cases.jsonl"


@pytest.fixture
def transcripts(corpus, count):
    """Name the transcripts of the corpus."""
    return count.files(corpus / "cursor")


def test_every_file_is_read_at_once_and_in_parts(transcripts, check_reading):
    """No file raises, reading on from anywhere gives the rest, and damage costs one line."""
    assert transcripts
    for path in transcripts:
        unmapped = sum(record.unmapped for record in check_reading(CursorParser(), path))
        assert unmapped == (path.name == DAMAGED)


def test_counts_agree(transcripts, count, archive):
    """Prompts, answers and calls of each file are those of the count."""
    for path in transcripts:
        assert count.count(path) == archive(CursorParser(), path), path
