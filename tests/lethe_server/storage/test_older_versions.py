"""Archives of older versions: what one does before an upgrade, and with backups from before it."""

from __future__ import annotations

import contextlib

import apsw
import pytest
from fakes.sessions import find, read_slice

from lethe_server.errors import StorageFailed
from lethe_server.storage import (
    SessionKey,
    Store,
    TokenBook,
    TurnPlace,
    database,
)
from lethe_server.storage.backups import back_up, restore
from lethe_server.storage.database import open_database
from lethe_server.storage.migrations import known_migrations, migrate
from lethe_server.storage.upkeep import check_archive, rebuild_search

VERSIONS = range(1, len(known_migrations()) + 1)
ROWS = (
    "INSERT INTO owners (id, name) VALUES (1, 'kim')",
    """
    INSERT INTO sessions (id, owner, tool, host, session_id, turns, user_turns, state)
    VALUES (1, 1, 'tool', 'box', 's', 1, 1, x'5b5d')
    """,
    """
    INSERT INTO turns (owner, session, seq, seq_version, revision, parser_version, digest, role,
        calls, tokens_in, tokens_out, cache_read, cache_write, reasoning, cost_nano, turn_id,
        content)
    VALUES (1, 1, 0, 1, 0, 1, 0, 'user', 0, 0, 0, 0, 0, 0, 0, 't', 'how it was')
    """,
)


def archive_of(directory, version):
    """Make an archive with one turn as a server of that version has left it."""
    directory.mkdir()
    connection = apsw.Connection(str(directory / "lethe.db"))
    migrate(connection, known_migrations()[:1])
    for statement in ROWS:
        connection.execute(statement)
    migrate(connection, known_migrations()[:version])
    connection.close()
    return directory


def version_of(path):
    """The version of a database."""
    connection = apsw.Connection(str(path))
    try:
        return connection.pragma("user_version")
    finally:
        connection.close()


@pytest.mark.promise("O1", "I25")
@pytest.mark.parametrize("version", VERSIONS)
async def test_o1_backups_of_each_version_are_made_and_restored(tmp_path, version):
    """Before an upgrade one backs up; the copy is of the old version, and opens after it."""
    old = archive_of(tmp_path / "old", version)
    assert check_archive(old) == []
    back_up(old, tmp_path / "copy.db")
    assert version_of(tmp_path / "copy.db") == version_of(old / "lethe.db") == version

    restore(tmp_path / "copy.db", tmp_path / "new")
    store = Store.open(tmp_path / "new")
    try:
        session = await find(store, "kim", SessionKey("tool", "box", "s"))
        page = await read_slice(store, "kim", session.id, TurnPlace.after(-1), 10)
        assert [turn.content for turn in page.turns] == ["how it was"]
    finally:
        store.close()


def list_tokens(directory):
    """Look at the tokens, as a command does."""
    with TokenBook(directory) as book:
        book.list()


@pytest.mark.promise("O2", "O10")
@pytest.mark.parametrize("opening", [rebuild_search, Store.open, list_tokens])
def test_o2_what_another_program_has_open_is_not_migrated(tmp_path, monkeypatch, opening):
    """A server that was not restarted yet would not keep what came with a later version."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    old = archive_of(tmp_path / "old", VERSIONS[-2])
    running = open_database(old / "lethe.db", writer=True)
    running.execute_sql("SELECT count(*) FROM turns").fetchone()
    try:
        with pytest.raises(StorageFailed, match="still of an older version") as refused:
            opening(old)
        assert "stop the server that runs" in refused.value.hint
        assert version_of(old / "lethe.db") == VERSIONS[-2]
    finally:
        running.close()
    Store.open(old).close()
    assert version_of(old / "lethe.db") == VERSIONS[-1]


async def versions_of(directory):
    """What tells the answers about the session from one another; see `Tagged`."""
    with contextlib.closing(Store.open(directory)) as store:
        session = await find(store, "kim", SessionKey("tool", "box", "s"))
    return session.id, session.version


async def test_a_restored_archive_of_an_older_version_is_none_that_a_browser_knows(tmp_path):
    """What went on after the backup had the same row; its page must not be taken for this one."""
    old = archive_of(tmp_path / "old", 3)
    back_up(old, tmp_path / "copy.db")
    went_on = await versions_of(old)
    restore(tmp_path / "copy.db", old)

    restored = await versions_of(old)

    assert went_on != restored
    assert restored == await versions_of(old)  # each start but the first keeps it
