"""Backups: a copy of the running database that is whole, or is not there at all.

* A copy is one moment of the database: all that was acknowledged before it began is in it (O1).
  Writers go on meanwhile; the write-ahead log cannot shrink until the copy is done.
* It is written under another name, checked whole, synced, and only then named as asked for: a
  file with that name is good. It is one file, without a log beside it.
* A restore checks the backup, copies it beside the database, gives the old database a second name,
  and replaces it in one step: at any moment there is the old one or the new one, and never a log of
  the old one beside the new one. It is refused while a server runs.
* What is restored may also be the files of a server that was killed: the log beside the database
  holds what was committed last, and is taken with it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import apsw

from lethe_core.errors import ConfigInvalid
from lethe_server.errors import StorageFailed, StorageFull
from lethe_server.storage.database import (
    find_database,
    leave_log,
    leave_to_owner,
    prepare_directory,
)
from lethe_server.storage.faults import translated_faults
from lethe_server.storage.integrity import find_damage
from lethe_server.storage.lock import ArchiveLock
from lethe_server.storage.migrations import APPLICATION_ID, known_migrations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Pages that are copied between two reports.
_STEP_PAGES: Final = 4096
#: What of a database may stand in another file beside it, and an index that SQLite makes anew.
_LOGS: Final = ("-wal", "-journal")
_BESIDE: Final = (*_LOGS, "-shm")


def back_up(
    directory: Path, target: Path, report: Callable[[float], None] = lambda _share: None
) -> int:
    """Copy the database to a file; a server may run.

    Args:
        directory: the server's `data_dir`.
        target: the file; there must be none.
        report: is told how much is done, from 0 to 1.

    Returns:
        Bytes of the backup.

    Raises:
        ConfigInvalid: there is no database, or the target cannot be made.
        StorageFull: there is no room for the copy.
        StorageFailed: the copy is not whole, or it did not work now.
    """
    source = find_database(directory)
    _refuse_existing(target)
    _refuse_read_only(source)
    partial = target.with_name(f".{target.name}.partial")
    with _told_room(target.parent), translated_faults(), _unfinished(partial):
        _make_private(partial)
        _copy(source, partial, report)
        check_backup(partial, source)
        _sync(partial)
        _name_fresh(partial, target)
        _sync(target.parent)
    return target.stat().st_size


def check_backup(path: Path, name: Path) -> None:
    """Check that a file is a whole database of lethe that this program can read.

    Args:
        path: the file; nothing else may use it.
        name: of what it is a copy of, for errors.

    Raises:
        ConfigInvalid: it is another kind of file, or of a newer version.
        StorageFailed: it is damaged.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.pragma("journal_mode", "delete")  # one file, without a log beside it
        if connection.pragma("application_id") != APPLICATION_ID:
            raise ConfigInvalid(f"{name}: is no database of lethe")
        version, known = connection.pragma("user_version"), len(known_migrations())
        if version > known:
            raise ConfigInvalid(
                f"{name}: has version {version}, this program knows up to {known}",
                hint="upgrade lethe-server",
            )
        damage = find_damage(connection, but={"statistics"})  # sums that are wrong lose nothing
    except apsw.NotADBError:
        raise ConfigInvalid(f"{name}: is no database of lethe") from None
    finally:
        connection.close()
    if damage:
        hint = "`lethe-server integrity` tells more of the running database"
        raise StorageFailed(f"{name}: {damage[0].part}: {damage[0].text}", hint=hint)


def restore(backup: Path, directory: Path) -> Path | None:
    """Put a backup in the place of the database; no server may run.

    Args:
        backup: the file; neither it nor a log beside it is changed.
        directory: the server's `data_dir`; made if it is not there.

    Returns:
        Where the old database lies now; `None` if there was none.

    Raises:
        ConfigInvalid: there is no such backup, or it is of a newer version.
        StorageFull: there is no room.
        StorageFailed: the backup is damaged, or a server runs.
    """
    if not backup.is_file():
        raise ConfigInvalid(f"{backup}: there is no such file")
    path = prepare_directory(directory)
    partial = path.with_name(f".{path.name}.restoring")
    with contextlib.closing(ArchiveLock(directory)), translated_faults(), _unfinished(partial):
        for suffix in ("", *_LOGS):
            _copy_file(_beside(backup, suffix), _beside(partial, suffix))
        check_backup(partial, backup)
        leave_to_owner(partial)
        _sync(partial)
        aside = _set_aside(path)
        partial.replace(path)
        _sync(directory)
    return aside


