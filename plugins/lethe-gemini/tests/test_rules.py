"""The rules of the mapping, one by one, on the smallest chat that shows each."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lethe_core import Event, SessionEvent, Source, TurnEvent
from lethe_core.removals import Removals
from lethe_core.testing import append, json_line, only_source, read_events, read_records
from lethe_gemini import GeminiParser

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = {"sessionId": "aaaa", "projectHash": "0", "kind": "main"}
LINES = "session-2026-09-01T08-00-aaaa.jsonl"
DOCUMENT = "session-2026-09-01T08-00-aaaa.json"


def message(kind: str, name: str = "m", **fields: Any) -> dict[str, Any]:
    """Make a message."""
    return {"id": name, "timestamp": "2026-09-01T08:00:00.000Z", "type": kind, **fields}


def call(name: str = "c", **fields: Any) -> dict[str, Any]:
    """Make a call of a tool."""
    return {"id": name, "name": "tool", "args": {}, "status": "success", **fields}


def response(name: str, **answer: Any) -> dict[str, Any]:
    """Make the part that sends a result to the model."""
    return {"functionResponse": {"id": name, "name": "tool", "response": answer}}


def turns(events: list[Event]) -> list[TurnEvent]:
    """Leave the sessions' events out."""
    return [event for event in events if isinstance(event, TurnEvent)]


def kept(events: list[Event]) -> dict[str, TurnEvent]:
    """Keep of each turn what the archive keeps: the copy with the greatest revision."""
    best: dict[str, TurnEvent] = {}
    for turn in turns(events):
        if turn.turn_id not in best or turn.revision > best[turn.turn_id].revision:
            best[turn.turn_id] = turn
    return best


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Event]]:
    """Write lines as a chat and map them."""

    def write_and_read(*lines: dict[str, Any]) -> list[Event]:
        path = tmp_path / LINES
        path.write_bytes(b"".join(json_line(line) for line in (HEAD, *lines)))
        return read_events(GeminiParser(), Source.from_stat(path, tmp_path))

    return write_and_read


class TestUser:
    """What a person typed, and what the tool says in his name."""

    @pytest.mark.parametrize(
        ("text", "kind", "role"),
        [
            ("Fix it", "prompt", "user"),
            ("/stats model", "command", "user"),
            ("?", "prompt", "user"),
            ("/srv/orchard is empty", "prompt", "user"),
            ("<session_context>\nToday is Tuesday", "context", "system"),
            ("<state_snapshot>\n<goal/>", "compact_summary", "system"),
        ],
    )
    def test_kinds(self, read, text, kind, role):
        """Prompts are told from commands and from text that the tool put in."""
        (turn,) = turns(read(message("user", content=text)))
        assert (turn.metadata["kind"], turn.role, turn.content) == (kind, role, text)

    def test_content_may_have_any_form(self, read):
        """Text, a part and a list of both are the same prompt."""
        for content in ("Hi", {"text": "Hi"}, [{"text": "H"}, "i"]):
            (turn,) = turns(read(message("user", content=content)))
            assert turn.content == "Hi"

    def test_what_was_typed_is_the_prompt(self, read):
        """The text that the person saw is the prompt; what was sent instead is context."""
        prompt, context = turns(
            read(message("user", content="See @a\n--- a ---\nx", displayContent="See @a"))
        )
        assert (prompt.content, prompt.metadata["kind"]) == ("See @a", "prompt")
        assert (context.content, context.metadata["kind"]) == ("See @a\n--- a ---\nx", "context")
        (turn,) = turns(read(message("user", content="a", displayContent="a")))
        assert turn.metadata["kind"] == "prompt"

    def test_results_that_are_sent_back_are_no_prompt(self, read):
        """A message of results gives results; text beside them is context."""
        content = [response("c", output="done"), {"text": "(a file follows)"}]
        result, context = turns(read(message("user", content=content)))
        assert (result.role, result.tool_calls[0].output) == ("tool", "done")
        assert context.metadata["kind"] == "context"

    def test_media_are_attachments(self, read):
        """Images and files are kept beside the text; parts of other forms are named."""
        content = [
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            {"inlineData": {"mimeType": "application/pdf", "data": "aGk="}},
            {"fileData": {"mimeType": "text/plain", "fileUri": "file:///a"}},
            {"executableCode": {"code": "1"}},
        ]
        (turn,) = turns(read(message("user", content=content)))
        assert [one["type"] for one in turn.metadata["attachments"]] == ["image", "file", "file"]
        assert turn.metadata["unknown_parts"] == ["executableCode"]

    def test_first_line_is_a_title(self, read):
        """A prompt proposes a title; a long one is cut."""
        (turn,) = turns(read(message("user", content="\n" + "a" * 200 + "\nb")))
        assert turn.session_meta.title_source == "prompt"
        assert turn.session_meta.title == "a" * 119 + "…"


