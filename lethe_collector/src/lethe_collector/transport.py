"""The transport: one request to the server, and nothing of what the answer means.

`Transport` is the seam that tests replace. `HttpTransport` compresses the body, sends it to
``/api/v1/ingest`` with the token, follows no redirect, asks no proxy, and reads an answer of
bounded size within a bounded time. It works in a thread of its own, which can be given up.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

import zstandard

from lethe_collector import __version__
from lethe_collector.config import read_token
from lethe_collector.connection import FAILURES, Connection
from lethe_collector.workers import Worker
from lethe_core.errors import ConfigInvalid, Unavailable
from lethe_core.wire import CONTENT_TYPE, MARK_HEADER, WIRE_HEADER, WIRE_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from lethe_collector.answers import Answer

INGEST_PATH: Final = "/api/v1/ingest"

#: How long a request may take from its beginning to the end of the answer.
_TIMEOUT: Final = 90.0
_UNSUPPORTED: Final = 415
_LINES_AT_ONCE: Final = 16
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
    """Compress some lines at a time: a copy of the whole body would cost as much memory again."""
    starts = range(0, len(lines), _LINES_AT_ONCE)
    some = (b"\n".join([*lines[at : at + _LINES_AT_ONCE], b""]) for at in starts)
    return b"".join([compress(part) for part in some])


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
        self._url = url
        self._token_file = token_file
        self._encoding = 0
        self._turn = asyncio.Lock()
        self._begin()

    def _begin(self) -> None:
        self._connection = Connection(self._url)
        self._worker = Worker("send")

    async def close(self) -> None:
        """Give the connection back."""
        self._worker.close()
        self._connection.close()

    async def post(self, lines: Sequence[bytes], mark: str = "") -> Answer:
        """Send lines as one request. See `Transport.post`."""
        headers = self._headers() | {"Content-Type": CONTENT_TYPE, WIRE_HEADER: str(WIRE_VERSION)}
        if mark:
            headers[MARK_HEADER] = mark
        while True:
            encoding, compress = _ENCODINGS[self._encoding]
            headers["Content-Encoding"] = encoding
            answer = await self._ask("POST", INGEST_PATH, headers, partial(compress, lines))
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
        headers = self._headers() | {"Content-Type": "application/json"}
        path = f"/api/v1/hosts/{host}/completeness"
        answer = await self._ask("PUT", path, headers, json.dumps(report).encode)
        return answer.status == HTTPStatus.NO_CONTENT

    async def get(self, path: str) -> Answer:
        """Ask the server something.

        Args:
            path: with the query, from the root of the API on.

        Raises:
            NotSent: no answer came.
            TokenUnusable: there is no token to send.
        """
        return await self._ask("GET", path, self._headers())

    def _headers(self) -> dict[str, str]:
        try:
            token = read_token(self._token_file)
        except ConfigInvalid as error:
            raise TokenUnusable(error.message, hint=error.hint) from None
        agent = f"lethe-collector/{__version__}"
        return {"Authorization": f"Bearer {token}", "User-Agent": agent}

    async def _ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        make_body: Callable[[], bytes] | None = None,
    ) -> Answer:
        """Send a request in the thread, after the one that it is busy with.

        Args:
            method: of HTTP.
            path: below the server's URL.
            headers: of the request.
            make_body: makes the body, in the thread: to compress takes tens of milliseconds.
        """
        async with self._turn:
            connection = self._connection

            def ask() -> Answer:
                return connection.ask(method, path, make_body and make_body(), headers)

            try:
                async with asyncio.timeout(_TIMEOUT):
                    return await self._worker.run(ask)
            except (TimeoutError, asyncio.CancelledError) as error:
                self._give_up()
                if isinstance(error, TimeoutError):
                    raise NotSent(_describe(error)) from error
                raise
            except FAILURES as error:
                raise NotSent(_describe(error)) from error

    def _give_up(self) -> None:
        """Leave the thread to itself, should it still wait; it ends with what it is doing."""
        self._connection.break_off()
        self._worker.close()
        self._begin()


def _describe(error: Exception) -> str:
    """Say what went wrong with the connection; the addresses in it are the user's own."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
