"""The rules of the mapping, one by one, on the smallest task that shows each."""

from __future__ import annotations

import json
import os
import sys
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lethe_cline import ClineParser, RooParser
from lethe_core.testing import only_source, read_events, read_records

if TYPE_CHECKING:
    from collections.abc import Callable

    from lethe_core import Event, TurnEvent

HISTORY = "tasks/t1/api_conversation_history.json"
DISPLAY = "tasks/t1/ui_messages.json"
SESSION = "sessions/s1/s1.messages.json"
NOW = 1_780_000_000_000
PARSERS = {"cline": ClineParser, "roo": RooParser}


def user(*content: Any, **fields: Any) -> dict[str, Any]:
    """Make a message of the user; texts become blocks."""
    blocks = [{"type": "text", "text": one} if isinstance(one, str) else one for one in content]
    return {"role": "user", "content": blocks, **fields}


def reply(*content: Any, **fields: Any) -> dict[str, Any]:
    """Make a message of the model."""
    return user(*content, **fields) | {"role": "assistant"}


def request(ts: int = NOW, **numbers: Any) -> dict[str, Any]:
    """Make a request of the display."""
    text = json.dumps(numbers)
    return {"ts": ts, "type": "say", "say": "api_req_started", "text": text}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[TurnEvent]]:
    """Write messages as a file and map them."""

    def write_and_read(
        *messages: Any, name: str = HISTORY, tool: str = "cline", **document: Any
    ) -> list[Event]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        value = {"messages": messages, **document} if name.endswith("s.json") else messages
        path.write_text(json.dumps(messages if name == DISPLAY else value), encoding="utf-8")
        parser = PARSERS[tool]()
        return read_events(parser, only_source(parser, path))

    return write_and_read


class TestPrompts:
    """What a person typed is found in what Cline makes of it."""

    @pytest.mark.parametrize(
        "text",
        [
            "<task>\nDo it\n</task>\n\n<file_content>\n<task>\nx\n</task>\n</file_content>",
            "Sorry.\n<feedback>\nDo it\n</feedback>",
            "New instructions for task continuation:\n<user_message>\nDo it\n</user_message>",
            "Do it",
        ],
    )
    def test_frames(self, read, text):
        """The frame is taken off; of several only the first is a person's."""
        (turn,) = read(user(text, "<environment_details>\nx\n</environment_details>"))
        assert (turn.metadata["kind"], turn.content) == ("prompt", "Do it")

    def test_notes_are_context(self, read):
        """Notes of Cline's own, and reminders beside framed words, are no prompts."""
        (turn,) = read(user("[ERROR] You did not use a tool"))
        assert turn.metadata["kind"] == "context"
        kinds = [turn.metadata["kind"] for turn in read(user("<task>x</task>", "# REMINDER"))]
        assert kinds == ["prompt", "context"]

    @pytest.mark.parametrize(
        ("output", "typed"),
        [
            ("<answer>\nYes\n</answer>", "Yes"),
            ("<user_message>\nGo on\n</user_message>", "Go on"),
            ("The user denied this.\n<feedback>\nNo\n</feedback>", "No"),
            ("<task>\nin a file\n</task>", None),
            ("<feedback>in a file</feedback>", None),
            ("text\n<answer>in a file</answer>", None),
        ],
    )
    def test_answers_are_prompts(self, read, output, typed):
        """An answer to a tool is a result and a prompt; the like in an output is none."""
        result = {"type": "tool_result", "tool_use_id": "c", "content": output}
        turns = read(user(result))
        assert turns[0].tool_calls[0].output == output
        assert [turn.content for turn in turns[1:]] == ([typed] if typed else [])

    def test_session_frames(self, read):
        """In sessions, notices are cut out and the input's frame is taken off."""
        text = '<mode_notice>Now.</mode_notice><user_input mode="act">Do it</user_input>'
        (turn,) = read(user(text, id="m"), name=SESSION)
        assert (turn.turn_id, turn.content) == ("m", "Do it")

    def test_surroundings_tell_the_directory(self, read):
        """The directory is read from what is added to a message, which is not kept."""
        text = "x<environment_details>\n# Current Working Directory (/srv) Files\n"
        (turn,) = read(user(text))
        assert (turn.content, turn.session_meta.working_dir) == ("x", "/srv")

    def test_images(self, read):
        """An image belongs to the words before it, or is a prompt by itself."""
        image = {"type": "image", "source": {"media_type": "image/png", "data": "aGk="}}
        (turn,) = read(user("<task>x</task>", image))
        assert turn.metadata["attachments"][0]["media_type"] == "image/png"
        (turn,) = read(user(image))
        assert turn.metadata["kind"] == "prompt"

    def test_directories_that_never_end_hold_up_nobody(self, read):
        """A line of a megabyte that names a directory again and again is read at once."""
        named = "# Current Working Directory ("
        (turn,) = read(user(f"x\n{named * 40_000}\n{named}/srv) Files"))

        assert turn.session_meta.working_dir == "/srv"


