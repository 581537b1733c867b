"""The connection to ``state.db``: one at a time, whole transactions, notes for `status`."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lethe_collector.statefile import (
    StateDamaged,
    is_damage,
    open_as_guest,
    open_state_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def _told_damage() -> Iterator[None]:
    """Tell damage from what may pass: trying again does not mend it, opening the file anew does."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise StateDamaged(f"the state is damaged: {error}") from error
        raise


class Database:
    """The state's file; its methods may be called from any thread.

    Args:
        directory: where ``state.db`` lies; its lock must be held, but by a guest.
        is_guest: opened beside the collector that holds the lock (`lethe_collector.guests`).

    Raises:
        ConfigInvalid: the file is not ours or of a newer version.
        Unavailable: the disk does not let it be opened. All methods raise `StateDamaged` if the
            file turns out to be damaged.
    """

    def __init__(self, directory: Path, *, is_guest: bool = False) -> None:
        self._connection = (open_as_guest if is_guest else open_state_file)(directory)
        self._lock = threading.RLock()
        self._version = self._data_version()

    def close(self) -> None:
        """Close the file; what was committed is safe anyway."""
        with self._lock:
            self._connection.close()

    def query(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return all rows of a statement."""
        with self._lock, _told_damage():
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what is done within, or nothing of it. A transaction within joins the outer."""
        with self._lock, _told_damage():
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # After an I/O error SQLite may have rolled back by itself; a second ROLLBACK
                # would hide the first error.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Read several things as they are at one moment."""
        with self._lock, _told_damage():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def was_visited(self) -> bool:
        """Whether a guest has written since this was asked the last time."""
        with self._lock:
            before, self._version = self._version, self._data_version()
            return before != self._version

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def give_back_space(self) -> None:
        """Return pages that are no longer used to the disk."""
        with self._lock, _told_damage():
            # One step frees one page, and only `executescript` takes all of them.
            self._connection.executescript("PRAGMA incremental_vacuum")

    def note(self, key: str) -> Any:
        """Return what was remembered, or `None`."""
        rows = self.query("SELECT value FROM meta WHERE key = ?", (key,))
        return json.loads(rows[0][0]) if rows else None

    def set_note(self, key: str, value: Any) -> None:
        """Remember something that `status` tells, as JSON."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                (key, json.dumps(value)),
            )
