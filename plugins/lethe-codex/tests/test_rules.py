"""The rules of the mapping, one by one, on the smallest rollout that shows each."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from lethe_codex import CodexParser
from lethe_core import Event, SessionEvent, Source, TurnEvent
from lethe_core.errors import SourceReplaced, SourceUnreadable
from lethe_core.removals import Removals
from lethe_core.testing import append, json_line, only_source, read_events, read_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

THREAD = "019e0000-0000-7000-8000-000000000001"
NAME = f"rollout-2026-05-04T09-00-00-{THREAD}.jsonl"


def item(**payload: Any) -> dict[str, Any]:
    """Make a line with an item of the conversation."""
    return {"timestamp": "2026-05-04T09:00:00Z", "type": "response_item", "payload": payload}


def event(**payload: Any) -> dict[str, Any]:
    """Make a line with an event."""
    return {"timestamp": "2026-05-04T09:00:00Z", "type": "event_msg", "payload": payload}


def message(role: str, text: str, **more: Any) -> dict[str, Any]:
    """Make a line with a message."""
    content = [{"type": "input_text", "text": text}]
    return item(type="message", role=role, content=content, **more)


def token_count(*totals: int, last: int) -> dict[str, Any]:
    """Make a line with the tokens so far and those of the last reply."""
    fields = ("input_tokens", "output_tokens")
    return event(
        type="token_count",
        info={
            "total_token_usage": dict(zip(fields, totals, strict=True)),
            "last_token_usage": {"input_tokens": last, "output_tokens": 1},
        },
    )


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Event]]:
    """Write lines as a rollout and map them."""

    def write_and_read(*lines: dict[str, Any], name: str = NAME) -> list[Event]:
        path = tmp_path / name
        path.write_bytes(b"".join(json_line(line) for line in lines))
        return read_events(CodexParser(), Source.from_stat(path, tmp_path))

    return write_and_read


def kinds(events: list[Event]) -> list[str]:
    """Name the kinds of the turns."""
    return [event.metadata["kind"] for event in events if isinstance(event, TurnEvent)]


@pytest.mark.parametrize("event_first", [True, False])
def test_prompt_counts_once(read, event_first):
    """A prompt stands in an item and in an event, in either order, and is one turn."""
    pair = [message("user", "Go on. "), event(type="user_message", message="Go on.")]
    events = read(*(reversed(pair) if event_first else pair))

    assert kinds(events) == ["prompt"]


def test_same_prompt_twice_counts_twice(read):
    """The same words may be said again."""
    pair = [message("user", "continue"), event(type="user_message", message="continue")]

    assert kinds(read(*pair, *pair)) == ["prompt", "prompt"]


@pytest.mark.parametrize(
    "text",
    [
        "<environment_context>\n<cwd>/x</cwd>\n</environment_context>",
        "<external_notes-2 a='b'>x</external_notes-2>",
        "# AGENTS.md instructions for /x\n\n<INSTRUCTIONS>\nShort.\n</INSTRUCTIONS>",
        "<turn_aborted>\nThe user interrupted.\n</turn_aborted>",
        '<subagent_notification>\n{"status":"done"}\n</subagent_notification>',
        "<skill>\n<name>audit</name>\n</skill>",
    ],
)
def test_injected_text_is_no_prompt(read, text):
    """What Codex says in the person's name is context."""
    (turn,) = read(message("user", text))

    assert (turn.role, turn.metadata["kind"]) == ("system", "context")


def test_tags_of_a_person_stay_a_prompt(read):
    """A prompt that is framed by tags is a prompt."""
    assert kinds(read(message("user", "<div>why?</div>"))) == ["prompt"]


def test_long_name_of_a_tag_holds_up_nobody(read):
    """A tag's name of a megabyte is read at once; to try each beginning of it took an hour."""
    text = f"<external_{'a-' * 250_000}>{'x' * 500_000}"

    assert kinds(read(message("user", text))) == ["prompt"]


def test_own_words_for_parts_win(read):
    """Where Codex names the kind of a part, its frame does not matter."""
    text = "<skill>\nquoted\n</skill>"
    passed = {"content_item_kinds": ["user.text"]}
    lines = message("user", text, internal_chat_message_metadata_passthrough=passed)

    assert kinds(read(lines)) == ["prompt"]


def test_answer_counts_once(read):
    """An answer stands in an event as well, and is one turn with the model of its turn."""
    events = read(
        {"type": "turn_context", "payload": {"turn_id": "t1", "model": "gpt-test"}},
        event(type="agent_message", message="Done."),
        message("assistant", "Done."),
    )

    assert [(turn.content, turn.model) for turn in events] == [("Done.", "gpt-test")]
    assert events[0].metadata["turn"] == "t1"


def test_tokens_count_where_the_total_grew(read):
    """A total that is told again adds nothing; cached tokens are no input."""
    events = read(
        token_count(10, 1, last=10), token_count(10, 1, last=10), token_count(30, 2, last=20)
    )

    assert [turn.usage.input for turn in events] == [10, 20]


