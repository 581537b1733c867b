"""What a newer version of a tool may add to a message it writes is kept, whatever it is called."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import msgspec
import pytest

from lethe_core import TurnEvent
from lethe_core.limits import MAX_UNMAPPED_RAW_BYTES
from lethe_core.plugins import load_parsers
from lethe_core.testing import only_source, read_events
from lethe_core.wire import decode_line, encode_event

WORDS = "the words of a part to come"
PART = {"type": "hologram", "beam": {"words": WORDS}}
KNOWN = {"type": "text", "text": "known words"}
RESULT = {"functionResponse": {"id": "c", "name": "look", "response": {"output": "known"}}}
CHAT = "garden/chats/session-1.jsonl"
KIMI_CLI = "0123/5f2e0000-0000-4000-8000-00000000000a/wire.jsonl"
PI = "--demo--/2026-05-04T10-00-00-000Z_019e1000-0000-7000-8000-00000000000a.jsonl"
KIMI_CODE = "wd_1/session_1/agents/main/wire.jsonl"
#: The name of a transcript, and a line of it with a part that no version of the tool wrote yet.
LINES = {
    "claude-code, said": (
        "5e551002-0000-4000-8000-000000000002.jsonl",
        {"type": "assistant", "uuid": "u", "message": {"id": "m", "content": [PART, KNOWN]}},
    ),
    "claude-code, answered": (
        "5e551002-0000-4000-8000-000000000002.jsonl",
        {
            "type": "user",
            "uuid": "u",
            "message": {"content": [{"type": "tool_result", "content": [PART, KNOWN]}]},
        },
    ),
    "codex, said": (
        "rollout-1.jsonl",
        {
            "type": "response_item",
            "payload": {"type": "message", "role": "assistant", "content": [PART, KNOWN]},
        },
    ),
    "codex, typed": (
        "rollout-1.jsonl",
        {
            "type": "response_item",
            "payload": {"type": "message", "role": "user", "content": [PART, KNOWN]},
        },
    ),
    "codex, answered": (
        "rollout-1.jsonl",
        {
            "type": "response_item",
            "payload": {"type": "function_call_output", "call_id": "c", "output": [PART, KNOWN]},
        },
    ),
    "copilot, answered": (
        "5f3e0000-0000-4000-8000-00000000000a/events.jsonl",
        {
            "type": "tool.execution_complete",
            "data": {"toolCallId": "c", "success": True, "result": {"content": [PART, KNOWN]}},
        },
    ),
    "copilot, typed": (
        "5f3e0000-0000-4000-8000-00000000000a/events.jsonl",
        {"type": "user.message", "data": {"content": [PART, KNOWN]}},
    ),
    "cursor, said": (
        "lamp/agent-transcripts/1/1.jsonl",
        {"role": "assistant", "message": {"content": [PART, KNOWN]}},
    ),
    "cursor, typed": (
        "lamp/agent-transcripts/1/1.jsonl",
        {"role": "user", "message": {"content": [PART, KNOWN]}},
    ),
    "droid, said": (
        "1.jsonl",
        {"type": "message", "id": "m", "message": {"role": "assistant", "content": [PART, KNOWN]}},
    ),
    "droid, answered": (
        "1.jsonl",
        {
            "type": "message",
            "id": "m",
            "message": {
                "role": "user",
                "content": [{"type": "tool_result", "content": [PART, KNOWN]}],
            },
        },
    ),
    "gemini, said": (CHAT, {"id": "m", "type": "gemini", "content": [PART]}),
    "gemini, typed": (CHAT, {"id": "m", "type": "user", "content": [PART, {"text": "known"}]}),
    "gemini, returned": (CHAT, {"id": "m", "type": "user", "content": [RESULT, PART]}),
    "kimi-cli, said": (
        KIMI_CLI,
        {"timestamp": 1.5, "message": {"type": "ContentPart", "payload": PART}},
    ),
    "kimi-cli, typed": (
        KIMI_CLI,
        {"message": {"type": "TurnBegin", "payload": {"user_input": [PART, KNOWN]}}},
    ),
    "kimi-cli, answered": (
        KIMI_CLI,
        {"message": {"type": "ToolResult", "payload": {"return_value": {"output": [PART]}}}},
    ),
    "kimi-code, said": (
        KIMI_CODE,
        {"type": "context.append_loop_event", "event": {"type": "content.part", "part": PART}},
    ),
    "kimi-code, typed": (
        KIMI_CODE,
        {
            "type": "context.append_message",
            "message": {"role": "user", "content": [PART, KNOWN]},
        },
    ),
    "kimi-code, answered": (
        KIMI_CODE,
        {
            "type": "context.append_loop_event",
            "event": {"type": "tool.result", "result": {"output": [PART, KNOWN]}},
        },
    ),
    "pi, said": (
        PI,
        {"type": "message", "message": {"role": "assistant", "content": [PART, KNOWN]}},
    ),
    "pi, typed": (
        PI,
        {"type": "message", "message": {"role": "user", "content": [PART, KNOWN]}},
    ),
    "pi, answered": (
        PI,
        {"type": "message", "message": {"role": "toolResult", "content": [PART, KNOWN]}},
    ),
    "qwen, said": (
        "mill/chats/1.jsonl",
        {"type": "assistant", "uuid": "u", "message": {"parts": [PART, {"text": "known"}]}},
    ),
    "qwen, returned": (
        "mill/chats/1.jsonl",
        {"type": "tool_result", "uuid": "u", "message": {"parts": [RESULT, RESULT, PART]}},
    ),
    "qwen, returned alone": (
        "mill/chats/1.jsonl",
        {"type": "tool_result", "uuid": "u", "message": {"parts": [PART]}},
    ),
}


def said_of(tool, root):
    """Read the turns of the one transcript below a root."""
    parser = load_parsers().get(tool)
    events = read_events(parser, only_source(parser, root))
    return [event for event in events if isinstance(event, TurnEvent)]


def assert_kept(turns):
    """Check that nothing was said to be unmapped, and that the part's words are there, once."""
    kinds = [turn.metadata["kind"] for turn in turns]
    assert "unmapped" not in kinds
    assert msgspec.json.encode(turns).decode().count(WORDS) == 1, kinds


