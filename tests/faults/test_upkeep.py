"""Backup, restore, and damage that is found and mended."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading

import apsw
import pytest
from fakes.served import ServerProcess, turn
from fakes.waiting import until_now
from faults.test_disks import needs_strace

from lethe_core.errors import ConfigInvalid
from lethe_server.storage.backups import back_up, restore


@pytest.fixture
def server(tmp_path):
    """A server that is not started yet."""
    server = ServerProcess(tmp_path)
    yield server
    server.kill()


def command(server, *arguments, **options):
    """Run a command of the server; return exit code and all that it wrote."""
    done = subprocess.run(
        [sys.executable, "-m", "lethe_server", *map(str, arguments), "--config", server.config],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )
    return done.returncode, done.stdout + done.stderr


def fill(server, sessions=3, turns=40):
    """Store some turns."""
    for number in range(sessions):
        status, _ = server.send(*[turn(f"s{number}", n) for n in range(turns)])
        assert status == 200


def overwrite_pages(path, table):
    """Write garbage over a page of a table, as a bad disk does."""
    connection = apsw.Connection(str(path))
    root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).get
    size = connection.pragma("page_size")
    connection.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)


class Writer(threading.Thread):
    """Sends turns until it is told to stop; knows what was acknowledged."""

    def __init__(self, server):
        super().__init__()
        self._server = server
        self._ended = threading.Event()
        self.acknowledged = 0

    def run(self):
        """Send one turn after the other."""
        while not self._ended.is_set():
            status, _ = self._server.send(turn("busy", self.acknowledged))
            assert status == 200
            self.acknowledged += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self.join()


def count(path, session):
    """How many turns of a session a database has."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        return connection.execute(
            "SELECT count(*) FROM turns t JOIN sessions s ON s.id = t.session"
            " WHERE s.session_id = ?",
            (session,),
        ).get
    finally:
        connection.close()


