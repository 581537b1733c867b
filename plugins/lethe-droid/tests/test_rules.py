"""The rules of the mapping that the samples do not show, one by one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lethe_core import Event, SessionEvent, TurnEvent
from lethe_core.testing import append, json_line, only_source, read_events, read_records
from lethe_droid import DroidParser

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "0f0e0000-0000-4000-8000-00000000d002"


def message(role: str, *blocks: Any, **fields: Any) -> dict[str, Any]:
    """Make a line with a message."""
    return {"type": "message", "message": {"role": role, "content": list(blocks)}, **fields}


def text(words: str) -> dict[str, Any]:
    """Make a block of text."""
    return {"type": "text", "text": words}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Event]]:
    """Write lines as a session and map them."""

    def write_and_read(*lines: dict[str, Any]) -> list[Event]:
        path = tmp_path / f"{NAME}.jsonl"
        path.write_bytes(b"".join(json_line(line) for line in lines))
        return read_events(DroidParser(), only_source(DroidParser(), path))

    return write_and_read


def kinds(events: list[Event]) -> list[str]:
    """Name the kinds of the turns."""
    return [event.metadata["kind"] for event in events if isinstance(event, TurnEvent)]


def test_reminders_alone_are_no_prompt(read):
    """What Droid puts before a prompt is context, also where nothing follows it."""
    reminder = "<system-reminder>a</system-reminder>\n<system-reminder>b</system-reminder>"
    events = read(message("user", text(reminder)), message("user", text(f"{reminder} Go on")))

    assert kinds(events) == ["context", "context", "prompt"]
    assert events[-1].content == "Go on"


def test_picture_alone_is_a_prompt(read):
    """An image without words is what was said; an assistant's is an answer."""
    source = {"type": "base64", "media_type": "image/png", "data": "aGk="}
    image = {"type": "image", "source": source}
    events = read(message("user", image), message("assistant", image))

    assert kinds(events) == ["prompt", "answer"]
    assert all(event.metadata["attachments"][0]["bytes"] == 2 for event in events)


def test_other_forms_are_named(read):
    """What `droid exec` prints is no session; each record says what it is."""
    lines = [
        {"type": "system", "subtype": "init", "cwd": "/srv"},
        {"type": "message", "role": "user", "text": "List files"},
        {"type": "tool_call", "toolName": "Execute", "parameters": {}},
        {"type": 5},
    ]
    assert read(*lines) == []


@pytest.mark.parametrize("content", [None, [], "", [None, 1], {}])
def test_messages_of_nothing_are_no_turns(read, content):
    """A message may hold nothing yet."""
    assert read({"type": "message", "message": {"role": "user", "content": content}}) == []


def test_title_may_be_missing(read):
    """A session without a title is named by its first prompt."""
    [event] = read({"type": "session_start", "cwd": "/srv/orchard", "title": " "})

    assert isinstance(event, SessionEvent)
    assert (event.session_meta.working_dir, event.session_meta.title) == ("/srv/orchard", None)


def test_both_files_are_one_session(tmp_path):
    """Lines and settings are two sources, of the session that the name tells."""
    (tmp_path / f"{NAME}.jsonl").write_bytes(json_line(message("user", text("Hello"), id="m")))
    (tmp_path / f"{NAME}.settings.json").write_text('{"model": "gpt-5"}')
    (tmp_path / "other.json").write_text("{}")
    sources = list(DroidParser().discover(tmp_path))

    assert len(sources) == 2
    found = [event for source in sources for event in read_events(DroidParser(), source)]
    assert {event.session_id for event in found} == {NAME}


@pytest.mark.promise("C30", "P5")
def test_c30_tokens_are_told_again_when_they_grow(tmp_path):
    """Each growth of the sum replaces the one turn that tells it; other changes say nothing."""
    path = tmp_path / f"{NAME}.settings.json"
    settings: dict[str, Any] = {"tokenUsage": {"inputTokens": 5, "thinkingTokens": 2}}
    path.write_text(json.dumps(settings))
    parser = DroidParser()
    first = read_records(parser, only_source(parser, path))
    path.write_text(json.dumps(settings | {"assistantActiveTimeMs": 9}))
    assert read_records(parser, only_source(parser, path), first[-1].cursor) == []
    settings["tokenUsage"] |= {"inputTokens": 50, "outputTokens": 10}
    path.write_text(json.dumps(settings))
    second = read_records(parser, only_source(parser, path), first[-1].cursor)

    [before], [after] = first[-1].events, second[-1].events
    assert (before.turn_id, before.seq, before.usage.key) == (
        after.turn_id,
        after.seq,
        after.usage.key,
    )
    assert after.revision > before.revision
    assert (before.usage.output, after.usage.input, after.usage.output) == (2, 50, 12)


def test_session_goes_on(tmp_path):
    """A resumed session goes on in its file."""
    path = tmp_path / f"{NAME}.jsonl"
    path.write_bytes(json_line(message("user", text("One"), id="a")))
    parser = DroidParser()
    first = read_records(parser, only_source(parser, path))
    append(path, message("user", text("Two"), id="b"))
    [record] = read_records(parser, only_source(parser, path), first[-1].cursor)

    assert [event.content for event in record.events] == ["Two"]


@pytest.mark.parametrize(
    ("directory", "command"),
    [(None, f"droid --resume {NAME}"), ("/srv/a b", f"cd '/srv/a b' && droid --resume {NAME}")],
)
def test_resume_command(directory, command):
    """A session is resumed where it was held."""
    assert DroidParser().resume_command(NAME, directory) == command


def test_called_session_is_a_subagent(read):
    """A session that another one has called names it, and the call."""
    start = {"type": "session_start", "callingSessionId": "parent-1", "callingToolUseId": "call-7"}
    [event] = read(start)

    assert event.session_meta.parent_session_id == "parent-1"
    assert event.session_meta.relation == "subagent"
    assert event.session_meta.metadata == {"calling_tool_use_id": "call-7"}
