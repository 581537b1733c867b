"""Integrity: whether the database is what was written, and what can be mended of it.

Five things are looked at:

    database    SQLite's own check of all pages, tables and indexes
    payloads    that each names a dictionary that there is, and that these are whole
    search      the index of each owner: its inner structure, and that it knows the turns it should
    sessions    the figures of each session against its turns
    statistics  the sums of each quarter of an hour against the turns

The search index and the sums are made of the turns and can be made again; damage of the database
itself is what backups are for.

A database of an older version may be looked at, too, such as one that is backed up before an
upgrade. It is not brought to this version for that; what it has not yet cannot be damaged.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import apsw
from loguru import logger

from lethe_server.errors import StorageDamaged
from lethe_server.storage.dictionaries import find_damaged, unpacker_of
from lethe_server.storage.owners import find_owners
from lethe_server.storage.payloads import WITH_TEXT, dictionary_number
from lethe_server.storage.recounting import count_anew, count_miscounted
from lethe_server.storage.reindexing import reindex_owner
from lethe_server.storage.search_index import SOURCES, table_of
from lethe_server.storage.transactions import write_transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

Part = Literal["database", "payloads", "search", "sessions", "statistics"]

_MAX_FINDINGS: Final = 20
#: What SQLite and FTS5 raise at a damaged page, table or structure.
_DAMAGED: Final = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, StorageDamaged)
_INDEXED: Final = "SELECT 1 FROM search_owners WHERE owner = ?"
_STRAY_PLACES: Final = """
    SELECT count(*) FROM search_places AS p WHERE p.owner = ? AND NOT EXISTS (
        SELECT 1 FROM turns AS t WHERE t.owner = p.owner AND t.id = p.turn
            AND t.session = p.session)
"""
_UNINDEXED: Final = """
    SELECT count(*) FROM turns AS t
    WHERE t.owner = ? AND t.content GLOB '*[a-zA-Z0-9]*' AND t.kind IS NOT 'unmapped'
        AND NOT EXISTS (
            SELECT 1 FROM search_places AS p WHERE p.owner = t.owner AND p.turn = t.id)
"""
#: Texts that stand in payloads are looked at one by one: few turns are not indexed.
_UNINDEXED_PACKED: Final = f"""
    SELECT t.content, t.payload FROM turns AS t
    WHERE t.owner = ? AND substr(t.payload, 1, 1) = x'{WITH_TEXT:02x}' AND t.kind IS NOT 'unmapped'
        AND NOT EXISTS (
            SELECT 1 FROM search_places AS p WHERE p.owner = t.owner AND p.turn = t.id)
"""  # noqa: S608 - made of a number
_WORD: Final = re.compile("[a-zA-Z0-9]")
#: The first payload of each dictionary; there is always one of none.
_NAMED: Final = """
    SELECT min(payload) FROM turns WHERE payload IS NOT NULL
    GROUP BY iif(substr(payload, 1, 1) < x'02', x'', substr(payload, 2, 3))
"""
_DICTIONARIES: Final = "SELECT id FROM dictionaries"
_WRONG_FIGURES: Final = """
    SELECT count(*) FROM sessions AS s WHERE s.turns <> (
        SELECT count(*) FROM turns AS t WHERE t.owner = s.owner AND t.session = s.id)
