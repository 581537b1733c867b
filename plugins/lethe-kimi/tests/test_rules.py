"""The rules of the mappings, one by one, on the smallest wire that shows each."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from lethe_core import SessionEvent, Source, TurnEvent
from lethe_core.testing import append, json_line, read_events, read_records
from lethe_kimi import KimiCliParser, KimiCodeParser

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lethe_core import Event

HEAD = {"type": "metadata", "protocol_version": "1.4"}


def message(kind: str, /, **payload: Any) -> dict[str, Any]:
    """Make a line of Kimi CLI."""
    return {"timestamp": 1777890000.5, "message": {"type": kind, "payload": payload}}


def call(identity: str, arguments: str) -> dict[str, Any]:
    """Make a line with a call of Kimi CLI."""
    return message("ToolCall", id=identity, function={"name": "Shell", "arguments": arguments})


def result(identity: str) -> dict[str, Any]:
    """Make a line with the result of a call of Kimi CLI."""
    return message("ToolResult", tool_call_id=identity, return_value={"output": "ok"})


def context(text: str, **origin: str) -> dict[str, Any]:
    """Make a line with a message that Kimi Code appends to its context."""
    content = [{"type": "text", "text": text}]
    value: dict[str, Any] = {"role": "user", "content": content}
    if origin:
        value["origin"] = origin
    return {"type": "context.append_message", "time": 1777890000500, "message": value}


def prompt(text: str) -> dict[str, Any]:
    """Make a line with what is put into Kimi Code."""
    content = [{"type": "text", "text": text}]
    origin = {"kind": "user"}
    return {"type": "turn.prompt", "time": 1777890000500, "input": content, "origin": origin}


@pytest.fixture
def read_cli(tmp_path: Path) -> Callable[..., list[Event]]:
    """Write lines as a wire of Kimi CLI and map them."""

    def write_and_read(*lines: dict[str, Any]) -> list[Event]:
        path = tmp_path / "sessions" / "hash" / "session-a" / "wire.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(json_line(line) for line in lines))
        return read_events(KimiCliParser(), Source.from_stat(path, tmp_path))

    return write_and_read


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    """Make the folder of the agents of a session of Kimi Code."""
    folder = tmp_path / "sessions" / "wd_demo" / "session-a" / "agents"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def read_code(agents: Path) -> Callable[..., list[Event]]:
    """Write lines as a wire of Kimi Code and map them."""

    def write_and_read(*lines: dict[str, Any], agent: str = "main") -> list[Event]:
        path = agents / agent / "wire.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(json_line(line) for line in lines))
        return read_events(KimiCodeParser(), Source.from_stat(path, agents))

    return write_and_read


def kinds(events: list[Event]) -> list[str]:
    """Name the kinds of the turns."""
    return [event.metadata["kind"] for event in events if isinstance(event, TurnEvent)]


# Kimi CLI ----------------------------------------------------------------------------------


def test_fragments_of_arguments_are_joined(read_cli):
    """Arguments come in fragments, with the result of another call between them."""
    part = [message("ToolCallPart", arguments_part=words) for words in ('d": "l', 's"}')]
    events = read_cli(call("c1", '{"comman'), part[0], result("c0"), part[1], result("c1"))

    assert kinds(events) == ["tool_result", "tool_call", "tool_result"]
    assert events[1].tool_calls[0].input == {"command": "ls"}


def test_call_that_stays_incomplete_is_told(read_cli):
    """A call whose arguments never became whole is told before its result, as it is."""
    events = read_cli(call("c1", '{"comman'), result("c1"))

    assert kinds(events) == ["tool_call", "tool_result"]
    assert events[0].tool_calls[0].input == '{"comman'
    assert events[0].metadata["incomplete_arguments"] is True


def test_waiting_call_stays_small(tmp_path):
    """The state of a read does not grow with the arguments of a call."""
    path = tmp_path / "wire.jsonl"
    part = json_line(message("ToolCallPart", arguments_part="x" * 10_000))
    path.write_bytes(json_line(call("c1", '{"command": "')) + 20 * part)
    records = read_records(KimiCliParser(), Source.from_stat(path, tmp_path))

    assert max(len(record.cursor) for record in records) < 64_000
    assert sum(len(record.events) for record in records) == 1


def test_tokens_of_a_step_are_told_once(read_cli):
    """A status without tokens tells nothing; one with tokens has the message's key."""
    numbers = {"input_other": 1, "output": 2, "input_cache_read": 3, "input_cache_creation": 4}
    status = message("StatusUpdate", message_id="m1", token_usage=numbers)
    (turn,) = read_cli(message("StatusUpdate", token_usage=None), status)

    assert turn.usage.key == "m1:1777890000.5"
    assert (turn.usage.input, turn.usage.cache_read, turn.usage.cache_write) == (1, 3, 4)


def test_old_subagent_is_a_session_of_its_own(read_cli):
    """Where a subagent has no wire, its messages are a session with a parent."""
    begin = {"type": "TurnBegin", "payload": {"user_input": "Count."}}
    head, turn = read_cli(message("SubagentEvent", parent_tool_call_id="c1", event=begin))

    assert (head.session_meta.parent_session_id, turn.session_id) == ("session-a", "session-a.c1")


def test_subagent_with_a_wire_is_told_there(read_cli):
    """Where a subagent has a wire, the parent's copy is left out."""
    begin = {"type": "TurnBegin", "payload": {"user_input": "Count."}}
    line = message("SubagentEvent", parent_tool_call_id="c1", agent_id="a1", event=begin)

    assert read_cli(line) == []


