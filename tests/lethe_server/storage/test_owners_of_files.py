"""Whose the files of an archive are after commands that root has called."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from lethe_server.storage import Store
from lethe_server.storage.backups import back_up, restore
from lethe_server.storage.database import prepare_directory

SERVER = (4321, 4322)


def _below(directory):
    return [path for path in directory.rglob("*") if path.is_symlink() or path.is_file()]


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Be root, in a directory that belongs to the server's user; what was given to whom."""
    chowned = {}
    stat = Path.stat

    def note(file, *to):
        number = os.fstat(file).st_ino
        chowned.update(
            {path.name: to for path in _below(tmp_path) if path.lstat().st_ino == number}
        )

    def tell(path, **options):
        found = stat(path, **options)
        if path != tmp_path / "data":
            return found
        return SimpleNamespace(st_mode=found.st_mode, st_uid=SERVER[0], st_gid=SERVER[1])

    Store.open(tmp_path / "data").close()
    back_up(tmp_path / "data", tmp_path / "copy.db")
    monkeypatch.setattr(Path, "stat", tell)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", note)
    monkeypatch.setattr(os, "chown", lambda path, *to: chowned.update({Path(path).name: to}))
    return chowned


@pytest.mark.promise("O1", "O01")
def test_o1_what_root_restores_belongs_to_the_servers_user(tmp_path, given):
    """The server that is started next can open the database, and its lock."""
    restore(tmp_path / "copy.db", tmp_path / "data")

    assert given[".lethe.db.restoring"] == given["server.lock"] == SERVER


@pytest.mark.promise("O01")
def test_o01_a_database_that_root_makes_belongs_to_the_servers_user(tmp_path, given):
    """As by a token that is made before the first start."""
    (tmp_path / "data" / "lethe.db").unlink()
    Store.open(tmp_path / "data").close()

    assert given["lethe.db"] == SERVER


def test_a_backup_belongs_to_who_made_it(tmp_path, given):
    """Whoever owns the directory that it is written to must not be able to read it."""
    back_up(tmp_path / "data", tmp_path / "data" / "second.db")

    assert not {name for name in given if "second" in name}


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_nothing_is_given_away_through_a_link(tmp_path, given, link):
    """Whoever owns the directory could else have root give them any file of the system."""
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"")
    (tmp_path / "data" / "lethe.db").unlink()
    link(foreign, tmp_path / "data" / "lethe.db")

    prepare_directory(tmp_path / "data")

    assert given == {}
