"""What opencode does to its database while it runs, and what the archive makes of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from lethe_core import SessionEvent, TurnEvent
from lethe_core.errors import SourceReplaced, SourceUnreadable, SourceUnsupported
from lethe_core.removals import Removals
from lethe_core.testing import only_source, read_events, read_records
from lethe_opencode import OpencodeParser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_core.sources import Cursor, Record

SAMPLES = Path(__file__).parent / "samples"
NOW = 1_790_000_500_000


class Tool:
    """A stand-in for opencode that writes to its database.

    Args:
        path: the database.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = apsw.Connection(str(path))
        self.connection.execute("PRAGMA journal_mode=WAL")

    def run(self, script: str) -> None:
        """Run one of the samples."""
        self.connection.execute((SAMPLES / script).read_text(encoding="utf-8"))

    def put(self, table: str, name: str, time: int, data: dict[str, Any], **columns: Any) -> None:
        """Insert a row or update it in place, as opencode does."""
        values = {"id": name, "session_id": "ses_main", **columns}
        values |= {"time_created": time, "time_updated": time, "data": json.dumps(data)}
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self.connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE"
            " SET data = excluded.data, time_updated = excluded.time_updated",
            tuple(values.values()),
        )

    def message(self, name: str, time: int, **data: Any) -> None:
        """Write a message."""
        self.put("message", name, time, {"time": {"created": time}, **data})

    def part(self, name: str, message: str, time: int, **data: Any) -> None:
        """Write a part."""
        self.put("part", name, time, data, message_id=message)

    def read(self, cursor: Cursor | None = None) -> list[Record]:
        """Read the database."""
        return read_records(OpencodeParser(), only_source(OpencodeParser(), self.path), cursor)


@pytest.fixture
def tool(tmp_path: Path) -> Iterator[Tool]:
    """A running opencode 1.18 with the sample sessions."""
    tool = Tool(tmp_path / "opencode.db")
    tool.run("tables/opencode.sql")
    yield tool
    tool.connection.close()


def turns(records: list[Record]) -> dict[tuple[str, str], TurnEvent]:
    """The turns of some records as the archive keeps them: the highest revision of each."""
    kept: dict[tuple[str, str], TurnEvent] = {}
    for record in records:
        for event in record.events:
            if isinstance(event, TurnEvent):
                key = (event.session_id, event.turn_id)
                if key not in kept or event.revision > kept[key].revision:
                    kept[key] = event
    return kept


def contents(records: list[Record]) -> dict[str, str]:
    """The text of each turn by its id."""
    return {name: turn.content for (_, name), turn in turns(records).items()}


@pytest.mark.promise("C30", "P5")
def test_c30_an_answer_is_completed_in_place(tool: Tool) -> None:
    """A tool that runs and a text that is empty are sent so, and again when they are complete."""
    before = tool.read()
    running = turns(before)["ses_main", "msg_8.call.call_4"]
    assert (running.metadata["status"], running.usage) == ("running", None)
    state = {"status": "completed", "input": {"command": "sleep 1"}, "output": "slept"}
    tool.part("prt_82", "msg_8", NOW, type="tool", tool="bash", callID="call_4", state=state)
    tool.part("prt_81", "msg_8", NOW + 1, type="text", text="I slept.")
    tokens = {"input": 7, "output": 2, "reasoning": 1, "cache": {"read": 3, "write": 0}}
    tool.message("msg_8", NOW + 2, role="assistant", modelID="m", finish="stop", tokens=tokens)

    after = tool.read(before[-1].cursor)

    expected = {
        "msg_8.answer.0": "I slept.",
        "msg_8.call.call_4": "bash: sleep 1",
        "msg_8.result.call_4": "",
    }
    assert expected == contents(after)
    assert len([record for record in after if record.events]) == 1
    done = turns(after)["ses_main", "msg_8.call.call_4"]
    assert done.revision > running.revision
    assert done.seq == running.seq
    assert done.usage
    assert (7, 3, 1) == (done.usage.input, done.usage.output, done.usage.reasoning)
    assert [] == tool.read(after[-1].cursor)


