"""Upkeep of an archive by commands, beside a running server or without one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from lethe_server.storage.database import (
    FILE_NAME,
    find_database,
    open_database,
    prepare_directory,
)
from lethe_server.storage.faults import translated_faults
from lethe_server.storage.integrity import find_damage, rebuild_index
from lethe_server.storage.migrations import APPLICATION_ID, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import apsw

    from lethe_server.storage.integrity import Finding

_USERS: Final = """
    SELECT name FROM owners AS o
    WHERE EXISTS (SELECT 1 FROM sessions AS s WHERE s.owner = o.id) ORDER BY id
"""


def check_archive(directory: Path) -> list[Finding]:
    """Look for damage in the archive of a directory.

    Args:
        directory: the server's `data_dir`.

    Raises:
        ConfigInvalid: there is no database.
        Unavailable: it cannot be opened now.
    """
    with _opened(directory) as connection, translated_faults():
        return find_damage(connection)


def rebuild_search(directory: Path) -> int:
    """Make the search index of an archive, and the sums of the statistics, anew.

    Args:
        directory: the server's `data_dir`.

    Returns:
        Of how many users.

    Raises:
        ConfigInvalid: there is no database, or one of a newer version.
        Unavailable: it cannot be written now.
    """
    with _opened(directory) as connection:
        migrate(connection)
        with translated_faults():
            return rebuild_index(connection)


def archived_users(directory: Path) -> list[str]:
    """Name the users of whom an archive holds sessions; it is only read.

    Args:
        directory: the server's `data_dir`; nobody is in what was never filled, or is no archive.

    Raises:
        Unavailable: it cannot be read now.
    """
    path = directory / FILE_NAME
    if not path.exists() or not path.stat().st_size:
        return []
    with translated_faults(), contextlib.closing(open_database(path, writer=False)) as database:
        connection = database.connection()
        if connection.pragma("application_id") != APPLICATION_ID:
            return []
        return [name for (name,) in connection.execute(_USERS)]


@contextlib.contextmanager
def _opened(directory: Path) -> Iterator[apsw.Connection]:
    find_database(directory)
    with contextlib.closing(open_database(prepare_directory(directory), writer=True)) as database:
        yield database.connection()
