"""What the server has of a session, as `verify` asks for it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from lethe_collector.transport import NotSent
from lethe_core.errors import Unavailable

if TYPE_CHECKING:
    from lethe_collector.transport import HttpTransport


class ArchivedSession(msgspec.Struct):
    """What the server has of a session.

    Args:
        turns: how many.
        digest: of their names, from `lethe_core.digests.digest_turns`.
        marked: whether some are marked as missing in their source.
        hashes: of their names, if they were asked for.
        places: `seq` of each, in the order of `hashes`.
    """

    turns: int
    digest: str
    marked: bool = False
    hashes: list[str] = []
    places: list[int] = []


_NONE = ArchivedSession(0, "")
_decode = msgspec.json.Decoder(ArchivedSession).decode


class SessionDigests:
    """Asks what the server has of the sessions of a tool.

    Args:
        transport: leads to the server.
        tool: whose sessions.
        host: the name of this machine.
    """

    def __init__(self, transport: HttpTransport, tool: str, host: str) -> None:
        self._transport = transport
        self._root = f"/api/v1/sessions/{tool}/{host}"

    async def ask(self, session_id: str, *, hashes: bool = False) -> ArchivedSession:
        """Return what the server has of a session: no turns, if it does not know it.

        Args:
            session_id: the tool's own name of it.
            hashes: whether the hashes of all turns are wanted.

        Raises:
            Unavailable: the server does not answer, or not with a digest.
        """
        path = f"{self._root}/{session_id}/digest{'?hashes=1' if hashes else ''}"
        try:
            answer = await self._transport.get(path)
        except NotSent as error:
            raise Unavailable(f"the server does not answer: {error.message}") from error
        if answer.status == HTTPStatus.NOT_FOUND:
            return _NONE
        if answer.status != HTTPStatus.OK:
            raise Unavailable(f"the server answers {answer.status}", hint="see `status`")
        try:
            return _decode(answer.body)
        except msgspec.MsgspecError:
            raise Unavailable("what answers is no server of lethe", hint="see `status`") from None
