"""The files of the database belong to the user alone (O01), and how it is opened."""

from __future__ import annotations

import os
import stat

import apsw
import pytest

from lethe_core.errors import ConfigInvalid
from lethe_server.storage import Store
from lethe_server.storage.database import PAGE_BYTES, open_database


@pytest.mark.promise("O01", "A7")
@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_o01_files_are_private_whatever_the_umask(tmp_path, mask):
    """Directories are 0700 and files 0600, `-wal` and `-shm` included."""
    directory = tmp_path / "new" / "data"
    before = os.umask(mask)
    try:
        store = Store.open(directory)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
        store.close()
    finally:
        os.umask(before)

    names = ("lethe.db", "lethe.db-wal", "lethe.db-shm", "server.lock")
    assert dict.fromkeys(names, 0o600) == modes
    assert 0o700 == stat.S_IMODE(directory.stat().st_mode)


@pytest.mark.promise("O01", "A7")
def test_o01_a_directory_that_others_can_read_is_closed(tmp_path):
    """An existing directory and file are made private before anything is written."""
    (tmp_path / "lethe.db").touch(mode=0o644)
    tmp_path.chmod(0o755)
    Store.open(tmp_path).close()

    assert 0o700 == stat.S_IMODE(tmp_path.stat().st_mode)
    assert 0o600 == stat.S_IMODE((tmp_path / "lethe.db").stat().st_mode)


def test_a_directory_that_cannot_be_used_is_told(tmp_path):
    """A file in the place of the directory is an error of the configuration."""
    (tmp_path / "file").touch()

    with pytest.raises(ConfigInvalid, match="data_dir"):
        Store.open(tmp_path / "file")


@pytest.mark.parametrize("made", [PAGE_BYTES, 4096])
def test_a_database_keeps_its_pages(tmp_path, made):
    """A new database has pages of 8 KiB; an older one is opened and written with those it has."""
    if made != PAGE_BYTES:
        older = apsw.Connection(str(tmp_path / "lethe.db"))
        older.pragma("page_size", made)
        older.pragma("journal_mode", "wal")
        older.close()
    Store.open(tmp_path).close()
    database = open_database(tmp_path / "lethe.db", writer=True)

    assert database.connection().pragma("page_size") == made
    database.close()


@pytest.mark.parametrize("writer", [True, False])
def test_statements_are_prepared_once(tmp_path, writer):
    """A statement that was executed with some values is not prepared anew for others."""
    Store.open(tmp_path).close()
    database = open_database(tmp_path / "lethe.db", writer=writer)
    connection = database.connection()
    asked = []  # SQLite asks when a statement is prepared

    def note(*what):
        asked.append(what)
        return apsw.SQLITE_OK

    connection.authorizer = note
    counts = []
    for number in (1, 2, 3):
        where = (number, number, number)
        connection.execute(
            "SELECT id FROM turns WHERE owner = ? AND session = ? AND seq >= ? ORDER BY seq", where
        ).fetchall()
        counts.append(len(asked))
    connection.authorizer = None
    database.close()

    assert [counts[0]] * 3 == counts
