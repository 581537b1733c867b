"""The rules of the mapping, one by one, on the smallest session that shows each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lethe_copilot import CopilotParser
from lethe_core import SessionEvent, Source, TurnEvent
from lethe_core.testing import append, json_line, read_events, read_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lethe_core import Event

SESSION = "5f3e0000-0000-4000-8000-000000000001"


def event(kind: str, /, number: int = 1, **data: Any) -> dict[str, Any]:
    """Make a line."""
    return {"type": kind, "id": f"e{number}", "timestamp": "2026-05-04T12:00:00Z", "data": data}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Event]]:
    """Write lines as the events of a session and map them."""

    def write_and_read(*lines: dict[str, Any]) -> list[Event]:
        path = tmp_path / SESSION / "events.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(json_line(line) for line in lines))
        return read_events(CopilotParser(), Source.from_stat(path, tmp_path))

    return write_and_read


def kinds(events: list[Event]) -> list[str]:
    """Name the kinds of the turns."""
    return [event.metadata["kind"] for event in events if isinstance(event, TurnEvent)]


@pytest.mark.parametrize("started_first", [True, False])
def test_call_counts_once(read, started_first):
    """A call stands in the message and in the event that runs it, in either order."""
    request = {"toolCallId": "c1", "name": "bash", "arguments": '{"command":"ls"}'}
    arguments = {"command": "ls"}
    lines = [
        event("assistant.message", toolRequests=[request]),
        event("tool.execution_start", 2, toolCallId="c1", toolName="bash", arguments=arguments),
    ]
    (turn,) = read(*(reversed(lines) if started_first else lines))

    assert (turn.content, turn.tool_calls[0].input) == ("bash: ls", arguments)


def test_thought_counts_once(read):
    """A thought stands in an event of its own and in the message."""
    events = read(
        event("assistant.reasoning", content="Hm."),
        event("assistant.message", 2, content="Yes.", reasoningText="Hm."),
    )

    assert kinds(events) == ["thinking", "answer"]


def shutdown(number: int, **models: tuple[int, int, int]) -> dict[str, Any]:
    """Make the end of a process, with input, output and tokens from the cache by model."""
    names = ("inputTokens", "outputTokens", "cacheReadTokens")
    metrics = {
        model: {"usage": dict(zip(names, numbers, strict=True))}
        for model, numbers in models.items()
    }
    return event("session.shutdown", number, modelMetrics=metrics)


def test_tokens_count_once(read):
    """Output stands in messages; what none of them told, and all input, stands at the end."""
    events = read(
        event("assistant.message", 1, messageId="m1", content="a", outputTokens=10),
        event("assistant.message", 2, messageId="m2", content="b", outputTokens=5),
        shutdown(3, a=(100, 16, 80), b=(7, 2, 0)),
    )
    numbers = [(t.usage.key, t.usage.input, t.usage.output, t.usage.cache_read) for t in events]

    assert numbers == [
        ("m1", 0, 10, 0),
        ("m2", 0, 5, 0),
        ("e3:a", 20, 3, 80),
        ("e3:b", 7, 0, 0),
    ]


def test_each_process_tells_its_own_tokens(read):
    """A resumed session ends again, and its numbers begin anew."""
    answer = event("assistant.message", 1, messageId="m1", content="a", outputTokens=10)
    events = read(
        answer, shutdown(2, a=(1, 10, 0)), event("session.resume", 3), shutdown(4, a=(2, 1, 0))
    )
    usages = [event.usage for event in events if isinstance(event, TurnEvent)]

    assert sum(usage.output for usage in usages) == 11
    assert sum(usage.input for usage in usages) == 3


def test_net_numbers_are_taken_as_they_are(read):
    """Without numbers by model, those of the whole process exclude cached tokens."""
    details = {"input": {"tokenCount": 10}, "cache_read": {"tokenCount": 90}}
    (turn,) = read(event("session.shutdown", currentModel="m", tokenDetails=details))

    assert (turn.model, turn.usage.input, turn.usage.cache_read) == ("m", 10, 90)


def test_subagent_is_a_session_of_its_own(read):
    """What a subagent does stands in the parent's file, and belongs to a session of its own."""
    head, turn = read(
        event("subagent.started", toolCallId="c1", agentName="counter"),
        event("assistant.message", 2, parentToolCallId="c1", content="One."),
    )

    assert (head.session_id, turn.session_id) == (f"{SESSION}.c1", f"{SESSION}.c1")
    assert head.session_meta.parent_session_id == SESSION
    assert head.session_meta.relation == "subagent"


