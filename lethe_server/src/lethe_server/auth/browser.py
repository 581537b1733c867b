"""Browser sessions, for a machine without a proxy: a one-time link sets a cookie.

Link and session are rows of the tokens: ``login ...`` with the scope ``sign-in`` and ``browser
...``. So they are stored as hashes, listed and revoked like tokens, and expire. Neither is a
token: each secret has its own beginning, and a bearer must begin with ``lethe_``.

* The link holds for `LINK_SECONDS` and once. Opening it shows a button and changes nothing;
  pressing the button spends the link. So no preview of a chat program spends it.
* The cookie is `HttpOnly` and `SameSite=Strict`. Cookies know no ports: another server on the
  same host name of this machine gets it from the browser as well (docs/security.md).
"""

from __future__ import annotations

import re
import secrets
import time
from typing import TYPE_CHECKING, Final

from lethe_core.errors import ConfigInvalid
from lethe_server.auth.names import user_problem
from lethe_server.auth.tokens import digest_secret
from lethe_server.errors import Unauthorized
from lethe_server.storage.tokens import NewToken, exchange_token, revoke_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from lethe_server.storage import Store, TokenBook

COOKIE: Final = "lethe-session"
#: A link can be opened for so long (seconds).
LINK_SECONDS: Final = 15 * 60.0
#: A session ends after so long (seconds).
SESSION_SECONDS: Final = 30 * 24 * 3600.0

#: The scope of a link: it opens no route.
LINK_SCOPE: Final = "sign-in"
#: What a session may; an admin's may read for others as well.
SESSION_SCOPES: Final = frozenset({"ingest", "read", "admin"})

_LINK: Final = "lethe-login_"
_SESSION: Final = "lethe-session_"
_SECRET: Final = re.compile(r"lethe-(login|session)_[A-Za-z0-9_-]{43}")
_LINK_HINT: Final = "`lethe-server link` makes a new one"


def create_link(book: TokenBook, *, owner: str, clock: Callable[[], float] = time.time) -> str:
    """Make a one-time link and return its path and query.

    Args:
        book: the tokens of a server.
        owner: who is going to be signed in.
        clock: Unix seconds.

    Raises:
        ConfigInvalid: the name is no user's.
        Unavailable: the database cannot be written now.
    """
    problem = user_problem(owner)
    if problem:
        raise ConfigInvalid(f"the owner's name {problem}")
    secret = _LINK + secrets.token_urlsafe(32)
    now = clock()
    name = f"login {secrets.token_hex(4)}"
    scopes = frozenset({LINK_SCOPE})
    book.add(owner, NewToken(name, scopes, digest_secret(secret), now, now + LINK_SECONDS))
    return f"/login?code={secret}"


def is_session(secret: str) -> bool:
    """Tell whether a text has the form of a session's secret.

    Args:
        secret: any text.
    """
    return secret.startswith(_SESSION) and _SECRET.fullmatch(secret) is not None


class BrowserSessions:
    """Begins and ends sessions.

    Args:
        store: where they are.
        clock: Unix seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    async def begin(self, code: str) -> str:
        """Spend a link and begin a session.

        Args:
            code: of the link.

        Returns:
            The secret for the cookie.

        Raises:
            Unauthorized: the link is wrong, spent or too old.
            Unavailable: the database cannot be written now.
        """
        if not (code.startswith(_LINK) and _SECRET.fullmatch(code)):
            raise Unauthorized("the link is not valid", hint=_LINK_HINT)
        secret = _SESSION + secrets.token_urlsafe(32)
        now = self._clock()
        session = NewToken(
            name=f"browser {secrets.token_hex(4)}",
            scopes=SESSION_SCOPES,
            hash=digest_secret(secret),
            created_at=now,
            expires_at=now + SESSION_SECONDS,
        )
        begun = await self._store.change(
            lambda connection: exchange_token(connection, digest_secret(code), LINK_SCOPE, session)
        )
        if not begun:
            raise Unauthorized("the link is not valid any more", hint=_LINK_HINT)
        return secret

    async def end(self, secret: str) -> None:
        """End a session, if it is one.

        Args:
            secret: of the cookie.

        Raises:
            Unavailable: the database cannot be written now.
        """
        if is_session(secret):
            digest, now = digest_secret(secret), self._clock()
            await self._store.change(lambda connection: revoke_digest(connection, digest, now))