class TestReply:
    """What the model said and did."""

    def test_thoughts_are_one_turn(self, read):
        """Thoughts stand before the answer, with subject and description."""
        thinking, answer = turns(
            read(
                message(
                    "gemini",
                    content="Yes",
                    thoughts=[{"subject": "S", "description": "D"}, {"description": "E"}],
                )
            )
        )
        assert (thinking.content, thinking.turn_id) == ("S\nD\n\nE", "m.thinking")
        assert (answer.content, answer.turn_id) == ("Yes", "m")

    def test_tokens_are_taken_apart(self, read):
        """Input is without the cache, output with the thoughts, and the key names the message."""
        tokens = {"input": 100, "output": 10, "cached": 80, "thoughts": 5, "tool": 2, "total": 117}
        (turn,) = turns(read(message("gemini", content="x", tokens=tokens, model="g")))
        usage = turn.usage
        assert (usage.input, usage.output, usage.cache_read) == (22, 15, 80)
        assert (usage.reasoning, usage.key, turn.model) == (5, "aaaa:m", "g")

    def test_tokens_of_an_empty_reply_are_kept(self, read):
        """A reply with nothing to show costs tokens; one without tokens is no turn."""
        empty = message("gemini", content="", thoughts=[])
        assert turns(read(empty)) == []
        (turn,) = turns(read(empty | {"tokens": {"input": 5, "output": 0}}))
        assert (turn.content, turn.usage.input) == ("", 5)
        assert (turn.role, turn.metadata["kind"]) == ("system", "usage")
        assert turns(read(empty | {"tokens": {"input": 0, "output": 0, "cached": 0}})) == []

    def test_reply_that_is_written_before_its_call_leaves_no_answer(self, read):
        """What stays of the first writing tells the tokens alone; the call tells them as well."""
        first = message("gemini", content="", tokens={"input": 5, "output": 1})
        usage, made = turns(read(first, first | {"toolCalls": [call()]}))

        kinds = [turn.metadata["kind"] for turn in (usage, made)]
        assert kinds == ["usage", "tool_call"]
        assert usage.usage == made.usage

    def test_call_and_result(self, read):
        """A call has its arguments, its result the output; both are joined by the id."""
        result = [response("c", output="line")]
        made, answered = turns(
            read(message("gemini", toolCalls=[call(args={"path": "/a"}, result=result)]))
        )
        assert (made.content, made.tool_calls[0].input) == ("tool: /a", {"path": "/a"})
        assert answered.tool_calls[0].output == "line"
        assert made.tool_calls[0].id == answered.tool_calls[0].id == "c"

    @pytest.mark.parametrize(
        ("fields", "output", "is_error"),
        [
            ({"result": [response("c", error="no")]}, "no", True),
            ({"result": [response("c", value=[1])]}, '{"value":[1]}', False),
            ({"result": "text"}, "text", False),
            ({"resultDisplay": "shown"}, "shown", False),
            ({"status": "error"}, "", True),
            ({"status": "cancelled", "result": [response("c", error="stop")]}, "stop", True),
        ],
    )
    def test_forms_of_a_result(self, read, fields, output, is_error):
        """Outputs, errors, other JSON and text are read; an error without output is one."""
        turn = turns(read(message("gemini", toolCalls=[call(**fields)])))[-1]
        assert (turn.tool_calls[0].output, turn.tool_calls[0].is_error) == (output, is_error)

    def test_call_without_a_result(self, read):
        """A call that has no result yet gives no result."""
        for status in ("success", "executing"):
            (turn,) = turns(read(message("gemini", toolCalls=[call(status=status)])))
            assert turn.metadata["kind"] == "tool_call"

    def test_media_of_a_result(self, read):
        """Images that a tool gave are attachments of its result, a difference is its patch."""
        result = [response("c", output="ok"), {"inlineData": {"mimeType": "image/png", "data": ""}}]
        turn = turns(
            read(
                message(
                    "gemini", toolCalls=[call(result=result, resultDisplay={"fileDiff": "-a\n+b"})]
                )
            )
        )[-1]
        assert turn.metadata["attachments"][0]["type"] == "image"
        assert turn.metadata["patch"] == "-a\n+b"

    def test_two_calls_with_one_id_are_two(self, read):
        """Calls of one message that share an id are both kept."""
        made = turns(read(message("gemini", toolCalls=[call(), call()])))
        assert len({turn.turn_id for turn in made}) == 2

    def test_other_tools_names(self, read):
        """The answer of a fork of the tool, or of an old form, is an answer."""
        for kind in ("model", "tabnine"):
            (turn,) = turns(read(message(kind, content="x", model="g")))
            assert turn.metadata["kind"] == "answer"


