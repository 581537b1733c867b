"""What SQLite and the disk report, as errors of lethe."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING

import apsw
import peewee

from lethe_server.errors import QueryTimeout, StorageDamaged, StorageFailed, StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_core.errors import LetheError

_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
_BUSY = (apsw.BusyError, apsw.LockedError)
_DAMAGED = (apsw.CorruptError, apsw.NotADBError)
_FAILED = (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.NoMemError, OSError)


def translate_fault(error: BaseException) -> LetheError | None:
    """Word a fault of the database or disk; `None` if it is another error.

    SQL and paths stay out of the words: they go to clients (A8).

    Args:
        error: what was raised by apsw, peewee or the operating system.
    """
    cause = getattr(error, "orig", error)  # peewee hands on the driver's error there
    fault: LetheError | None = None
    if isinstance(cause, apsw.FullError) or getattr(cause, "errno", None) in _FULL_ERRNOS:
        fault = StorageFull("the disk or the database is full")
    elif isinstance(cause, apsw.InterruptError):
        fault = QueryTimeout("the query took too long")
    elif isinstance(cause, _BUSY):
        fault = StorageFailed("another program holds the database")
    elif isinstance(cause, _DAMAGED):
        fault = StorageDamaged("the database is damaged")
    elif isinstance(cause, _FAILED):
        fault = StorageFailed("the database could not be read or written")
    return fault


@contextlib.contextmanager
def translated_faults() -> Iterator[None]:
    """Raise faults of the database as errors of lethe.

    Raises:
        StorageFull: there is no room.
        StorageFailed: it did not work now.
        QueryTimeout: the time budget was used up.
    """
    try:
        yield
    except (apsw.Error, peewee.PeeweeException, OSError) as error:
        known = translate_fault(error)
        if known is None:
            raise
        raise known from error
