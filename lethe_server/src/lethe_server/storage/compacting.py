"""Compacting: the archive in as little room as it needs, by a command and without a server.

* Each owner with enough turns gets a dictionary, or a newer one if there are twice as many turns as
  at the last training. What was packed before it is packed with it, in transactions of 500 turns.
* FTS5 joins the segments of each index into one.
* SQLite writes the file anew, without the free pages.

Whoever is killed meanwhile has a whole archive, and the next call does the rest.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import apsw
import zstandard
from loguru import logger

from lethe_server.storage.database import (
    find_database,
    leave_log,
    open_database,
    prepare_directory,
)
from lethe_server.storage.dictionaries import FIRST_TURNS, newest, save, train, unpacker_of
from lethe_server.storage.faults import translated_faults
from lethe_server.storage.lock import ArchiveLock
from lethe_server.storage.migrations import migrate
from lethe_server.storage.payloads import Packer, dictionary_number
from lethe_server.storage.search_index import SOURCES, has_index, table_of
from lethe_server.storage.transactions import write_transaction

if TYPE_CHECKING:
    from pathlib import Path

#: A dictionary is trained anew when there are so many times as many turns.
_GROWTH: Final = 2
_BATCH: Final = 500
#: Owners whose packers are at hand: half a megabyte each.
_OWNERS_AT_HAND: Final = 16

_OWNERS: Final = """
    SELECT o.id, coalesce(sum(s.turns), 0)
    FROM owners AS o LEFT JOIN sessions AS s ON s.owner = o.id GROUP BY o.id
"""
_TURNS: Final = """
    SELECT id, owner, content, payload FROM turns WHERE id > ? ORDER BY id LIMIT ?
"""
_UPDATE: Final = "UPDATE turns SET content = ?, payload = ? WHERE owner = ? AND id = ?"


def compact(directory: Path) -> tuple[int, int]:
    """Write the database of a directory anew.

    Args:
        directory: the server's `data_dir`.

    Returns:
        Its bytes before and after.

    Raises:
        ConfigInvalid: there is no database, or one of a newer version.
        StorageFull: there is no room; the archive is whole.
        StorageFailed: a server runs, or it did not work now.
    """
    find_database(directory)
    path = prepare_directory(directory)
    before = path.stat().st_size
    with closing(ArchiveLock(directory)), closing(open_database(path, writer=True)) as database:
        connection = database.connection()
        with translated_faults():
            leave_log(connection)  # at once, and not after all the work, if somebody reads
            connection.pragma("journal_mode", "wal")
            migrate(connection)
            owners = _owners(connection)
            for owner, turns in owners.items():
                _renew_dictionary(connection, owner, turns)
            _pack_anew(connection)
            for owner in owners:
                _join_index(connection, owner)
            connection.execute("VACUUM")
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    return before, path.stat().st_size


def _owners(connection: apsw.Connection) -> dict[int, int]:
    rows: Any = connection.execute(_OWNERS)
    return dict(rows)


def _renew_dictionary(connection: apsw.Connection, owner: int, turns: int) -> None:
    _, trained = newest(connection, owner)
    if turns < max(FIRST_TURNS, _GROWTH * trained):
        return
    try:
        data = train(connection, owner, turns)
    except zstandard.ZstdError as error:
        logger.warning("no dictionary for payloads was made: {}", error)
        return
    with write_transaction(connection):
        save(connection, owner, turns, data)


class _Packers:
    """Packers of some owners, each with the number of its dictionary."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._packers: OrderedDict[int, tuple[int | None, Packer]] = OrderedDict()

    def of(self, owner: int) -> tuple[int | None, Packer]:
        """Return the number of the newest dictionary of an owner, and its packer."""
        if owner not in self._packers:
            dictionary, _ = newest(self._connection, owner)
            number = dictionary.number if dictionary else None
            self._packers[owner] = number, Packer(dictionary)
            if len(self._packers) > _OWNERS_AT_HAND:
                self._packers.popitem(last=False)
        self._packers.move_to_end(owner)
        return self._packers[owner]


def _pack_anew(connection: apsw.Connection) -> None:
    unpack = unpacker_of(connection).unpack
    packers = _Packers(connection)
    last = 0
    while batch := _turns_after(connection, last):
        changed: list[tuple[str, bytes | None, int, int]] = []
        for turn, owner, content, payload in batch:
            number, packer = packers.of(owner)
            if number is None or (payload and dictionary_number(payload) == number):
                continue
            parts = unpack(content, payload)
            packed = packer.pack(
                parts.content,
                b"" if parts.tool_calls == b"[]" else parts.tool_calls,
                b"" if parts.metadata == b"{}" else parts.metadata,
            )
            if _size(*packed) < _size(content, payload):
                changed.append((*packed, owner, turn))
        if changed:
            with write_transaction(connection):
                connection.executemany(_UPDATE, changed)
        last = batch[-1][0]


def _turns_after(connection: apsw.Connection, last: int) -> list[Any]:
    return connection.execute(_TURNS, (last, _BATCH)).fetchall()


def _size(content: str, payload: bytes | None) -> int:
    return len(content.encode()) + len(payload or b"")


def _join_index(connection: apsw.Connection, owner: int) -> None:
    if not has_index(connection, owner):
        return
    for source in SOURCES:
        table = table_of(source, owner)
        with write_transaction(connection):
            connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # noqa: S608 - made of a number
