"""A connection to one server over HTTP/1.1, kept open between two requests.

A collector speaks to one server, one request at a time; the standard library is enough for that,
and takes a tenth of the time and memory that a web framework takes to be imported
(docs/decisions/0018-http-of-the-collector.md). It blocks: `lethe_collector.transport` runs it in a
thread and bounds the time that a whole request may take.

No proxy is asked and no redirect followed. What is told of an answer is what came whole: one that
ended too soon is an error.
"""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from lethe_collector.answers import Answer
from lethe_core.limits import MIB

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPResponse

#: What a request raises if no answer comes; the last one for a name that no host can have.
FAILURES: Final = (OSError, HTTPException, UnicodeError)
MAX_ANSWER_BYTES: Final = MIB

_CONNECT_SECONDS: Final = 10.0
_SEND_SECONDS: Final = 90.0
_READ_SECONDS: Final = 60.0  # without a byte
#: What lies between may have forgotten a connection that rested for longer.
_REST_SECONDS: Final = 15.0
_BODILESS: Final = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Connection:
    """One connection; to be used by one thread at a time, and broken off by any.

    Args:
        url: of the server; its path comes before that of each request.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._prefix = quote(parts.path, safe="/%:@!$&'()*+,;=~")
        self._http = make(parts.hostname or "", parts.port, timeout=_CONNECT_SECONDS)
        self._rests_since = 0.0
        self._is_broken_off = False

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Send a request and read the answer.

        Args:
            method: of HTTP.
            path: with the query, below the server's URL.
            body: of the request.
            headers: besides those that say how long it is and to whom it goes.

        Raises:
            OSError, http.client.HTTPException, UnicodeError: no whole answer came.
        """
        try:
            self._open()
            # Who refuses a request by its head may not read on: its answer is there all the same.
            with suppress(BrokenPipeError, ConnectionResetError):
                self._http.request(method, self._prefix + path, body, dict(headers))
            self._http.sock.settimeout(_READ_SECONDS)
            return self._read(self._http.getresponse())
        except BaseException:
            self.close()
            raise
        finally:
            if self._is_broken_off:
                self.close()

    def close(self) -> None:
        """Give the connection back; the next request opens another one."""
        self._http.close()

    def break_off(self) -> None:
        """End a request that another thread waits for; this connection is not used again."""
        self._is_broken_off = True
        sock = self._http.sock
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # that of TLS is not for two threads

    def _open(self) -> None:
        rested = time.monotonic() - self._rests_since
        if self._http.sock is not None and (rested > _REST_SECONDS or _is_spent(self._http.sock)):
            self._http.close()
        if self._http.sock is None:
            self._http.connect()
        if self._is_broken_off:
            raise ConnectionAbortedError("broken off")
        self._http.sock.settimeout(_SEND_SECONDS)

    def _read(self, response: HTTPResponse) -> Answer:
        body = response.read(MAX_ANSWER_BYTES)
        left = response.length or 0
        if left and len(body) < MAX_ANSWER_BYTES:
            raise IncompleteRead(body, left)
        has_length = response.length is not None or response.chunked
        if not body and not has_length and response.status not in _BODILESS:
            raise IncompleteRead(body)  # it may have ended in the middle of its headers
        if not response.isclosed():
            self._http.close()  # there is more than is wanted
        self._rests_since = time.monotonic()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(status=response.status, headers=headers, body=body)


def _is_spent(sock: socket.socket) -> bool:
    """Tell whether the other end has closed a connection, or said what nobody asked for."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
