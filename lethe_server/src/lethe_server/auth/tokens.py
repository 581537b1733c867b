"""lethe's own tokens: ``lethe_`` and 256 random bits.

The secret is shown once, when the token is made; the database holds its SHA-256, which is enough
for a secret that nobody can guess. A token opens the archive of its owner, and only what its
scopes allow: ``ingest``, ``read``, ``admin``.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from typing import TYPE_CHECKING, Final

from lethe_core.errors import ConfigInvalid
from lethe_server.auth.identity import SCOPES
from lethe_server.auth.names import user_problem
from lethe_server.storage import TokenBook
from lethe_server.storage.tokens import NewToken, find_token, touch_token

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from lethe_server.storage import Store, TokenRow

PREFIX: Final = "lethe_"
#: For so long a token that was found valid is not looked up again: revoking takes effect within
#: this time (seconds).
CACHE_SECONDS: Final = 2.0
#: How exactly the last use is kept (seconds).
TOUCH_SECONDS: Final = 60.0

#: What people may call a token: all of a name must match, whoever compares it.
TOKEN_NAME: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,63}$(?!\n)")
#: Why another name is refused.
TOKEN_NAME_PROBLEM: Final = "must be 1 to 64 letters, digits, blanks or . _ -"  # noqa: S105 - no secret

_SECRET: Final = re.compile(r"lethe_[A-Za-z0-9_-]{43}")
_CACHE_LENGTH: Final = 1024


def make_secret() -> str:
    """Make the secret of a new token."""
    return PREFIX + secrets.token_urlsafe(32)


def is_token(secret: str) -> bool:
    """Tell whether a text has the form of a token's secret.

    Args:
        secret: any text.
    """
    return _SECRET.fullmatch(secret) is not None


def digest_secret(secret: str) -> bytes:
    """Return what is stored of a secret.

    Args:
        secret: any text.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


class TokenVerifier:
    """Finds the token that a request presents.

    Args:
        store: where the tokens are.
        clock: Unix seconds; expiry is a matter of the wall clock.
        timer: seconds that only go forward.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._timer = timer
        self._cache: dict[bytes, tuple[float, TokenRow]] = {}
        self._touched: dict[int, float] = {}

    async def verify(self, secret: str) -> TokenRow | None:
        """Return the token of a secret, or `None` if there is none in force.

        Args:
            secret: of a token or of a browser session; its form was checked.

        Raises:
            Unavailable: the database cannot be asked.
        """
        digest = digest_secret(secret)
        row = self._recall(digest) or await self._find(digest)
        if row is None or not hmac.compare_digest(row.hash, digest):
            return None
        return row if row.is_valid(self._clock()) else None

    def forget(self, secret: str) -> None:
        """Look a secret up again the next time: it was revoked here and now.

        Args:
            secret: of a token or of a browser session.
        """
        self._cache.pop(digest_secret(secret), None)

    def note_use(self, row: TokenRow) -> None:
        """Store that a token was used, at most once a minute; nobody waits for it.

        Args:
            row: the token.
        """
        time_of_use = self._timer()
        if time_of_use - self._touched.get(row.id, -TOUCH_SECONDS) < TOUCH_SECONDS:
            return
        self._touched[row.id] = time_of_use
        now = self._clock()
        self._store.change_later(lambda connection: touch_token(connection, row.id, now))

    def _recall(self, digest: bytes) -> TokenRow | None:
        until, row = self._cache.get(digest, (0.0, None))
        return row if self._timer() < until else None

    async def _find(self, digest: bytes) -> TokenRow | None:
        row = await self._store.query(lambda connection: find_token(connection, digest))
        self._cache.pop(digest, None)
        if row is not None:
            if len(self._cache) >= _CACHE_LENGTH:
                self._cache.clear()
            self._cache[digest] = (self._timer() + CACHE_SECONDS, row)
        return row


def ensure_token(
    directory: Path, *, owner: str, name: str, scopes: Collection[str], secret: str | None = None
) -> str:
    """Return the secret of a token that works: the given one if it does, else a new one.

    Args:
        directory: the server's `data_dir`; the database is made if there is none.
        owner: whose archive it opens.
        name: for people; an older token of the owner with this name is revoked.
        scopes: what it must allow.
        secret: one that was made before.

    Raises:
        ConfigInvalid: the directory cannot be used, or a name or scope is wrong.
        Unavailable: the database cannot be written now.
    """
    with TokenBook(directory) as book:
        row = book.find(digest_secret(secret)) if secret else None
        if secret and row and row.owner == owner and row.scopes >= frozenset(scopes):
            return secret
        book.revoke(owner=owner, name=name)
        return create_token(book, owner=owner, name=name, scopes=scopes)


def create_token(
    book: TokenBook,
    *,
    owner: str,
    name: str,
    scopes: Collection[str],
    expires_at: float | None = None,
) -> str:
    """Make a token and return its secret, which is kept nowhere else.

    Args:
        book: the tokens of a server.
        owner: whose archive it opens.
        name: for people; one token in force per owner and name.
        scopes: of ``ingest``, ``read``, ``admin``.
        expires_at: Unix seconds.

    Raises:
        ConfigInvalid: a name or scope is wrong, or the name is taken.
        Unavailable: the database cannot be written now.
    """
    _check(owner, name, scopes)
    secret = make_secret()
    token = NewToken(name, frozenset(scopes), digest_secret(secret), time.time(), expires_at)
    book.add(owner, token)
    return secret


def _check(owner: str, name: str, scopes: Collection[str]) -> None:
    problem = user_problem(owner)
    if problem:
        raise ConfigInvalid(f"the owner's name {problem}")
    if not TOKEN_NAME.match(name):
        raise ConfigInvalid(f"the token's name {TOKEN_NAME_PROBLEM}")
    if not scopes or not set(scopes) <= set(SCOPES):
        raise ConfigInvalid(f"the scopes of a token are some of: {', '.join(SCOPES)}")
