"""What happened around the conversation, and what is no turn."""

from __future__ import annotations

import pytest

from lethe_claude_code import ClaudeCodeParser
from lethe_core import Source
from lethe_core.testing import json_line, read_records


def test_compaction_is_a_boundary(read, make):
    """Where a conversation was compacted, a turn says so, and what it followed."""
    (event,) = read(
        make.record(
            "system",
            subtype="compact_boundary",
            content="Conversation compacted",
            logicalParentUuid="u-0",
            compactMetadata={"trigger": "auto", "preTokens": 9, "postTokens": 1},
        )
    )

    assert event.metadata == {
        "kind": "compact_boundary",
        "logical_parent_id": "u-0",
        "trigger": "auto",
        "pre_tokens": 9,
        "post_tokens": 1,
    }


@pytest.mark.parametrize(
    ("fields", "content"),
    [
        ({"error": {"message": "m", "formatted": "f", "status": 529}}, "f"),
        ({"error": {"message": "m"}}, "m"),
        ({"error": "word"}, "word"),
        ({"error": 5}, ""),
        ({}, ""),
        ({"content": "words", "error": {"message": "m"}}, "words"),
    ],
)
def test_failed_request_is_told(read, make, fields, content):
    """A request that failed and was tried again is an error in the words of the client."""
    (event,) = read(make.record("system", subtype="api_error", retryAttempt=2, **fields))

    assert (event.metadata["kind"], event.content) == ("api_error", content)
    assert event.metadata["retry"] == 2


@pytest.mark.parametrize(
    ("subtype", "content", "said"),
    [
        (None, "Running a hook", "system notice"),
        ("informational", "A new version", "system notice"),
        ("away_summary", "We planted roses", "system notice"),
        ("model_refusal_fallback", "Another model", "system notice"),
        ("later", "Something new", "system notice"),
        ("local_command", "<command-name>/cost</command-name>", "user command"),
        ("local_command", "<local-command-stdout>1", "system command_output"),
        ("local_command", "Something else", "system notice"),
        ("microcompact_boundary", "Compacted", "system compact_boundary"),
        ("api_refusal", "Refused", "system api_error"),
    ],
)
def test_words_of_the_client_are_kept(read, make, subtype, content, said):
    """What Claude Code told its user is a turn."""
    (event,) = read(make.record("system", subtype=subtype, content=content))

    assert f"{event.role} {event.metadata['kind']}" == said


@pytest.mark.parametrize(
    ("record", "word"),
    [
        ({"type": "system", "subtype": "turn_duration", "durationMs": 5}, "system turn_duration"),
        ({"type": "system", "subtype": "stop_hook_summary"}, "system stop_hook_summary"),
        ({"type": "system", "subtype": "bridge_status", "content": "x"}, "system bridge_status"),
        ({"type": "system", "subtype": "later"}, "system later"),
        ({"type": "attachment", "attachment": {"type": "hook_success"}}, "attachment hook_success"),
        (
            {"type": "attachment", "attachment": {"type": "prompt_snapshot", "prompt": "x"}},
            "attachment prompt_snapshot",
        ),
        ({"type": "attachment"}, "unknown attachment"),
        ({"type": "progress", "data": {"type": "agent_progress"}}, "record progress"),
        ({"type": "file-history-snapshot"}, "record file-history-snapshot"),
        ({"type": "queue-operation", "content": "x"}, "record queue-operation"),
        ({"type": "last-prompt", "lastPrompt": "x"}, "record last-prompt"),
        ({"type": "bridge-session", "ownerAccountUuid": "x"}, "record bridge-session"),
        ({"type": "api-request-blob", "message": {"content": "x"}}, "record api-request-blob"),
        ({"type": "words of a person"}, "unknown record"),
    ],
)
def test_what_is_no_turn_says_what_it_is(tmp_path, record, word):
    """A record that is no turn leaves none, and is counted by a word without content."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(json_line(record))
    (only,) = read_records(ClaudeCodeParser(), Source.from_stat(path, tmp_path))

    assert (list(only.events), only.skipped, only.unmapped) == ([], word, False)


def test_turn_tells_what_it_follows(read, make):
    """A turn names the turn before it, and whether it stands beside the conversation."""
    (event,) = read(make.user("Hello", parentUuid="u-0", isSidechain=True))

    assert event.metadata["parent_id"] == "u-0"
    assert event.metadata["is_sidechain"] is True