@pytest.mark.promise("C30", "P5")
def test_c30_a_message_that_grows_between_reads_converges(tool: Tool) -> None:
    """Whatever comes between two reads, the last state of all parts and of the message stays."""
    cursor = tool.read()[-1].cursor
    records: list[Record] = []
    steps = [
        lambda: tool.message("msg_n", NOW, role="assistant", modelID="m"),
        lambda: tool.part("prt_n1", "msg_n", NOW, type="text", text=""),
        lambda: tool.part("prt_n1", "msg_n", NOW, type="text", text="Hello"),
        lambda: tool.part("prt_n2", "msg_n", NOW, type="text", text="there"),
        lambda: tool.message("msg_n", NOW, role="assistant", modelID="m", finish="stop",
                             tokens={"input": 1, "output": 1}),
        lambda: tool.part("prt_n1", "msg_n", NOW - 100, type="text", text="Hello,"),
    ]  # fmt: skip
    for step in steps:
        step()
        new = tool.read(cursor)
        records += new
        cursor = new[-1].cursor
    latest = {e.turn_id: e for record in records for e in record.events}
    assert ["Hello,", "there"] == [turn.content for turn in latest.values()]
    assert all(turn.usage for turn in latest.values())


@pytest.mark.promise("C31", "P3")
def test_c31_a_revert_and_another_prompt(tool: Tool) -> None:
    """Messages are deleted, and the next prompt takes their rowids: it is delivered."""
    cursor = tool.read()[-1].cursor
    for table, column in (("part", "message_id"), ("message", "id")):
        tool.connection.execute(f"DELETE FROM {table} WHERE {column} IN ('msg_f1', 'msg_f2')")
    tool.message("msg_9", NOW, role="user", session_id="ses_fork")
    tool.part("prt_91", "msg_9", NOW, type="text", text="Again")
    [(rowid,)] = tool.connection.execute("SELECT rowid FROM message WHERE id = 'msg_9'")
    assert rowid == 10
    assert {"msg_9": "Again"} == contents(tool.read(cursor))


EVENTS = """
CREATE TABLE event (id text PRIMARY KEY, aggregate_id text, seq integer, type text, data text);
CREATE UNIQUE INDEX event_aggregate_seq_idx ON event (aggregate_id, seq);
"""


def removals(records: list[Record]) -> Removals:
    """What the session events of some records say of turns that were taken back."""
    metadata: dict[str, Any] = {}
    for record in records:
        for each in record.events:
            if isinstance(each, SessionEvent) and each.session_id == "ses_main":
                metadata |= each.session_meta.metadata
    return Removals(metadata)


@pytest.mark.promise("C31")
def test_c31_what_is_undone_is_told_and_brought_back(tool: Tool) -> None:
    """While a revert stands, all from its message on are reverted; without it, none is."""
    before = tool.read()
    kept = {name: turn.seq for (session, name), turn in turns(before).items() if "main" in session}
    tool.connection.execute("ALTER TABLE session ADD COLUMN revert text")
    change = "UPDATE session SET revert = ?, time_updated = ? WHERE id = 'ses_main'"
    tool.connection.execute(change, (json.dumps({"messageID": "msg_7"}), NOW))
    undone = tool.read(before[-1].cursor)
    undone_turns = {name for name, seq in kept.items() if removals(undone).why(seq)}
    assert undone_turns == {name for name in kept if name.startswith(("msg_7", "msg_8"))}
    assert {removals(undone).why(kept[name]) for name in undone_turns} == {"reverted"}

    tool.connection.execute(change, (json.dumps({"messageID": "msg_unheard"}), NOW + 1))
    assert not any(map(removals(tool.read(before[-1].cursor)).why, kept.values()))
    tool.connection.execute(change, (None, NOW + 2))
    back = undone + tool.read(undone[-1].cursor)
    assert not any(map(removals(back).why, kept.values()))


@pytest.mark.promise("C31")
def test_c31_what_the_journal_says_was_deleted_is_told(tool: Tool) -> None:
    """Messages that are gone are told as deleted, if opencode's journal names them."""
    before = tool.read()
    kept = {name: turn for (session, name), turn in turns(before).items() if "main" in session}
    tool.connection.execute(EVENTS)
    created = kept["msg_7.answer.0"].seq // 4096
    rows = [
        ("message.updated.1", {"info": {"id": "msg_7", "time": {"created": created}}}),
        ("message.removed.1", {"sessionID": "ses_main", "messageID": "msg_7"}),
        ("message.updated.1", {"info": {"id": "msg_1", "time": {"created": 1}}}),
        ("message.removed.1", {"sessionID": "ses_main", "messageID": "msg_1"}),
        ("message.removed.1", "damaged"),
    ]
    for seq, (kind, data) in enumerate(rows):
        values = (f"evt_{seq}", "ses_main", seq, kind, json.dumps(data))
        tool.connection.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", values)
    tool.connection.execute("DELETE FROM message WHERE id = 'msg_7'")
    tool.connection.execute("UPDATE session SET time_updated = ? WHERE id = 'ses_main'", (NOW,))
    after = removals(tool.read(before[-1].cursor))
    told = {name: after.why(turn.seq) for name, turn in kept.items()}
    gone = {name for name in kept if name.startswith("msg_7")}
    assert {name for name, why in told.items() if why} == gone
    assert {told[name] for name in gone} == {"deleted"}