def _copy(source: Path, target: Path, report: Callable[[float], None]) -> None:
    reading = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
    writing = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        reading.pragma("query_only", True)
        reading.execute("BEGIN")  # one moment, however much is written during the copy
        reading.execute("SELECT count(*) FROM sqlite_schema").get  # noqa: B018 - it begins here
        writing.pragma("synchronous", "off")  # it is synced as a whole, when it is whole
        with writing.backup("main", reading, "main") as copying:
            while not copying.done:
                copying.step(_STEP_PAGES)
                report(1 - copying.remaining / max(1, copying.page_count))
    finally:
        writing.close()
        reading.close()


def _set_aside(path: Path) -> Path | None:
    """Give the old database a second name, and leave nothing beside it under the first.

    Returns:
        The second name; `None` if there is no old database.

    Raises:
        StorageFailed: somebody has it open.
    """
    files = [suffix for suffix in ("", *_LOGS) if _has_content(_beside(path, suffix))]
    if "" in files:
        _fold_log(path)
        files = [suffix for suffix in files if _has_content(_beside(path, suffix))]
    aside = _free_name(f"{path}.replaced-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    for suffix in files:
        _name_again(_beside(path, suffix), _beside(aside, suffix))
    _sync(path.parent)
    # A log is left only by a database that is too damaged for SQLite to fold it in. Until the new
    # one comes, it stands here without its log, and with it under the second name.
    for suffix in _BESIDE:
        _beside(path, suffix).unlink(missing_ok=True)
    _sync(path.parent)
    return aside if files else None


def _free_name(name: str) -> Path:
    """Return a name that no database has yet."""
    names = (Path(f"{name}-{number}" if number > 1 else name) for number in itertools.count(1))
    return next(path for path in names if not any(path.parent.glob(f"{path.name}*")))


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _fold_log(path: Path) -> None:
    """Have all of a database in one file, unless it is damaged.

    Raises:
        StorageFailed: somebody has it open.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        leave_log(connection)
    except (apsw.CorruptError, apsw.NotADBError, apsw.IOError):
        pass  # a damaged database is why one restores; its log goes with it
    finally:
        with contextlib.suppress(apsw.Error):
            connection.close()


def _name_fresh(partial: Path, target: Path) -> None:
    """Give a file its name, which replaces nothing.

    Raises:
        ConfigInvalid: there is a file of that name.
    """
    try:
        os.link(partial, target)  # unlike a rename, it replaces nothing
    except OSError:  # on some disks a file has one name alone, so that one has to look before
        _refuse_existing(target)
        partial.rename(target)


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise ConfigInvalid(f"{target}: there is a file already", hint="choose another name")


def _refuse_read_only(source: Path) -> None:
    """Refuse a database that SQLite cannot open, since it can make no index of the log beside it.

    Raises:
        StorageFailed: the disk is read-only.
    """
    if os.statvfs(source.parent).f_flag & os.ST_RDONLY:
        hint = f"`lethe-server restore {source} --data-dir DIRECTORY` copies it to another disk"
        raise StorageFailed(f"{source.parent} lies on a disk that is read-only", hint=hint)


@contextlib.contextmanager
def _told_room(place: Path) -> Iterator[None]:
    """Say where there is no room: the disk of a copy is seldom that of the archive."""
    try:
        yield
    except StorageFull:
        hint = "free some space there, or choose another place"
        raise StorageFull(f"{place}: there is no room for the copy", hint=hint) from None


def _name_again(source: Path, target: Path) -> None:
    """Give a file a second name, or a copy on a disk where a file has one name alone."""
    try:
        os.link(source, target)
    except OSError:
        _copy_file(source, target)
        _sync(target)


def _copy_file(source: Path, target: Path) -> None:
    """Copy a file, if it is there, to one that belongs to this user alone."""
    if source.is_file():
        _make_private(target)
        shutil.copyfile(source, target)


def _beside(path: Path, suffix: str) -> Path:
    """Name a file of SQLite that belongs to a database."""
    return path.with_name(path.name + suffix)


def _make_private(path: Path) -> None:
    """Make an empty file that belongs to this user alone (A7)."""
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        os.close(os.open(path, flags, 0o600))
    except OSError as error:
        raise ConfigInvalid(f"{path.parent}: cannot be used: {error.strerror}") from error


@contextlib.contextmanager
def _unfinished(path: Path) -> Iterator[None]:
    """Remove what is left under the name of an unfinished file, at the end and from a kill before.

    A log that was left is as bad as the file: SQLite would take it for that of the next one.
    """
    _remove(path)
    try:
        yield
    finally:
        _remove(path)


def _remove(path: Path) -> None:
    for suffix in ("", *_BESIDE):
        _beside(path, suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
