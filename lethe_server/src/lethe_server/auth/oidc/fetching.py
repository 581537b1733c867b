"""Fetching of the provider's documents, with every bound in our own hands (A5).

No redirect is followed: a document comes from where it was asked for, or not at all. Proxies of
the environment are not used.
"""

from __future__ import annotations

import ssl
from http import HTTPStatus
from typing import Any, Final, Protocol

import aiohttp
import msgspec

from lethe_core.limits import MIB

#: Largest document that is read, in bytes.
MAX_BYTES: Final = MIB
#: Seconds that one fetch may take, from the look-up of the name to the last byte.
FETCH_SECONDS: Final = 5.0

_CHUNK_BYTES: Final = 64 * 1024


class FetchFailed(Exception):
    """A document could not be had; the text says why, without the document."""


class Fetcher(Protocol):
    """Gets a JSON object."""

    async def fetch(self, url: str) -> dict[str, Any]:
        """Get it.

        Args:
            url: of the document.

        Raises:
            FetchFailed: it could not be had.
        """

    async def close(self) -> None:
        """Close all connections."""


class HttpFetcher:
    """Gets documents over HTTP; made and used in one event loop."""

    def __init__(self) -> None:
        # The framework's own context may hold no certificates: see `lethe_server.starting`.
        tls = ssl.create_default_context()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls),
            timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json", "User-Agent": "lethe"},
            trust_env=False,
        )

    async def fetch(self, url: str) -> dict[str, Any]:
        """Get a JSON object; see `Fetcher`."""
        try:
            async with self._session.get(url, allow_redirects=False) as answer:
                if answer.status != HTTPStatus.OK:
                    raise FetchFailed(f"answered with status {answer.status}")
                data = await _read(answer.content)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise FetchFailed(f"cannot be reached: {type(error).__name__}") from error
        try:
            return msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise FetchFailed("answered with something else than a JSON object") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


async def _read(content: aiohttp.StreamReader) -> bytes:
    data = bytearray()
    async for chunk in content.iter_chunked(_CHUNK_BYTES):
        data += chunk
        if len(data) > MAX_BYTES:
            raise FetchFailed(f"answered with more than {MAX_BYTES} bytes")
    return bytes(data)