"""


class Finding(NamedTuple):
    """Something that is not as it should be.

    Args:
        part: what is damaged.
        text: what is wrong with it, without content.
    """

    part: Part
    text: str


def find_damage(connection: apsw.Connection, *, but: Collection[Part] = ()) -> list[Finding]:
    """Look for damage; this reads the whole database.

    Args:
        connection: any; in no transaction.
        but: what is not looked at.
    """
    found: list[Finding] = []
    version = connection.pragma("user_version")
    for part, look in _LOOKS.items():
        if part in but or version < _SINCE.get(part, 0):
            continue
        try:
            found += [Finding(part, text) for text in look(connection)]
        except _DAMAGED as error:
            found.append(Finding(part, f"cannot be read ({type(error).__name__})"))
    return found


def rebuild_index(connection: apsw.Connection) -> int:
    """Make the search index of each owner, and the sums of all, anew from the turns.

    Args:
        connection: the one that writes; in no transaction.

    Returns:
        How many owners have turns.
    """
    owners = find_owners(connection, None)
    for owner in owners:
        _drop_damaged(connection, owner)
        with write_transaction(connection):
            reindex_owner(connection, owner)
    with write_transaction(connection):
        count_anew(connection)
    return len(owners)


def _database(connection: apsw.Connection) -> Iterator[str]:
    for (text,) in connection.execute(f"PRAGMA integrity_check({_MAX_FINDINGS})"):
        if text != "ok":
            yield " ".join(text.split())


def _payloads(connection: apsw.Connection) -> Iterator[str]:
    for damaged in find_damaged(connection):
        yield f"dictionary {damaged} is damaged"
    known = {number for (number,) in connection.execute(_DICTIONARIES)}
    named = {dictionary_number(payload) for (payload,) in connection.execute(_NAMED)} - {None}
    for number in named - known:
        yield f"dictionary {number} is missing"


def _search(connection: apsw.Connection) -> Iterator[str]:
    for owner in find_owners(connection, None):
        if connection.execute(_INDEXED, (owner,)).get is None:
            continue
        for source in SOURCES:
            if text := _check_table(connection, table_of(source, owner)):
                yield f"{table_of(source, owner)}: {text}"
        if stray := connection.execute(_STRAY_PLACES, (owner,)).get:
            yield f"owner {owner}: {stray} places of turns that there are not"
        missing = connection.execute(_UNINDEXED, (owner,)).get + _count_packed(connection, owner)
        if missing:
            yield f"owner {owner}: {missing} turns are not indexed"


def _count_packed(connection: apsw.Connection, owner: int) -> int:
    unpack = unpacker_of(connection).unpack
    rows = connection.execute(_UNINDEXED_PACKED, (owner,))
    return sum(_WORD.search(unpack(*row).content) is not None for row in rows)


def _check_table(connection: apsw.Connection, table: str) -> str:
    """Have FTS5 check one of its tables; its command is an INSERT that writes nothing."""
    try:
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")  # noqa: S608 - made of a number
    except _DAMAGED as error:
        return f"damaged ({type(error).__name__})"
    return ""


def _sessions(connection: apsw.Connection) -> Iterator[str]:
    if wrong := connection.execute(_WRONG_FIGURES).get:
        yield f"{wrong} sessions count other turns than they have"


def _statistics(connection: apsw.Connection) -> Iterator[str]:
    if wrong := count_miscounted(connection):
        yield f"{wrong} sessions are counted otherwise than their turns say"


_LOOKS: Final[dict[Part, Callable[[apsw.Connection], Iterator[str]]]] = {
    "database": _database,
    "payloads": _payloads,
    "search": _search,
    "sessions": _sessions,
    "statistics": _statistics,
}
#: The version of the database that brought the tables which are looked at.
_SINCE: Final[dict[Part, int]] = {"payloads": 10, "search": 2, "statistics": 11}


def _drop_damaged(connection: apsw.Connection, owner: int) -> None:
    """Drop tables that SQLite will not drop because it cannot read them."""
    for source in SOURCES:
        table = table_of(source, owner)
        try:
            with write_transaction(connection):
                connection.execute(f"DROP TABLE IF EXISTS {table}")
        except apsw.Error as error:
            logger.warning("{} cannot be dropped ({}); its parts are", table, type(error).__name__)
            _drop_by_parts(connection, table)


def _drop_by_parts(connection: apsw.Connection, table: str) -> None:
    connection.pragma("writable_schema", True)
    try:
        with write_transaction(connection):
            names = connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB ?",
                (f"{table}_*",),
            ).fetchall()
            connection.execute("DELETE FROM sqlite_schema WHERE name = ?", (table,))
            for (name,) in names:
                connection.execute(f"DROP TABLE {name}")
    finally:
        connection.pragma("writable_schema", "reset")