class TestNotices:
    """What the tool itself says."""

    @pytest.mark.parametrize(
        ("level", "text", "kind"),
        [
            ("info", "An update", "notice"),
            ("info", "Request cancelled.", "interrupt"),
            ("error", "[API Error: quota]", "api_error"),
            ("error", "No such command", "notice"),
            ("unheard_of", "text", "notice"),
        ],
    )
    def test_kinds(self, read, level, text, kind):
        """Notices keep their level; errors of the API and interrupts are told apart."""
        (turn,) = turns(read(message(level, content=text)))
        assert (turn.metadata["kind"], turn.metadata["level"]) == (kind, level)

    @pytest.mark.promise("C31")
    def test_c31_rewind_is_noted(self, read):
        """What was taken back stays, and a notice says so and names the places."""
        first, second = message("user", "m1", content="a"), message("user", "m2", content="b")
        events = turns(read(first, second, {"$rewindTo": "m2"}))
        assert [turn.metadata["kind"] for turn in events] == ["prompt", "prompt", "notice"]
        assert events[2].metadata["rewind_to"] == "m2"
        removed = Removals(events[2].session_meta.metadata)
        assert [removed.why(turn.seq) for turn in events] == [None, "reverted", None]

    @pytest.mark.promise("C31")
    def test_c31_rewind_to_an_unknown_message(self, read):
        """Gemini drops all then; a message that stands in a list alone has no place to name."""
        events = turns(read(message("user", "m1", content="a"), {"$rewindTo": "m9"}))
        assert Removals(events[1].session_meta.metadata).why(events[0].seq) == "reverted"
        listed = {"$set": {"messages": [message("user", "m9", content="c")]}}
        assert turns(read(listed, {"$rewindTo": "m9"}))[-1].session_meta.metadata == {}


