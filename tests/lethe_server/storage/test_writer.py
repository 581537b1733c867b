"""The writer: groups, failures that stay apart, faults of the disk that pass."""

from __future__ import annotations

import threading

import apsw
import pytest

from lethe_server.errors import Overloaded, StorageFailed, StorageFull
from lethe_server.storage import database as database_module
from lethe_server.storage import writer as writer_module
from lethe_server.storage.database import open_database, prepare_directory
from lethe_server.storage.writer import Writer

WAIT = 30.0


@pytest.fixture
def path(tmp_path):
    """A database with one table."""
    path = prepare_directory(tmp_path / "data")
    database = open_database(path, writer=True)
    database.connection().execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    database.close()
    return path


@pytest.fixture
def groups():
    """The sizes of the groups that were committed."""
    return []


@pytest.fixture
def writer(path, groups):
    """A writer on that database."""
    writer = Writer(path, lambda jobs, _seconds: groups.append(jobs))
    yield writer
    writer.close()


def insert(*numbers):
    """A job that inserts numbers."""

    def work(connection):
        connection.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in numbers])
        return sum(numbers)

    return work


def numbers(path):
    """What is committed, read by another connection."""
    connection = apsw.Connection(str(path))
    rows = [n for (n,) in connection.execute("SELECT n FROM numbers ORDER BY n")]
    connection.close()
    return rows


class Gate:
    """A job that holds the writer until it is opened."""

    def __init__(self, writer) -> None:
        self._entered, self._open = threading.Event(), threading.Event()
        self.future = writer.submit(self._hold)
        assert self._entered.wait(WAIT)

    def _hold(self, _connection):
        self._entered.set()
        assert self._open.wait(WAIT)

    def open(self) -> None:
        """Let the writer go on."""
        self._open.set()
        self.future.result(WAIT)


def test_what_waits_is_committed_together(writer, path, groups):
    """Jobs that come while the writer is busy are one transaction, and each has its result."""
    gate = Gate(writer)
    futures = [writer.submit(insert(n)) for n in range(10)]
    gate.open()

    assert list(range(10)) == [future.result(WAIT) for future in futures]
    assert [1, 10] == groups
    assert list(range(10)) == numbers(path)


def test_one_jobs_failure_is_nobody_elses(writer, path):
    """A job that fails in a group takes nothing of the others with it."""
    gate = Gate(writer)
    good = [writer.submit(insert(1)), writer.submit(insert(2))]
    bad = writer.submit(insert(3, 3))
    after = writer.submit(insert(4))
    gate.open()

    assert [1, 2, 4] == [future.result(WAIT) for future in (*good, after)]
    with pytest.raises(apsw.ConstraintError):
        bad.result(WAIT)
    assert [1, 2, 4] == numbers(path)


def test_a_job_that_nobody_waits_for_any_more_is_left_out(writer, path):
    """A cancelled job is not executed."""
    gate = Gate(writer)
    cancelled = writer.submit(insert(1))
    kept = writer.submit(insert(2))
    assert cancelled.cancel()
    gate.open()

    kept.result(WAIT)
    assert [2] == numbers(path)


def test_the_queue_is_bounded(writer, monkeypatch):
    """When too much waits, a job is refused at once."""
    gate = Gate(writer)
    refused = 0
    for n in range(writer_module.QUEUE_LENGTH + 5):
        try:
            writer.submit(insert(n))
        except Overloaded:
            refused += 1
    gate.open()

    assert 5 == refused


def test_closing_finishes_what_waits(path):
    """Jobs that were taken are executed before the writer ends; none is taken afterwards."""
    writer = Writer(path)
    gate = Gate(writer)
    futures = [writer.submit(insert(n)) for n in range(100)]
    closing = threading.Thread(target=writer.close)
    closing.start()
    gate.open()
    closing.join(WAIT)

    assert all(future.done() for future in futures)
    assert 100 == len(numbers(path))
    with pytest.raises(Overloaded):
        writer.submit(insert(1000))
    assert not path.with_name(path.name + "-wal").exists()


