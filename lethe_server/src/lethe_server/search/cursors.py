"""Cursors of searches: where a page ended, and what was found out for the first one.

What is signed (`lethe_server.cursors`) is a `Cursor` in MessagePack. It is bound to the owners, the
words, the filters and the order of its search.
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

#: Raised when a cursor means something else than before.
VERSION: Final = 2
#: Longer ones are none.
MAX_LENGTH: Final = 4096

_DIGEST_BYTES: Final = 16


class Figures(msgspec.Struct, array_like=True, frozen=True):
    """What was found out for the first page and holds for all.

    Args:
        exact_leaves: which prefixes count as whole words, by index.
        weights: what each leaf of the query counts.
        since: the place where the search begins.
        until: the place before which it ends.
        total: how many hits were counted.
        recent: whether there are more, older than these.
        best: the greatest score.
    """

    exact_leaves: list[int]
    weights: list[float]
    since: int
    until: int
    total: int = 0
    recent: bool = False
    best: float = 0.0


class Cursor(msgspec.Struct, array_like=True, frozen=True):
    """Where a page ended.

    Args:
        version: of the format.
        binding: from `binding_of`.
        score: of the last hit.
        place: of the last hit.
        owner: of the last hit, by number.
        figures: of the search.
    """

    version: int
    binding: bytes
    score: float
    place: int
    owner: int
    figures: Figures


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Cursor).decode


def binding_of(search: Sequence[object]) -> bytes:
    """Return what binds a cursor to a search.

    Args:
        search: all that makes it another search: owners, words, filters, order.
    """
    return hashlib.blake2b(_encode(search), digest_size=12).digest()


def seal_cursor(cursor: Cursor, secret: bytes) -> str:
    """Write a cursor.

    Args:
        cursor: where the page ended.
        secret: of the archive.
    """
    body = _encode(cursor)
    return base64.urlsafe_b64encode(_sign(body, secret) + body).decode().rstrip("=")


def open_cursor(text: str, binding: bytes, secret: bytes) -> Cursor:
    """Read a cursor.

    Args:
        text: as it came.
        binding: of the search that it came with.
        secret: of the archive.

    Raises:
        InvalidRequest: it was not made here for this search.
    """
    refused = InvalidRequest(
        "does not belong to this search", parameter="cursor", hint="begin again without a cursor"
    )
    if len(text) > MAX_LENGTH or not text.isascii():
        raise refused
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise refused from None
    signature, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if not hmac.compare_digest(signature, _sign(body, secret)):
        raise refused
    try:
        cursor = _decode(body)
    except msgspec.MsgspecError:  # signed by another version
        raise refused from None
    if cursor.version != VERSION or cursor.binding != binding:
        raise refused
    return cursor


def _sign(body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, body, "sha256")[:_DIGEST_BYTES]
