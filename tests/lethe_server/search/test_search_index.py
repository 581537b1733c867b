"""The index holds what the turns say, whatever happened to them."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import apsw
import apsw.shell
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lethe_core.wire import decode_line
from lethe_server.errors import StorageFailed
from lethe_server.search.query import parse_query
from lethe_server.search.searching import Search, search_turns
from lethe_server.storage import prepare_record, reindexing
from lethe_server.storage.migrations import known_migrations, migrate
from lethe_server.storage.ranking import register_functions
from lethe_server.storage.reindexing import reindex_owner, update_indexes
from lethe_server.storage.search_index import SOURCES, table_of
from lethe_server.storage.transactions import write_transaction
from lethe_server.storage.turns import store_records

NOW = datetime(2026, 11, 20, tzinfo=UTC)
OWNER = 1


def _turn(number, content, *, output=None, **fields):
    event = {
        "tool": "claude-code",
        "host": "laptop",
        "session_id": "s1",
        "turn_id": f"turn-{number}",
        "seq": number,
        "role": "user",
        "timestamp": 1_700_000_000 + number,
        "content": content,
        "tool_calls": [{"id": "c", "output": output}] if output else [],
    }
    return event | fields


def _store(connection, *events):
    records = [prepare_record(decode_line(json.dumps(event).encode())) for event in events]
    with write_transaction(connection):
        store_records(connection, "alice", records)


@pytest.fixture
def connection():
    """An empty archive in memory."""
    connection = _archive()
    yield connection
    connection.close()


def _archive():
    connection = apsw.Connection(":memory:")
    migrate(connection)
    register_functions(connection)
    return connection


def _found(connection, q, *, outputs=False):
    search = Search(query=parse_query(q, NOW), identity=(), owner="alice", include_outputs=outputs)
    return [result.turn.turn_id for result in search_turns(connection, search).results]


def _words(connection):
    """Everything that the index holds: source, turn, column, place in it, word."""
    words = set()
    for source in SOURCES:
        table = table_of(source, OWNER)
        connection.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.words_{source} "
            f"USING fts5vocab(main, {table}, instance)"
        )
        rows = connection.execute(
            f"SELECT t.turn_id, v.col, v.offset, v.term FROM words_{source} AS v "
            "JOIN search_places AS p ON p.owner = ? AND p.place = v.doc "
            "JOIN turns AS t ON t.id = p.turn",
            (OWNER,),
        )
        words |= {(source, *row) for row in rows}
    return words


def _check(connection):
    """Let FTS5 check its own tables."""
    for source in SOURCES:
        table = table_of(source, OWNER)
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")


words = st.lists(st.sampled_from(["rose", "tulip", "getUserName", "数据库"]), max_size=3)
turns = st.builds(
    lambda number, said, printed, revision, second: _turn(
        number,
        " ".join(said),
        output=" ".join(printed) or None,
        revision=revision,
        timestamp=second,
    ),
    st.integers(0, 4),
    words,
    words,
    st.integers(0, 3),
    st.none() | st.integers(0, 2),
)


def _distinct(events):
    """Of one turn and revision, one content: which of two differing ones stays is first come."""
    return list({(event["turn_id"], event["revision"]): event for event in events}.values())


@pytest.mark.promise("I04", "P4", "P5")
@settings(max_examples=40, deadline=None)
@given(st.lists(turns, min_size=1, max_size=12).map(_distinct), st.data())
def test_i04_index_depends_on_neither_order_nor_repetition(events, data):
    """Sent in any order, in parts and twice, the turns are indexed as if sent once."""
    once, parts = _archive(), _archive()
    _store(once, *events)
    for event in data.draw(st.permutations(events + events)):
        _store(parts, event)

    assert _words(parts) == _words(once)
    _check(parts)
    reindexed = _words(parts)
    with write_transaction(parts):
        reindex_owner(parts, OWNER)
    assert _words(parts) == reindexed


@pytest.mark.promise("I05", "P5")
def test_i05_old_revision_changes_nothing_in_the_index(connection):
    """What was replaced is found no more, and an old copy that comes late does not return."""
    _store(connection, _turn(1, "roses", output="thorns", revision=0))
    _store(connection, _turn(1, "tulips", output="bulbs", revision=2))
    _store(connection, _turn(1, "violets", output="leaves", revision=1))
    _store(connection, _turn(1, "orchids", output="pots", revision=2))

    assert _found(connection, "tulips") == ["turn-1"]
    assert _found(connection, "bulbs", outputs=True) == ["turn-1"]
    for gone in ("roses", "violets", "orchids", "thorns", "leaves", "pots"):
        assert _found(connection, gone, outputs=True) == []


def test_replaced_turn_without_text_leaves_the_index(connection):
    """A turn that became empty, or that no parser understands any more, is found no more."""
    _store(connection, _turn(1, "roses"), _turn(2, "roses"))
    _store(connection, _turn(1, "", revision=1))
    _store(connection, _turn(2, "roses", revision=1, metadata={"kind": "unmapped"}))

    assert _found(connection, "roses") == []
    assert connection.execute("SELECT count(*) FROM search_places").get == 0


@pytest.mark.promise("I06", "P6")
def test_i06_newest_come_first_whatever_the_order_of_arrival(connection):
    """Hits stand in the order of their time, not of their arrival."""
    _store(connection, _turn(3, "rose"))
    _store(connection, _turn(1, "rose"))
    _store(connection, _turn(2, "rose"))

    assert _found(connection, "session:s1") == ["turn-3", "turn-2", "turn-1"]


@pytest.mark.promise("I06")
def test_i06_project_that_becomes_known_late_is_found(connection):
    """A condition on the project holds for turns that were indexed before it was known."""
    _store(connection, _turn(1, "rose"))
    _store(connection, _turn(2, "rose", session_meta={"working_dir": "/src/garden"}))

    assert set(_found(connection, "rose project:garden")) == {"turn-1", "turn-2"}


@pytest.mark.promise("I21", "O1", "P4")
def test_i21_search_works_after_vacuum_backup_and_dump(connection, tmp_path):
    """Hits join the right turns in a vacuumed, a backed-up and a restored database."""
    _store(connection, *(_turn(n, f"rose {n}", output=f"thorn {n}") for n in range(1, 50)))
    _store(connection, *(_turn(n, f"tulip {n}", revision=1) for n in range(1, 50, 2)))
    wanted = [(q, _found(connection, q, outputs=True)) for q in ("rose", "tulip", "thorn", "8")]

    backup = apsw.Connection(str(tmp_path / "backup.db"))
    with backup.backup("main", connection, "main") as copying:
        copying.step()
    connection.execute("VACUUM INTO ?", (str(tmp_path / "vacuumed.db"),))
    restored = apsw.Connection(str(tmp_path / "restored.db"))
    _restore(connection, restored)

    for copy in (connection, backup, apsw.Connection(str(tmp_path / "vacuumed.db")), restored):
        register_functions(copy)
        assert [(q, _found(copy, q, outputs=True)) for q, _ in wanted] == wanted
        _check(copy)
    connection.execute("VACUUM")
    assert [(q, _found(connection, q, outputs=True)) for q, _ in wanted] == wanted


def _restore(connection, restored):
    """Write an archive as SQL and read it again."""
    dump = io.StringIO()
    apsw.shell.Shell(db=connection, stdout=dump, stderr=dump).process_command(".dump")
    restored.execute(dump.getvalue())


def test_archive_of_before_the_index_is_indexed_when_it_is_opened(connection):
    """An archive that has turns and no index is searched like one that was always indexed."""
    events = [
        _turn(1, "roses", output="thorns"),
        _turn(2, "roses", metadata={"kind": "unmapped"}),
        _turn(3, "getUserName"),
    ]
    _store(connection, *events)
    wanted = _words(connection)
    old = apsw.Connection(":memory:")
    migrate(old, known_migrations()[:1])
    for name in ("owners", "sessions", "turns"):
        names = [row[1] for row in old.execute(f"PRAGMA table_info({name})")]
        rows = list(connection.execute(f"SELECT {', '.join(names)} FROM {name}"))
        old.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(names))})", rows)

    migrate(old)
    update_indexes(old)

    register_functions(old)
    assert _words(old) == wanted
    assert _found(old, "thorns", outputs=True) == ["turn-1"]


def test_index_of_another_version_is_built_anew(connection):
    """What an older program indexed is made again; what is up to date is left alone."""
    _store(connection, _turn(1, "roses"))
    table = table_of("turns", OWNER)
    connection.execute(f"DELETE FROM {table}")
    update_indexes(connection)
    assert _found(connection, "roses") == []

    connection.execute("UPDATE search_owners SET version = 0")
    update_indexes(connection)

    assert _found(connection, "roses") == ["turn-1"]
    _check(connection)


def test_rebuilding_that_fails_leaves_the_old_index(connection, monkeypatch):
    """An index is replaced as a whole or not at all."""
    _store(connection, *(_turn(n, "roses") for n in range(3)))
    connection.execute("UPDATE search_owners SET version = 0")
    monkeypatch.setattr(reindexing, "index_turns", _fail)

    with pytest.raises(StorageFailed):
        update_indexes(connection)

    assert len(_found(connection, "roses")) == 3


def _fail(*_):
    raise apsw.IOError("the disk is gone")