@pytest.mark.promise("I07", "P1", "O3")
def test_i07_a_full_disk_is_told_and_passes(writer, path):
    """SQLITE_FULL is STORAGE_FULL, nothing of the job stays, and room makes it pass again."""

    def bound(pages):
        return lambda connection: connection.pragma("max_page_count", pages)

    def fill(connection):
        connection.execute("CREATE TABLE blobs (body BLOB)")
        connection.execute("INSERT INTO blobs VALUES (zeroblob(1000000))")

    writer.submit(bound(10)).result(WAIT)
    with pytest.raises(StorageFull):
        writer.submit(fill).result(WAIT)
    assert "STORAGE_FULL" == writer.state.fault.code
    writer.submit(insert(1)).result(WAIT)
    assert writer.state.fault is None
    writer.submit(bound(10_000)).result(WAIT)
    writer.submit(fill).result(WAIT)

    assert [1] == numbers(path)


@pytest.mark.promise("I08", "P1")
@pytest.mark.parametrize(("action", "error"), [("error", StorageFailed), ("full", StorageFull)])
def test_i08_a_failed_commit_is_told_and_leaves_nothing(writer, path, monkeypatch, action, error):
    """An error at COMMIT is 503, not hidden by the ROLLBACK; the next job passes."""
    failing = [True]

    def failpoint(name):
        if name == "server.commit.before" and failing[0]:
            raise OSError({"error": 5, "full": 28}[action], "failpoint")

    monkeypatch.setattr(writer_module, "failpoint", failpoint)
    with pytest.raises(error):
        writer.submit(insert(1)).result(WAIT)
    failing[0] = False
    writer.submit(insert(2)).result(WAIT)

    assert [2] == numbers(path)


@pytest.mark.promise("I08", "P1")
def test_i08_after_an_io_error_the_connection_is_new(writer, path):
    """The state of a connection that met an I/O error is not trusted again."""
    first = writer.submit(id).result(WAIT)

    def fail(connection):
        connection.execute("INSERT INTO numbers VALUES (1)")
        raise apsw.IOError("injected")

    with pytest.raises(StorageFailed) as raised:
        writer.submit(fail).result(WAIT)
    assert isinstance(raised.value, StorageFailed)
    second = writer.submit(id).result(WAIT)
    writer.submit(insert(2)).result(WAIT)

    assert first != second
    assert [2] == numbers(path)


@pytest.mark.promise("I09", "P1", "A8")
def test_i09_another_programs_lock_is_waited_for_then_told(path, monkeypatch):
    """While another program holds the write lock a job is Unavailable, without SQLite's words."""
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.05)
    writer = Writer(path)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StorageFailed) as raised:
            writer.submit(insert(1)).result(WAIT)
        assert "locked" not in raised.value.message
        other.execute("ROLLBACK")
        writer.submit(insert(2)).result(WAIT)
    finally:
        other.close()
        writer.close()

    assert [2] == numbers(path)


@pytest.mark.promise("P10")
def test_the_log_is_cut_back(writer, path, monkeypatch):
    """The write-ahead log does not grow with what is written in all."""
    monkeypatch.setattr(writer_module, "CHECKPOINT_BYTES", 400_000)
    log = path.with_name(path.name + "-wal")
    writer.submit(lambda c: c.execute("CREATE TABLE blobs (body BLOB)").fetchall()).result(WAIT)
    for _ in range(40):
        writer.submit(
            lambda c: c.execute("INSERT INTO blobs VALUES (zeroblob(100000))").fetchall()
        ).result(WAIT)

    assert path.stat().st_size + log.stat().st_size > 4_000_000
    assert log.stat().st_size < 1_000_000


def test_pragmas(path):
    """Commits are durable on the connection that writes; all others cannot write."""
    writing = open_database(path, writer=True)
    reading = open_database(path, writer=False)
    try:
        connection = writing.connection()
        assert ("wal", 2, 1) == (
            connection.pragma("journal_mode"),
            connection.pragma("synchronous"),
            connection.pragma("foreign_keys"),
        )
        with pytest.raises(apsw.ReadOnlyError):
            reading.connection().execute("INSERT INTO numbers VALUES (1)")
    finally:
        reading.close()
        writing.close()
