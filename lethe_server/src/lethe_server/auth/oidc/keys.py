"""The provider's keys, each bound to one algorithm; this module and `verifying` know python-jose.

A key counts for an algorithm only if its type, its curve and its stated use fit. So no token can
choose how a key is used: a public key never serves as the secret of an HMAC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jose import jwk  # type: ignore[import-untyped]
from jose.exceptions import JOSEError  # type: ignore[import-untyped]
from jose.utils import base64url_decode  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable

#: By key id and algorithm.
Keys = dict[tuple[str, str], Any]

#: Key type and curve that an algorithm needs.
_SHAPES: Final = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
}
_MIN_RSA_BYTES: Final = 2048 // 8
_MAX_KEYS: Final = 100


def make_keys(document: dict[str, Any], algorithms: Iterable[str]) -> Keys:
    """Make the keys of a JWKS document; what is no key for us is passed over.

    Args:
        document: as the provider answered it.
        algorithms: that tokens may be signed with.
    """
    given = document.get("keys")
    keys: Keys = {}
    for each in given[:_MAX_KEYS] if isinstance(given, list) else ():
        if not isinstance(each, dict) or not isinstance(each.get("kid"), str):
            continue
        for algorithm in algorithms:
            key = _make_key(each, algorithm)
            if key is not None:
                keys.setdefault((each["kid"], algorithm), key)
    return keys


def _make_key(given: dict[str, Any], algorithm: str) -> Any:
    kind, curve = _SHAPES[algorithm]
    if given.get("kty") != kind or (curve and given.get("crv") != curve):
        return None
    if given.get("use", "sig") != "sig" or given.get("alg", algorithm) != algorithm:
        return None
    public = {name: given[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in given}
    if not all(isinstance(value, str) for value in public.values()):
        return None
    try:
        if kind == "RSA" and len(base64url_decode(public["n"].encode())) < _MIN_RSA_BYTES:
            return None
        return jwk.construct(public, algorithm)
    except (JOSEError, KeyError, ValueError, TypeError):
        return None
