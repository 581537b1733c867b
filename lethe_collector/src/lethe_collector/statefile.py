"""The state's file: opening, versions, damage; and the lock on its directory.

* ``state.db`` is SQLite in WAL mode with ``synchronous=FULL``: what a committed transaction says
  survives a power loss (P11). The directory is 0700, its files 0600.
* A newer version's file is refused. A damaged file is renamed to ``state.db.corrupt-TIME`` and
  started anew: everything is read again, and the server knows what it has. What waits in its outbox
  is taken over as far as it can be read (`lethe_collector.salvage`).
* A new file notes when it was made, in milliseconds: revisions of sources begin there. So what is
  read with it replaces what was sent by a state that was lost, whose generations nobody knows.
* One daemon per directory: it holds ``flock`` on ``lock`` for its life (P15).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Final

from loguru import logger

from lethe_collector.paths import LOCK_FILE, STATE_FILE
from lethe_collector.salvage import salvage
from lethe_core.errors import ConfigInvalid, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

#: The note that says where revisions begin; files of older versions have none, and begin at 0.
REVISION_BASE: Final = "revision_base"

#: "lthc"; tells our files from others.
APPLICATION_ID: Final = 0x6C746863

_LOCK_ATTEMPTS: Final = 5
_LOCK_PAUSE_SECONDS: Final = 0.02

_SCHEMA_1: Final = """
CREATE TABLE sources (
  id INTEGER PRIMARY KEY,
  tool TEXT NOT NULL,
  root BLOB NOT NULL,                 -- paths are the bytes of the file system
  path BLOB NOT NULL,
  name BLOB NOT NULL,                 -- last part of the path
  device INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  head_size INTEGER NOT NULL DEFAULT 0,
  head_hash TEXT NOT NULL DEFAULT '',
  generation INTEGER NOT NULL DEFAULT 0,
  epoch INTEGER NOT NULL DEFAULT 0,   -- grows whenever the cursor is set back
  parser_version INTEGER NOT NULL,
  cursor TEXT,                        -- NULL: the beginning
  position INTEGER NOT NULL DEFAULT 0,
  size INTEGER NOT NULL,              -- as last seen
  mtime_ns INTEGER NOT NULL,
  read_size INTEGER,                  -- as it was when it had been read to its end
  read_mtime_ns INTEGER,
  records INTEGER NOT NULL DEFAULT 0,
  turns INTEGER NOT NULL DEFAULT 0,
  unmapped INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'active',
  lost_bytes INTEGER NOT NULL DEFAULT 0,
  lost_full INTEGER NOT NULL DEFAULT 0,
  last_read REAL,
  error_code TEXT, error_text TEXT, error_hint TEXT, error_at REAL,
  UNIQUE (tool, path)
);
CREATE INDEX sources_by_name ON sources (tool, name);
CREATE TABLE skipped (
  source_id INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
  reason TEXT NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (source_id, reason)
) WITHOUT ROWID;
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  created REAL NOT NULL,
  lines INTEGER NOT NULL,
  body BLOB NOT NULL,                 -- zstd of NDJSON
  digest BLOB NOT NULL                -- of the body
);
CREATE TABLE outbox_parts (           -- which lines of a batch came from where
  outbox_id INTEGER NOT NULL REFERENCES outbox ON DELETE CASCADE,
  place INTEGER NOT NULL,
  source_id INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
  generation INTEGER NOT NULL,
  lines INTEGER NOT NULL,
  before TEXT,                        -- the cursor before these lines
  before_position INTEGER NOT NULL,
  PRIMARY KEY (outbox_id, place)
) WITHOUT ROWID;
CREATE INDEX outbox_parts_by_source ON outbox_parts (source_id);
CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
  generation INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  turn_id TEXT NOT NULL,
  code TEXT NOT NULL,
  reason TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  line BLOB,                          -- zstd of the event; NULL if it was too much to keep
  at REAL NOT NULL,
  UNIQUE (source_id, generation, session_id, turn_id, seq)
);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

_SCHEMA_2: Final = """
-- of a source that is gone: turns that the server had, and lost
ALTER TABLE sources ADD COLUMN lost_turns INTEGER NOT NULL DEFAULT 0
"""

_SCHEMA_3: Final = """
-- since it was read to its end: the greatest size before the one that was seen last
ALTER TABLE sources ADD COLUMN seen_size INTEGER NOT NULL DEFAULT 0;
-- whether it may be another file since then, or a shorter one: what comes is of the next generation
ALTER TABLE sources ADD COLUMN may_differ INTEGER NOT NULL DEFAULT 0;
-- bytes of earlier generations that were seen, and not read before they were replaced
ALTER TABLE sources ADD COLUMN lost_before INTEGER NOT NULL DEFAULT 0
"""

