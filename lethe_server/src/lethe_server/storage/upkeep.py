"""Upkeep of an archive by commands, beside a running server or without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lethe_core.errors import ConfigInvalid
from lethe_server.storage.database import FILE_NAME, open_database, prepare_directory
from lethe_server.storage.faults import translated_faults
from lethe_server.storage.integrity import find_damage, rebuild_index
from lethe_server.storage.migrations import migrate

if TYPE_CHECKING:
    from pathlib import Path

    from lethe_server.storage.integrity import Finding


def check_archive(directory: Path) -> list[Finding]:
    """Look for damage in the archive of a directory.

    Args:
        directory: the server's `data_dir`.

    Raises:
        ConfigInvalid: there is no database of this version.
        Unavailable: it cannot be opened now.
    """
    with translated_faults():
        database = open_database(_existing(directory), writer=True)
        try:
            return find_damage(database.connection())
        finally:
            database.close()


def rebuild_search(directory: Path) -> int:
    """Make the search index of an archive anew.

    Args:
        directory: the server's `data_dir`.

    Returns:
        Of how many users.

    Raises:
        ConfigInvalid: there is no database, or one of a newer version.
        Unavailable: it cannot be written now.
    """
    database = open_database(_existing(directory), writer=True)
    try:
        migrate(database.connection())
        with translated_faults():
            return rebuild_index(database.connection())
    finally:
        database.close()


def _existing(directory: Path) -> Path:
    if not (directory / FILE_NAME).exists():
        raise ConfigInvalid(f"{directory}: there is no database")
    return prepare_directory(directory)