def test_fork_repeats_the_keys_of_usage(read):
    """A fork copies turns and totals with new times: its keys are those of the original."""
    lines = [
        {"type": "session_meta", "payload": {"id": THREAD}},
        {"type": "turn_context", "payload": {"turn_id": "t1"}},
        token_count(10, 1, last=10),
    ]
    fork = {"type": "session_meta", "payload": {"id": "fork", "forked_from_id": THREAD}}
    original = [turn.usage.key for turn in read(*lines) if isinstance(turn, TurnEvent)]
    events = read(fork, *lines, name="rollout-2026-05-05T09-00-00-fork.jsonl")
    copied = [turn.usage.key for turn in events if isinstance(turn, TurnEvent)]

    assert original == copied
    assert events[0].session_meta.relation == "fork"
    assert events[0].session_meta.parent_session_id == THREAD
    assert len([event for event in events if isinstance(event, SessionEvent)]) == 1


def test_exact_usage_silences_the_totals(read):
    """Where each response has its own record, the totals add nothing."""
    usage = {"input_tokens": 30, "cached_input_tokens": 20, "output_tokens": 5}
    exact = {"type": "token_usage_record", "payload": {"response_id": "r1", "usage": usage}}
    events = read(exact, token_count(30, 5, last=30))

    assert [(t.usage.key, t.usage.input, t.usage.cache_read) for t in events] == [("r1", 10, 20)]


@pytest.mark.parametrize(
    ("output", "text", "failed"),
    [
        ("plain", "plain", False),
        ('{"output":"no","metadata":{"exit_code":2}}', "no", True),
        ("Exit code: 0\nOutput:\nExit code: 1", "Exit code: 0\nOutput:\nExit code: 1", False),
        ("Wall time: 1 s\nProcess exited with code 3\nOutput:\n", None, True),
        ([{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}], "a\nb", False),
    ],
)
def test_outputs_of_all_generations(read, output, text, failed):
    """The output of a call is text; whether it failed stands in a wrapper or a header."""
    (turn,) = read(item(type="function_call_output", call_id="c1", output=output))
    (call,) = turn.tool_calls

    assert turn.role == "tool"
    assert (call.id, call.is_error) == ("c1", failed)
    assert text is None or call.output == text


def test_encrypted_reasoning_leaves_no_turn(read):
    """What cannot be read is no thought."""
    assert read(item(type="reasoning", summary=[], encrypted_content="gAAA")) == []


def test_subagent_names_its_parent(read):
    """A subagent is a session of its own that knows who asked for it."""
    spawn = {"parent_thread_id": THREAD, "agent_nickname": "Scout", "agent_role": "explorer"}
    source = {"subagent": {"thread_spawn": spawn}}
    name = "rollout-2026-05-04T09-00-01-child.jsonl"
    meta = {"type": "session_meta", "payload": {"id": "child", "source": source}}
    (head,) = read(meta, name=name)

    assert (head.session_id, head.session_meta.relation) == ("child", "subagent")
    assert head.session_meta.parent_session_id == THREAD
    assert head.session_meta.metadata["agent_name"] == "Scout"


def test_archived_rollout_keeps_its_session(tmp_path):
    """Archiving moves a rollout to another folder; its name says which thread it is."""
    parser = CodexParser()
    places = [tmp_path / "sessions/2026/05/04" / NAME, tmp_path / "archived_sessions" / NAME]
    for place in places:
        place.parent.mkdir(parents=True)
        place.write_bytes(b"")

    names = {parser.session_id(Source.from_stat(place, tmp_path)) for place in places}
    assert names == {THREAD}


def test_history_is_no_rollout(tmp_path):
    """The list of prompts beside the sessions is left out."""
    (tmp_path / "history.jsonl").write_bytes(b'{"session_id":"a","ts":1,"text":"b"}\n')

    assert list(CodexParser().discover(tmp_path)) == []


def test_resumed_session_appends(tmp_path):
    """Reading on after a resume knows the turn and the model from before."""
    path = tmp_path / NAME
    context = {"type": "turn_context", "payload": {"turn_id": "t1", "model": "gpt-test"}}
    path.write_bytes(json_line(context))
    (record,) = read_records(CodexParser(), Source.from_stat(path, tmp_path))
    append(path, message("assistant", "Later."))
    source = Source.from_stat(path, tmp_path)
    (turn,) = read_events(CodexParser(), source, record.cursor)

    assert (turn.model, turn.metadata["turn"]) == ("gpt-test", "t1")


def test_homes(monkeypatch):
    """`CODEX_HOME` moves both folders."""
    monkeypatch.setenv("CODEX_HOME", "/srv/codex")

    roots = [str(root) for root in CodexParser().default_roots()]
    assert roots == ["/srv/codex/sessions", "/srv/codex/archived_sessions"]


