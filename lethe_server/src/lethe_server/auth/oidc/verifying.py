"""BearerVerifier: from a token to the name of a user, or to a refusal.

| token                                                        | outcome                     |
| ------------------------------------------------------------ | --------------------------- |
| more than 8 KiB, or not three parts                          | refused                     |
| `alg` not configured (``none`` and HMAC never are)           | refused, no key is touched  |
| `crit` or `b64` in its header, an unknown `typ`, no `kid`    | refused, no key is touched  |
| `jku`, `x5u`, `x5c`, `jwk` in its header                     | never looked at             |
| `kid` that the issuer does not know, or not for this `alg`   | refused                     |
| signature that does not fit                                  | refused                     |
| no or another `iss` or `aud`; no `exp` or `sub`              | refused                     |
| `exp`, `nbf` or `iat` off by more than 60 s, or no number    | refused                     |
| no or a malformed user name; an email that is not verified   | refused                     |
| the issuer's keys are not known                              | `Unavailable`               |

Everything that python-jose leaves open is closed here: it takes a token without `exp` or `aud`
for valid, takes `alg` from the token if it is not pinned, and tries keys of any name.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from jose import jwt  # type: ignore[import-untyped]
from jose.exceptions import JOSEError  # type: ignore[import-untyped]

from lethe_core.limits import MAX_TIMESTAMP, MAX_TOKEN_BYTES
from lethe_server.auth.names import user_problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from lethe_server.auth.oidc.provider import Provider
    from lethe_server.auth.settings import Oidc

#: By so much clocks may differ (seconds).
LEEWAY_SECONDS: Final = 60

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES: Final = frozenset({"at+jwt", "application/at+jwt", "jwt"})
_MAX_KID: Final = 256
_CACHE_LENGTH: Final = 1024
_OPTIONS: Final = {
    "require_aud": True,
    "require_exp": True,
    "require_iss": True,
    "require_sub": True,
    "verify_at_hash": False,  # that is about another token
    "leeway": LEEWAY_SECONDS,
}


class _Proved(NamedTuple):
    user: str
    until: float
    generation: int


class _Header(NamedTuple):
    algorithm: str
    kid: str


class BearerVerifier:
    """Checks the tokens of one issuer.

    Args:
        settings: what tokens must say.
        provider: knows the issuer's keys.
        clock: Unix seconds; claims are a matter of the wall clock.
    """

    def __init__(
        self, settings: Oidc, provider: Provider, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._clock = clock
        self._cache: dict[bytes, _Proved] = {}

    async def verify(self, token: str) -> str | None:
        """Return the user that a token names, or `None` if it is not valid.

        Args:
            token: as it was presented.

        Raises:
            Unavailable: the issuer's keys are not known now.
        """
        if len(token) > MAX_TOKEN_BYTES or not _TOKEN.fullmatch(token):
            return None
        digest = hashlib.sha256(token.encode()).digest()
        proved = self._cache.get(digest)
        if proved is not None and self._provider.is_current(proved.generation):
            return proved.user if self._clock() < proved.until else None
        return await self._prove(token, digest)

    async def _prove(self, token: str, digest: bytes) -> str | None:
        header = _read_header(token, self._settings.algorithms)
        if header is None:
            return None
        key = await self._provider.find_key(header.kid, header.algorithm)
        claims = self._claims(token, key, header.algorithm) if key is not None else None
        user = self._user(claims) if claims is not None else None
        if claims is None or user is None:
            return None
        if len(self._cache) >= _CACHE_LENGTH:
            self._cache.clear()
        until = float(claims["exp"]) + LEEWAY_SECONDS
        self._cache[digest] = _Proved(user, until, self._provider.generation)
        return user

    def _claims(self, token: str, key: Any, algorithm: str) -> dict[str, Any] | None:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                options=_OPTIONS,
            )
        except (JOSEError, ValueError, TypeError, OverflowError, RecursionError):
            return None
        # python-jose takes text that reads like a number for a time, and numbers of any length.
        times = [claims[name] for name in ("exp", "nbf", "iat") if name in claims]
        if not all(isinstance(time, int | float) for time in times):
            return None
        if any(isinstance(time, bool) or time > MAX_TIMESTAMP for time in times):
            return None
        return claims if claims.get("iat", 0) <= self._clock() + LEEWAY_SECONDS else None

    def _user(self, claims: dict[str, Any]) -> str | None:
        name = self._settings.username_claim
        user, subject = claims.get(name), claims.get("sub")
        if not isinstance(user, str) or user_problem(user):
            return None
        if not isinstance(subject, str) or not subject:
            return None
        if name == "email" and claims.get("email_verified") is not True:
            return None
        return user


def _read_header(token: str, algorithms: tuple[str, ...]) -> _Header | None:
    """Return what the header says of the key, if it asks for nothing that is not done here."""
    part = token.partition(".")[0]
    try:
        header = msgspec.json.decode(
            base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True),
            type=dict[str, Any],
        )
    except (ValueError, RecursionError):  # msgspec's errors are of the first kind
        return None
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if algorithm not in algorithms or "crit" in header or "b64" in header:
        return None
    if not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID:
        return None
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        return None
    return _Header(algorithm, kid)
