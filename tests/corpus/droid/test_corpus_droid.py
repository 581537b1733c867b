"""Sessions of Factory Droid: each is read, and the archive agrees with an independent count."""

from __future__ import annotations

import pytest

from lethe_droid import DroidParser


@pytest.fixture
def sessions(corpus, count):
    """Name the sessions of the corpus."""
    return count.files(corpus / "droid")


def test_every_file_is_read_at_once_and_in_parts(sessions, check_reading):
    """No file raises, reading on from anywhere gives the rest, and no line is unmapped."""
    assert sessions
    for path in sessions:
        assert not any(record.unmapped for record in check_reading(DroidParser(), path))


def test_files_are_followed_while_they_grow(sessions, check_growing):
    """A file that is written in pieces is read as one that was written at once."""
    for path in sessions:
        check_growing(DroidParser(), path)


def test_counts_agree(sessions, count, archive):
    """Prompts, answers and calls of each file are those of the count."""
    for path in sessions:
        assert count.count(path) == archive(DroidParser(), path), path
