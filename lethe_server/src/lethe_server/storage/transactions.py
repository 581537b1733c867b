"""Transactions: of the connection that writes, and of those that read."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import apsw

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def write_transaction(connection: apsw.Connection) -> Iterator[None]:
    """Hold the write lock from the beginning; commit at the end, roll back on any error.

    A transaction that only reads and then writes would fail at once where another program has
    written since, whatever the busy timeout: therefore ``BEGIN IMMEDIATE``.

    Args:
        connection: in no transaction.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After an I/O error SQLite has rolled back already; a second ROLLBACK would fail and
        # hide the error that matters (M12).
        if connection.in_transaction:
            with contextlib.suppress(apsw.Error):
                connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def read_transaction(connection: apsw.Connection) -> Iterator[None]:
    """Hold one moment of the database: all that is read meanwhile sees the same rows.

    Args:
        connection: that reads; in no transaction.
    """
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
