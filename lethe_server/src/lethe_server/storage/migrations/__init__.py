"""Versioned migrations of the database, each in one transaction.

A migration is a module ``mNNNN_words`` of this package with one function
``upgrade(connection)``. The version of a database is its ``PRAGMA user_version``, set in the same
transaction as the change itself: a migration that fails, or is killed, leaves the old version
(O2). A database that is newer than the program, or no database of lethe, is refused.

A migration imports nothing of lethe: it means for good what it meant when it was written, whatever
becomes of the constants of today.

What another program has open is not migrated: a server that was not restarted yet would go on to
write rows of its own version, and leave out what this one relies on.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Final

from lethe_core.errors import ConfigInvalid
from lethe_server.errors import StorageFailed
from lethe_server.storage.database import leave_log
from lethe_server.storage.faults import translated_faults
from lethe_server.storage.transactions import write_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import apsw

    Migration = Callable[[apsw.Connection], None]

#: ``lthe`` in ASCII; tells a database of lethe from others.
APPLICATION_ID: Final = 0x6C746865


def known_migrations() -> list[Migration]:
    """Return the migrations of this package in order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return [module.upgrade for module in modules]


def migrate(
    connection: apsw.Connection, migrations: Sequence[Migration] | None = None
) -> tuple[int, int]:
    """Bring a database to the version of this program.

    Args:
        connection: the one that writes; in no transaction.
        migrations: instead of those of this package; for tests.

    Returns:
        The version that was found and the one that there is now.

    Raises:
        ConfigInvalid: the database is newer than the program, or not one of lethe.
        StorageFull: there is no room; the old version stays.
        StorageFailed: it did not work now, or another program has the database open; the old
            version stays.
    """
    steps = known_migrations() if migrations is None else migrations
    with translated_faults():
        found = _checked_version(connection, len(steps))
        if 0 < found < len(steps):
            _have_alone(connection)
        for version, upgrade in enumerate(steps[found:], start=found + 1):
            with write_transaction(connection):
                # Another program may have migrated since.
                if connection.pragma("user_version") >= version:
                    continue
                upgrade(connection)
                connection.pragma("application_id", APPLICATION_ID)
                connection.pragma("user_version", version)
    return found, len(steps)


def _have_alone(connection: apsw.Connection) -> None:
    """Make sure that nobody else has the database open.

    Raises:
        StorageFailed: somebody has.
    """
    mode = connection.pragma("journal_mode")
    try:
        leave_log(connection)
    except StorageFailed:
        raise StorageFailed(
            "another program has the archive open, which is still of an older version",
            hint="stop the server that runs, or wait until another command has ended, and start the"
            " server of this version",
        ) from None
    connection.pragma("journal_mode", mode)


def _checked_version(connection: apsw.Connection, newest: int) -> int:
    version = int(connection.pragma("user_version"))
    application = int(connection.pragma("application_id"))
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if application != APPLICATION_ID and (application or version or tables):
        raise ConfigInvalid(
            "data_dir: the file there is no database of lethe",
            hint="move it away, or choose another `data_dir`",
        )
    if version > newest:
        raise ConfigInvalid(
            f"data_dir: the database has version {version}, this program knows up to {newest}",
            hint="upgrade lethe-server; it does not work on a database of a later version",
        )
    return version
