"""The transport: one request to the server, and nothing of what the answer means.

`Transport` is the seam that tests replace. `HttpTransport` compresses the body, sends it to
``/api/v1/ingest`` with the token, follows no redirect, asks no proxy, and reads an answer of
bounded size within a bounded time.
"""

from __future__ import annotations

import asyncio
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp
import zstandard

from lethe_collector import __version__
from lethe_collector.answers import Answer
from lethe_core.errors import ConfigInvalid, Unavailable
from lethe_core.limits import MIB
from lethe_core.tokens import read_token
from lethe_core.wire import CONTENT_TYPE, MARK_HEADER, WIRE_HEADER, WIRE_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

INGEST_PATH: Final = "/api/v1/ingest"

#: Longest listing of a session's turns that is read: more than a million of them.
MAX_LISTING_BYTES: Final = 64 * MIB

_MAX_ANSWER_BYTES: Final = MIB
_TIMEOUT: Final = aiohttp.ClientTimeout(total=90, connect=10, sock_connect=10, sock_read=60)
#: What a request raises if no answer comes; the last one for a name that no host can have.
_FAILURES: Final = (aiohttp.ClientError, TimeoutError, OSError, UnicodeError)
_UNSUPPORTED: Final = 415
_GZIP_FORMAT: Final = 31  # of zlib: the largest window, with the header of gzip


class NotSent(Unavailable):
    """No answer came: the network, the name or the server is not there, or too slow."""

    code = "UNREACHABLE"


class TokenUnusable(Unavailable):
    """The token's file cannot be used, so that nothing can be sent."""

    code = "AUTH"


class Transport(Protocol):
    """Sends lines to the server."""

    async def post(self, lines: Sequence[bytes], mark: str = "") -> Answer:
        """Send lines as one request.

        Args:
            lines: the events.
            mark: to be shown; empty for none.

        Raises:
            NotSent: no answer came.
            TokenUnusable: there is no token to send.
        """

    async def close(self) -> None:
        """Give all connections back."""


def _zstd(lines: Sequence[bytes]) -> bytes:
    stream = zstandard.ZstdCompressor(level=1).compressobj()
    return _feed(stream.compress, lines) + stream.flush()


def _gzip(lines: Sequence[bytes]) -> bytes:
    stream = zlib.compressobj(level=1, wbits=_GZIP_FORMAT)
    return _feed(stream.compress, lines) + stream.flush()


def _feed(compress: Callable[[bytes], bytes], lines: Sequence[bytes]) -> bytes:
    """Compress lines one by one: a copy of the whole body would cost as much memory again."""
    return b"".join([part for line in lines for part in (compress(line), compress(b"\n"))])


#: In the order of preference; a 415 makes the transport fall back to the next one.
_ENCODINGS: Final[tuple[tuple[str, Callable[[Sequence[bytes]], bytes]], ...]] = (
    ("zstd", _zstd),
    ("gzip", _gzip),
)


class HttpTransport:
    """Sends lines over HTTP. To be made and used within one event loop.

    Args:
        url: of the server, without a slash at its end.
        token_file: is read anew for each request, so that a new token needs no restart.
    """

    def __init__(self, url: str, token_file: Path) -> None:
        self._server = url
        self._url = url + INGEST_PATH
        self._token_file = token_file
        self._encoding = 0
        self._session = aiohttp.ClientSession(
            timeout=_TIMEOUT,
            trust_env=False,
            connector=aiohttp.TCPConnector(limit=1),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"lethe-collector/{__version__}"},
        )

    async def close(self) -> None:
        """Give all connections back."""
        await self._session.close()

    async def post(self, lines: Sequence[bytes], mark: str = "") -> Answer:
        """Send lines as one request. See `Transport.post`."""
        token = self._read_token()
        while True:
            answer = await self._post(lines, token, mark)
            if answer.status != _UNSUPPORTED or self._encoding + 1 == len(_ENCODINGS):
                return answer
            self._encoding += 1

    async def report(self, host: str, report: dict[str, Any]) -> bool:
        """Say what is on this machine.

        Args:
            host: its name.
            report: from `lethe_collector.reporting`.

        Returns:
            Whether the server took it.

        Raises:
            NotSent: no answer came.
            TokenUnusable: there is no token to send.
        """
        token = self._read_token()
        url = f"{self._server}/api/v1/hosts/{host}/completeness"
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with self._session.put(
                url, json=report, headers=headers, allow_redirects=False
            ) as response:
                return response.status == HTTPStatus.NO_CONTENT
        except _FAILURES as error:
            raise NotSent(_describe(error)) from error

    async def get(self, path: str) -> Answer:
        """Ask the server something.

        Args:
            path: with the query, from the root of the API on.

        Raises:
            NotSent: no answer came, or one of more than `MAX_LISTING_BYTES`.
            TokenUnusable: there is no token to send.
        """
        headers = {"Authorization": f"Bearer {self._read_token()}"}
        try:
            async with self._session.get(
                self._server + path, headers=headers, allow_redirects=False
            ) as response:
                body = await _read(response, MAX_LISTING_BYTES + 1)
                if len(body) > MAX_LISTING_BYTES:
                    raise NotSent(f"an answer of more than {MAX_LISTING_BYTES} bytes")
                return _answer(response, body)
        except _FAILURES as error:
            raise NotSent(_describe(error)) from error

    def _read_token(self) -> str:
        try:
            return read_token(self._token_file)
        except ConfigInvalid as error:
            raise TokenUnusable(error.message, hint=error.hint) from None

    async def _post(self, lines: Sequence[bytes], token: str, mark: str) -> Answer:
        encoding, compress = _ENCODINGS[self._encoding]
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": CONTENT_TYPE,
            "Content-Encoding": encoding,
            WIRE_HEADER: str(WIRE_VERSION),
        }
        if mark:
            headers[MARK_HEADER] = mark
        # Compressing takes tens of milliseconds; meanwhile the loop goes on.
        data = await asyncio.to_thread(compress, lines)
        try:
            async with self._session.post(
                self._url, data=data, headers=headers, allow_redirects=False
            ) as response:
                return _answer(response, await _read(response, _MAX_ANSWER_BYTES))
        except _FAILURES as error:
            raise NotSent(_describe(error)) from error


def _answer(response: aiohttp.ClientResponse, body: bytes) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status, headers=headers, body=body)


async def _read(response: aiohttp.ClientResponse, left: int) -> bytes:
    """Read the beginning of an answer: at most so many bytes."""
    parts = []
    async for part in response.content.iter_any():
        parts.append(part[:left])
        left -= len(part)
        if left <= 0:
            break
    return b"".join(parts)


def _describe(error: Exception) -> str:
    """Say what went wrong with the connection; the addresses in it are the user's own."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