class TestReplies:
    """What the model said and called."""

    def test_written_calls(self, read):
        """A call that is written as text is a call, and so is its result."""
        text = "First.\n<read_file>\n<path>a.py</path>\n</read_file>"
        answer, call = read(reply(text))
        assert (answer.content, call.tool_calls[0].name) == ("First.", "read_file")
        assert call.tool_calls[0].input == {"path": "a.py"}
        (turn,) = read(user("[read_file for 'a.py'] Result:", "one", "two"))
        assert turn.tool_calls[0].output == "one\ntwo"

    def test_arguments_that_are_never_closed_hold_up_nobody(self, read):
        """A call with a hundred thousand tags of different names is read at once."""
        names = ["".join(letters) for letters in product("abcdefghij", repeat=5)]
        written = "".join(f"<{name}>" for name in names)
        [turn] = read(reply(f"<read_file>{written}<path>a.py</path></read_file>"))

        assert turn.tool_calls[0].input == {"path": "a.py"}

    def test_calls_that_are_never_closed_are_text(self, read):
        """A call that was cut off is text, and a text full of them takes no longer to read."""
        text = "<read_file><path>a" * 50_000
        (turn,) = read(reply(text))
        assert turn.content == text
        (turn,) = read(user("<task>\n" * 50_000))
        assert turn.metadata["kind"] == "prompt"

    def test_text_of_models_with_calls_is_text(self, read):
        """Beside calls, and in sessions, XML in a text is but text."""
        text = "Use <read_file><path>a</path></read_file>"
        native = {"type": "tool_use", "id": "c", "name": "n", "input": {}}
        assert [turn.content for turn in read(reply(text, native))] == [text, "n"]
        assert [turn.content for turn in read(reply(text), name=SESSION)] == [text]

    def test_blocks(self, read):
        """Thoughts, words and calls of a message are turns of their own; unknown ones are kept."""
        turns = read(
            reply(
                {"type": "thinking", "thinking": "T"},
                {"type": "redacted_thinking", "data": "x"},
                "A",
                {"type": "server_thing"},
                modelInfo={"modelId": "m"},
            )
        )
        assert [turn.metadata["kind"] for turn in turns] == ["thinking", "answer", "unknown_block"]
        assert (turns[0].model, turns[2].metadata["block"]) == ("m", {"type": "server_thing"})

    def test_results(self, read):
        """Texts, results of several reads and other JSON are outputs; errors are marked."""
        content = [{"type": "text", "text": "a"}, {"result": "b"}, {"result": "", "error": "c"}]
        content += [{"x": 1}]
        result = {"type": "tool_result", "tool_use_id": "c", "content": content, "is_error": True}
        (turn,) = read(user(result))
        assert turn.tool_calls[0].output == 'a\nb\nc\n{"x":1}'
        assert turn.tool_calls[0].is_error

    def test_summaries_and_banners(self, read):
        """What stands for older messages is a summary, what is only shown a notice."""
        turns = read(
            user("s", metadata={"kind": "compaction_summary"}),
            reply("b", metadata={"displayOnly": True}),
            reply("t", isSummary=True),
            name=SESSION,
        )
        kinds = [turn.metadata["kind"] for turn in turns]
        assert kinds == ["compact_summary", "notice", "compact_summary"]

    def test_prompted_model(self, read):
        """Roo Code's prompts name the model, at their end; other places of the word do not."""
        prompt = "<model>no</model><environment_details>\n<model>m</model>"
        assert read(user(prompt), reply("x"), tool="roo")[-1].model == "m"
        assert read(user("<model>no</model>"), reply("x"), tool="roo")[-1].model is None
        assert read(user(prompt), reply("x"))[-1].model is None