@pytest.mark.promise("C31", "P3")
def test_c31_imported_history_is_read(tool: Tool) -> None:
    """Sessions that opencode imports later with their old times are delivered."""
    cursor = tool.read()[-1].cursor
    tool.message("msg_0", 1_700_000_000_000, role="user")
    tool.part("prt_0", "msg_0", 1_700_000_000_000, type="text", text="Long ago")
    assert {"msg_0": "Long ago"} == contents(tool.read(cursor))


@pytest.mark.promise("C32", "P3")
def test_c32_two_parts_in_one_millisecond(tool: Tool) -> None:
    """A part that is written in the millisecond of the watermark, after it was read, is seen."""
    tool.message("msg_9", NOW, role="assistant", modelID="m")
    tool.part("prt_91", "msg_9", NOW, type="text", text="One")
    cursor = tool.read()[-1].cursor
    tool.part("prt_92", "msg_9", NOW, type="text", text="Two")
    assert {"msg_9.answer.0": "One", "msg_9.answer.1": "Two"} == contents(tool.read(cursor))


@pytest.mark.promise("C33", "P8", "P5")
def test_c33_an_older_backup_replaces_nothing_newer(tool: Tool, tmp_path: Path) -> None:
    """A restored backup is a new generation, and its turns have no higher revisions."""
    tool.connection.execute("VACUUM INTO ?", (str(tmp_path / "backup.db"),))
    tool.connection.execute("UPDATE session SET time_updated = ?", (NOW,))
    tool.part("prt_71", "msg_7", NOW, type="text", text="I am done")
    newer = tool.read()
    tool.connection.close()
    for path in tmp_path.glob("opencode.db*"):
        path.unlink()
    shutil.copyfile(tmp_path / "backup.db", tool.path)
    with pytest.raises(SourceReplaced):
        tool.read(newer[-1].cursor)
    assert turns(newer + tool.read())["ses_main", "msg_7.answer.0"].content == "I am done"


@pytest.mark.promise("C34", "P3")
def test_c34_what_stands_in_the_log_alone_is_read(tool: Tool) -> None:
    """The source's size and time count the log in, and what stands there is delivered."""
    tool.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    tool.connection.execute("PRAGMA wal_autocheckpoint = 0")
    before, cursor = only_source(OpencodeParser(), tool.path), tool.read()[-1].cursor
    status = tool.path.stat()
    tool.message("msg_9", NOW, role="user")
    tool.part("prt_91", "msg_9", NOW, type="text", text="In the log")
    assert status.st_mtime_ns == tool.path.stat().st_mtime_ns
    assert only_source(OpencodeParser(), tool.path).size > before.size
    assert {"msg_9": "In the log"} == contents(tool.read(cursor))


@pytest.mark.promise("C35", "P9", "P16")
def test_c35_an_exclusive_lock_is_no_loss(tool: Tool) -> None:
    """While opencode holds its database exclusively it is unreadable, and read afterwards."""
    tool.connection.execute("PRAGMA journal_mode=DELETE")
    tool.connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(SourceUnreadable):
        tool.read()
    tool.connection.execute("ROLLBACK")
    assert tool.read()


@pytest.mark.promise("C36", "P16")
def test_c36_no_read_holds_up_a_checkpoint(tool: Tool) -> None:
    """The log can be emptied between any two records."""
    records = OpencodeParser().read(only_source(OpencodeParser(), tool.path), None)
    for number, _ in enumerate(records):
        if number < 20:
            tool.part(f"prt_w{number}", "msg_7", NOW + number, type="text", text="more")
        busy, *_ = tool.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert busy == 0


@pytest.mark.promise("C37", "P9")
@pytest.mark.parametrize("change", ["DROP TABLE part", "ALTER TABLE part DROP COLUMN data"])
def test_c37_an_unknown_schema_is_unsupported(tool: Tool, change: str) -> None:
    """A database without the tables or columns of any version is refused."""
    tool.connection.execute(change)
    with pytest.raises(SourceUnsupported):
        tool.read()


