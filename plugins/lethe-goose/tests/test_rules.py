"""What goose does to its database while it runs, and what the archive makes of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from lethe_core import SessionEvent, TurnEvent
from lethe_core.errors import SourceUnsupported
from lethe_core.testing import make_database, only_source, read_records
from lethe_goose import GooseParser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_core.sources import Cursor, Record

SCRIPT = Path(__file__).parent / "samples" / "sessions.sql"
MAIN = "20260504_1"
NOW = 1_777_886_000


class Tool:
    """A stand-in for goose that writes to its database.

    Args:
        path: the database.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = apsw.Connection(str(path))

    def say(self, name: str | None, role: str, *parts: Any, second: int = NOW) -> None:
        """Add a message."""
        self.connection.execute(
            "INSERT INTO messages (message_id, session_id, role, content_json, created_timestamp)"
            " VALUES (?, ?, ?, ?, ?)",
            (name, MAIN, role, json.dumps(parts), second),
        )

    def read(self, cursor: Cursor | None = None) -> list[Record]:
        """Read the database."""
        return read_records(GooseParser(), only_source(GooseParser(), self.path), cursor)


@pytest.fixture
def tool(tmp_path: Path) -> Iterator[Tool]:
    """A running goose with the sample sessions."""
    tool = Tool(make_database(SCRIPT, tmp_path / "sessions.db"))
    yield tool
    tool.connection.close()


def text(words: str) -> dict[str, Any]:
    """Make a part of text."""
    return {"type": "text", "text": words}


def turns(records: list[Record]) -> list[TurnEvent]:
    """The turns of some records."""
    return [one for record in records for one in record.events if isinstance(one, TurnEvent)]


def places(records: list[Record]) -> list[str]:
    """The turns of the main session in the order in which the archive shows them."""
    found = {turn.turn_id: turn for turn in turns(records) if turn.session_id == MAIN}
    return sorted(found, key=lambda name: found[name].seq)


def test_messages_of_one_second_stand_in_the_order_of_their_rows(tool: Tool) -> None:
    """The place of a turn is made of the second, the row and the part."""
    names = [name for name in places(tool.read()) if not name.startswith("usage")]

    assert names[:4] == ["msg_a", "msg_b.0", "msg_b.1", "msg_b.2"]
    assert names[4:8] == ["msg_c.0", "msg_d.0", "msg_e.0", "msg_f.0"]


@pytest.mark.promise("C31", "P3")
def test_c31_a_compacted_conversation_is_the_same_turns(tool: Tool) -> None:
    """All rows are deleted and inserted again with new numbers: nothing is told twice or lost."""
    before = tool.read()
    columns = "message_id, session_id, role, content_json, created_timestamp, metadata_json"
    kept = f"SELECT {columns} FROM messages WHERE session_id = '{MAIN}' ORDER BY id"
    tool.connection.execute(
        f"BEGIN; CREATE TEMP TABLE kept AS {kept};"
        f"DELETE FROM messages WHERE session_id = '{MAIN}';"
        f"INSERT INTO messages ({columns}) SELECT {columns} FROM kept; COMMIT"
    )
    tool.say("msg_new", "user", text("Go on"))
    after = tool.read(before[-1].cursor)

    assert set(places(after)) - set(places(before)) == {"msg_new"}
    known = {turn.turn_id: turn for turn in turns(before)}
    for turn in turns(after)[:-1]:
        assert turn.content == known[turn.turn_id].content
        assert turn.revision > known[turn.turn_id].revision
    assert tool.read(after[-1].cursor) == []


@pytest.mark.promise("C31", "P3")
def test_c31_what_was_truncated_stays_and_what_follows_is_read(tool: Tool) -> None:
    """An edited prompt takes the newest messages away; the next ones have numbers of their own."""
    cursor = tool.read()[-1].cursor
    tool.connection.execute("DELETE FROM messages WHERE message_id IN ('msg_g', 'msg_h')")
    assert tool.read(cursor) == []
    tool.say("msg_x", "user", text("Rather bed 4"))

    assert [turn.content for turn in turns(tool.read(cursor))] == ["Rather bed 4"]


def test_tokens_before_the_ledger_stay_what_they_are(tool: Tool) -> None:
    """What no row of the ledger tells stands on the session, however the ledger grows."""
    before = [turn for turn in turns(tool.read()) if turn.turn_id == "usage"]
    tool.connection.execute(
        "BEGIN; INSERT INTO usage_ledger (session_id, created_timestamp, input_tokens,"
        f" output_tokens) VALUES ('{MAIN}', {NOW}, 70, 7); UPDATE sessions SET"
        " accumulated_input_tokens = accumulated_input_tokens + 70, accumulated_output_tokens ="
        " accumulated_output_tokens + 7, updated_at = '2026-05-04 10:00:00'"
        f" WHERE id = '{MAIN}'; COMMIT"
    )
    found = turns(tool.read())
    after = [turn for turn in found if turn.turn_id == "usage"]

    assert {turn.session_id: turn.usage for turn in before} == {
        turn.session_id: turn.usage for turn in after
    }
    total: dict[str, int] = {}
    for turn in found:
        if turn.session_id == MAIN and turn.usage:
            total[turn.usage.key] = (
                turn.usage.input + turn.usage.cache_read + turn.usage.cache_write
            )
    assert sum(total.values()) == 1500 + 70


