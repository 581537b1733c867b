"""Opening of the SQLite file: its permissions and its pragmas, in one place.

One connection writes, and it alone makes checkpoints; all others are `query_only`. The file and
its `-wal` and `-shm` belong to the user alone (A7): SQLite gives both the mode of the database,
which is made with mode 0600 before SQLite sees it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from typing import TYPE_CHECKING, Any, Final

import apsw
from playhouse.apsw_ext import APSWDatabase  # type: ignore[import-untyped]

from lethe_core.errors import ConfigInvalid
from lethe_server.errors import StorageFailed
from lethe_server.search.folding import fold
from lethe_server.storage.faults import translated_faults
from lethe_server.storage.ranking import register_functions

if TYPE_CHECKING:
    from pathlib import Path

#: The file's name in the data directory.
FILE_NAME: Final = "lethe.db"
#: Of a new database; an older one keeps its pages of 4 KiB. Measured: the writer takes 8 % less in
#: a backfill than with 4 KiB, the database is 1 % smaller, and searches cost the same. With 16 KiB
#: each line that is appended would write twice as much, and little more is gained.
PAGE_BYTES: Final = 8 * 1024
#: How long a writer waits for another program's write lock.
BUSY_SECONDS: Final = 5.0
#: The write-ahead log is cut back to this size after a checkpoint (P10).
WAL_LIMIT_BYTES: Final = 64 * 1024 * 1024

#: Never created by SQLite: the file's mode would follow the umask.
_FLAGS: Final = apsw.SQLITE_OPEN_READWRITE
#: Measured: a backfill takes no less with 32 MiB, and that much more memory.
_WRITER_CACHE_KIB: Final = 8 * 1024
_READER_CACHE_KIB: Final = 8 * 1024


def find_database(directory: Path) -> Path:
    """Return the path of the database in a data directory.

    Args:
        directory: the server's `data_dir`.

    Raises:
        ConfigInvalid: there is none.
    """
    path = directory / FILE_NAME
    if not path.exists():
        raise ConfigInvalid(f"{directory}: there is no database")
    return path


def prepare_directory(directory: Path) -> Path:
    """Make the data directory, or make it private, and return the database's path in it.

    Raises:
        ConfigInvalid: it cannot be made, or does not belong to this user.
    """
    path = directory / FILE_NAME
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_mode & 0o077:
            directory.chmod(0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        leave_to_owner(path)
    except OSError as error:
        raise ConfigInvalid(
            f"data_dir: {directory} cannot be used: {error.strerror}",
            hint="choose a directory that belongs to the server's user",
        ) from error
    return path


def leave_to_owner(path: Path) -> None:
    """Have a file that root has made in a data directory belong to whom the directory belongs.

    Who calls a command as root, such as `restore`, would else shut the server's own user out. A
    link stays as it is, and so does everything where root may give nothing away, as in some
    containers: there it serves itself.

    Args:
        path: the file; nothing is done for anybody but root.
    """
    if os.geteuid() != 0:
        return
    owner = path.parent.stat()
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        # By a descriptor, and no link: else who owns the directory could have any file of root's.
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        stack.callback(os.close, file)
        found = os.fstat(file)
        is_alone = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
        if is_alone and (owner.st_uid, owner.st_gid) != (found.st_uid, found.st_gid):
            os.fchown(file, owner.st_uid, owner.st_gid)


def open_database(path: Path, *, writer: bool) -> APSWDatabase:
    """Open a connection.

    Args:
        path: the database.
        writer: whether it is the one that writes.

    Raises:
        StorageFull: there is no room to open it.
        StorageFailed: it could not be opened now.
    """
    # A7: on the level DEBUG peewee logs each statement with its values.
    logging.getLogger("peewee").setLevel(logging.INFO)
    database = APSWDatabase(
        str(path), thread_safe=False, autoconnect=False, timeout=BUSY_SECONDS, flags=_FLAGS
    )
    with translated_faults():
        database.connect()
        try:
            _configure(database.connection(), writer=writer)
        except BaseException:
            database.close()
            raise
    return database


def leave_log(connection: apsw.Connection) -> None:
    """Have all of a database in its own file, without a write-ahead log beside it.

    Args:
        connection: that writes.

    Raises:
        StorageFailed: another program has the database open.
        apsw.Error: the database is damaged.
    """
    try:
        connection.pragma("journal_mode", "delete")  # this needs the database alone
    except (apsw.BusyError, apsw.LockedError):
        hint = "wait until the other command has ended"
        raise StorageFailed("another program has the database open", hint=hint) from None


def _fold(*texts: Any) -> str:
    return fold(texts[0])


def _configure(connection: apsw.Connection, *, writer: bool) -> None:
    """Set all pragmas of a connection; those that read know how to rank."""
    # Plans do not depend on values, of which there are no statistics here. Else SQLite prepares a
    # statement anew each time that values are bound to it: 30 us, as much as 10 turns to read.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.pragma("trusted_schema", False)
    connection.pragma("temp_store", "memory")
    if not writer:
        connection.pragma("query_only", True)
        connection.pragma("wal_autocheckpoint", 0)
        connection.pragma("cache_size", -_READER_CACHE_KIB)
        register_functions(connection)
        connection.create_scalar_function("lethe_fold", _fold, 1, deterministic=True)
        return
    connection.pragma("page_size", PAGE_BYTES)  # before anything makes the file's first page
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")  # P1: NORMAL does not fsync at COMMIT
    connection.pragma("foreign_keys", True)
    connection.pragma("journal_size_limit", WAL_LIMIT_BYTES)
    connection.pragma("cache_size", -_WRITER_CACHE_KIB)