_MIGRATIONS: Final = (_SCHEMA_1, _SCHEMA_2, _SCHEMA_3)
VERSION: Final = len(_MIGRATIONS)


class StateInUse(Unavailable):
    """Another process works with the same state directory."""

    code = "STATE_IN_USE"
    hint = "stop the running collector first, or use another state_dir"


class StateDamaged(Unavailable):
    """The state's file is damaged; to open it anew sets it aside."""

    code = "STATE_DAMAGED"
    hint = "restart the collector: it sets the file aside and reads all sources again"


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether an error says that the file is damaged, or no database."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class StateLock:
    """The lock of a state directory; held until it is closed or the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, directory: Path) -> StateLock:
        """Take the lock.

        Raises:
            StateInUse: somebody holds it.
            ConfigInvalid: the directory cannot be used.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if directory.stat().st_mode & 0o077:
                directory.chmod(0o700)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(directory / LOCK_FILE, flags, 0o600)
        except OSError as error:
            raise ConfigInvalid(f"{directory}: cannot be used: {error.strerror}") from error
        for _ in range(_LOCK_ATTEMPTS):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(_LOCK_PAUSE_SECONDS)  # `status` holds it for an instant, too
            else:
                return cls(descriptor)
        os.close(descriptor)
        raise StateInUse(f"state directory in use: {directory}")

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._descriptor)


def open_state_file(directory: Path) -> sqlite3.Connection:
    """Open the state, making it or migrating it if need be; the lock must be held.

    Raises:
        ConfigInvalid: the file is not ours or of a newer version.
        Unavailable: the disk does not let it be opened.
    """
    path = directory / STATE_FILE
    try:
        try:
            return _open(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            return _begin_anew(path, _set_aside(path, error))
    except (sqlite3.Error, OSError) as error:
        hint = "check the disk that it lies on"
        raise Unavailable(f"{path}: cannot be opened: {error}", hint=hint) from error


def open_as_guest(directory: Path) -> sqlite3.Connection:
    """Open the state of a collector that runs; nothing is made, migrated or set aside.

    Raises:
        ConfigInvalid: the file is not ours or of a newer version.
        Unavailable: it is not there, cannot be opened, or is of an older version.
    """
    path = directory / STATE_FILE
    if not path.exists():
        raise Unavailable(f"{path}: is not there yet", hint="try again in a moment")
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            version = check_version(connection, path)
            if version < VERSION:
                raise Unavailable(
                    f"{path}: has version {version}, this program needs {VERSION}",
                    hint="restart the collector, so that it is of this version, too",
                )
            _configure(connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        hint = "restart the collector, which looks for damage"
        raise Unavailable(f"{path}: cannot be opened: {error}", hint=hint) from error
    return connection


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Check and set up a connection, and bring the file to this version."""
    version = check_version(connection, path)
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
    else:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    _configure(connection)
    now = int(time.time() * 1000)
    begin = f"INSERT INTO meta VALUES ('{REVISION_BASE}', '{now:d}')"  # noqa: S608 - a number
    for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {script}; {begin if number == 1 else ''};"
            f" PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number}; COMMIT;"
        )


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of a state; 0 of one that is still to be made.

    Args:
        connection: to the file.
        path: of the file, for the error.

    Raises:
        ConfigInvalid: the file is not ours or of a newer version.
        sqlite3.Error: it cannot be read.
    """
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    objects = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if objects and application != APPLICATION_ID:
        raise ConfigInvalid(f"{path}: is no state of lethe; allowed: a state_dir of its own")
    if version > VERSION:
        raise ConfigInvalid(
            f"{path}: has version {version}, this program knows up to {VERSION}",
            hint="upgrade lethe-collector, or use another state_dir",
        )
    return version


def _configure(connection: sqlite3.Connection) -> None:
    """Set what holds for a connection alone."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA journal_size_limit = 8388608")


def _set_aside(path: Path, error: sqlite3.DatabaseError) -> Path:
    """Give a damaged file another name, together with its log, so that it can still be opened."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    # The log first: one that was left behind would be read as that of the new file.
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    logger.bind(path=str(path), kept=aside.name, error=str(error)).error(
        "the state is damaged; it was set aside, and all sources are read again"
    )
    return aside


def _begin_anew(path: Path, aside: Path) -> sqlite3.Connection:
    """Begin a new state with what can be read of the damaged one."""
    connection = _open(path)
    try:
        found = salvage(aside, connection)
    except sqlite3.Error as error:
        logger.bind(error=str(error)).error("nothing of the damaged state could be taken over")
    else:
        logger.bind(batches=found.batches, dead_letters=found.letters).info(
            "the outbox and the dead letters of the damaged state were taken over"
        )
    return connection