def test_sessions_of_two_machines_are_told_apart(tool: Tool, tmp_path: Path) -> None:
    """Sessions are numbered on each machine anew; what they used counts for each."""
    other = Tool(make_database(SCRIPT, tmp_path / "other" / "sessions.db"))
    other.connection.execute("UPDATE sessions SET created_at = '2026-05-04 09:00:01'")
    other.connection.execute("UPDATE usage_ledger SET created_timestamp = created_timestamp + 1")
    mine, others = (
        {turn.usage.key for turn in turns(each.read()) if turn.usage} for each in (tool, other)
    )
    other.connection.close()

    assert mine
    assert not mine & others


@pytest.mark.parametrize(
    ("part", "kinds"),
    [
        ({"type": "summarizationRequested", "msg": "Too long"}, ["notice"]),
        ({"type": "actionRequired", "data": {}}, []),
        ({"type": "thinking", "thinking": " "}, []),
        ({"type": "image", "data": "aGk=", "mimeType": "image/png"}, ["answer"]),
        ({"type": "toolRequest", "id": "c", "toolCall": {"name": "t"}}, ["tool_call"]),
        ({"type": "toolResponse", "id": "c", "toolResult": None}, ["tool_result"]),
        ({"type": "future"}, ["unknown_block"]),
    ],
)
def test_parts(tool: Tool, part: dict[str, Any], kinds: list[str]) -> None:
    """Each part of an answer is the turn that it is, or none."""
    cursor = tool.read()[-1].cursor
    tool.say("msg_p", "assistant", part)

    assert [turn.metadata["kind"] for turn in turns(tool.read(cursor))] == kinds


def test_failed_results(tool: Tool) -> None:
    """A result failed if goose or the tool says so."""
    cursor = tool.read()[-1].cursor
    answer = {"content": [text("no"), {"type": "resource", "resource": {"text": "r"}}]}
    for name, result in {
        "a": {"status": "success", "value": answer | {"isError": True}},
        "b": {"status": "error", "error": "lost"},
        "c": {"status": "success", "value": answer},
    }.items():
        tool.say(name, "user", {"type": "toolResponse", "id": name, "toolResult": result})
    calls = [turn.tool_calls[0] for turn in turns(tool.read(cursor))]

    assert [(call.output, call.is_error) for call in calls] == [
        ("no\nr", True),
        ("lost", True),
        ("no\nr", False),
    ]


def test_renamed_session_is_told(tool: Tool) -> None:
    """A name that a person gave is stronger than one that a model made up."""
    cursor = tool.read()[-1].cursor
    tool.connection.execute(
        "UPDATE sessions SET name = 'Sensors', user_set_name = 1, updated_at ="
        " '2026-05-05 08:00:00' WHERE id = '20260504_2'"
    )
    [event] = [one for record in tool.read(cursor) for one in record.events]

    assert isinstance(event, SessionEvent)
    assert (event.session_meta.title, event.session_meta.title_source) == ("Sensors", "custom")


def test_the_oldest_schema_is_read(tmp_path: Path) -> None:
    """Columns that came later, and the ledger, may be missing."""
    path = tmp_path / "sessions.db"
    connection = apsw.Connection(str(path))
    connection.execute(
        "CREATE TABLE sessions (id TEXT PRIMARY KEY, description TEXT, working_dir TEXT,"
        " created_at TIMESTAMP, updated_at TIMESTAMP, accumulated_input_tokens INTEGER,"
        " accumulated_output_tokens INTEGER);"
        "CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, role TEXT,"
        " content_json TEXT, created_timestamp INTEGER);"
        "INSERT INTO sessions VALUES ('s', 'Rakes', '/srv', '2025-09-01 10:00:00',"
        " '2025-09-01 10:00:00', 5, 1);"
    )
    hello = json.dumps([text("Hi")])
    connection.execute("INSERT INTO messages VALUES (7, 's', 'user', ?, 1756720800)", (hello,))
    connection.close()
    events = [one for record in Tool(path).read() for one in record.events]

    assert events[0].session_meta.title == "Rakes"
    assert [turn.turn_id for turn in events[1:]] == ["usage", "msg_s_7"]


@pytest.mark.promise("C37", "P9")
def test_c37_a_database_of_another_tool_is_unsupported(tmp_path: Path) -> None:
    """A database without goose's tables is told as such."""
    path = tmp_path / "sessions.db"
    apsw.Connection(str(path)).execute("CREATE TABLE t (x)")
    with pytest.raises(SourceUnsupported):
        Tool(path).read()


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, [".local/share/goose"]),
        ("linux", {"XDG_DATA_HOME": "/srv/data"}, ["/srv/data/goose"]),
        ("darwin", {}, [".local/share/goose", "Library/Application Support/Block.goose"]),
        ("win32", {"APPDATA": "/srv/app"}, ["/srv/app/Block/goose/data"]),
        ("linux", {"GOOSE_PATH_ROOT": "/srv/goose"}, ["/srv/goose/data"]),
    ],
)
def test_roots(
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    variables: dict[str, str],
    expected: list[str],
) -> None:
    """The database lies where programs of the platform keep their data, or where it is put."""
    for name in ("XDG_DATA_HOME", "APPDATA", "GOOSE_PATH_ROOT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)

    assert list(GooseParser().default_roots()) == [Path.home() / path for path in expected]


def test_resume_command() -> None:
    """A session is resumed where it was held."""
    command = GooseParser().resume_command("20260504_1", "/srv/a b")

    assert command == "cd '/srv/a b' && goose session --resume --session-id 20260504_1"
