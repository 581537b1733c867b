"""The rules of the mapping, one by one, on the smallest chat that shows each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lethe_core import Event, SessionEvent, Source, TurnEvent
from lethe_core.testing import json_line, only_source, read_events, read_records
from lethe_qwen import QwenParser

if TYPE_CHECKING:
    from collections.abc import Callable


def record(kind: str, *parts: Any, **fields: Any) -> dict[str, Any]:
    """Make a line."""
    line = {"uuid": "a", "parentUuid": "z", "timestamp": "2026-10-02T07:00:00Z", "type": kind}
    return line | ({"message": {"parts": list(parts)}} if parts else {}) | fields


def system(subtype: str, **payload: Any) -> dict[str, Any]:
    """Make a line of the type ``system``."""
    return record("system", subtype=subtype, systemPayload=payload)


def api_error(**event: Any) -> dict[str, Any]:
    """Make the line of a failed request."""
    return system("ui_telemetry", uiEvent={"event.name": "qwen-code.api_error", **event})


def response(**answer: Any) -> dict[str, Any]:
    """Make the part of a result."""
    return {"functionResponse": {"id": "c", "name": "tool", "response": answer}}


def tokens(prompt: int, output: int, thoughts: int, total: int, cached: int) -> dict[str, int]:
    """Make the tokens of a reply."""
    names = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    names += ("totalTokenCount", "cachedContentTokenCount")
    return dict(zip(names, (prompt, output, thoughts, total, cached), strict=True))


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Event]]:
    """Write lines as a chat and map them."""

    def write_and_read(*lines: dict[str, Any]) -> list[Event]:
        path = tmp_path / "chats" / "s.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"".join(map(json_line, lines)))
        return read_events(QwenParser(), Source.from_stat(path, tmp_path))

    return write_and_read


class TestUser:
    """What a person typed, and what the tool says in his name."""

    @pytest.mark.parametrize(
        ("fields", "kind", "role"),
        [
            ({}, "prompt", "user"),
            ({"subtype": "mid_turn_user_message"}, "queued_prompt", "user"),
            ({"subtype": "realtime_message"}, "prompt", "user"),
            ({"subtype": "notification"}, "notification", "system"),
            ({"subtype": "cron"}, "notification", "system"),
            ({"subtype": "goal_runtime"}, "context", "system"),
            ({"externalInputKind": "notification"}, "notification", "system"),
            ({"externalInputKind": "message"}, "prompt", "user"),
        ],
    )
    def test_kinds(self, read, fields, kind, role):
        """Prompts are told from what runs by itself."""
        (turn,) = read(record("user", {"text": "go"}, **fields))
        assert (turn.metadata["kind"], turn.role, turn.content) == (kind, role, "go")

    def test_what_was_typed_is_the_prompt(self, read):
        """The text that was shown is the prompt; what was sent instead follows."""
        line = record("user", {"text": "See @a\n<a>"}, systemPayload={"displayText": "See @a"})
        prompt, context = read(line)
        assert (prompt.turn_id, prompt.content) == ("a", "See @a")
        assert (context.turn_id, context.metadata["kind"]) == ("a.1", "context")
        (turn,) = read(record("user", {"text": "a"}, systemPayload={"displayText": "a"}))
        assert turn.content == "a"

    def test_first_line_is_a_title(self, read):
        """A prompt proposes a title; a notification does not."""
        (turn,) = read(record("user", {"text": "\n" + "a" * 200}))
        assert (turn.session_meta.title_source, len(turn.session_meta.title)) == ("prompt", 120)
        (turn,) = read(record("user", {"text": "x"}, subtype="cron"))
        assert turn.session_meta.title is None

    def test_images_are_attachments(self, read):
        """An image is kept beside the text, also where there is none."""
        (turn,) = read(record("user", {"inlineData": {"mimeType": "image/png", "data": "aGk="}}))
        assert turn.metadata["attachments"][0]["bytes"] == 2


class TestReply:
    """What the model thought, said and called."""

    def test_parts_are_turns(self, read):
        """Thoughts, text and calls of a line are turns, in this order, with ids of their own."""
        call = {"functionCall": {"id": "c", "name": "tool", "args": {"path": "/a"}}}
        turns = read(record("assistant", call, {"text": "T", "thought": True}, {"text": "A"}))
        assert [turn.metadata["kind"] for turn in turns] == ["thinking", "answer", "tool_call"]
        assert [turn.turn_id for turn in turns] == ["a", "a.1", "a.2"]
        assert (turns[2].content, turns[2].tool_calls[0].input) == ("tool: /a", {"path": "/a"})
        assert turns[0].metadata["parent_id"] == "z"

    @pytest.mark.parametrize(
        ("numbers", "output"),
        [((100, 10, 4, 110, 80), 10), ((100, 10, 4, 114, 80), 14), ((100, 10, 0, 110, 80), 10)],
    )
    def test_tokens_are_taken_apart(self, read, numbers, output):
        """Input is without the cache; the total tells whether thoughts are in the output."""
        line = record("assistant", {"text": "x"}, usageMetadata=tokens(*numbers), model="q")
        (turn,) = read(line)
        assert (turn.usage.input, turn.usage.output, turn.usage.cache_read) == (20, output, 80)
        assert (turn.usage.key, turn.model) == ("a", "q")

    def test_tokens_of_an_empty_reply_are_kept(self, read):
        """A reply with nothing to show costs tokens; one without tokens is no turn."""
        (turn,) = read(record("assistant", {"text": ""}, usageMetadata=tokens(5, 0, 0, 5, 0)))
        assert (turn.content, turn.usage.input) == ("", 5)
        assert read(record("assistant", {"text": ""})) == []
        assert read(record("assistant")) == []


class TestResults:
    """What tools answered."""

    @pytest.mark.parametrize(
        ("answer", "status", "output", "is_error"),
        [
            ({"output": "ok"}, "success", "ok", False),
            ({"error": "no"}, None, "no", True),
            ({"output": "bad"}, "error", "bad", True),
            ({"value": 1}, "success", '{"value":1}', False),
        ],
    )
    def test_forms(self, read, answer, status, output, is_error):
        """Outputs, errors and other JSON are read."""
        (turn,) = read(record("tool_result", response(**answer), toolCallResult={"status": status}))
        call = turn.tool_calls[0]
        assert (call.id, call.output, call.is_error) == ("c", output, is_error)
        assert (turn.role, turn.content) == ("tool", "")

    def test_details(self, read):
        """A difference is the patch, another status is kept, text beside the result is context."""
        details = {"status": "cancelled", "resultDisplay": {"fileDiff": "-a"}}
        image = {"inlineData": {"mimeType": "image/png", "data": ""}}
        result, context = read(
            record("tool_result", response(output=""), image, {"text": "x"}, toolCallResult=details)
        )
        assert (result.metadata["status"], result.metadata["patch"]) == ("cancelled", "-a")
        assert len(result.metadata["attachments"]) == 1
        assert context.metadata == {"kind": "context", "parent_id": "z"}

    def test_result_without_its_part(self, read):
        """A result whose part is missing is taken from what was shown."""
        details = {"callId": "c", "resultDisplay": "shown"}
        (turn,) = read(record("tool_result", toolCallResult=details))
        assert (turn.tool_calls[0].id, turn.tool_calls[0].output) == ("c", "shown")


class TestSystem:
    """What the tool notes for itself."""

    def test_commands(self, read):
        """A command is kept as it was typed, with what it showed; a hidden one is not."""
        (turn,) = read(system("slash_command", phase="invocation", rawCommand="/a b"))
        assert (turn.metadata["kind"], turn.role, turn.content) == ("command", "user", "/a b")
        items = [{"text": "one"}, {"type": "about"}, 7, {"text": "two"}]
        (turn,) = read(
            system("slash_command", phase="result", rawCommand="/a", outputHistoryItems=items)
        )
        assert (turn.metadata["kind"], turn.content) == ("command_output", "one\ntwo")
        assert read(system("slash_command", phase="result", outputHistoryItems={})) == []
        hidden = system("slash_command", phase="invocation", rawCommand="/a", hiddenInvocation=True)
        assert read(hidden) == []

    def test_compression(self, read):
        """A compression is a boundary with its numbers, and the summary."""
        history = [{"role": "user", "parts": [{"text": "sum"}]}, {"parts": [{"text": "ok"}]}]
        boundary, summary = read(
            system("chat_compression", info={"newTokenCount": 1}, compressedHistory=history)
        )
        assert boundary.metadata["compression"] == {"newTokenCount": 1}
        assert (summary.metadata["kind"], summary.content) == ("compact_summary", "sum")
        (turn,) = read(system("chat_compression"))
        assert turn.metadata["kind"] == "compact_boundary"

    @pytest.mark.parametrize(
        ("source", "expected"), [("auto", "generated"), ("manual", "custom"), (None, "custom")]
    )
    def test_titles(self, read, source, expected):
        """A title that the tool made gives way to one that a person gave."""
        (event,) = read(system("custom_title", customTitle="T", titleSource=source))
        assert isinstance(event, SessionEvent)
        assert (event.session_meta.title, event.session_meta.title_source) == ("T", expected)

    def test_errors_of_the_api(self, read):
        """Errors keep type and status; an abort by the user is an interrupt."""
        (turn,) = read(api_error(error_message="m", error_type="E", status_code=429, model="q"))
        assert (turn.metadata["kind"], turn.content, turn.model) == ("api_error", "m", "q")
        assert (turn.metadata["error"], turn.metadata["status"]) == ("E", 429)
        (turn,) = read(api_error(error="older"))
        assert turn.content == "older"
        (turn,) = read(api_error(error_message="m", error_type="APIUserAbortError"))
        assert turn.metadata["kind"] == "interrupt"

    def test_rewind_and_background_tasks(self, read):
        """A rewind is a notice, the end of a task a notification."""
        (turn,) = read(system("rewind", truncatedCount=2))
        assert (turn.metadata["kind"], turn.metadata["removed"]) == ("notice", 2)
        (turn,) = read(system("background_task_completed", displayText="done"))
        assert (turn.metadata["kind"], turn.content) == ("notification", "done")

    def test_all_else_is_skipped_by_name(self, tmp_path):
        """Lines that are no turn are counted by their name, a name like content is not shown."""
        path = tmp_path / "s.jsonl"
        lines = (system("session_notes"), system("a b"), system("ui_telemetry"), record("odd"))
        path.write_bytes(b"".join(map(json_line, lines)))
        records = read_records(QwenParser(), only_source(QwenParser(), path))
        words = ["system session_notes", "unknown system", "ui_telemetry", "record odd"]
        assert [record.skipped for record in records] == words


class TestSession:
    """What is known of a session."""

    def test_where_it_was_held(self, read):
        """Directory, branch and version of the tool are told."""
        (turn,) = read(record("user", {"text": "x"}, cwd="/srv", gitBranch="main", version="1"))
        meta = turn.session_meta
        assert (meta.working_dir, meta.git_branch) == ("/srv", "main")
        assert meta.metadata == {"version": "1"}

    @pytest.mark.promise("P5")
    def test_branched_copy(self, read):
        """A copied line has its origin as parent and the usage of the original."""
        line = record("assistant", {"text": "x"}, usageMetadata=tokens(5, 1, 0, 6, 0))
        (own,) = read(line)
        (copy,) = read(line | {"forkedFrom": {"sessionId": "origin", "messageUuid": "a"}})
        assert copy.usage == own.usage
        assert (copy.session_meta.parent_session_id, copy.session_meta.relation) == (
            "origin",
            "fork",
        )
        (turn,) = read(line | {"forkedFrom": {"sessionId": "s"}})
        assert turn.session_meta.relation is None

    def test_session_that_a_session_made(self, read):
        """The session whose model made this one is its parent."""
        (event,) = read(system("parent_session", parentSessionId="p"))
        assert event.session_meta.parent_session_id == "p"
        assert read(system("parent_session", parentSessionId="s")) == []

    def test_subagent(self, tmp_path):
        """A subagent's chat is a session of its own, described by the file beside it."""
        path = tmp_path / "subagents" / "p" / "agent-x-1.jsonl"
        path.parent.mkdir(parents=True)
        path.write_bytes(json_line(record("user", {"text": "go"}, sessionId="p")))
        beside = path.with_suffix(".meta.json")
        for text in ("", "[]", "{"):
            beside.write_text(text, encoding="utf-8")
            (turn,) = read_events(QwenParser(), only_source(QwenParser(), tmp_path))
            assert turn.session_id == "p.agent-x-1"
        beside.write_text(json.dumps({"description": "Task", "agentType": "x"}), encoding="utf-8")
        path.write_bytes(json_line(record("assistant", {"text": "done"})))
        (turn,) = read_events(QwenParser(), only_source(QwenParser(), tmp_path))
        meta = turn.session_meta
        assert (meta.parent_session_id, meta.relation, meta.title) == ("p", "subagent", "Task")
        assert meta.metadata == {"agent_type": "x"}

    def test_resume_command(self):
        """A session is resumed by its id, a subagent's is not."""
        assert QwenParser().resume_command("s", None) == "qwen --resume s"
        assert QwenParser().resume_command("s.agent-x", None) is None


