"""Real sessions of Cline, and fixtures: each is read, and the archive agrees with a count."""

from __future__ import annotations

import pytest

from lethe_cline import ClineParser, RooParser

PARSERS = {"cline": ClineParser, "roo": RooParser}


@pytest.fixture(params=sorted(PARSERS))
def tool(request):
    """Give a parser's tool."""
    return request.param


@pytest.fixture
def messages(corpus, count, tool):
    """Name the files with messages of a tool."""
    return count.files(corpus / tool)


def test_every_file_is_read_at_once_and_in_parts(messages, check_reading, tool):
    """No file raises, reading on from anywhere gives the rest, and nothing is unmapped."""
    assert messages
    for path in messages:
        assert not any(record.unmapped for record in check_reading(PARSERS[tool](), path))


def test_counts_agree(messages, count, archive, tool):
    """Prompts, answers, calls and tokens of each file are those of the count."""
    for path in messages:
        assert count.count(path) == archive(PARSERS[tool](), path), path
