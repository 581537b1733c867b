"""Saved searches: of each owner, by an identity that tells nothing, and by a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from lethe_server.storage.turns import owner_id

if TYPE_CHECKING:
    import apsw

#: Most of one owner.
MAX_SAVED: Final = 1000

#: What became of a change: done, or there is no such search, or one of that name, or too many.
Outcome = Literal["done", "missing", "taken", "full"]

_COLUMNS: Final = "id, name, q, filters, created_at, changed_at"
_OWNER: Final = "owner = (SELECT id FROM owners WHERE name = ?)"
_LIST: Final = f"SELECT {_COLUMNS} FROM saved_searches WHERE {_OWNER} ORDER BY name"  # noqa: S608 - made of constants
_FIND: Final = f"SELECT {_COLUMNS} FROM saved_searches WHERE {_OWNER} AND id = ?"  # noqa: S608 - made of constants
_COUNT: Final = "SELECT count(*) FROM saved_searches WHERE owner = ?"
_FIND_NAME: Final = "SELECT id FROM saved_searches WHERE owner = ? AND name = ?"
_INSERT: Final = f"""
    INSERT INTO saved_searches (owner, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S608 - made of constants
_CHANGE: Final = """
    UPDATE saved_searches SET name = ?, q = ?, filters = ?, changed_at = ?
    WHERE owner = ? AND id = ? RETURNING id
"""
_DELETE: Final = "DELETE FROM saved_searches WHERE owner = ? AND id = ? RETURNING id"


class SavedSearch(NamedTuple):
    """A saved search.

    Args:
        id: of it.
        name: unique for its owner.
        q: what was typed.
        filters: parameters of the search, as a JSON object.
        created_at: Unix seconds.
        changed_at: likewise.
    """

    id: str
    name: str
    q: str
    filters: str
    created_at: float
    changed_at: float


def list_saved(connection: apsw.Connection, owner: str) -> list[SavedSearch]:
    """Return the saved searches of an owner, by name.

    Args:
        connection: that reads.
        owner: whose.
    """
    rows: list[Any] = connection.execute(_LIST, (owner,)).fetchall()
    return [SavedSearch._make(row) for row in rows]


def find_saved(connection: apsw.Connection, owner: str, identity: str) -> SavedSearch | None:
    """Return a saved search of an owner.

    Args:
        connection: that reads.
        owner: whose.
        identity: of the search.
    """
    row: Any = connection.execute(_FIND, (owner, identity)).fetchone()
    return None if row is None else SavedSearch._make(row)


def insert_saved(connection: apsw.Connection, owner: str, saved: SavedSearch) -> Outcome:
    """Store a search.

    Args:
        connection: in a transaction.
        owner: whose.
        saved: that is new.
    """
    number = owner_id(connection, owner)
    if connection.execute(_FIND_NAME, (number, saved.name)).get is not None:
        return "taken"
    if connection.execute(_COUNT, (number,)).get >= MAX_SAVED:
        return "full"
    connection.execute(_INSERT, (number, *saved))
    return "done"


def change_saved(connection: apsw.Connection, owner: str, saved: SavedSearch) -> Outcome:
    """Put a search in the place of the one of the same identity.

    Args:
        connection: in a transaction.
        owner: whose.
        saved: as it shall be.
    """
    number = owner_id(connection, owner)
    if connection.execute(_FIND_NAME, (number, saved.name)).get not in (None, saved.id):
        return "taken"
    values = (saved.name, saved.q, saved.filters, saved.changed_at, number, saved.id)
    return "missing" if connection.execute(_CHANGE, values).get is None else "done"


def delete_saved(connection: apsw.Connection, owner: str, identity: str) -> Outcome:
    """Delete a search.

    Args:
        connection: in a transaction.
        owner: whose.
        identity: of the search.
    """
    number = owner_id(connection, owner)
    gone = connection.execute(_DELETE, (number, identity)).get
    return "missing" if gone is None else "done"
