"""`lethe up` over real transcripts of Claude Code, compared with an independent count.

The count (tests/corpus/claude_code/count.py) reads the JSON lines itself; the archive is asked
through its API alone.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from corpus.claude_code import count
from end_to_end.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

    from end_to_end.machine import Api


def count_archive(api: Api) -> dict[str, int]:
    """Count the archive through the API: identities of replies and calls once over all sessions."""
    prompts = queued = 0
    replies: set[str] = set()
    calls: set[str] = set()
    output: dict[str, int] = {}
    sessions = api.sessions()
    for session in sessions:
        for turn in api.turns(session):
            kind = turn["metadata"].get("kind")
            prompts += kind == "prompt"
            queued += kind == "queued_prompt"
            if kind == "tool_call":
                calls.update(call["id"] for call in turn["tool_calls"] if call.get("id"))
            if message := turn["metadata"].get("message_id"):
                replies.add(message)
            if usage := turn.get("usage"):
                key = usage["key"]
                output[key] = max(output.get(key, 0), usage["output"])
    return {
        "sessions": len(sessions),
        "prompts": prompts,
        "queued": queued,
        "messages": len(replies),
        "calls": len(calls),
        "output": sum(output.values()),
    }


def totals(tallies: list[Any]) -> dict[str, int]:
    """The sums of the independent count, as a dictionary."""
    return vars(count.total(tallies))


@dataclass
class Backfill:
    """What one run of `lethe up` has made of the transcripts.

    Args:
        summary: what it printed.
        sessions: the archive's sessions after it.
        counts: of the archive, through the API.
    """

    summary: dict[str, Any]
    sessions: list[dict[str, Any]]
    counts: dict[str, int]


@dataclass
class Comparison:
    """The transcripts, counted independently, and two backfills of them."""

    tallies: dict[Path, Any]
    first: Backfill
    second: Backfill


@pytest.fixture(scope="module")
def comparison(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """The Claude Code part of the corpus, archived twice by `lethe up`."""
    transcripts = corpus / "claude-code"
    environment = {"CLAUDE_CONFIG_DIR": str(transcripts)}
    machine = Machine(tmp_path_factory.mktemp("corpus"), environment)
    backfills = []
    for _ in range(2):
        summary = machine.up()
        with machine.serving() as api:
            backfills.append(Backfill(summary, api.sessions(), count_archive(api)))
    return Comparison(count.count_tree(transcripts), *backfills)


def test_counts_agree(comparison: Comparison, capsys: pytest.CaptureFixture[str]):
    """Sessions, prompts, replies, tool calls and tokens of the API are those of the transcripts."""
    expected = totals(list(comparison.tallies.values()))
    actual = comparison.first.counts
    summary = comparison.first.summary

    with capsys.disabled():
        sys.stdout.write(f"\n{'':<12}{'transcripts':>14}{'API':>14}\n")
        for name, number in expected.items():
            sys.stdout.write(f"{name:<12}{number:>14,}{actual[name]:>14,}\n")
    assert expected == actual
    assert (expected["sessions"], 0) == (summary["sessions"], summary["refused"])


def test_tokens_of_each_session_agree(comparison: Comparison):
    """The tokens of a session count each reply that its transcript holds once.

    Of a reply that several transcripts hold, the archive knows the greatest number of all copies.
    """
    greatest: dict[str, int] = {}
    for tally in comparison.tallies.values():
        for reply, tokens in tally.output.items():
            greatest[reply] = max(tokens, greatest.get(reply, 0))
    expected = {
        str(path): sum(greatest[reply] for reply in tally.output)
        for path, tally in comparison.tallies.items()
        if tally.is_session
    }
    actual = {row["source_file"]: row["tokens_out"] for row in comparison.first.sessions}

    assert expected == actual


def test_second_backfill_changes_nothing(comparison: Comparison):
    """Archiving the same transcripts once more adds nothing and changes nothing."""
    first, second = comparison.first, comparison.second
    names = ("files", "sessions", "turns", "refused", "unmapped")

    assert {name: first.summary[name] for name in names} == {
        name: second.summary[name] for name in names
    }
    assert first.sessions == second.sessions
    assert first.counts == second.counts
