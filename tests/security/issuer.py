"""An issuer of tokens on loopback that does what a test tells it, bad things included."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from aiohttp import web
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

if TYPE_CHECKING:
    from collections.abc import Callable

AUDIENCE = "lethe"


@functools.cache
def make_key(kind: str, number: int = 0) -> Any:
    """Make a private key; the same one for the same arguments, because that takes long."""
    del number
    if kind == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "weak":
        return rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return ec.generate_private_key({"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}[kind])


def pack(value: Any) -> str:
    """Encode bytes, or JSON, as a token does."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return pack(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def describe(kid: str, key: Any, **extra: Any) -> dict[str, Any]:
    """Describe the public half of a key as a JWK."""
    numbers = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        shape = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    else:
        curve = {256: "P-256", 384: "P-384"}[key.curve.key_size]
        shape = {"kty": "EC", "crv": curve, "x": _number(numbers.x), "y": _number(numbers.y)}
    return {"kid": kid, "use": "sig"} | shape | extra


def sign(header: dict[str, Any], claims: Any, key: Any) -> str:
    """Make a token, by hand: no library stands between a test and what it wants to send.

    A key that is bytes makes an HMAC.
    """
    text = f"{pack(header)}.{pack(claims)}"
    return f"{text}.{pack(_signature(text.encode(), key))}"


def _signature(data: bytes, key: Any) -> bytes:
    if isinstance(key, bytes):
        code = hmac.HMAC(key, hashes.SHA256())
        code.update(data)
        return code.finalize()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    size = key.curve.key_size // 8
    digest = hashes.SHA256() if size == 32 else hashes.SHA384()
    numbers = utils.decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
    return b"".join(number.to_bytes(size, "big") for number in numbers)


def public_forms(key: Any) -> list[bytes]:
    """Give the public half in all forms that somebody may take for a secret."""
    public = key.public_key()
    form, encoding = serialization.PublicFormat, serialization.Encoding
    return [
        public.public_bytes(encoding.PEM, form.SubjectPublicKeyInfo),
        public.public_bytes(encoding.DER, form.SubjectPublicKeyInfo),
        public.public_bytes(encoding.PEM, form.SubjectPublicKeyInfo).strip(),
    ]


class Issuer:
    """The issuer.

    Attributes:
        keys: the private keys by id.
        asked: how often each path was asked for.
        answers: instead of the usual answer of a path.
    """

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"one": make_key("RSA")}
        self.asked: Counter[str] = Counter()
        self.answers: dict[str, Callable[[], web.StreamResponse]] = {}
        self.port = 0
        self._runner: web.AppRunner | None = None
        self.stuck = asyncio.Event()

    @property
    def url(self) -> str:
        """The issuer's name."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, Any]:
        """The server's settings for it."""
        return {"issuer": self.url, "audience": AUDIENCE, "algorithms": ["RS256", "ES256"]}

    async def start(self) -> Issuer:
        """Listen, at the same port each time."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        """Go away."""
        self.stuck.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Say what a good token says; ``...`` leaves a claim out."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "42", "exp": now + 300, "iat": now}
        claims |= {"preferred_username": "alice"} | changes
        return {name: value for name, value in claims.items() if value is not ...}

    def token(self, kid: str = "one", header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Make a token, good unless the changes say otherwise."""
        key = self.keys[kid]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else f"ES{key.curve.key_size}"
        head = {"alg": algorithm, "kid": kid, "typ": "at+jwt"} | (header or {})
        return sign({k: v for k, v in head.items() if v is not ...}, self.claims(**changes), key)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        if request.path in self.answers:
            answer = self.answers[request.path]()
            return await answer if asyncio.iscoroutine(answer) else answer
        if request.path == "/.well-known/openid-configuration":
            return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/jwks"})
        if request.path == "/jwks":
            keys = [describe(kid, key) for kid, key in self.keys.items()]
            return web.json_response({"keys": keys})
        return web.Response(status=404)
