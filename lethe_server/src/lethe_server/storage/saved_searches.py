"""Saved searches: of each owner, by an identity that tells nothing, and by a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from lethe_server.storage.owners import ensure_owner

if TYPE_CHECKING:
    import apsw

#: Most of one owner.
MAX_SAVED: Final = 1000

#: What became of a change: done, or there is no such search, or one of that name, or too many.
Outcome = Literal["done", "missing", "taken", "full"]

_COLUMNS: Final = "id, name, q, filters, created_at, changed_at"
_LIST: Final = """
    SELECT o.name, s.id, s.name, s.q, s.filters, s.created_at, s.changed_at
    FROM owners AS o JOIN saved_searches AS s ON s.owner = o.id
    WHERE (:owner IS NULL OR o.name = :owner) AND (:id IS NULL OR s.id = :id)
    ORDER BY s.name, o.name
"""
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


def list_saved(
    connection: apsw.Connection, owner: str | None, identity: str | None = None
) -> list[tuple[str, SavedSearch]]:
    """Return saved searches by name, each with its owner.

    Args:
        connection: that reads.
        owner: whose; everybody's if `None`.
        identity: of the one that is wanted; all if `None`.
    """
    values = {"owner": owner, "id": identity}
    rows: list[Any] = connection.execute(_LIST, values).fetchall()
    return [(name, SavedSearch._make(row)) for name, *row in rows]


def insert_saved(connection: apsw.Connection, owner: str, saved: SavedSearch) -> Outcome:
    """Store a search.

    Args:
        connection: in a transaction.
        owner: whose.
        saved: that is new.
    """
    number = ensure_owner(connection, owner)
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
    number = ensure_owner(connection, owner)
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
    number = ensure_owner(connection, owner)
    gone = connection.execute(_DELETE, (number, identity)).get
    return "missing" if gone is None else "done"