class TestReplacement:
    """One message in many lines."""

    @pytest.mark.promise("P5")
    def test_later_line_replaces_an_earlier_one(self, read):
        """A message that is written again with more replaces what was known, in its place."""
        first = message("gemini", content="x")
        later = first | {"tokens": {"input": 1}, "toolCalls": [call(result="out")]}
        events = turns(read(first, message("user", "u", content="y"), later))
        answer = kept(events)["m"]
        assert answer.usage.input == 1
        assert min(turn.seq for turn in events if turn.turn_id == "m") < kept(events)["u"].seq

    def test_masked_output_replaces_nothing(self, read):
        """A copy in `$set` gives only what is known from nowhere else."""
        own = message(
            "gemini", content="x", toolCalls=[call(result=[response("c", output="real")])]
        )
        copy = message("gemini", content="x ", toolCalls=[call(result=[response("c", output="…")])])
        new = message("user", "s", content="<state_snapshot>")
        archive = kept(read(own, {"$set": {"messages": [copy, new]}}))
        assert archive["m"].content == "x"
        assert archive["result.c"].tool_calls[0].output == "real"
        assert "s" in archive

    def test_result_sent_back_replaces_nothing(self, read):
        """The result in the call itself, which has a status, is better than the one sent back."""
        own = message(
            "gemini", toolCalls=[call(status="error", result=[response("c", output="o")])]
        )
        back = message("user", "u", content=[response("c", output="o")])
        assert kept(read(own, back))["result.c"].tool_calls[0].is_error

    def test_calls_in_parts_are_those_of_the_list(self, read):
        """A call that stands both in the parts and in the list is one call."""
        part = {"functionCall": {"id": "c", "name": "tool", "args": {}}}
        both = message("gemini", content=[part], toolCalls=[call()])
        assert len(turns(read(both))) == 1
        assert kept(read(message("gemini", content=[part])))["call.c"].role == "assistant"

    def test_prompt_that_was_rolled_back_stays(self, read):
        """A prompt that is missing in the next list of all messages is kept."""
        archive = kept(read(message("user", "u", content="x"), {"$set": {"messages": []}}))
        assert "u" in archive

    def test_migrated_chat_replaces_its_document(self, tmp_path):
        """What the lines say of a message replaces the document's, whenever either is read."""
        old = message("gemini", content="half")
        document, lines = tmp_path / DOCUMENT, tmp_path / LINES
        document.write_text(json.dumps(HEAD | {"messages": [old]}), encoding="utf-8")
        lines.write_bytes(b"".join(map(json_line, (HEAD, old, message("gemini", content="whole")))))
        parser = GeminiParser()
        sources = list(parser.discover(tmp_path))
        assert len(sources) == 2
        for order in (sources, sources[::-1]):
            events = [event for source in order for event in read_events(parser, source)]
            assert {event.session_id for event in events} == {"aaaa"}
            assert kept(events)["m"].content == "whole"