@pytest.mark.promise("C38", "P16")
def test_c38_reading_changes_no_file(tool: Tool) -> None:
    """Neither the database nor its log and index are touched, nor any file made."""
    tool.connection.close()
    folder = tool.path.parent
    before = {p.name: (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir()}
    assert tool.read()
    assert before == {p.name: (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir()}


def test_secrets_beside_the_transcripts_stay_there(tool: Tool) -> None:
    """Tables with tokens are never read."""
    tool.connection.execute("INSERT INTO account VALUES ('a', 'canary-of-a-token')")
    assert "canary-of-a-token" not in repr(tool.read())


def test_a_fork_counts_its_copies_once(tool: Tool) -> None:
    """A fork gives messages other ids; the usage of a copied reply keeps its key."""
    kept = turns(tool.read())
    original, copy = kept["ses_main", "msg_2.answer.0"], kept["ses_fork", "msg_f2.answer.0"]
    assert original.usage
    assert original.usage == copy.usage


def test_calls_that_share_an_id_are_all_kept(tool: Tool) -> None:
    """A model that gives two calls of a message one id loses neither."""
    tool.message("msg_9", NOW, role="assistant", modelID="m")
    for number in range(3):
        state = {"status": "completed", "input": {"command": f"run {number}"}, "output": "ok"}
        name = f"prt_9{number}"
        tool.part(name, "msg_9", NOW, type="tool", tool="bash", callID="call", state=state)
    lines = [line for name, line in contents(tool.read()).items() if name.startswith("msg_9.call")]
    assert ["bash: run 0", "bash: run 1", "bash: run 2"] == lines


def test_parallel_replies_have_usage_of_their_own(tool: Tool) -> None:
    """Replies of one millisecond with other numbers have other keys."""
    for name, tokens in (("msg_p", {"input": 5}), ("msg_q", {"input": 6})):
        tool.message(name, NOW, role="assistant", modelID="m", finish="stop", tokens=tokens)
    kept = turns(tool.read())
    usages = [kept["ses_main", f"{name}.usage"].usage for name in ("msg_p", "msg_q")]
    assert [5, 6] == [usage.input for usage in usages if usage]
    assert len({usage.key for usage in usages if usage}) == 2


@pytest.mark.promise("P5", "P4")
def test_an_upgrade_to_2_doubles_nothing(tmp_path: Path) -> None:
    """What was read from files and old tables is what the new tables tell, under the same ids."""
    tool = Tool(tmp_path / "opencode.db")
    tool.run("upgraded/opencode.sql")
    shutil.copytree(SAMPLES / "files" / "storage", tmp_path / "storage")
    parser = OpencodeParser()
    [database, *files] = parser.discover(tmp_path)
    old = read_records(parser, database)
    copies = [record for source in files for record in read_records(parser, source)]
    tool.run("upgraded/upgrade.sql")
    new = tool.read(old[-1].cursor)
    tool.connection.close()

    before, after = turns(old), turns(new)
    assert before.keys() <= after.keys()
    assert {key for key in turns(copies) if key[0] == "ses_old"} == before.keys()
    for key, turn in before.items():
        assert (turn.seq, turn.content, turn.usage) == (
            after[key].seq,
            after[key].content,
            after[key].usage,
        )
    assert len(turns(old + new)) == len(after)


def test_a_file_that_is_rewritten_is_read_again(tmp_path: Path) -> None:
    """A part of a message of 1.1 changes: its message comes again, with a higher revision."""
    shutil.copytree(SAMPLES / "files" / "storage", tmp_path / "storage")
    parser = OpencodeParser()
    first = {s.path.stem: (s, read_records(parser, s)) for s in parser.discover(tmp_path)}
    path = tmp_path / "storage" / "part" / "msg_2" / "prt_4.json"
    part = json.loads(path.read_text()) | {"text": "Watered well."}
    path.write_text(json.dumps(part))
    [again] = [s for s in parser.discover(tmp_path) if s.path.stem == "ses_old"]
    source, records = first["ses_old"]
    assert (again.size, again.mtime_ns) != (source.size, source.mtime_ns)
    fresh = read_records(parser, again, records[-1].cursor)
    assert contents(fresh)["msg_2.answer.0"] == "Watered well."
    key = ("ses_old", "msg_2.answer.0")
    assert turns(fresh)[key].revision > turns(records)[key].revision


def test_roots_follow_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The data directory, and a database that is named elsewhere, are looked at."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("OPENCODE_DB", raising=False)
    assert [tmp_path / "opencode"] == list(OpencodeParser().default_roots())
    monkeypatch.setenv("OPENCODE_DB", str(tmp_path / "mine.db"))
    expected = [tmp_path / "opencode", tmp_path / "mine.db"]
    assert expected == list(OpencodeParser().default_roots())


def test_a_session_tells_its_title_and_parent(tool: Tool) -> None:
    """Made-up titles are taken, default ones are not; a subagent names its parent."""
    events = read_events(OpencodeParser(), only_source(OpencodeParser(), tool.path))
    metas = {e.session_id: e.session_meta for e in events if isinstance(e, SessionEvent)}
    assert ("Which beds are dry", "generated") == (
        metas["ses_main"].title,
        metas["ses_main"].title_source,
    )
    child = metas["ses_child"]
    assert (None, "ses_main", "subagent") == (child.title, child.parent_session_id, child.relation)


def test_the_command_that_resumes_a_session() -> None:
    """The command names the session and goes to its directory."""
    expected = "cd '~/my garden' && opencode --session ses_1"
    assert expected == OpencodeParser().resume_command("ses_1", "~/my garden")


def test_the_files_before_0_6_give_the_same(tmp_path: Path) -> None:
    """Sessions in folders of their projects have the turns that they have when they were moved."""
    new, old = tmp_path / "new", tmp_path / "old"
    shutil.copytree(SAMPLES / "files" / "storage", new / "storage")
    session = old / "project" / "home-kim-garden" / "storage" / "session"
    shutil.copytree(new / "storage" / "session" / "garden", session / "info")
    shutil.copytree(new / "storage" / "message", session / "message")
    for message in (new / "storage" / "message").glob("*/*.json"):
        own = new / "storage" / "part" / message.stem
        if own.is_dir():
            shutil.copytree(own, session / "part" / message.parent.name / message.stem)
    parser = OpencodeParser()
    found = [
        {
            (turn.session_id, turn.turn_id): (turn.content, turn.seq, turn.usage)
            for source in parser.discover(root)
            for turn in read_events(parser, source)
            if isinstance(turn, TurnEvent)
        }
        for root in (new, old)
    ]

    assert found[0]
    assert found[0] == found[1]


def test_a_session_before_0_6_is_where_its_answers_were_made(tmp_path: Path) -> None:
    """These sessions do not tell their directory; their answers do."""
    session = tmp_path / "project" / "global" / "storage" / "session"
    for name, data in {
        "info/ses_1.json": {"id": "ses_1", "title": "Rakes", "time": {"updated": 2}},
        "message/ses_1/msg_1.json": {"id": "msg_1", "role": "user", "time": {"created": 1}},
        "message/ses_1/msg_2.json": {"id": "msg_2", "role": "assistant", "path": {"cwd": "/srv"}},
    }.items():
        (session / name).parent.mkdir(parents=True, exist_ok=True)
        (session / name).write_text(json.dumps(data))
    parser = OpencodeParser()
    [source] = parser.discover(tmp_path)
    [event] = read_events(parser, source)

    assert isinstance(event, SessionEvent)
    assert event.session_meta.working_dir == "/srv"


@pytest.mark.promise("C31")
def test_c31_what_is_undone_in_files_is_told(tmp_path: Path) -> None:
    """The file of a session names the message that all is undone from, as a row does."""
    shutil.copytree(SAMPLES / "files" / "storage", tmp_path / "storage")
    path = tmp_path / "storage" / "session" / "garden" / "ses_old.json"
    session = json.loads(path.read_text())
    path.write_text(json.dumps(session | {"revert": {"messageID": "msg_2"}}))
    parser = OpencodeParser()
    [source] = [one for one in parser.discover(tmp_path) if one.path == path]
    *said, last = read_events(parser, source)
    assert isinstance(last, SessionEvent)
    told = Removals(last.session_meta.metadata)

    assert {turn.turn_id.partition(".")[0] for turn in said if told.why(turn.seq)} == {"msg_2"}
    assert any(told.why(turn.seq) is None for turn in said)


@pytest.mark.parametrize("name", ["../../elsewhere", "/elsewhere", "a\0b", "n" * 300, "..", ""])
@pytest.mark.parametrize("folder", ["session/garden", "message/ses_old"])
def test_an_id_that_is_no_name_leads_nowhere(tmp_path: Path, folder: str, name: str) -> None:
    """What belongs to a session or a message is looked for below the store alone."""
    shutil.copytree(SAMPLES / "files" / "storage", tmp_path / "storage")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "settings.json").write_text('{"type": "text", "text": "not a part"}')
    parser = OpencodeParser()
    [source] = [one for one in parser.discover(tmp_path) if one.path.stem == "ses_old"]
    expected = contents(read_records(parser, source))
    path = next((tmp_path / "storage" / folder).glob("*.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"id": name}))
    found = contents(read_records(parser, source))

    assert sorted(found.values()) == sorted(expected.values())
