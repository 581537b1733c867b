"""SignIn: from a request to an identity, or to a refusal.

One kind of credential decides (A1): a bearer that is presented and fails is a refusal, whatever
the proxy's header says; a bearer that holds decides, and the header is not read. Whoever is
proved must be on the allow-list (A2); of a token that is its owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lethe_server.auth.forwarded import forwarded_user
from lethe_server.auth.identity import Identity
from lethe_server.errors import Forbidden, InvalidRequest, Unauthorized

if TYPE_CHECKING:
    from aiohttp import web

    from lethe_server.auth.tokens import TokenVerifier
    from lethe_server.config import Auth


class SignIn:
    """Proves who asks.

    Args:
        settings: who may come in.
        tokens: lethe's own.
    """

    def __init__(self, settings: Auth, tokens: TokenVerifier) -> None:
        self._settings = settings
        self._tokens = tokens

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
            return await self._by_token(presented)
        user = forwarded_user(request, self._settings.forward_auth)
        if user is None:
            raise Unauthorized("sign in first")
        self._check_allowed(user)
        scopes = {"ingest", "read"} | ({"admin"} if user in self._settings.admins else set())
        return Identity(user=user, scopes=frozenset(scopes), kind="header")

    async def _by_token(self, presented: list[str]) -> Identity:
        if len(presented) > 1:
            raise InvalidRequest("is given more than once", parameter="Authorization")
        scheme, _, secret = presented[0].partition(" ")
        row = None
        if scheme.lower() == "bearer":
            row = await self._tokens.verify(secret.strip())
        if row is None:
            raise Unauthorized("the credential is not valid")
        self._check_allowed(row.owner)
        self._tokens.note_use(row)
        scopes = row.scopes
        if row.owner not in self._settings.admins:
            scopes -= {"admin"}
        return Identity(user=row.owner, scopes=scopes, kind="token")

    def _check_allowed(self, user: str) -> None:
        if user not in self._settings.allowed_users:
            raise Forbidden("this user may not use this server")
