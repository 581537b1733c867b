"""The lock of an archive, for whoever must have it alone.

* A server holds ``flock`` on ``server.lock`` for as long as it has the archive open; so do the
  commands that put another database in its place, or write it anew. Each of them is refused beside
  another one, whatever state the database is in.
* Commands that work beside a server do without it.
* The system gives it back when its holder ends, however that ends.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Final

from lethe_core.errors import ConfigInvalid
from lethe_server.errors import StorageFailed
from lethe_server.storage.database import leave_to_owner

if TYPE_CHECKING:
    from pathlib import Path

LOCK_FILE: Final = "server.lock"


class ArchiveLock:
    """The lock of a data directory; held until it is closed or the process ends.

    Args:
        directory: the server's `data_dir`; it must be there.

    Raises:
        ConfigInvalid: the directory cannot be used.
        StorageFailed: somebody else holds the lock.
    """

    def __init__(self, directory: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            self._file = os.fdopen(os.open(directory / LOCK_FILE, flags, 0o600))
            os.fchmod(self._file.fileno(), 0o600)
            leave_to_owner(directory / LOCK_FILE)
        except OSError as error:
            message = f"data_dir: {directory} cannot be used: {error.strerror}"
            raise ConfigInvalid(message) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            hint = "stop the server first"
            raise StorageFailed("another program has the archive open", hint=hint) from None

    def close(self) -> None:
        """Give the lock back."""
        self._file.close()
