"""The one writer: a thread, a connection, a bounded queue, one transaction for many requests.

* All jobs that wait are executed in one transaction (*group commit*); a job is answered only after
  COMMIT has returned, which with ``synchronous=FULL`` is after the fsync of the log (P1).
* If the group fails, it is rolled back and each job is executed again in a transaction of its
  own, so that one job's failure is nobody else's. Jobs therefore must not keep anything of a
  first try.
* After an I/O error the connection is opened anew: its state is not to be trusted.
* Checkpoints are made here, between groups, when the log has grown; nobody waits for them.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import apsw
from loguru import logger

from lethe_core.failpoints import failpoint
from lethe_server.errors import Overloaded, StorageFailed, StorageFull
from lethe_server.storage.database import open_database
from lethe_server.storage.faults import translate_fault
from lethe_server.storage.transactions import write_transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

#: Jobs that may wait; each stands for a request in progress.
QUEUE_LENGTH: Final = 256
#: Most jobs of one transaction.
GROUP_LENGTH: Final = 64
#: Bytes in the log before a checkpoint is tried, and before readers are waited for.
CHECKPOINT_BYTES: Final = 16 * 1024 * 1024
RESTART_BYTES: Final = 64 * 1024 * 1024

_IO_ERRORS: Final = (apsw.IOError, apsw.CorruptError, apsw.NotADBError, apsw.CantOpenError)


class WriterState(NamedTuple):
    """How the writer is.

    Args:
        fault: what the last write failed with; `None` if it passed.
        waiting: jobs in the queue.
        log_bytes: size of the write-ahead log that is in use.
        running: whether the thread lives.
    """

    fault: StorageFull | StorageFailed | None
    waiting: int
    log_bytes: int
    running: bool


class _Job(NamedTuple):
    work: Callable[[apsw.Connection], Any]
    future: Future[Any]


class Writer:
    """Executes jobs on the connection that writes.

    Args:
        path: the database; migrated already.
        observe: is told the number of jobs of each group that was committed and the seconds that
            it took.
    """

    def __init__(self, path: Path, observe: Callable[[int, float], None] | None = None) -> None:
        self._path = path
        self._observe = observe
        self._jobs: queue.Queue[_Job | None] = queue.Queue(QUEUE_LENGTH)
        self._fault: StorageFull | StorageFailed | None = None
        self._log_bytes = 0
        self._closing = False
        self._database = self._open()
        self._thread = threading.Thread(target=self._run, name="lethe-writer")
        self._thread.start()

    @property
    def state(self) -> WriterState:
        """How the writer is."""
        return WriterState(
            self._fault,
            self._jobs.qsize(),
            self._log_bytes,
            self._thread.is_alive(),
        )

    def submit(self, work: Callable[[apsw.Connection], T]) -> Future[T]:
        """Queue a job; its future is resolved when it is on the disk.

        Args:
            work: executed with the connection, in a transaction; possibly twice.

        Raises:
            Overloaded: the queue is full, or the writer is closing.
        """
        future: Future[T] = Future()
        if self._closing:
            raise Overloaded("the server is stopping")
        try:
            self._jobs.put_nowait(_Job(work, future))
        except queue.Full:
            raise Overloaded("too many writes are waiting") from None
        return future

    def close(self) -> None:
        """Execute what waits, cut the log back and end the thread."""
        if self._closing:
            return
        self._closing = True
        self._jobs.put(None)
        self._thread.join()

    def _open(self) -> Any:
        database = open_database(self._path, writer=True)
        connection: apsw.Connection = database.connection()
        self._page_bytes: int = connection.pragma("page_size")
        connection.set_wal_hook(self._note_log)
        return database

    def _note_log(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_bytes = pages * self._page_bytes
        return apsw.SQLITE_OK

    def _run(self) -> None:
        more = True
        while more:
            jobs, more = self._next_group()
            jobs = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if jobs:
                self._execute_group(jobs)
                self._checkpoint()
        with contextlib.suppress(apsw.Error):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._database.close()
        with contextlib.suppress(queue.Empty):  # what came between the last look and the end
            while job := self._jobs.get_nowait():
                job.future.set_exception(Overloaded("the server is stopping"))

    @property
    def _connection(self) -> apsw.Connection:
        connection: apsw.Connection = self._database.connection()
        return connection

    def _next_group(self) -> tuple[list[_Job], bool]:
        """Wait for a job and take all others that wait; `False` if there will be no more."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == GROUP_LENGTH:
                return jobs, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _execute_group(self, jobs: list[_Job]) -> None:
        begun = time.perf_counter()
        results, error = self._try(jobs)
        if error is None:
            self._fault = None
            for job, result in zip(jobs, results, strict=True):
                job.future.set_result(result)
            if self._observe is not None:
                self._observe(len(jobs), time.perf_counter() - begun)
        elif len(jobs) > 1:
            for job in jobs:
                self._execute_group([job])
        else:
            jobs[0].future.set_exception(self._note_fault(error))

    def _try(self, jobs: list[_Job]) -> tuple[list[Any], BaseException | None]:
        results: list[Any] = []
        try:
            with write_transaction(self._connection):
                for job in jobs:
                    results.append(job.work(self._connection))  # noqa: PERF401 - may raise
                failpoint("server.commit.before")
            failpoint("server.commit.after")
        except Exception as error:  # noqa: BLE001 - it is handed to who waits for the job
            if isinstance(error, _IO_ERRORS):
                self._reopen()
            return [], error
        return results, None

    def _note_fault(self, error: BaseException) -> BaseException:
        """Note a fault of the database or disk, and word it; any other error stays as it is."""
        fault = translate_fault(error)
        if isinstance(fault, StorageFull | StorageFailed):
            if self._fault is None or type(self._fault) is not type(fault):
                logger.error("a write failed: {} ({})", fault.message, type(error).__name__)
            self._fault = fault
        return error if fault is None else fault

    def _reopen(self) -> None:
        """Open the connection anew; if that fails, the old one stays and the next job tells."""
        try:
            database = self._open()
        except (StorageFull, StorageFailed) as error:
            logger.error("the database cannot be opened again: {}", error.message)
            return
        with contextlib.suppress(apsw.Error):
            self._database.close()
        self._database = database

    def _checkpoint(self) -> None:
        """Copy the log into the database when it has grown (P10)."""
        if self._log_bytes < CHECKPOINT_BYTES:
            return
        mode = apsw.SQLITE_CHECKPOINT_PASSIVE
        if self._log_bytes >= RESTART_BYTES:
            mode = apsw.SQLITE_CHECKPOINT_RESTART
        try:
            self._connection.wal_checkpoint(mode=mode)
        except apsw.BusyError:
            return  # a reader is in the way; the next group tries again
        except apsw.Error as error:
            self._note_fault(error)
