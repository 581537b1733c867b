"""The rules of the mapping, one by one, on the smallest session that shows each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lethe_core import SessionEvent, Source, TurnEvent
from lethe_core.errors import SourceReplaced
from lethe_core.testing import append, json_line, read_events, read_records
from lethe_pi import PiParser

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lethe_core import Event

ID = "019e1000-0000-7000-8000-000000000001"
NAME = f"2026-05-04T10-00-00-000Z_{ID}.jsonl"
HEAD = {"type": "session", "version": 3, "id": ID, "timestamp": "2026-05-04T10:00:00Z"}


def message(role: str, entry: str | None = None, **fields: Any) -> dict[str, Any]:
    """Make a line with a message; an old one has no entry id."""
    record = {"type": "message", "timestamp": "2026-05-04T10:00:01Z"}
    if entry:
        record |= {"id": entry, "parentId": "00000000"}
    return record | {"message": {"role": role, "timestamp": 1777888801000, **fields}}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Event]]:
    """Write lines as a session and map them."""

    def write_and_read(*lines: dict[str, Any], name: str = NAME) -> list[Event]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(json_line(line) for line in lines))
        return read_events(PiParser(), Source.from_stat(path, tmp_path))

    return write_and_read


def test_each_block_is_a_turn_and_tokens_count_once(read):
    """An answer of several blocks is several turns; its tokens and price stand at the first."""
    blocks = [
        {"type": "thinking", "thinking": "Hm."},
        {"type": "text", "text": "Yes."},
        {"type": "toolCall", "id": "c1", "name": "bash", "arguments": {"command": "ls"}},
    ]
    usage = {"input": 1, "output": 2, "cacheRead": 3, "cacheWrite": 4, "cost": {"total": 0.5}}
    turns = read(message("assistant", "a1", content=blocks, usage=usage, model="m"))

    assert [turn.metadata["kind"] for turn in turns] == ["thinking", "answer", "tool_call"]
    assert [turn.usage is not None for turn in turns] == [True, False, False]
    assert (turns[0].usage.input, turns[0].usage.cache_write, turns[0].cost_usd) == (1, 4, 0.5)
    assert turns[2].content == "bash: ls"


def test_migration_keeps_turns_and_keys(read):
    """Adding ids to an old session changes neither its turns' ids nor the keys of its tokens."""
    fields = {"content": "Yes.", "usage": {"input": 1, "output": 2}}
    (old,) = read(message("assistant", **fields))
    (new,) = read(message("assistant", "0000000a", **fields))

    assert (old.turn_id, old.usage.key) == (new.turn_id, new.usage.key)


def test_fork_repeats_the_keys_of_usage(read):
    """A fork copies entries unchanged: the tokens of a copy have the key of the original."""
    answer = message("assistant", "a1", content="Yes.", usage={"input": 1, "output": 2})
    original = [event for event in read(HEAD, answer) if isinstance(event, TurnEvent)]
    fork = HEAD | {"id": "fork", "parentSession": f"/home/dev/{NAME}"}
    head, copy = read(fork, answer, name="2026-05-05T10-00-00-000Z_fork.jsonl")

    assert copy.usage.key == original[0].usage.key
    assert (head.session_meta.parent_session_id, head.session_meta.relation) == (ID, "fork")


def test_windows_path_of_a_parent_is_read(read):
    """The parent's path may have backslashes."""
    fork = HEAD | {"parentSession": f"C:\\Users\\dev\\{NAME}"}
    (head,) = read(fork, name="2026-05-05T10-00-00-000Z_fork.jsonl")

    assert head.session_meta.parent_session_id == ID


def test_subagent_of_oh_my_pi_follows_its_parent(read):
    """A session in the folder of another one is its subagent."""
    (head,) = read(HEAD, name=f"{NAME.removesuffix('.jsonl')}/Scout.jsonl")

    assert head.session_id == f"{ID}.Scout"
    assert (head.session_meta.parent_session_id, head.session_meta.relation) == (ID, "subagent")


@pytest.mark.parametrize(("reason", "kind"), [("error", "api_error"), ("aborted", "interrupt")])
def test_broken_answers_say_so(read, reason, kind):
    """An answer that failed or was interrupted leaves a turn that says so."""
    (turn,) = read(
        message("assistant", "a1", content=[], stopReason=reason, errorMessage="overloaded")
    )

    assert (turn.role, turn.metadata["kind"], turn.content) == ("system", kind, "overloaded")


def test_shell_line_and_its_output(read):
    """A command that the user ran is told with its output."""
    line = message("bashExecution", "a1", command="ls", output="demo.py", exitCode=0)
    turns = read(line)

    assert [(t.role, t.metadata["kind"], t.content) for t in turns] == [
        ("user", "shell", "ls"),
        ("system", "shell_output", "demo.py"),
    ]


def test_branches_tell_the_tree(read):
    """Each turn names its entry and the entry before it."""
    (turn,) = read(message("user", "0000000b", content="This way."))

    assert (turn.metadata["entry"], turn.metadata["parent"]) == ("0000000b", "00000000")


def slot(title: str) -> bytes:
    """Make the line that oh-my-pi rewrites in place, always of one size."""
    record = {"type": "title", "v": 1, "title": title, "pad": " " * (100 - len(title))}
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def test_title_that_is_rewritten_in_place_is_told_with_the_next_line(tmp_path):
    """oh-my-pi's title is read on each read, and told when it has changed."""
    path = tmp_path / NAME
    path.write_bytes(slot("first") + json_line(HEAD))
    append(path, message("user", "a0", content="x" * 2000))  # the title lies before the anchor
    source = Source.from_stat(path, tmp_path)
    records = read_records(PiParser(), source)
    before = PiParser().identify(source)
    with path.open("r+b") as file:
        file.write(slot("second"))
    append(path, message("user", "a1", content="Go on."))
    events = read_events(PiParser(), Source.from_stat(path, tmp_path), records[-1].cursor)
    titles = [event.session_meta.title for event in events if isinstance(event, SessionEvent)]

    assert records[0].events[0].session_meta.title == "first"
    assert titles == ["second"]
    assert PiParser().identify(source) == before


def test_title_that_is_rewritten_in_a_small_file_begins_a_generation(tmp_path):
    """Within the anchor before the cursor, another title is a file that is read again."""
    path = tmp_path / NAME
    path.write_bytes(slot("first") + json_line(HEAD))
    cursor = read_records(PiParser(), Source.from_stat(path, tmp_path))[-1].cursor
    with path.open("r+b") as file:
        file.write(slot("second"))

    with pytest.raises(SourceReplaced):
        read_events(PiParser(), Source.from_stat(path, tmp_path), cursor)


def test_homes(monkeypatch):
    """`PI_CODING_AGENT_DIR` moves pi's folder, and oh-my-pi's stays."""
    monkeypatch.setenv("PI_CODING_AGENT_DIR", "/srv/pi")
    monkeypatch.setenv("HOME", "/home/dev")

    roots = [str(root) for root in PiParser().default_roots()]
    assert roots == ["/srv/pi/sessions", "/home/dev/.omp/agent/sessions"]


def test_other_files_are_no_sessions(tmp_path):
    """A file without a session's name is left out."""
    (tmp_path / "history.jsonl").write_bytes(b"{}\n")

    assert list(PiParser().discover(tmp_path)) == []


def test_subagents_cannot_be_resumed():
    """A session is resumed by its id; that of a subagent is not."""
    assert PiParser().resume_command(ID, None) == f"pi --session {ID}"
    assert PiParser().resume_command(f"{ID}.Scout", None) is None
