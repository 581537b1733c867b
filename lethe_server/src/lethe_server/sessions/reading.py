"""The answer for one session, made in the threads of readers.

The session, the place where the page begins and its first turns are found, read and encoded in one
go: the way from the event loop to a reader and back costs as much as a short session. Most answers
are whole with that; a longer one is gone on with slice by slice, so that neither memory nor the
time that a reader is held depends on its length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lethe_server.conditional import Tagged
from lethe_server.sessions.answers import answer_session
from lethe_server.sessions.finding import find_session
from lethe_server.sessions.pages import TurnPage, find_start
from lethe_server.sessions.resuming import resume_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import ETag

    from lethe_core.plugins import ParserRegistry
    from lethe_server.storage import Connection, SessionKey

_encode = msgspec.json.Encoder().encode


class SessionReading:
    """One answer, from its first byte to its last.

    Args:
        owner: whose session; whoever's if `None`.
        key: its name.
        asked: loaded by `DetailParameters`.
        parsers: that know how sessions are resumed.
        held: tags of the answers that the client has already.

    Attributes:
        tagged: the tag of the answer, once it has begun.
        ended: whether nothing is left to read.
    """

    tagged: Tagged
    _page: TurnPage

    def __init__(
        self,
        owner: str | None,
        key: SessionKey,
        asked: dict[str, Any],
        *,
        parsers: ParserRegistry,
        held: Sequence[ETag] = (),
    ) -> None:
        self._owner = owner
        self._key = key
        self._asked = asked
        self._parsers = parsers
        self._held = held
        self._command: str | None = None
        self.ended = False

    def begin(self, connection: Connection) -> bytes | None:
        """Return the answer's beginning; `None` if the client has it already.

        Args:
            connection: that reads.

        Raises:
            NotFound: there is no such session, or no such turn to begin around.
            Conflict: several owners have one of this name.
        """
        owner, session = find_session(connection, self._owner, self._key)
        self._command = resume_command(self._parsers, session)
        self.tagged = Tagged(session.id, session.version, self._command)
        if self.tagged.is_among(self._held):
            self.ended = True
            return None
        start = find_start(connection, owner, session, self._asked)
        self._page = TurnPage(owner, session, start=start, limit=self._asked["turns"])
        answer = answer_session(session, owner if self._owner is None else None)
        return self._read(connection, [b'{"session":', _encode(answer), b',"turns":['])

    def go_on(self, connection: Connection) -> bytes:
        """Return what follows; only if it has not ended.

        Args:
            connection: that reads.
        """
        return self._read(connection, [])

    def _read(self, connection: Connection, parts: list[bytes | memoryview]) -> bytes:
        """Read some turns, and the end of the answer if these are the last."""
        page = self._page
        parts += page.read(connection)
        if not page.more:
            self.ended = True
            tail = {
                "offset": page.offset,
                "previous": page.previous,
                "next": page.next,
                "resume_command": self._command,
            }
            parts += (b"],", _encode(tail)[1:])
        return b"".join(parts)
