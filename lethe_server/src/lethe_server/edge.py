"""The edge: what is decided of a connection before there is a request, and when there is none.

| what comes                                             | what happens                         |
| ------------------------------------------------------ | ------------------------------------ |
| more than `MAX_CONNECTIONS` connections                | closed at once                       |
| a head of a request that is not whole after 10 s       | closed                               |
| nothing for 75 s                                       | closed                               |
| something that is no HTTP, or a head that is too large | 400 ``INVALID``, as problem+json     |
| `Expect` of something unknown                          | 417, as problem+json                 |

The web framework answers the last two in plain text, and logs what it could not read, which may
be a credential; hence the class below.
"""

from __future__ import annotations

import asyncio
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from loguru import logger

from lethe_server.errors import InvalidRequest
from lethe_server.middleware.access_log import REQUEST_ID_HEADER
from lethe_server.middleware.security_headers import HEADERS
from lethe_server.problems import describe_problem

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine

#: Connections at a time; each takes a descriptor.
MAX_CONNECTIONS: Final = 1000
#: Seconds within which the head of a request must have arrived, from its first byte.
HEAD_SECONDS: Final = 10.0
#: Seconds after which an idle connection is closed.
KEEPALIVE_SECONDS: Final = 75.0
#: Longest line of a head, in bytes; a token may be longer than the framework's default.
MAX_HEAD_LINE: Final = 16 * 1024

#: Arguments of each connection; those of tests as well.
HANDLER_ARGUMENTS: Final[dict[str, Any]] = {
    "auto_decompress": False,  # see lethe_server.ingest.decompression
    "keepalive_timeout": KEEPALIVE_SECONDS,
    "max_line_size": MAX_HEAD_LINE,
    "max_field_size": MAX_HEAD_LINE,
    "access_log": None,  # middleware/access_log.py does it, without paths and queries
}

_BACKLOG: Final = 512


class EdgeSite(web.BaseSite):
    """Accepts connections on a socket that is bound.

    Args:
        runner: of the application; set up already.
        listener: the socket.
        head_seconds: within which the head of a request must have arrived.
    """

    __slots__ = ("_head_seconds", "_listener")

    def __init__(
        self, runner: web.AppRunner, listener: socket.socket, head_seconds: float = HEAD_SECONDS
    ) -> None:
        super().__init__(runner, backlog=_BACKLOG)
        self._listener = listener
        self._head_seconds = head_seconds

    @property
    def name(self) -> str:
        """Where it listens, for the framework."""
        return str(self._listener.getsockname())

    async def start(self) -> None:
        """Begin to accept."""
        await super().start()
        loop = asyncio.get_running_loop()
        manager = self._runner.server
        assert manager is not None

        def accept() -> Connection:
            return Connection(manager, self._head_seconds, loop=loop, **HANDLER_ARGUMENTS)

        self._server = await loop.create_server(accept, sock=self._listener, backlog=_BACKLOG)


class Connection(web.RequestHandler):
    """One connection.

    Args:
        manager: knows all connections.
        head_seconds: within which the head of a request must have arrived.
        arguments: of the framework.

    Attributes:
        on_lost: called when it ends, whoever ends it.
    """

    __slots__ = ("_connections", "_head_seconds", "_head_timer", "on_lost")

    def __init__(self, manager: web.Server, head_seconds: float, **arguments: Any) -> None:
        super().__init__(manager, **arguments)
        self._connections = manager
        self._head_seconds = head_seconds
        self._head_timer: asyncio.TimerHandle | None = None
        self.on_lost: list[Callable[[], None]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many connections."""
        if len(self._connections.connections) >= MAX_CONNECTIONS:
            assert isinstance(transport, asyncio.Transport)
            transport.abort()
            return
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End; nothing is waited for any more."""
        self._stop_timer()
        super().connection_lost(exc)
        for call in self.on_lost:
            call()

    def data_received(self, data: bytes) -> None:
        """Take what came, and start the deadline if it is the beginning of a head."""
        super().data_received(data)
        waits = self._waiter is not None and not self._waiter.done()
        if not waits:
            if self._head_timer is not None:
                self._stop_timer()
        elif data and self._head_timer is None:
            loop = asyncio.get_running_loop()
            self._head_timer = loop.call_later(self._head_seconds, self._give_up)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what never came to be a request with a problem; answer nobody who is gone."""
        del message  # may quote the head, and with it a credential (A7)
        if isinstance(exc, ConnectionError):
            # It must not take half of an answer for all of it; and its going is no mistake of ours.
            raise ConnectionResetError("the client is gone")
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            logger.info("something came that is no request")
            error: Exception = InvalidRequest("this is no request of HTTP that is accepted here")
        elif isinstance(exc, UnicodeEncodeError):
            # The framework quotes an unknown `Expect` as it refuses it, and fails where that is
            # no text; what a handler raises never comes here.
            error = web.HTTPExpectationFailed()
        else:
            logger.opt(exception=exc).error("a mistake of the server")
            error = RuntimeError()
        if request.writer.output_size:
            raise ConnectionResetError("the answer broke off")
        response = _problem(error)
        response.force_close()
        return response

    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        """Send an answer; errors of the framework that no middleware has seen as problems."""
        if isinstance(resp, web.HTTPException) and resp.status >= HTTPStatus.BAD_REQUEST:
            resp = _problem(resp)
        return super().finish_response(request, resp, start_time)

    def _give_up(self) -> None:
        self._head_timer = None
        if self._waiter is not None and not self._waiter.done():
            self.force_close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _problem(error: Exception) -> web.Response:
    name = secrets.token_hex(8)
    response = describe_problem(error).response(name)
    response.headers.update(HEADERS | {"Server": "lethe", REQUEST_ID_HEADER: name})
    return response
