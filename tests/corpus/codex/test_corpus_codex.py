"""Real Codex rollouts: each is read, and the archive agrees with an independent count."""

from __future__ import annotations

import pytest

from lethe_codex import CodexParser
from lethe_core import Source
from lethe_core.testing import read_events


@pytest.fixture
def rollouts(corpus, count):
    """Name the rollouts of the corpus."""
    return count.files(corpus / "codex")


def test_every_file_is_read_at_once_and_in_parts(rollouts, check_reading):
    """No file raises, and reading on from anywhere gives the rest."""
    assert rollouts
    for path in rollouts:
        check_reading(CodexParser(), path)


def test_files_are_followed_while_they_grow(rollouts, check_growing):
    """A file that is written in pieces is read as one that was written at once."""
    for path in rollouts:
        if path.suffix == ".json":
            continue  # it is written whole
        check_growing(CodexParser(), path)


def test_counts_agree(rollouts, count, archive, explain):
    """Prompts, answers, calls and tokens of each file are those of the count."""
    for path in rollouts:
        explain("codex", path, count.count(path), archive(CodexParser(), path))


def test_failures_are_those_that_codex_tells(rollouts, count):
    """Whether a command failed is read from its output as Codex tells it in an event."""
    checked = 0
    for path in rollouts:
        ends = [row["payload"] for row in count.records(path) if row.get("type") == "event_msg"]
        codes = {end["call_id"]: end["exit_code"] for end in ends if "exit_code" in end}
        for event in read_events(CodexParser(), Source.from_stat(path, path.parent)):
            for call in getattr(event, "tool_calls", ()):
                if call.output is not None and call.id in codes:
                    assert call.is_error == (codes[call.id] != 0), (path, call.id)
                    checked += 1
    assert checked > 200
