"""Queries for lethe's own tokens. Only a digest of a token's secret is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import apsw

from lethe_server.storage.schema import Owner, Token
from lethe_server.storage.turns import owner_id

if TYPE_CHECKING:
    from playhouse.apsw_ext import APSWDatabase  # type: ignore[import-untyped]

_CREATE: Final = """
    INSERT INTO tokens (owner, name, scopes, hash, created_at, expires_at)
    VALUES (?, ?, ?, ?, ?, ?)
"""
_REVOKE: Final = """
    UPDATE tokens SET revoked_at = ?
    WHERE owner = (SELECT id FROM owners WHERE name = ?) AND name = ? AND revoked_at IS NULL
    RETURNING id
"""
_REVOKE_DIGEST: Final = """
    UPDATE tokens SET revoked_at = ?
    WHERE hash = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
        AND scopes = coalesce(?, scopes)
    RETURNING owner
"""
_TOUCH: Final = "UPDATE tokens SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?"


class TokenRow(NamedTuple):
    """A token, without its secret.

    Args:
        id: of the row.
        owner: whose archive it opens.
        name: that people gave it.
        scopes: what it allows.
        hash: SHA-256 of the secret.
        created_at: Unix seconds, as all times here.
        expires_at: `None` if it does not expire.
        last_used_at: about; `None` if it never was.
        revoked_at: `None` if it is in force.
    """

    id: int
    owner: str
    name: str
    scopes: frozenset[str]
    hash: bytes
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    revoked_at: float | None

    def is_valid(self, now: float) -> bool:
        """Tell whether it is in force.

        Args:
            now: Unix seconds.
        """
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def find_token(database: APSWDatabase, digest: bytes) -> TokenRow | None:
    """Return the token of a digest, in force or not.

    Args:
        database: that reads.
        digest: SHA-256 of a secret.
    """
    rows = _select().where(Token.hash == digest).tuples().execute(database)
    return next((_row(values) for values in rows), None)


def list_tokens(database: APSWDatabase, owner: str | None = None) -> list[TokenRow]:
    """Return all tokens, those that were revoked as well.

    Args:
        database: that reads.
        owner: of whom; `None` for all.
    """
    query = _select().order_by(Owner.name, Token.id)
    if owner is not None:
        query = query.where(Owner.name == owner)
    rows = query.tuples().execute(database)
    return [_row(values) for values in rows]


def create_token(
    connection: apsw.Connection,
    *,
    owner: str,
    name: str,
    scopes: frozenset[str],
    digest: bytes,
    now: float,
    expires_at: float | None,
) -> None:
    """Store a token.

    Args:
        connection: in a transaction.
        owner: whose archive it opens.
        name: that no other token in force of the owner has.
        scopes: what it allows.
        digest: SHA-256 of the secret.
        now: Unix seconds.
        expires_at: Unix seconds, or `None`.

    Raises:
        apsw.ConstraintError: the name is taken.
    """
    number = owner_id(connection, owner)
    values = (number, name, " ".join(sorted(scopes)), digest, now, expires_at)
    connection.execute(_CREATE, values)


def add_token(connection: apsw.Connection, **token: Any) -> bool:
    """Store a token unless its name is taken; tell whether it was.

    Args:
        connection: in a transaction.
        token: as for `create_token`.
    """
    try:
        create_token(connection, **token)
    except apsw.ConstraintError:
        return False
    return True


def revoke_token(connection: apsw.Connection, *, owner: str, name: str, now: float) -> bool:
    """Put a token out of force.

    Args:
        connection: in a transaction.
        owner: whose.
        name: of the token.
        now: Unix seconds.

    Returns:
        Whether there was one in force.
    """
    return bool(connection.execute(_REVOKE, (now, owner, name)).fetchall())


def revoke_digest(
    connection: apsw.Connection, digest: bytes, now: float, *, scope: str | None = None
) -> int | None:
    """Put the token of a digest out of force.

    Args:
        connection: in a transaction.
        digest: SHA-256 of a secret.
        now: Unix seconds.
        scope: only if this is its one scope.

    Returns:
        The number of its owner, if it was in force.
    """
    owner: int | None = connection.execute(_REVOKE_DIGEST, (now, digest, now, scope)).get
    return owner


def exchange_token(
    connection: apsw.Connection,
    old: bytes,
    scope: str,
    *,
    name: str,
    scopes: frozenset[str],
    digest: bytes,
    now: float,
    expires_at: float,
) -> bool:
    """Put a token out of force and store another one of the same owner in its place, once.

    Args:
        connection: in a transaction.
        old: digest of the token that is given.
        scope: that it must have.
        name: of the new one.
        scopes: of the new one.
        digest: of the new one's secret.
        now: Unix seconds.
        expires_at: Unix seconds.

    Returns:
        Whether the old one was in force and had the scope.
    """
    owner = revoke_digest(connection, old, now, scope=scope)
    if owner is None:
        return False
    values = (owner, name, " ".join(sorted(scopes)), digest, now, expires_at)
    connection.execute(_CREATE, values)
    return True


def touch_token(connection: apsw.Connection, number: int, now: float) -> None:
    """Note that a token was used.

    Args:
        connection: in a transaction.
        number: id of the token.
        now: Unix seconds.
    """
    connection.execute(_TOUCH, (now, number))


def _select() -> Any:
    columns = (
        Token.id,
        Owner.name,
        Token.name,
        Token.scopes,
        Token.hash,
        Token.created_at,
        Token.expires_at,
        Token.last_used_at,
        Token.revoked_at,
    )
    return Token.select(*columns).join(Owner, on=(Token.owner == Owner.id))


def _row(values: tuple[Any, ...]) -> TokenRow:
    number, owner, name, scopes, digest, *times = values
    return TokenRow(number, owner, name, frozenset(scopes.split()), bytes(digest), *times)
