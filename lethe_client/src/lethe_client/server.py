"""The server, asked over HTTP.

Follows no redirect and asks no proxy: the token goes to the server that is configured and to
nobody else. What comes back is an answer of lethe's, or `Unreachable` is raised.
"""

from __future__ import annotations

import http.client
import zlib
from typing import TYPE_CHECKING, Final, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from lethe_client import __version__
from lethe_client.answers import Page, Problem, Reply
from lethe_client.errors import Refused, Unreachable
from lethe_client.text import clean_line
from lethe_core.limits import MIB

if TYPE_CHECKING:
    from types import TracebackType

    from lethe_client.config import Connection

T = TypeVar("T")

#: Seconds without a byte after which the server is taken for gone.
TIMEOUT_SECONDS: Final = 60.0
#: Turns of a page.
PAGE_TURNS: Final = 1000
#: Longest answer that is read: a page is a tenth of it, but for turns that are larger than most.
MAX_BYTES: Final = 128 * MIB

_OK: Final = 200
_GZIP_FORMAT: Final = 31  # of zlib: the largest window, with the header of gzip
_HINTS: Final = {
    401: "the token is not valid there: see docs/cli.md for where it comes from",
}


class Server:
    """A connection to a server, kept for several requests.

    Args:
        connection: where it is, and the token.
    """

    def __init__(self, connection: Connection) -> None:
        parts = urlsplit(connection.url)
        with_tls = parts.scheme == "https"
        kind = http.client.HTTPSConnection if with_tls else http.client.HTTPConnection
        self._http = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
        self._url = connection.url
        self._base = f"{parts.path}/api/v1"
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Authorization": f"Bearer {connection.token}",
            "User-Agent": f"lethe-client/{__version__}",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, shape: type[T], *path: str, **parameters: object) -> Reply[T]:
        """Ask for something and return the answer.

        Args:
            shape: of `lethe_client.answers`: what it holds at least.
            path: below ``/api/v1``, part by part.
            parameters: of the query; those that are `None` are left out.

        Raises:
            Refused: the server does not do this.
            Unreachable: no answer of a lethe server came.
        """
        target = "/".join((self._base, *(quote(part, safe="") for part in path)))
        given = {name: value for name, value in parameters.items() if value is not None}
        if given:
            target += f"?{urlencode(given)}"
        try:
            self._http.request("GET", target, headers=self._headers)
            response = self._http.getresponse()
            body = response.read(MAX_BYTES + 1)
            if response.getheader("Content-Encoding") == "gzip":
                body = _decompress(body)
        except (OSError, http.client.HTTPException, zlib.error) as error:
            reason = clean_line(str(error)) or type(error).__name__
            raise Unreachable(f"no answer from {self._url}: {reason}") from error
        if len(body) > MAX_BYTES:
            self._http.close()
            raise self._stranger(response.status, f"it is longer than {MAX_BYTES} bytes")
        kind = (response.getheader("Content-Type") or "").partition(";")[0].strip()
        if response.status == _OK and kind == "application/json":
            return Reply(body, self._decoded(shape, body, response.status))
        raise self._refusal(response.status, kind, body)

    def session(
        self, tool: str, host: str, session_id: str, *, after: int | None, owner: str | None = None
    ) -> Page:
        """Return a session and a page of its turns.

        Args:
            tool: of the session.
            host: of the session.
            session_id: of the session.
            after: begin behind this `seq`.
            owner: whose; the own if `None`.
        """
        path = ("sessions", tool, host, session_id)
        return self.get(Page, *path, after=after, turns=PAGE_TURNS, owner=owner).values

    def _decoded(self, shape: type[T], body: bytes, status: int) -> T:
        try:
            values: T = msgspec.json.decode(body)
            # Checked alone: what is converted would lack all that the shape does not name.
            msgspec.convert(values, shape)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._stranger(status, clean_line(str(error))) from error
        return values

    def _stranger(self, status: int, reason: str) -> Unreachable:
        """Say that what answers is no server of lethe, or a damaged one."""
        return Unreachable(
            f"{self._url} answers with status {status}, and not as lethe does: {reason}"
        )

    def _refusal(self, status: int, kind: str, body: bytes) -> Exception:
        if kind != "application/problem+json":
            return self._stranger(status, f"the content is {clean_line(kind) or 'of no type'}")
        problem = self._decoded(Problem, body, status)
        message = (
            f"the server answers: {clean_line(problem['detail'])} ({clean_line(problem['code'])})"
        )
        hint = _HINTS.get(status) or clean_line(str(problem.get("hint", "")))
        if status in (408, 429) or status >= 500:  # noqa: PLR2004 - of HTTP
            return Unreachable(message, hint=hint or "try again a little later")
        return Refused(message, hint=hint)


def _decompress(body: bytes) -> bytes:
    """Decompress an answer; of one that is too long no more than shows that."""
    stream = zlib.decompressobj(_GZIP_FORMAT)
    plain = stream.decompress(body, MAX_BYTES + 1)
    if not stream.eof and len(plain) <= MAX_BYTES:
        raise zlib.error("the answer is cut off")
    return plain