@pytest.mark.parametrize("case", LINES)
def test_a_part_to_come_is_kept(tmp_path, case):
    """A part of an unknown kind stands in the archive as it stood in the message."""
    name, line = LINES[case]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(line) + "\n")

    assert_kept(said_of(case.partition(",")[0], tmp_path))


def test_a_part_of_a_prompt_that_was_told_before_is_kept(tmp_path):
    """Where an event of Codex tells a prompt first, its item still tells what else was in it."""
    name, line = LINES["codex, typed"]
    event = {"type": "event_msg", "payload": {"type": "user_message", "message": KNOWN["text"]}}
    (tmp_path / name).write_text(f"{json.dumps(event)}\n{json.dumps(line)}\n")
    turns = said_of("codex", tmp_path)

    assert_kept(turns)
    assert [turn.content for turn in turns if turn.content] == [KNOWN["text"]]


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_a_part_to_come_is_kept_of_cline(tmp_path, role):
    """A history of Cline keeps it as well."""
    path = tmp_path / "tasks" / "1790000000000" / "api_conversation_history.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps([{"role": role, "content": [PART, KNOWN]}]))

    assert_kept(said_of("cline", tmp_path))


def write_store(root, role, parts):
    """Write a session of opencode with one message into files."""
    files = {
        "session/p/ses_1": {"id": "ses_1", "time": {"created": 1, "updated": 2}},
        "message/ses_1/msg_1": {"id": "msg_1", "role": role, "time": {"created": 1}},
    } | {f"part/msg_1/prt_{number}": part for number, part in enumerate(parts)}
    for name, value in files.items():
        path = root / "storage" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_a_part_to_come_is_kept_of_opencode(tmp_path, role):
    """Files and tables of opencode 1 are mapped by the same code."""
    write_store(tmp_path, role, [PART, KNOWN])

    assert_kept(said_of("opencode", tmp_path))


