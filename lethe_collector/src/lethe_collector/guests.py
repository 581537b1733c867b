"""Commands that work on the state, whether a collector runs or not.

What they do is as safe beside a running collector as without one: each change is one transaction,
and a source that is set back has another `epoch`, so that nothing that was read before moves its
cursor. The collector notices within seconds that somebody else has written, and takes it up.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from lethe_collector.database import Database
from lethe_collector.statefile import StateInUse, StateLock
from lethe_core.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Guest(NamedTuple):
    """A command that has the state open.

    Args:
        database: the state.
        collector_runs: whether somebody takes up at once what is changed.
    """

    database: Database
    collector_runs: bool


@contextmanager
def as_guest(directory: Path) -> Iterator[Guest]:
    """Open the state for a command.

    Args:
        directory: of the state.

    Raises:
        ConfigInvalid: the state is not ours or of a newer version.
        Unavailable: it cannot be read or written now, or the collector that runs is older.
    """
    try:
        lock = StateLock.acquire(directory)
    except StateInUse:
        collector_runs = True
    else:
        # Made, brought to this version, or set aside if it is damaged. The lock is not kept: a
        # collector may be started while the command works.
        collector_runs = False
        try:
            Database(directory).close()
        finally:
            lock.release()
    try:
        with closing(Database(directory, is_guest=True)) as database:
            yield Guest(database, collector_runs)
    except sqlite3.Error as error:
        hint = "try again; if it stays, check the disk that it lies on"
        raise Unavailable(f"{directory}: the state: {error}", hint=hint) from error
