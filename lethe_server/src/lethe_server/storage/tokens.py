"""Queries for lethe's own tokens. Only a digest of a token's secret is stored."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import apsw

from lethe_server.storage.owners import ensure_owner
from lethe_server.storage.schema import Owner, Token

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


class NewToken(NamedTuple):
    """A token that is to be stored.

    Args:
        name: that no other token in force of its owner has.
        scopes: what it allows.
        hash: SHA-256 of the secret.
        created_at: Unix seconds.
        expires_at: Unix seconds; `None` if it does not expire.
    """

    name: str
    scopes: frozenset[str]
    hash: bytes
    created_at: float
    expires_at: float | None = None


def find_token(connection: apsw.Connection, digest: bytes) -> TokenRow | None:
    """Return the token of a digest, in force or not.

    Args:
        connection: that reads.
        digest: SHA-256 of a secret.
    """
    rows = _execute(connection, _select().where(Token.hash == digest))
    return rows[0] if rows else None


def list_tokens(connection: apsw.Connection, owner: str | None = None) -> list[TokenRow]:
    """Return all tokens, those that were revoked as well.

    Args:
        connection: that reads.
        owner: of whom; `None` for all.
    """
    query = _select().order_by(Owner.name, Token.id)
    if owner is not None:
        query = query.where(Owner.name == owner)
    return _execute(connection, query)


def add_token(connection: apsw.Connection, owner: str, token: NewToken) -> bool:
    """Store a token unless its name is taken; tell whether it was stored.

    Args:
        connection: in a transaction.
        owner: whose archive it opens.
        token: that is new.
    """
    try:
        _insert(connection, ensure_owner(connection, owner), token)
    except apsw.ConstraintError:
        return False
    return True


def revoke_token(connection: apsw.Connection, owner: str, name: str, now: float) -> bool:
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


def exchange_token(connection: apsw.Connection, old: bytes, scope: str, token: NewToken) -> bool:
    """Put a token out of force and store another one of the same owner in its place, once.

    Args:
        connection: in a transaction.
        old: digest of the token that is given.
        scope: that it must have.
        token: the new one.

    Returns:
        Whether the old one was in force and had the scope.
    """
    owner = revoke_digest(connection, old, token.created_at, scope=scope)
    if owner is None:
        return False
    _insert(connection, owner, token)
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


def _execute(connection: apsw.Connection, query: Any) -> list[TokenRow]:
    rows: list[Any] = connection.execute(*query.sql()).fetchall()
    return [
        TokenRow(number, owner, name, frozenset(scopes.split()), *rest)
        for number, owner, name, scopes, *rest in rows
    ]


def _insert(connection: apsw.Connection, owner: int, token: NewToken) -> None:
    scopes = " ".join(sorted(token.scopes))
    connection.execute(_CREATE, (owner, token.name, scopes, *token[2:]))
