"""Real Qwen Code chats: each is read, and the archive agrees with an independent count."""

from __future__ import annotations

import pytest

from lethe_qwen import QwenParser


@pytest.fixture
def chats(corpus, count):
    """Name the chats of the corpus."""
    return count.files(corpus / "qwen")


def test_every_file_is_read_at_once_and_in_parts(chats, check_reading):
    """No file raises, reading on from anywhere gives the rest, and no line is unmapped."""
    assert chats
    for path in chats:
        assert not any(record.unmapped for record in check_reading(QwenParser(), path))


def test_counts_agree(chats, count, archive):
    """Prompts, answers, calls and tokens of each file are those of the count."""
    for path in chats:
        assert count.count(path) == archive(QwenParser(), path), path