@pytest.mark.promise("I25", "O1", "O01", "A7")
def test_i25_backup_under_load(server, tmp_path):
    """It is whole, private, one file, and holds all that was acknowledged before it began."""
    target = tmp_path / "copies" / "lethe.db"
    target.parent.mkdir()
    server.start()
    fill(server)
    with Writer(server) as writer:
        until_now(lambda: writer.acknowledged > 20)
        before = writer.acknowledged
        code, told = command(server, "backup", target)
        assert code == 0, told
        again, why = command(server, "backup", target)

    assert count(target, "busy") >= before
    assert count(target, "s0") == 40
    assert [path.name for path in target.parent.iterdir()] == ["lethe.db"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert (again, "there is a file already" in why) == (78, True)


@needs_strace
@pytest.mark.promise("I25", "O1")
@pytest.mark.parametrize("moment", [1, 2, 3])
def test_i25_killed_in_the_middle_it_names_nothing_as_good(server, tmp_path, moment):
    """Whenever it is killed, there is a whole backup under its name, or none."""
    target = tmp_path / "copies" / "lethe.db"
    target.parent.mkdir()
    server.start()
    fill(server)
    process = subprocess.Popen(
        [
            *("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,pwrite64"),
            *("-e", f"inject={'fsync' if moment > 1 else 'pwrite64'}:signal=KILL:when={moment}"),
            *(sys.executable, "-m", "lethe_server", "backup", target, "--config", server.config),
        ]
    )
    process.wait(120)

    assert process.returncode != 0 or target.exists()
    if target.exists():
        assert count(target, "s2") == 40
    code, told = command(server, "backup", tmp_path / "copies" / "second.db")
    assert code == 0, told


@pytest.mark.promise("O1")
def test_o1_disks_on_which_a_file_has_one_name(server, tmp_path, monkeypatch):
    """A backup gets its name all the same and replaces nothing; a restore keeps the old."""

    def link(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", link)
    target = tmp_path / "copies" / "lethe.db"
    target.parent.mkdir()
    back_up(server.data, target)
    with pytest.raises(ConfigInvalid, match="there is a file already"):
        back_up(server.data, target)
    aside = restore(target, server.data)

    assert [path.name for path in target.parent.iterdir()] == ["lethe.db"]
    assert tables(target) == tables(aside) == tables(server.database)
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600


@pytest.mark.promise("O1", "I21")
def test_o1_restored_archive_answers_as_before(server, tmp_path):
    """A restore needs the server stopped, keeps the old database, and brings back everything."""
    target = tmp_path / "copy.db"
    server.start()
    fill(server)
    before = server.turns()
    assert command(server, "backup", target)[0] == 0
    fill(server, sessions=5)
    refused, why = command(server, "restore", target)
    server.stop()
    code, told = command(server, "restore", target)
    server.start()

    assert (refused, "stop the server first" in why) == (75, True)
    assert code == 0, told
    assert server.turns() == before
    assert server.hits(["s1"]) == {"s1": 40}
    aside = [path for path in server.data.iterdir() if "replaced" in path.name]
    assert count(aside[0], "s4") == 40
    assert server.send(turn("s9", 1))[0] == 200


@pytest.mark.promise("O1")
def test_o1_beside_a_server_a_damaged_database_is_not_replaced(server, tmp_path):
    """A server runs, whatever state its database is in."""
    target = tmp_path / "copy.db"
    server.start()
    assert command(server, "backup", target)[0] == 0
    with server.database.open("r+b") as file:
        file.write(b"\xa5" * 4096)
    before = server.database.read_bytes()
    refused, why = command(server, "restore", target)

    assert (refused, "stop the server first" in why) == (75, True)
    assert server.database.read_bytes() == before


@pytest.mark.promise("O1")
def test_a_second_server_is_refused(server):
    """One server has an archive open, whatever address another one would listen on."""
    with server:
        code, why = command(server, "serve", "--listen", "127.0.0.1:0")
    with server:
        assert server.ask("/healthz")[0] == 200

    assert (code, "another program has the archive open" in why) == (75, True)


@pytest.mark.promise("O1", "P1")
def test_o1_files_of_a_killed_server_are_restored_with_their_log(server, tmp_path):
    """What was committed and stands in the log alone comes back, and the copy stays as it is."""
    copy = tmp_path / "copy"
    server.start()
    fill(server)
    server.kill()
    shutil.copytree(server.data, copy)
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    assert before["lethe.db-wal"]
    code, told = command(server, "restore", copy / "lethe.db")

    assert code == 0, told
    assert count(server.database, "s2") == 40
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


@pytest.mark.promise("O1")
def test_o1_a_log_that_a_killed_restore_left_is_not_taken(server, tmp_path):
    """A backup without a log is restored as it is, whatever lies where it is copied to."""
    target, copy = tmp_path / "copy.db", tmp_path / "killed"
    server.start()
    assert command(server, "backup", target)[0] == 0
    fill(server)
    server.kill()
    shutil.copytree(server.data, copy)
    shutil.copy(copy / "lethe.db-wal", server.data / ".lethe.db.restoring-wal")
    code, told = command(server, "restore", target)

    assert code == 0, told
    assert count(server.database, "s2") == 0


@needs_strace
@pytest.mark.promise("O1")
@pytest.mark.parametrize(
    ("step", "which"),
    [("fsync", 1), ("/^link", 1), ("fsync", 2), ("fsync", 3), ("/^rename", 1), ("fsync", 4)],
)
def test_o1_a_restore_killed_in_the_middle(server, tmp_path, step, which):
    """The old database is there, or the new one without a log of the old one; again, it works."""
    target, wal = tmp_path / "copy.db", server.data / "lethe.db-wal"
    back_up(server.data, target)
    later = apsw.Connection(str(server.database))
    later.execute("CREATE TABLE later (x)")
    files = {path: path.read_bytes() for path in (server.database, wal)}
    later.close()
    for path, data in files.items():
        path.write_bytes(data)
    process = subprocess.run(
        [
            *("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={step}"),
            *("-e", f"inject={step}:signal=KILL:when={which}"),
            *(sys.executable, "-m", "lethe_server", "restore", target, "--config", server.config),
        ],
        check=False,
        capture_output=True,
    )
    is_new = server.database.read_bytes() == target.read_bytes()

    assert process.returncode
    assert not (is_new and wal.exists())
    assert is_new or "later" in tables(server.database)
    restore(target, server.data)
    assert "later" not in tables(server.database)
    assert {"later" in tables(path) for path in server.data.glob("lethe.db.replaced-*")} >= {True}


def tables(path):
    """Name the tables of a database."""
    connection = apsw.Connection(str(path))
    try:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    finally:
        connection.close()


@pytest.mark.promise("O1")
def test_o1_damaged_backup_is_not_restored(server, tmp_path):
    """What is damaged, or no database of lethe, replaces nothing."""
    damaged, other = tmp_path / "damaged.db", tmp_path / "other.db"
    with server:
        fill(server)
        assert command(server, "backup", damaged)[0] == 0
        server.stop()
    overwrite_pages(damaged, "turns")
    other.write_text("no database")
    size = server.database.stat().st_size

    assert command(server, "restore", damaged)[0] == 75
    assert command(server, "restore", other)[0] == 78
    assert command(server, "restore", tmp_path / "absent.db")[0] == 78
    assert server.database.stat().st_size == size
    assert {path.name for path in server.data.iterdir()} == {"lethe.db", "server.lock"}


@pytest.mark.promise("I22", "O3")
def test_i22_damaged_index_is_found_and_made_anew(server):
    """A damaged search index is told; it is made again of the turns, which stay as they are."""
    with server:
        fill(server)
        before = server.turns()
        server.stop()
    with sqlite3.connect(server.database) as connection:
        connection.execute("UPDATE search_turns_1_data SET block = x'00ff00ff' WHERE id > 1")
        connection.execute("DELETE FROM search_places WHERE place % 7 = 0")
    connection.close()

    code, told = command(server, "integrity")
    mended, _ = command(server, "integrity", "--rebuild-index")
    server.start()

    assert code == 1
    assert "search" in told
    assert mended == 0
    assert server.turns() == before
    assert server.hits(["s1"]) == {"s1": 40}


@pytest.mark.promise("I22")
def test_i22_wrong_sums_are_found_and_made_anew(server, tmp_path):
    """What the statistics add up is told if it is not what the turns say, and made of these."""
    with server:
        fill(server)
        server.stop()
    connection = apsw.Connection(str(server.database))
    connection.execute("DELETE FROM activity WHERE session = 2")
    connection.close()

    code, told = command(server, "integrity")
    copied, _ = command(server, "backup", tmp_path / "copy.db")
    mended, _ = command(server, "integrity", "--rebuild-index")
    server.start()

    assert copied == 0
    assert (code, told.splitlines()[-1]) == (
        1,
        "statistics: 1 sessions are counted otherwise than their turns say",
    )
    assert mended == 0
    assert server.ask("/api/v1/stats")[1]["totals"]["turns"] == 120


@pytest.mark.promise("I22", "O3", "A8")
def test_i22_damaged_page_is_told(server):
    """A damaged page makes the server unready, by name, from the moment that it is read."""
    with server:
        fill(server, sessions=6, turns=200)
        server.stop()
    overwrite_pages(server.database, "turns")
    server.start()
    status, answer = server.ask("/api/v1/sessions/toy/box/s0")
    unready, checks = server.ask("/readyz")

    assert (status, answer["code"]) == (503, "INTEGRITY")
    assert "restore" in answer["hint"]
    assert unready == 503
    assert checks["checks"]["database"] == {"status": "error", "code": "INTEGRITY"}
    assert server.ask("/healthz")[0] == 200
    assert command(server, "integrity")[0] == 1


@pytest.mark.promise("O1")
def test_integrity_beside_a_running_server(server):
    """A whole archive is told as whole, while a server writes to it."""
    with server, Writer(server) as writer:
        fill(server)
        until_now(lambda: writer.acknowledged > 5)

        assert command(server, "integrity") == (0, "ok\n")
