"""SQLite databases of other programs, read without a trace.

Invariants:

* Nothing is written, created or removed, no exclusive lock is taken, and a read transaction is
  short (`sqlite.py` bounds it), so that the writer's checkpoints are never held up.
* No file is opened for writing. SQLite itself opens a log that is there for writing, even if the
  database is to be read alone; `_ReadOnly` has it opened for reading
  (docs/decisions/0015-read-only-databases.md).
* All that was committed is seen: what stands in the write-ahead log alone as well.
* An empty file is never opened: SQLite would remove the log that lies beside it.

How it is opened depends on what lies beside it. ``mode=ro`` alone is not enough: on a database in
WAL mode SQLite then still makes ``-wal`` and ``-shm`` if they are missing and writes to ``-shm``.

    journal mode   -wal        -shm      opened
    rollback       -           -         mode=ro; SQLite's shared lock, as any reader takes it
    WAL            there       there     mode=ro, readonly_shm, `_ReadOnly`: shared locks alone
    WAL            none/empty  any/none  immutable: the file alone is the whole database; that
                                         nobody touched it is proved after each transaction
    WAL            there       none      a private copy of both files, removed after the read;
                                         no program has the database open in this state

(WAL with an empty log and a ``-shm`` is a live database: the second line.)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from urllib.parse import quote

import apsw

from lethe_core.errors import SourceUnreadable, SourceUnsupported
from lethe_core.limits import MIB
from lethe_core.sources import Source, open_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType

#: How long a lock of the writer is waited for, in seconds.
BUSY_SECONDS: Final = 0.2
#: A database with a log but without its index is copied up to this size.
MAX_COPY_BYTES: Final = 256 * MIB

_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_READ_VERSION: Final = 19  # offset in the header; 2 stands for WAL
_WAL: Final = 2
_READ_ONLY: Final = "lethe-read-only"
_WRITABLE: Final = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
#: Files of a database; others are SQLite's own temporary ones.
_SOURCES: Final = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL
_AGAIN: Final = "nothing needs to be done: it is read again"


def database_source(path: Path, root: Path) -> Source:
    """Make the source of a database from the `stat` of its file and of its write-ahead log.

    Raises:
        OSError: the database is not there or may not be looked at.
    """
    status = path.stat()
    size, modified = status.st_size, status.st_mtime_ns
    with contextlib.suppress(OSError):
        log = _beside(path, "-wal").stat()
        size, modified = size + log.st_size, max(modified, log.st_mtime_ns)
    return Source(
        path=path,
        root=root,
        size=size,
        mtime_ns=modified,
        device=status.st_dev,
        inode=status.st_ino,
    )


class _Fingerprint(NamedTuple):
    """What changes when anybody writes to the file or starts a log."""

    inode: int
    size: int
    modified: int
    log: int
    log_modified: int

    @classmethod
    def of(cls, path: Path) -> _Fingerprint:
        status = path.stat()
        log, log_modified = 0, 0
        with contextlib.suppress(FileNotFoundError):
            beside = _beside(path, "-wal").stat()
            log, log_modified = beside.st_size, beside.st_mtime_ns if beside.st_size else 0
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, log, log_modified)


class _ReadOnlyFile(apsw.VFSFile):
    """A file of a database; it is locked as all readers lock it, never against its tool."""

    def xLock(self, level: int) -> None:  # noqa: N802 - as SQLite names it
        """Take a lock; SQLite asks for an exclusive one to tidy up, and does without."""
        if level > apsw.SQLITE_LOCK_SHARED:
            raise apsw.BusyError("it is only read")
        super().xLock(level)


class _ReadOnly(apsw.VFS):
    """SQLite's own way to files, but that those of a database are opened for reading."""

    def __init__(self) -> None:
        super().__init__(_READ_ONLY, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - as SQLite names it
        """Open a file."""
        if not flags[0] & _SOURCES:
            return apsw.VFSFile("", name, flags)
        flags[0] = flags[0] & ~_WRITABLE | apsw.SQLITE_OPEN_READONLY
        return _ReadOnlyFile("", name, flags)


@cache
def _register() -> _ReadOnly:
    """Make known to SQLite what it knows by its name alone, once."""
    return _ReadOnly()


class Columns(tuple[Any, ...]):
    """A row of an answer, whose values can be had by their names as well; `names` holds these."""

    __slots__ = ()
    names: Mapping[str, int] = {}

    def __getitem__(self, key: Any) -> Any:
        return tuple.__getitem__(self, self.names[key] if isinstance(key, str) else key)

    def keys(self) -> Iterator[str]:
        """Name the columns."""
        return iter(self.names)


class Database:
    """A database of another program, open for reading; use it in a `with` statement.

    Args:
        path: the database's file.

    Raises:
        SourceUnsupported: it is no SQLite database, encrypted or empty.
        SourceUnreadable: it is locked, or in a state that cannot be read now.
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cleanup = contextlib.ExitStack()
        self._fingerprint: _Fingerprint | None = None
        self._types: dict[str, type[Columns]] = {}
        with self._translated():
            try:
                self._connection = self._connect()
            except BaseException:
                self._cleanup.close()
                raise
        self._cleanup.callback(self._connection.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cleanup.close()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Hold a read transaction; keep it short (P16).

        Raises:
            SourceUnsupported: the database lacks a table or column, or is no database.
            SourceUnreadable: it is locked, damaged, or was changed while it was read; what was
                read in this transaction must not be used.
        """
        with self._translated():
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
        if self._fingerprint not in (None, _Fingerprint.of(self._path)):
            raise SourceUnreadable(f"{self._path} was written while it was read", hint=_AGAIN)

    def query(
        self, sql: str, parameters: Mapping[str, Any] | tuple[Any, ...] = ()
    ) -> list[Columns]:
        """Run a statement in the transaction of `snapshot`; its rows can be read by name.

        What a tool wrote that is no UTF-8 is replaced by U+FFFD.
        """
        cursor = self._connection.execute(sql, parameters)
        row_type = self._types.get(sql) or self._learn(sql, cursor)
        try:
            return list(map(row_type, cursor))
        except UnicodeDecodeError:
            rows = self._connection.execute(_undecoded(sql, row_type.names), parameters)
            return [row_type(map(_text, row[::2], row[1::2])) for row in rows]

    def _learn(self, sql: str, cursor: apsw.Cursor) -> type[Columns]:
        """Note what the columns of an answer are called; an empty answer does not tell."""
        try:
            names = [name for name, *_ in cursor.get_description()]
        except apsw.ExecutionCompleteError:
            return Columns
        places = {name: place for place, name in enumerate(names)}
        row_type = type("Columns", (Columns,), {"__slots__": (), "names": places})
        self._types[sql] = row_type
        return row_type

    def schema(self) -> dict[str, frozenset[str]]:
        """Name the tables and their columns; columns differ in order between versions."""
        tables = self.query("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            table: frozenset(
                row["name"] for row in self.query("SELECT name FROM pragma_table_info(?)", (table,))
            )
            for (table,) in tables
        }

    def _connect(self) -> apsw.Connection:
        path, options, ways = self._choose()
        connection = apsw.Connection(
            f"file:{quote(os.fsencode(path))}?{options}",
            flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
            vfs=ways,
        )
        connection.set_busy_timeout(int(BUSY_SECONDS * 1000))
        return connection

    def _choose(self) -> tuple[Path, str, str | None]:
        """Choose what to open, with which options, and which way to files is taken."""
        path = self._path.resolve()
        with os.fdopen(open_source(path), "rb") as file:
            header = file.read(_HEADER_BYTES)
        if not header:
            raise SourceUnsupported(f"{path} is empty", hint=_AGAIN)
        if not header.startswith(_MAGIC) or len(header) < _HEADER_BYTES:
            raise SourceUnsupported(f"{path} is no SQLite database, or is encrypted")
        if header[_READ_VERSION] != _WAL:
            return path, "mode=ro", None
        before = _Fingerprint.of(path)
        indexed = _beside(path, "-shm").exists()
        if indexed and _beside(path, "-wal").exists():
            _register()
            return path, "mode=ro&readonly_shm=1", _READ_ONLY
        self._fingerprint = before
        if not before.log:
            return path, "mode=ro&immutable=1", None
        return self._copy(path, before), "mode=ro", None

    def _copy(self, path: Path, before: _Fingerprint) -> Path:
        """Copy a database and its log to a private place."""
        size = before.size + before.log
        if size > MAX_COPY_BYTES:
            raise SourceUnreadable(
                f"{path} has a write-ahead log, but its -shm file is missing",
                hint="open it once with its own tool, which makes the file anew",
            )
        directory = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="lethe-")))
        copy = directory / "copy.db"
        shutil.copyfile(path, copy)
        shutil.copyfile(_beside(path, "-wal"), _beside(copy, "-wal"))
        if _Fingerprint.of(path) != before:
            raise SourceUnreadable(f"{path} was written while it was copied", hint=_AGAIN)
        return copy

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the errors of SQLite into those of lethe; messages name tables, never content."""
        try:
            yield
        except apsw.Error as error:
            code = getattr(error, "result", apsw.SQLITE_IOERR)  # apsw's own errors have none
            if code == apsw.SQLITE_NOTADB:
                message = f"{self._path} is no SQLite database, or is encrypted"
                raise SourceUnsupported(message) from error
            if code == apsw.SQLITE_ERROR:
                message = f"{self._path} is of an unknown form: {error}"
                raise SourceUnsupported(message) from error
            hint = _AGAIN if code in (apsw.SQLITE_BUSY, apsw.SQLITE_LOCKED) else ""
            raise SourceUnreadable(f"{self._path}: {error}", hint=hint) from error


def _undecoded(sql: str, names: Iterable[str]) -> str:
    """Word a query so that texts come as bytes, each value followed by whether it is a text."""
    quoted = (f'"{name.replace(chr(34), chr(34) * 2)}"' for name in names)
    values = (
        f"iif(typeof({name}) = 'text', CAST({name} AS BLOB), {name}), typeof({name}) = 'text'"
        for name in quoted
    )
    return f"SELECT {', '.join(values)} FROM ({sql})"  # noqa: S608 - names of its own columns


def _text(value: Any, is_text: int) -> Any:
    return value.decode("utf-8", "replace") if is_text else value


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