@pytest.mark.parametrize(
    ("data", "output", "failed"),
    [
        ({"success": True, "result": {"content": "ok"}}, "ok", False),
        ({"success": False, "error": {"message": "no"}}, "no", True),
        ({"success": True}, "", False),
    ],
)
def test_result_tells_whether_it_failed(read, data, output, failed):
    """A result has an output, or an error in its place."""
    (turn,) = read(event("tool.execution_complete", toolCallId="c1", **data))

    assert (turn.tool_calls[0].output, turn.tool_calls[0].is_error) == (output, failed)


def test_model_is_the_one_chosen_last(read):
    """The model of an answer is its own, or the one that was chosen before it."""
    events = read(
        event("session.model_change", newModel="first"),
        event("assistant.message", 2, content="a"),
        event("assistant.message", 3, content="b", model="own"),
    )

    assert [turn.model for turn in events] == ["first", "own"]


def test_name_that_changes_is_told_with_the_next_event(read, tmp_path):
    """The name beside the events is read anew, and told when it has changed."""
    workspace = tmp_path / SESSION / "workspace.yaml"
    workspace.parent.mkdir()
    workspace.write_text("cwd: /home/dev\nname: first\n")
    read(event("user.message", content="a"))
    path = tmp_path / SESSION / "events.jsonl"
    (record,) = read_records(CopilotParser(), Source.from_stat(path, tmp_path))
    workspace.write_text("name: 'second'\n")
    append(path, event("user.message", 2, content="b"))
    source = Source.from_stat(path, tmp_path)
    events = read_events(CopilotParser(), source, record.cursor)
    titles = [event.session_meta.title for event in events if isinstance(event, SessionEvent)]

    assert record.events[0].session_meta.title == "first"
    assert titles == ["second"]


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("name:  a b \t", "a b"),
        ("name:   ", None),
        ("name: a" + " " * 60_000 + "b", "a" + " " * 499),
    ],
)
def test_name_is_read_at_once(read, tmp_path, line, title):
    """Blanks around a name are none of it, and however many stand in it, nobody waits."""
    workspace = tmp_path / SESSION / "workspace.yaml"
    workspace.parent.mkdir()
    workspace.write_text(f"{line}\n")
    events = read(event("user.message", content="a"))

    metas = [event.session_meta for event in events if event.session_meta]
    assert next((meta.title for meta in metas if meta.title), None) == title


def test_both_layouts_are_found(tmp_path):
    """A session has a folder, or, before, a file; other files are left out."""
    for place in (f"{SESSION}/events.jsonl", f"{SESSION}.jsonl", f"{SESSION}/files/notes.jsonl"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")

    found = list(CopilotParser().discover(tmp_path))
    assert len(found) == 2
    assert {CopilotParser().session_id(source) for source in found} == {SESSION}


def test_home(monkeypatch):
    """`COPILOT_HOME` moves the folder."""
    monkeypatch.setenv("COPILOT_HOME", "/srv/copilot")

    roots = [str(root) for root in CopilotParser().default_roots()]
    assert roots == ["/srv/copilot/session-state"]


def test_subagents_cannot_be_resumed():
    """A session is resumed by its id; that of a subagent is not."""
    assert CopilotParser().resume_command(SESSION, None) == f"copilot --resume {SESSION}"
    assert CopilotParser().resume_command(f"{SESSION}.c1", None) is None