def test_an_output_that_is_no_text_is_kept(tmp_path):
    """An output that a newer opencode writes as an object is told as the JSON it is."""
    state = {"status": "completed", "input": {}, "output": PART}
    write_store(tmp_path, "assistant", [{"type": "tool", "callID": "c", "state": state}])

    assert_kept(said_of("opencode", tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        [PART, KNOWN],
        [{"type": "tool", "id": "c", "state": {"status": "completed", "content": [PART]}}],
    ],
)
def test_a_part_to_come_is_kept_of_opencode_2(tmp_path, content):
    """So is a part of a message that is one row, and one of a result."""
    with contextlib.closing(sqlite3.connect(tmp_path / "opencode.db")) as connection:
        connection.executescript(
            "CREATE TABLE session_v2 (id, directory, time_created, time_updated);"
            "CREATE TABLE session_message (id, session_id, type, seq, time_created, time_updated,"
            " data);"
        )
        row = ("msg_1", "ses_1", "assistant", 1, 1, 2, json.dumps({"content": content}))
        connection.execute("INSERT INTO session_message VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        connection.commit()

    assert_kept(said_of("opencode", tmp_path))


@pytest.mark.parametrize("role", ["user", "assistant", "tool"])
def test_a_part_to_come_is_kept_of_crush(tmp_path, role):
    """A message of Crush keeps it beside what is known."""
    parts = [{"type": "text", "data": {"text": "known words"}}, PART]
    with contextlib.closing(sqlite3.connect(tmp_path / "crush.db")) as connection:
        connection.executescript(
            "CREATE TABLE sessions (id, parent_session_id, title, created_at, updated_at);"
            "CREATE TABLE messages (id, session_id, role, parts, model, created_at, updated_at);"
        )
        row = ("m", "s", role, json.dumps(parts), "", 1_790_000_000, 1_790_000_000)
        connection.execute("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        connection.commit()

    assert_kept(said_of("crush", tmp_path))


def test_a_large_part_to_come_is_kept_in_part(tmp_path):
    """Of one that would not fit into an event, the beginning is kept and the size is told."""
    name, line = LINES["droid, said"]
    large = PART | {"more": "x" * 5 * 2**20}
    message = line["message"] | {"content": [large]}
    (tmp_path / name).write_text(json.dumps(line | {"message": message}) + "\n")
    turns = said_of("droid", tmp_path)
    [metadata] = [turn.metadata for turn in turns]

    assert_kept(turns)
    assert len(metadata["block_head"]) == MAX_UNMAPPED_RAW_BYTES
    assert metadata["block_bytes"] > len(large["more"])


@pytest.mark.parametrize("case", [case for case in LINES if case.endswith("answered")])
def test_a_part_behind_a_long_output_is_kept(tmp_path, case):
    """What is known takes nothing of the room for what is not."""
    name, line = LINES[case]
    long = json.dumps(KNOWN | {"text": "x" * 2 * MAX_UNMAPPED_RAW_BYTES})
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(line).replace(f"[{json.dumps(PART)}", f"[{long}, {json.dumps(PART)}") + "\n"
    )
    turns = said_of(case.partition(",")[0], tmp_path)

    assert_kept(turns)
    assert all("block_head" not in turn.metadata for turn in turns)


def test_a_part_that_the_wire_refuses_is_told_with_its_line(tmp_path):
    """A number that no float holds, in a part that nobody looks into, costs no event."""
    name, line = LINES["claude-code, said"]
    text = json.dumps(line).replace(f'"{WORDS}"', f'["{WORDS}", 1e400]')
    (tmp_path / name).write_text(text + "\n")
    [turn] = said_of("claude-code", tmp_path)
    turn.host = "host"

    assert turn.metadata["kind"] == "unmapped"
    assert WORDS in turn.metadata["unmapped"]["raw"]
    decode_line(encode_event(turn))


@pytest.mark.parametrize("content", [[WORDS], {"type": "text", "text": WORDS}])
@pytest.mark.parametrize("case", ["codex, said", "droid, said", "kimi-code, typed", "pi, typed"])
def test_words_in_another_place_are_kept(tmp_path, case, content):
    """Words that stand in a list, or alone where a list of parts was, are told."""
    name, line = LINES[case]
    holder = line.get("payload") or line["message"]
    replaced = line | {"payload" if "payload" in line else "message": holder | {"content": content}}
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(replaced) + "\n")

    assert_kept(said_of(case.partition(",")[0], tmp_path))