class TestSession:
    """What is known of a session."""

    def test_summary_is_the_title(self, read):
        """A summary is a title; directories are kept."""
        events = read({"$set": {"summary": "Trees", "directories": ["/srv"]}})
        meta = events[-1].session_meta
        assert isinstance(events[-1], SessionEvent)
        assert (meta.title, meta.title_source) == ("Trees", "summary")
        assert meta.metadata == {"directories": ["/srv"]}

    def test_changes_without_a_turn_are_skipped(self, tmp_path):
        """Times and scratchpads leave no trace."""
        path = tmp_path / LINES
        lines = ({"$set": {"lastUpdated": "x"}}, {"$set": {"memoryScratchpad": {}}}, {"other": 1})
        path.write_bytes(b"".join(map(json_line, lines)))
        records = read_records(GeminiParser(), only_source(GeminiParser(), path))
        assert [record.skipped for record in records] == ["$set", "$set", "unknown record"]

    def test_id_without_a_first_line(self, tmp_path):
        """A chat whose first line names no session is named by its file."""
        path = tmp_path / LINES
        path.write_bytes(json_line(message("user", content="x")))
        (event,) = read_events(GeminiParser(), only_source(GeminiParser(), path))
        assert event.session_id == "session-2026-09-01T08-00-aaaa"

    def test_subagent_has_a_parent(self, tmp_path):
        """A chat in a directory below `chats` is that of a subagent of the session so named."""
        path = tmp_path / "chats" / "parent-1" / "child-1.jsonl"
        path.parent.mkdir(parents=True)
        path.write_bytes(json_line(HEAD | {"sessionId": "child-1"}))
        append(path, json_line(message("user", content="x")))
        for event in read_events(GeminiParser(), only_source(GeminiParser(), tmp_path)):
            meta = event.session_meta
            assert event.session_id == "parent-1.child-1"
            assert (meta.parent_session_id, meta.relation) == ("parent-1", "subagent")

    @pytest.mark.parametrize("name", ["orchard", hashlib.sha256(b"/srv/orchard").hexdigest()])
    def test_working_directory_from_the_registry(self, tmp_path, name):
        """The registry of projects names the directory, by word and by digest."""
        chats = tmp_path / "tmp" / name / "chats"
        chats.mkdir(parents=True)
        registry = {"projects": {"/srv/garden": "garden", "/srv/orchard": "orchard"}}
        (tmp_path / "projects.json").write_text(json.dumps(registry), encoding="utf-8")
        (chats / LINES).write_bytes(json_line(HEAD))
        (event,) = read_events(GeminiParser(), only_source(GeminiParser(), tmp_path / "tmp"))
        assert event.session_meta.working_dir == "/srv/orchard"

    def test_broken_registry_costs_nothing(self, tmp_path):
        """A registry that cannot be read leaves the directory unknown."""
        chats = tmp_path / "tmp" / "orchard" / "chats"
        chats.mkdir(parents=True)
        (chats / LINES).write_bytes(json_line(HEAD))
        for text in ("", "[]", '{"projects": []}', "{"):
            (tmp_path / "projects.json").write_text(text, encoding="utf-8")
            (event,) = read_events(GeminiParser(), only_source(GeminiParser(), chats))
            assert event.session_meta.working_dir is None

    def test_resume_command(self):
        """A session is resumed by its id, a subagent's is not."""
        assert GeminiParser().resume_command("aaaa", "/srv") == "gemini --resume aaaa"
        assert GeminiParser().resume_command("aaaa.bbbb", "/srv") is None


class TestDiscovery:
    """Which files are chats."""

    def test_chats_alone_are_found(self, tmp_path):
        """What lies in a `chats` directory or is named like a chat is one; nothing else is."""
        wanted = ["p/chats/session-a.json", "p/chats/session-b.jsonl", "p/chats/id/sub.jsonl"]
        wanted += ["exported/session-c.jsonl"]
        others = ["p/logs.json", "p/checkpoint-x.json", "p/chats/checkpoint-y.json"]
        others += ["p/chats/session-a.json.unreadable-1", "p/settings.json", "p/tool/x.jsonl"]
        for name in (*wanted, *others):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        found = {str(one.path.relative_to(tmp_path)) for one in GeminiParser().discover(tmp_path)}
        assert found == set(wanted)

    def test_roots(self, monkeypatch):
        """`$GEMINI_CLI_HOME` takes the place of the home directory."""
        monkeypatch.setenv("GEMINI_CLI_HOME", "/srv/gemini")
        assert GeminiParser().default_roots() == [Path("/srv/gemini/.gemini/tmp")]
        monkeypatch.delenv("GEMINI_CLI_HOME")
        assert GeminiParser().default_roots() == [Path.home() / ".gemini" / "tmp"]


def test_document_sends_what_changed(tmp_path):
    """Of a document that is rewritten, new and completed messages are sent."""
    path = tmp_path / DOCUMENT
    parser = GeminiParser()
    chat = [message("user", "u", content="x"), message("gemini", content="half")]
    path.write_text(json.dumps(HEAD | {"messages": chat}), encoding="utf-8")
    os.utime(path, (1, 1))
    records = read_records(parser, only_source(parser, path))
    chat[1] |= {"content": "whole"}
    path.write_text(json.dumps(HEAD | {"messages": chat, "summary": "T"}), encoding="utf-8")
    os.utime(path, (2, 2))
    again = read_events(parser, only_source(parser, path), records[-1].cursor)
    assert [turn.content for turn in turns(again)] == ["whole"]
    assert again[0].revision > turns([e for r in records for e in r.events])[1].revision
    assert again[-1].session_meta.title == "T"