class TestDiscovery:
    """Which files are chats."""

    def test_chats_alone_are_found(self, tmp_path):
        """Chats and those of subagents are found; what lies beside them is not."""
        wanted = {"p/chats/a.jsonl", "p/subagents/a/agent-b.jsonl"}
        others = {"p/chats/a.json", "p/subagents/a/agent-b.jsonl.stream", "p/logs/x.jsonl"}
        for name in wanted | others:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        found = {str(one.path.relative_to(tmp_path)) for one in QwenParser().discover(tmp_path)}
        assert found == wanted

    def test_roots(self, monkeypatch):
        """The directory for what the tool writes at run time comes first, then its home."""
        monkeypatch.setenv("QWEN_HOME", "/srv/home")
        monkeypatch.setenv("QWEN_RUNTIME_DIR", "/srv/run")
        assert QwenParser().default_roots() == [Path("/srv/run/projects")]
        monkeypatch.delenv("QWEN_RUNTIME_DIR")
        assert QwenParser().default_roots() == [Path("/srv/home/projects")]
        monkeypatch.delenv("QWEN_HOME")
        assert QwenParser().default_roots() == [Path.home() / ".qwen" / "projects"]


def test_turns_alone_have_turn_ids(read):
    """A line without an id gives turns that are named by its content and place."""
    line = record("user", {"text": "x"}) | {"uuid": None}
    first, second = read(line, line)
    assert isinstance(first, TurnEvent)
    assert first.turn_id != second.turn_id
