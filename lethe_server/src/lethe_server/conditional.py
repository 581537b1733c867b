"""Conditional requests: whoever has an answer already, and names its tag, is told that it holds.

A tag is weak: the same answer may come compressed or not. Answers with a tag may be kept by their
own client, which must ask again each time whether they still hold.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from aiohttp import web

from lethe_server import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiohttp import ETag

#: Who keeps an answer asks each time whether it still holds.
CACHE_CONTROL: Final = "private, no-cache"

_DIGEST_BYTES: Final = 12


class Tagged:
    """The tag of an answer.

    Args:
        state: all that the answer depends on, but the address and the version of this program.
    """

    def __init__(self, *state: object) -> None:
        text = repr((__version__, *state)).encode()
        self._value = hashlib.blake2b(text, digest_size=_DIGEST_BYTES).hexdigest()

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the answer, and of what stands in its place."""
        return {
            "ETag": f'W/"{self._value}"',
            "Cache-Control": CACHE_CONTROL,
            "Vary": "Accept-Encoding",
        }

    def is_among(self, held: Sequence[ETag]) -> bool:
        """Tell whether the answer is one that a client has already.

        Args:
            held: what its request names in `If-None-Match`.
        """
        return any(tag.value in {self._value, "*"} for tag in held)

    def not_modified(self, headers: Mapping[str, str] | None = None) -> web.Response:
        """Answer that the client's copy holds.

        Args:
            headers: that the answer has of its own. A client puts those of this one in the place of
                those that it has kept, so that it must tell the same.
        """
        return web.Response(status=304, headers={**self.headers, **(headers or {})})

    def unchanged(
        self, request: web.Request, headers: Mapping[str, str] | None = None
    ) -> web.Response | None:
        """Answer that the client's copy holds.

        Args:
            request: perhaps with `If-None-Match`.
            headers: that the answer has of its own.

        Returns:
            The answer; `None` if the client has no copy or another one.
        """
        held = request.if_none_match or ()
        return self.not_modified(headers) if self.is_among(held) else None