class TestIdentity:
    """A message that is written again is the same message."""

    @pytest.mark.promise("P6")
    def test_fields_that_are_added_change_no_id(self, read):
        """Marks that Roo Code adds when it condenses leave the message the same."""
        (before,) = read(user("x", ts=NOW), tool="roo")
        (after,) = read(user("x", ts=NOW, condenseParent="c"), tool="roo")
        assert before.turn_id == after.turn_id == f"{NOW}u"
        (before,) = read(user("x"))
        (after,) = read(user("x", modelInfo={}))
        assert before.turn_id == after.turn_id

    def test_equal_messages_are_two(self, read):
        """The same words said twice are two turns."""
        first, second = read(user("yes"), user("yes"))
        assert first.turn_id != second.turn_id

    def test_request_that_is_filled_in_is_sent_again(self, tmp_path):
        """A request is sent when it has ended, also after it was seen before."""
        path = tmp_path / DISPLAY
        path.parent.mkdir(parents=True)
        parser = ClineParser()
        path.write_text(json.dumps([request()]), encoding="utf-8")
        os.utime(path, (1, 1))
        (record,) = read_records(parser, only_source(parser, path))
        assert record.skipped == "request without an answer"
        path.write_text(json.dumps([request(tokensIn=5, tokensOut=1)]), encoding="utf-8")
        os.utime(path, (2, 2))
        (event,) = read_events(parser, only_source(parser, path), record.cursor)
        assert (event.usage.input, event.turn_id) == (5, f"shown.{NOW}")


class TestUsage:
    """Input is without the cache, whatever the tool counts."""

    @pytest.mark.parametrize(
        ("tool", "fields", "numbers", "expected"),
        [
            ("cline", {}, (10, 900, 0), 10),
            ("cline", {}, (1000, 900, 0), 1000),
            ("cline", {"modelInfo": {"providerId": "anthropic"}}, (1000, 900, 0), 1000),
            ("cline", {"modelInfo": {"providerId": "openai"}}, (1000, 900, 0), 100),
            ("roo", {}, (1000, 900, 50), 50),
            ("roo", {"apiProtocol": "anthropic"}, (1000, 900, 0), 100),
            ("roo", {"apiProtocol": "anthropic", "ts": 1_750_000_000_000}, (1000, 900, 0), 1000),
            ("roo", {"apiProtocol": "openai", "ts": 1_750_000_000_000}, (1000, 900, 0), 100),
            ("roo", {"ts": 1_750_000_000_000}, (10, 900, 0), 10),
        ],
    )
    def test_tasks(self, read, tool, fields, numbers, expected):
        """What `tokensIn` means depends on tool, provider and time."""
        names = ("tokensIn", "cacheReads", "cacheWrites")
        shown = request(**dict(zip(names, numbers, strict=True)), tokensOut=7, cost=0.5) | fields
        (turn,) = read(shown, name=DISPLAY, tool=tool)
        usage = turn.usage
        assert (usage.input, usage.output, usage.cache_read) == (expected, 7, 900)
        assert (usage.key, turn.cost_usd) == (f"t1:{shown['ts']}", 0.5)

    def test_sessions(self, read):
        """Of a session's message, the cache is subtracted, and cost counts once."""
        metrics = {"inputTokens": 100, "outputTokens": 7, "cacheReadTokens": 60}
        metrics |= {"cacheWriteTokens": 30, "cost": 0.5}
        message = reply({"type": "thinking", "thinking": "T"}, "A", id="m", metrics=metrics)
        first, second = read(message, name=SESSION)
        assert first.usage == second.usage
        assert (first.usage.input, first.usage.cache_write, first.usage.key) == (10, 30, "m")
        assert (first.cost_usd, second.cost_usd) == (0.5, None)
        (turn,) = read(reply(id="m", metrics=metrics), name=SESSION)
        assert (turn.content, turn.usage.output) == ("", 7)

    def test_history_of_a_task_has_none(self, read):
        """Numbers in a task's history are those of its display: they count there."""
        (turn,) = read(reply("x", id="m", metrics={"inputTokens": 5}))
        assert turn.usage is None


