"""SignIn: from a request to an identity, or to a refusal.

One kind of credential decides (A1): the first that is presented, in this order. One that fails is
a refusal, and never a reason to look at the next.

| presented                                         | proved by                              |
| ------------------------------------------------- | -------------------------------------- |
| `Authorization: Bearer lethe_...`                 | `lethe_server.auth.tokens`             |
| any other `Authorization`                         | `lethe_server.auth.oidc`, if configured|
| the user header of a reverse proxy                | `lethe_server.auth.forwarded`          |
| the cookie `lethe-session`                        | `lethe_server.auth.browser`            |

With ``on_bearer_failure: try_header`` an `Authorization` that fails is passed over, for proxies
that leave their own there. Whoever is proved must be on the allow-list (A2); of a token that is
its owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from loguru import logger

from lethe_server.auth.browser import COOKIE, is_session
from lethe_server.auth.forwarded import forwarded_user
from lethe_server.auth.identity import SCOPES, Identity
from lethe_server.auth.tokens import is_token
from lethe_server.errors import Forbidden, InvalidRequest, Unauthorized

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_server.auth.identity import Proof
    from lethe_server.auth.oidc.verifying import BearerVerifier
    from lethe_server.auth.settings import Auth
    from lethe_server.auth.tokens import TokenVerifier

#: Of people; a token has its own.
_ALL_SCOPES: Final[frozenset[str]] = frozenset(SCOPES)


class SignIn:
    """Proves who asks.

    Args:
        settings: who may come in.
        tokens: lethe's own, and browser sessions.
        bearers: those of the identity provider; `None` if there is none.
    """

    def __init__(
        self, settings: Auth, tokens: TokenVerifier, bearers: BearerVerifier | None = None
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._bearers = bearers
        if settings.on_bearer_failure == "try_header":
            logger.warning("a bearer that fails is passed over: on_bearer_failure is try_header")

    async def identify(self, request: web.BaseRequest) -> Identity:
        """Return who asks.

        Args:
            request: any.

        Raises:
            Unauthorized: no credential, or one that fails.
            Forbidden: the user is not on the allow-list.
            InvalidRequest: a credential is malformed.
            Unavailable: a credential cannot be checked now.
        """
        presented = request.headers.getall("Authorization", [])
        if presented:
            try:
                return await self._by_bearer(presented)
            except Unauthorized:
                if self._settings.on_bearer_failure == "refuse":
                    raise
        user = forwarded_user(request, self._settings.forward_auth)
        if user is not None:
            return self._identity(user, _ALL_SCOPES, "header")
        secret = request.cookies.get(COOKIE)
        if secret is not None:
            return await self._by_session(secret)
        if presented:
            raise Unauthorized("the credential is not valid")
        raise Unauthorized("sign in first")

    async def _by_bearer(self, presented: list[str]) -> Identity:
        if len(presented) > 1:
            raise InvalidRequest("is given more than once", parameter="Authorization")
        scheme, _, secret = presented[0].partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer":
            raise Unauthorized("the credential is not valid")
        if is_token(secret):
            return await self._by_token(secret, "token")
        user = await self._bearers.verify(secret) if self._bearers is not None else None
        if user is None:
            raise Unauthorized("the credential is not valid")
        return self._identity(user, _ALL_SCOPES, "oidc")

    async def _by_session(self, secret: str) -> Identity:
        if not is_session(secret):
            raise Unauthorized("the session is not valid")
        return await self._by_token(secret, "session")

    async def _by_token(self, secret: str, kind: Literal["token", "session"]) -> Identity:
        row = await self._tokens.verify(secret)
        if row is None:
            raise Unauthorized(f"the {'credential' if kind == 'token' else kind} is not valid")
        identity = self._identity(row.owner, row.scopes, kind)
        self._tokens.note_use(row)
        return identity

    def _identity(self, user: str, scopes: frozenset[str], kind: Proof) -> Identity:
        """Return the identity of somebody who is proved, if they may come in (A2)."""
        if user not in self._settings.allowed_users:
            raise Forbidden("this user may not use this server")
        if user not in self._settings.admins:
            scopes -= {"admin"}
        return Identity(user=user, scopes=scopes, kind=kind)