def test_working_directory_is_found_by_its_hash(tmp_path):
    """The list of folders names the one whose hash is the name of the session's folder."""
    name = hashlib.md5(b"/home/dev/demo").hexdigest()
    path = tmp_path / "sessions" / name / "session-a" / "wire.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(json_line(HEAD))
    folders = [{"path": "/home/dev"}, {"path": "/home/dev/demo"}]
    (tmp_path / "kimi.json").write_text(json.dumps({"work_dirs": folders}))
    (head,) = read_events(KimiCliParser(), Source.from_stat(path, tmp_path))

    assert head.session_meta.working_dir == "/home/dev/demo"


# Kimi Code ---------------------------------------------------------------------------------


def test_prompt_counts_once(read_code):
    """A prompt and its message in the context are one turn; the same words may come again."""
    pair = [prompt("hi"), context("hi", kind="user")]

    assert kinds(read_code(*pair, *pair)) == ["prompt", "prompt"]


def test_steering_is_a_queued_prompt(read_code):
    """What was typed while the model ran reaches the context later."""
    steer = {"type": "turn.steer", "input": [{"text": "stop"}], "origin": {"kind": "user"}}

    assert kinds(read_code(steer, context("stop", kind="user"))) == ["queued_prompt"]


def test_injected_text_is_no_prompt(read_code):
    """What Kimi says in the person's name is context."""
    reminder = "<system-reminder>\nUse the list.\n</system-reminder>"

    assert kinds(read_code(context(reminder, kind="injection"))) == ["context"]
    assert kinds(read_code(context(reminder))) == ["context"]


def test_usage_record_repeats_the_step(read_code):
    """Tokens of a step count once; those of a compaction stand in the record alone."""
    numbers = {"inputOther": 1, "output": 2, "inputCacheRead": 3, "inputCacheCreation": 4}
    step = {"type": "step.end", "uuid": "s1", "usage": numbers}
    events = read_code(
        {"type": "context.append_loop_event", "time": 1, "event": step},
        {"type": "usage.record", "time": 2, "usage": numbers, "usageScope": "turn"},
        {"type": "usage.record", "time": 3, "usage": numbers, "usageScope": "session"},
    )

    assert [turn.usage.key for turn in events] == ["s1", "session::3"]


def test_failed_call_says_so(read_code):
    """The result of a call tells whether it failed."""
    value = {"type": "tool.result", "toolCallId": "c1", "result": {"output": "no", "isError": True}}
    (turn,) = read_code({"type": "context.append_loop_event", "time": 1, "event": value})

    assert (turn.tool_calls[0].output, turn.tool_calls[0].is_error) == ("no", True)


def test_subagent_names_its_parent(read_code, agents):
    """An agent is a session of its own; its parent may be an agent, too."""
    state = {"agents": {"agent-1": {"type": "sub", "parentAgentId": "agent-0"}}}
    (agents.parent / "state.json").write_text(json.dumps(state))
    (head,) = read_code(HEAD, agent="agent-1")

    assert (head.session_id, head.session_meta.relation) == ("session-a.agent-1", "subagent")
    assert head.session_meta.parent_session_id == "session-a.agent-0"


def test_fork_names_its_origin(read_code, agents):
    """The session that a session was forked from is its parent."""
    (agents.parent / "state.json").write_text('{"forkedFrom":"session-0"}')
    (head,) = read_code(HEAD)

    assert head.session_meta.relation == "fork"
    assert head.session_meta.parent_session_id == "session-0"


def test_title_that_changes_is_told_with_the_next_line(read_code, agents):
    """The title beside the wire is read anew, and told when it has changed."""
    state = agents.parent / "state.json"
    state.write_text('{"title":"first"}')
    read_code(HEAD)
    path = agents / "main" / "wire.jsonl"
    (record,) = read_records(KimiCodeParser(), Source.from_stat(path, agents))
    state.write_text('{"title":"second","isCustomTitle":true}')
    append(path, prompt("hi"))
    source = Source.from_stat(path, agents)
    events = read_events(KimiCodeParser(), source, record.cursor)
    titles = [event.session_meta for event in events if isinstance(event, SessionEvent)]

    assert [(meta.title, meta.title_source) for meta in titles] == [("second", "custom")]


# Both --------------------------------------------------------------------------------------


def test_each_tool_takes_its_own_wires(tmp_path):
    """Neither parser reads the wires of the other, nor the contexts beside them."""
    for place in ("h/s/wire.jsonl", "h/s/context.jsonl", "w/s/agents/main/wire.jsonl"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")

    cli = [source.path for source in KimiCliParser().discover(tmp_path)]
    code = [source.path for source in KimiCodeParser().discover(tmp_path)]
    assert cli == [tmp_path / "h/s/wire.jsonl"]
    assert code == [tmp_path / "w/s/agents/main/wire.jsonl"]


def test_homes(monkeypatch):
    """Both homes can be moved."""
    monkeypatch.setenv("KIMI_SHARE_DIR", "/srv/kimi")
    monkeypatch.setenv("KIMI_CODE_HOME", "/srv/code")

    roots = [*KimiCliParser().default_roots(), *KimiCodeParser().default_roots()]
    assert [str(root) for root in roots] == ["/srv/kimi/sessions", "/srv/code/sessions"]


@pytest.mark.parametrize("parser_type", [KimiCliParser, KimiCodeParser])
def test_subagents_cannot_be_resumed(parser_type):
    """A session is resumed by its id; that of a subagent is not."""
    assert parser_type().resume_command("session-a", None) == "kimi --session session-a"
    assert parser_type().resume_command("session-a.agent-0", None) is None
