"""What a backup or a restore says when it cannot be."""

from __future__ import annotations

import os
from types import SimpleNamespace

import apsw
import pytest

from lethe_core.errors import ConfigInvalid
from lethe_server.errors import StorageFailed, StorageFull
from lethe_server.storage import Store, backups
from lethe_server.storage.backups import back_up, restore


@pytest.fixture
def archive(tmp_path):
    """The directory of an archive."""
    Store.open(tmp_path / "data").close()
    return tmp_path / "data"


@pytest.mark.promise("O1")
def test_o1_a_full_disk_is_that_of_the_copy(archive, tmp_path, monkeypatch):
    """Who writes to a stick is not sent to the server's disk; nothing is left behind."""

    def fail(*_):
        raise apsw.FullError

    monkeypatch.setattr(backups, "_copy", fail)
    stick = tmp_path / "stick"
    stick.mkdir()
    with pytest.raises(StorageFull) as told:
        back_up(archive, stick / "copy.db")

    assert told.value.message == f"{stick}: there is no room for the copy"
    assert "data_dir" not in told.value.hint
    assert list(stick.iterdir()) == []


@pytest.mark.promise("O1")
def test_o1_a_disk_that_has_become_read_only(archive, tmp_path, monkeypatch):
    """The system makes a failing disk read-only; the hint says how to get the archive off it."""
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
    with pytest.raises(StorageFailed, match="read-only") as told:
        back_up(archive, tmp_path / "copy.db")

    assert f"lethe-server restore {archive / 'lethe.db'} --data-dir" in told.value.hint
    restore(archive / "lethe.db", tmp_path / "elsewhere")
    Store.open(tmp_path / "elsewhere").close()


@pytest.mark.promise("O1")
def test_o1_errors_name_the_file_that_was_given(archive, tmp_path):
    """Not the unfinished copy of it, which nobody knows and which is gone."""
    (tmp_path / "other.db").write_text("no database")
    with pytest.raises(ConfigInvalid, match=r"other\.db: is no database of lethe"):
        restore(tmp_path / "other.db", archive)

    (archive / "lethe.db").write_bytes(b"")
    with pytest.raises(ConfigInvalid, match=r"lethe\.db: is no database of lethe"):
        back_up(archive, tmp_path / "copy.db")