class TestDisplay:
    """What the history has not."""

    @pytest.mark.parametrize(
        ("shown", "kind"),
        [
            (request(cancelReason="user_cancelled"), "interrupt"),
            (request(cancelReason="retries_exhausted"), "api_error"),
            (request(streamingFailedMessage="no"), "api_error"),
            ({"ts": NOW, "type": "ask", "ask": "api_req_failed", "text": "no"}, "api_error"),
            ({"ts": NOW, "type": "say", "say": "diff_error", "text": "a"}, "notice"),
            ({"ts": NOW, "type": "say", "say": "sliding_window_truncation"}, "compact_boundary"),
            ({"say": "condense_context", "contextCondense": {}}, "compact_boundary"),
        ],
    )
    def test_kinds(self, read, shown, kind):
        """Failures, interrupts and condensing are told."""
        (turn,) = read(shown, name=DISPLAY)
        assert (turn.metadata["kind"], turn.role) == (kind, "system")

    def test_all_else_is_skipped_by_name(self, tmp_path):
        """What the history has, and what is not finished, is skipped."""
        path = tmp_path / DISPLAY
        path.parent.mkdir(parents=True)
        shown = [{"say": "text", "text": "x"}, request(tokensIn=1) | {"partial": True}]
        shown += [request() | {"text": "{"}, request() | {"text": "[]"}, {}]
        path.write_text(json.dumps(shown), encoding="utf-8")
        records = read_records(ClineParser(), only_source(ClineParser(), path))
        words = ["display text", "partial message", "request without an answer"]
        words += ["request without an answer", "unknown display"]
        assert [record.skipped for record in records] == words

    def test_place_in_the_session(self, read):
        """A turn stands behind the message that was answered, whichever file is read first."""
        said = read(user("a"), reply("b"), user("c"))
        (asked,) = read(request(tokensIn=1) | {"conversationHistoryIndex": -1}, name=DISPLAY)
        (failed,) = read(request(tokensIn=1) | {"conversationHistoryIndex": 0}, name=DISPLAY)
        assert said[0].seq < asked.seq < said[1].seq < failed.seq < said[2].seq


