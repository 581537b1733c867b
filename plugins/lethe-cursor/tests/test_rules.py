"""The rules of the mapping, one by one, on the smallest transcript that shows each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lethe_core.testing import json_line, only_source, read_events, read_records
from lethe_cursor import CursorParser

if TYPE_CHECKING:
    from collections.abc import Callable

    from lethe_core import TurnEvent

ENDED = {"type": "turn_ended", "status": "success"}


def message(role: str, *blocks: Any) -> dict[str, Any]:
    """Make a message; texts become blocks."""
    content = [{"type": "text", "text": one} if isinstance(one, str) else one for one in blocks]
    return {"role": role, "message": {"content": content}}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[TurnEvent]]:
    """Write lines as a transcript and map them."""

    def write_and_read(*lines: dict[str, Any], generation: int = 0) -> list[TurnEvent]:
        path = tmp_path / "s.jsonl"
        path.write_bytes(b"".join(map(json_line, lines)))
        source = only_source(CursorParser(), path)
        return read_events(
            CursorParser(), replace(source, generation=generation, revision=generation)
        )

    return write_and_read


class TestPrompts:
    """What a person typed."""

    @pytest.mark.parametrize(
        ("text", "typed", "around"),
        [
            ("Do it", "Do it", ""),
            ("<user_query>\nDo it\n</user_query>", "Do it", ""),
            ("<user_query>a <user_query>b</user_query> c</user_query>", None, ""),
            ("<user_query>Do it</user_query>\n[Image]", "Do it\n[Image]", ""),
            ("<files>x</files>\n<user_query>Do it</user_query>", "Do it", "<files>x</files>"),
            ("<rules>x</rules>", "", "<rules>x</rules>"),
            ("<user_query>\n\n</user_query>", "", ""),
            ("", "", ""),
        ],
    )
    def test_frames(self, read, text, typed, around):
        """The frame is taken off, also if the words hold its like; the rest is context."""
        contents = {turn.metadata["kind"]: turn.content for turn in read(message("user", text))}
        if typed is None:
            typed = "a <user_query>b</user_query> c"
        expected = {"context": around, "prompt": typed}
        assert contents == {kind: content for kind, content in expected.items() if content}

    @pytest.mark.parametrize(
        ("moment", "expected"),
        [
            ("Friday, Sep 4, 2026, 2:21 AM (UTC+8)", 1788459660.0),
            ("Thursday, Sep 3, 2026, 12:21 PM (UTC-6)", 1788459660.0),
            ("Thursday, Sep 3, 2026, 11:51 PM (UTC+5:30)", 1788459660.0),
            ("Thursday, Sep 3, 2026, 6:21 PM (UTC)", 1788459660.0),
            ("Friday, Sep 4, 2026, 2:21 AM", None),
            ("Friday, Sep 31, 2026, 2:21 AM (UTC)", None),
            ("Friday, Sep 4, 2026, 2:21 AM (UTC+99)", None),
            ("Freitag, Okt 4, 2026, 2:21 AM (UTC)", None),
            ("now", None),
        ],
    )
    def test_times(self, read, moment, expected):
        """A time with its zone is that of the prompt; a time without one is none."""
        text = f"<timestamp>{moment}</timestamp>\n<user_query>x</user_query>"
        (turn,) = read(message("user", text))
        assert (turn.content, turn.timestamp) == ("x", expected)

    def test_first_line_is_a_title(self, read):
        """A prompt proposes a title; a long one is cut."""
        (turn,) = read(message("user", "a" * 200 + "\nb"))
        assert turn.session_meta.title == "a" * 119 + "…"


class TestReplies:
    """What the model said and called."""

    def test_blocks(self, read):
        """Texts and calls are turns; thoughts that were taken out are none."""
        call = {"type": "tool_use", "name": "Shell", "input": {"command": "ls"}}
        turns = read(message("assistant", "A", call, "[REDACTED]", "", {"type": "odd"}))
        assert [turn.metadata["kind"] for turn in turns] == ["answer", "tool_call", "unknown_block"]
        assert (turns[1].content, turns[1].tool_calls[0].input) == ("Shell: ls", {"command": "ls"})

    def test_plain_content(self, read):
        """Content may be a plain text; what is neither gives nothing."""
        (turn,) = read({"role": "assistant", "message": {"content": "A"}})
        assert turn.content == "A"
        assert read({"role": "assistant", "message": {"content": 7}}) == []
        assert read({"role": "user", "message": 7}) == []

    @pytest.mark.parametrize(
        ("status", "kinds"),
        [("success", []), ("aborted", ["interrupt"]), ("error", ["api_error"]), (None, [])],
    )
    def test_ends(self, read, status, kinds):
        """A turn that was aborted or failed says so."""
        turns = read({"type": "turn_ended", "status": status, "error": "why"})
        assert [turn.metadata["kind"] for turn in turns] == kinds
        assert all(turn.content == "why" for turn in turns)


class TestIdentity:
    """Lines have no ids."""

    @pytest.mark.promise("P6")
    def test_same_turn_in_each_generation(self, read):
        """A message is the same turn after the end of the turn before it was taken away."""
        first, second = message("user", "a"), message("user", "b")
        before = read(first, ENDED, second)
        after = read(first, second, generation=1)
        assert [turn.turn_id for turn in before] == [turn.turn_id for turn in after]
        assert [turn.revision for turn in after] == [1, 1]

    def test_equal_messages_are_two(self, read):
        """The same words said twice are two turns."""
        first, second = read(message("user", "a"), message("user", "a"))
        assert first.turn_id != second.turn_id


class TestSession:
    """What is known of a session."""

    def test_place(self, tmp_path):
        """The project's folder tells the directory, the place of a subagent its parent."""
        path = tmp_path / "p" / "agent-transcripts" / "s1" / "subagents" / "s2.jsonl"
        path.parent.mkdir(parents=True)
        path.write_bytes(json_line(message("user", "a")))
        trusted = tmp_path / "p" / ".workspace-trusted"
        for text in ("", "[]", '{"workspacePath": 7}', '{"workspacePath": "/srv"}'):
            trusted.write_text(text, encoding="utf-8")
            (turn,) = read_events(CursorParser(), only_source(CursorParser(), tmp_path))
            meta = turn.session_meta
            assert meta.working_dir == ("/srv" if "/srv" in text else None)
            assert (meta.parent_session_id, meta.relation) == ("s1", "subagent")
            assert turn.session_id == "s1.s2"

    def test_ends_alone_are_no_session(self, tmp_path):
        """A transcript that holds ends of turns alone gives nothing."""
        path = tmp_path / "s.jsonl"
        path.write_bytes(json_line(ENDED) + json_line({"type": "odd"}))
        records = read_records(CursorParser(), only_source(CursorParser(), path))
        assert [record.skipped for record in records] == ["no content", "record odd"]

    def test_resume_command(self):
        """A session is resumed by its id, a subagent's is not."""
        assert CursorParser().resume_command("s", None) == "cursor-agent --resume s"
        assert CursorParser().resume_command("s.a", None) is None

    def test_discovery(self, tmp_path):
        """Transcripts are found where Cursor keeps them, and nothing else is."""
        wanted = {"p/agent-transcripts/a.jsonl", "p/agent-transcripts/b/b.jsonl"}
        wanted |= {"p/agent-transcripts/b/subagents/c.jsonl"}
        others = {"p/mcp.jsonl", "p/agent-transcripts/a.txt", "p/terminals/1.jsonl"}
        for name in wanted | others:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        found = {str(one.path.relative_to(tmp_path)) for one in CursorParser().discover(tmp_path)}
        assert found == wanted
        assert CursorParser().default_roots() == [Path.home() / ".cursor" / "projects"]