def test_threads_are_resumed_by_their_id():
    """The command that resumes a thread names it."""
    assert CodexParser().resume_command(THREAD, None) == f"codex resume {THREAD}"


@pytest.mark.promise("C31")
def test_c31_what_was_rolled_back_is_told(read):
    """The last prompts, and all that came of them, are told as reverted; they stay."""
    lines = [event(type="user_message", message=str(number)) for number in range(4)]
    events = read(
        *lines[:3],
        event(type="thread_rolled_back", num_turns=2),
        lines[3],
        event(type="thread_rolled_back", num_turns=1),
        event(type="thread_rolled_back", num_turns=9),
    )

    metadata = {}
    for each in events:
        if each.session_meta is not None:
            metadata |= each.session_meta.metadata
    removed = Removals(metadata)
    prompts = [each for each in events if each.metadata["kind"] == "prompt"]
    assert [removed.why(turn.seq) for turn in prompts] == [None] + ["reverted"] * 3
    notices = [each for each in events if each.metadata["kind"] == "notice"]
    assert [removed.why(turn.seq) for turn in notices] == [None] * 3
    assert notices[2].session_meta is None


@pytest.fixture
def packed(tmp_path):
    """A rollout of many lines, and the same as Codex packs it."""
    lines = [event(type="user_message", message=f"{number} " + "x" * 300) for number in range(9000)]
    path = tmp_path / NAME
    path.write_bytes(b"".join(json_line(line) for line in lines))
    packed = path.with_name(f"{NAME}.zst")
    packed.write_bytes(zstandard.compress(path.read_bytes()))
    return [Source.from_stat(each, tmp_path) for each in (path, packed)]


def test_packed_rollout_says_the_same(packed, tmp_path):
    """A cold file that is packed is found, and its turns are those of the file that it was."""
    plain, zst = packed
    parser = CodexParser()

    assert [source.path for source in parser.discover(tmp_path)] == [plain.path, zst.path]
    assert read_events(parser, zst) == read_events(parser, plain)


def test_packed_rollout_is_read_on(packed):
    """Reading goes on at each cursor, and one of another file is noticed."""
    records = read_records(CodexParser(), packed[1])
    for place in (1, 17, 5000, len(records) - 1):
        rest = read_records(CodexParser(), packed[1], records[place].cursor)
        assert [one.cursor for one in rest] == [one.cursor for one in records[place + 1 :]]
    data = zstandard.decompress(packed[1].path.read_bytes())
    packed[1].path.write_bytes(zstandard.compress(data.replace(b"x", b"y")))
    with pytest.raises(SourceReplaced):
        read_records(CodexParser(), packed[1], records[5000].cursor)
    assert all(0 <= record.position <= packed[1].size for record in records)


@pytest.mark.parametrize("damage", [slice(0, 2000), slice(100, None)], ids=["half", "no head"])
def test_half_a_packed_rollout_is_read_later(packed, damage):
    """While Codex packs a file it cannot be read to its end, which is an error and no loss."""
    path = packed[1].path
    whole = [one.cursor for one in read_records(CodexParser(), packed[1])]
    data = path.read_bytes()
    path.write_bytes(data[damage])
    found: list[str] = []
    records = CodexParser().read(Source.from_stat(path, path.parent), None)
    with contextlib.suppress(SourceUnreadable):
        found.extend(record.cursor for record in records)
    assert found == whole[: len(found)]
    assert len(found) < len(whole)


def test_document_of_the_first_versions(tmp_path):
    """A rollout in one document gives turns as the lines of its time do."""
    session = {"id": THREAD, "timestamp": "2025-04-20T09:00:00Z", "instructions": ""}
    content = [{"type": "input_text", "text": "List the tools"}]
    call = {"type": "function_call", "name": "shell", "call_id": "c1", "arguments": '{"cmd": "ls"}'}
    items = [
        {"type": "message", "role": "user", "content": content},
        call,
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": '{"output":"rake","metadata":{}}',
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "A rake"}],
        },
    ]
    path = tmp_path / f"rollout-2025-04-20-{THREAD}.json"
    path.write_text(json.dumps({"session": session, "items": items[:2]}))
    source = only_source(CodexParser(), path)
    first = read_records(CodexParser(), source)
    path.write_text(json.dumps({"session": session, "items": items}))
    events = read_events(CodexParser(), only_source(CodexParser(), path))
    rest = read_records(CodexParser(), only_source(CodexParser(), path), first[-1].cursor)

    assert kinds(events) == ["prompt", "tool_call", "tool_result", "answer"]
    assert {event.session_id for event in events} == {THREAD}
    assert events[2].tool_calls[0].output == "rake"
    assert isinstance(events[-1], SessionEvent)
    told = [one.turn_id for r in rest for one in r.events if isinstance(one, TurnEvent)]
    assert told[-2:] == [event.turn_id for event in events[2:4]]
