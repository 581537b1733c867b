"""Readers: a few `query_only` connections, each in the hands of one query at a time.

A query has a time budget; when it is used up SQLite is interrupted and the query fails with
`QueryTimeout`. So no reader holds back the write-ahead log for longer (P10, A5).
"""

from __future__ import annotations

import queue
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import apsw

from lethe_server.storage.database import open_database
from lethe_server.storage.faults import translated_faults

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

T = TypeVar("T")

#: What reads. Other rooms hand it on to functions of this one, and do not look into it.
Connection: TypeAlias = apsw.Connection

#: Connections, and threads that use them.
READERS: Final = 4
#: Seconds that a query may take.
BUDGET_SECONDS: Final = 5.0

#: How many steps of SQLite's machine pass between two looks at the clock: about a millisecond.
_STEPS: Final = 20_000


class ReaderPool:
    """Executes queries in threads, each with a time budget.

    Args:
        path: the database.
        size: how many queries run at a time.
        budget: seconds that a query may take.
    """

    def __init__(self, path: Path, size: int = READERS, budget: float = BUDGET_SECONDS) -> None:
        self._budget = budget
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()
        for _ in range(size):
            self._idle.put(open_database(path, writer=False))
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="lethe-reader")

    def submit(self, query: Callable[[Connection], T], budget: float | None = None) -> Future[T]:
        """Execute a query in a thread.

        Args:
            query: gets a connection; must leave no cursor open.
            budget: seconds that it may take, instead of those of the pool.
        """
        return self._threads.submit(self._execute, query, budget or self._budget)

    def close(self) -> None:
        """Wait for the queries that run, then close all connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        while not self._idle.empty():
            self._idle.get().close()

    def _execute(self, query: Callable[[Connection], T], budget: float) -> T:
        database = self._idle.get()
        end = time.monotonic() + budget
        connection: Connection = database.connection()
        connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        try:
            with translated_faults():
                return query(connection)
        finally:
            connection.set_progress_handler(None)
            self._idle.put(database)
