"""Owners: whose each archive is. All other tables name them by number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import apsw

_FIND: Final = "SELECT id FROM owners WHERE name = ?"
_CREATE: Final = "INSERT INTO owners (name) VALUES (?) RETURNING id"
_LIST: Final = "SELECT id, name FROM owners ORDER BY id"


def find_owner(connection: apsw.Connection, name: str) -> int | None:
    """Return the number of an owner, or `None` if nothing of them was ever stored.

    Args:
        connection: any.
        name: of the owner.
    """
    number: int | None = connection.execute(_FIND, (name,)).get
    return number


def ensure_owner(connection: apsw.Connection, name: str) -> int:
    """Return the number of an owner; a new one is made.

    Args:
        connection: in a transaction.
        name: of the owner.
    """
    number = find_owner(connection, name)
    if number is None:
        number = connection.execute(_CREATE, (name,)).get
    assert number is not None
    return number


def find_owners(connection: apsw.Connection, name: str | None) -> dict[int, str]:
    """Return the names of one owner or of all, by number and in this order.

    Args:
        connection: that reads.
        name: of one; all if `None`.
    """
    if name is not None:
        number = find_owner(connection, name)
        return {} if number is None else {number: name}
    rows: list[Any] = connection.execute(_LIST).fetchall()
    return dict(rows)