class TestSession:
    """What is known of a session."""

    def test_task_history(self, tmp_path, read):
        """Cline's list of all tasks, or Roo Code's file of one, tells directory and parent."""
        state = tmp_path / "state" / "taskHistory.json"
        state.parent.mkdir()
        items = [7, {"id": "t1", "cwdOnTaskInitialization": "/srv"}]
        state.write_text(json.dumps(items), encoding="utf-8")
        assert read(user("x"))[0].session_meta.working_dir == "/srv"
        item = {"id": "t1", "workspace": "/srv/b", "parentTaskId": "t0"}
        (tmp_path / "tasks/t1/history_item.json").write_text(json.dumps(item), encoding="utf-8")
        meta = read(user("x"), tool="roo")[0].session_meta
        assert (meta.working_dir, meta.parent_session_id, meta.relation) == (
            "/srv/b",
            "t0",
            "subagent",
        )

    def test_fork(self, tmp_path, read):
        """The file beside a session tells directory, title and origin; a broken one nothing."""
        assert read(user("x"), name=SESSION)[0].session_meta.working_dir is None
        beside = tmp_path / "sessions/s1/s1.json"
        for text in ("", "[]", '{"metadata": []}'):
            beside.write_text(text, encoding="utf-8")
            assert read(reply("x"), name=SESSION)[0].session_meta.title is None
        details = {"title": "T", "fork": {"forkedFromSessionId": "s0"}}
        beside.write_text(json.dumps({"cwd": "/srv", "metadata": details}), encoding="utf-8")
        meta = read(reply("x"), name=SESSION)[0].session_meta
        assert (meta.working_dir, meta.title, meta.title_source) == ("/srv", "T", "generated")
        assert (meta.parent_session_id, meta.relation) == ("s0", "fork")

    def test_subagent(self, tmp_path, read):
        """A subagent's messages are a session of their own, held where its parent's is."""
        name = "sessions/s1/a1.messages.json"
        read(user("x"), name=SESSION)
        (tmp_path / "sessions/s1/s1.json").write_text('{"cwd": "/srv"}', encoding="utf-8")
        (turn,) = read(user("x"), name=name, agent="subagent", sessionId="s1")
        assert (turn.session_id, turn.session_meta.working_dir) == ("s1.a1", "/srv")
        assert (turn.session_meta.parent_session_id, turn.session_meta.relation) == (
            "s1",
            "subagent",
        )


class TestDiscovery:
    """Which files are read."""

    def test_messages_alone_are_found(self, tmp_path):
        """Files with messages are found; what lies beside them is not."""
        wanted = {HISTORY, DISPLAY, SESSION}
        others = {"tasks/t1/history_item.json", "sessions/s1/s1.json", "state/taskHistory.json"}
        others |= {"sessions/s1/s1.compaction.json", "tasks/t1/task_metadata.json"}
        for name in wanted | others:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        found = {str(one.path.relative_to(tmp_path)) for one in ClineParser().discover(tmp_path)}
        assert found == wanted

    def test_roots(self, monkeypatch):
        """Both tools have storages in the editors; Cline's own can be moved."""
        for name in ("CLINE_DIR", "CLINE_DATA_DIR", "CLINE_SESSION_DATA_DIR", "XDG_CONFIG_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(sys, "platform", "linux")
        storage = Path.home() / ".config/Code/User/globalStorage"
        assert storage / "saoudrizwan.claude-dev" in ClineParser().default_roots()
        assert storage / "rooveterinaryinc.roo-cline" in RooParser().default_roots()
        assert Path.home() / ".cline/data" in ClineParser().default_roots()
        monkeypatch.setenv("CLINE_DIR", "/srv/cline")
        assert Path("/srv/cline/data") in ClineParser().default_roots()
        monkeypatch.setenv("CLINE_DATA_DIR", "/srv/data")
        monkeypatch.setenv("CLINE_SESSION_DATA_DIR", "/srv/sessions")
        assert list(ClineParser().default_roots())[-2:] == [
            Path("/srv/data"),
            Path("/srv/sessions"),
        ]

    @pytest.mark.parametrize(
        ("platform", "variable", "usual"),
        [
            ("linux", "XDG_CONFIG_HOME", ".config"),
            ("darwin", "", "Library/Application Support"),
            ("win32", "APPDATA", "AppData/Roaming"),
        ],
    )
    def test_roots_are_those_of_the_platform(self, monkeypatch, platform, variable, usual):
        """Each editor has one storage here, where programs of this platform keep settings."""
        monkeypatch.setattr(sys, "platform", platform)
        for name in ("XDG_CONFIG_HOME", "APPDATA"):
            monkeypatch.setenv(name, "/srv/elsewhere")
            if name == variable:
                monkeypatch.delenv(name)
        found = [path for path in RooParser().default_roots() if "Code/User" in str(path)]
        assert [Path.home() / usual / "Code/User/globalStorage/rooveterinaryinc.roo-cline"] == found
        if variable:
            monkeypatch.setenv(variable, "/srv/settings")
            assert any(
                str(path).startswith("/srv/settings/Code/") for path in RooParser().default_roots()
            )
