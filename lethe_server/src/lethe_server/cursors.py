"""Cursors: where a page ended, and all that the next one must know, signed.

Format: base64url of 16 bytes of HMAC-SHA256 over the rest, then the rest, which each subject
defines. The secret lies in the database. A cursor is bound to what it was made for (`binding_of`):
another request refuses it, as does another user, with the words that an edited one gets. It holds
no text and nothing of anybody else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

import msgspec

from lethe_server.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Longer ones are none.
MAX_LENGTH: Final = 4096

_DIGEST_BYTES: Final = 16

_encode = msgspec.msgpack.Encoder().encode


def binding_of(identity: Sequence[object]) -> bytes:
    """Return what binds a cursor to a request.

    Args:
        identity: all that makes it another request: its subject, owners, words, filters, order.
    """
    return hashlib.blake2b(_encode(identity), digest_size=12).digest()


def seal(body: bytes, secret: bytes) -> str:
    """Write a cursor.

    Args:
        body: what it says.
        secret: of the archive.
    """
    return base64.urlsafe_b64encode(_sign(body, secret) + body).decode().rstrip("=")


def unseal(text: str, secret: bytes) -> bytes:
    """Read a cursor.

    Args:
        text: as it came.
        secret: of the archive.

    Raises:
        InvalidRequest: it was not made here.
    """
    if len(text) > MAX_LENGTH or not text.isascii():
        raise refused_cursor()
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise refused_cursor() from None
    signature, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if not hmac.compare_digest(signature, _sign(body, secret)):
        raise refused_cursor()
    return body


def refused_cursor() -> InvalidRequest:
    """Return the error of a cursor that belongs elsewhere."""
    return InvalidRequest(
        "does not belong to this request", parameter="cursor", hint="begin again without a cursor"
    )


def _sign(body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, body, "sha256")[:_DIGEST_BYTES]
