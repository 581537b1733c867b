"""Databases of goose: each is read, and the archive agrees with an independent count."""

from __future__ import annotations

import pytest

from lethe_goose import GooseParser


@pytest.fixture
def databases(corpus, count):
    """Name the databases of the corpus."""
    return count.files(corpus / "goose")


def test_every_database_is_read_at_once_and_in_parts(databases, check_reading):
    """No database raises, nothing is unmapped, and reading on from anywhere gives the rest."""
    assert databases
    for path in databases:
        assert not any(record.unmapped for record in check_reading(GooseParser(), path))


def test_counts_agree(databases, count, archive):
    """Prompts, answers, calls and tokens of each database are those of the count."""
    for path in databases:
        assert count.count(path) == archive(GooseParser(), path), path
