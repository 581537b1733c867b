"""Marks: is the archive still the one that acknowledged what the cursors say?

The server marks each acknowledgement (docs/wire.md). The last mark is shown with each request, and
stored in the transaction that moves the cursors. If the server does not know it, its database was
lost or set back, or another server answers: all sources are read again from their beginning, and
what waits in the outbox stays. Reading again is harmless, because the archive takes nothing twice.

Two archives behind one address would have everything read again with every request. So a second
change within `CALM_SECONDS` is no acknowledgement: what was sent is kept, and somebody must look.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from loguru import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from lethe_collector.answers import Ack
    from lethe_collector.state import State

#: After a change of the archive, another one is not believed for so long.
CALM_SECONDS: Final = 600.0


class OtherArchive(Exception):
    """The archive does not have all that it has acknowledged.

    Args:
        mark: what it says now; empty if nothing was stored.
    """

    def __init__(self, mark: str) -> None:
        super().__init__("the archive is another one, or was set back")
        self.mark = mark


class Marks:
    """Follows the marks of the archive.

    Args:
        state: remembers the last one.
        on_rewound: called with the sources that must be read again.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        state: State,
        on_rewound: Callable[[list[int]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._on_rewound = on_rewound
        self._clock = clock
        self._changed_at: float | None = None
        #: To be shown with the next request; empty if there is none.
        self.shown = ""

    def load(self) -> None:
        """Read the last one from the state."""
        self.shown = self._state.mark()

    def check(self, ack: Ack) -> None:
        """Tell whether the archive still has what it acknowledged before.

        Raises:
            OtherArchive: it does not.
        """
        # A server of an older version knows no marks, nor any archive that gave one.
        if self.shown and not (ack.mark_known and ack.mark):
            raise OtherArchive(ack.mark)

    def follow(self, ack: Ack) -> None:
        """Take the mark of an acknowledgement.

        Raises:
            OtherArchive: the archive does not have what it acknowledged before.
        """
        self.check(ack)
        self.shown = ack.mark

    def is_too_soon(self) -> bool:
        """Whether the archive has changed a moment ago, so that this is no loss but a muddle."""
        return self._changed_at is not None and self._clock() - self._changed_at < CALM_SECONDS

    def begin_anew(self, mark: str) -> list[int]:
        """Set all sources back, and believe this archive from now on.

        Returns:
            The sources that are read again.
        """
        anew = self._state.begin_anew(mark)
        self.shown, self._changed_at = mark, self._clock()
        logger.bind(
            sources=len(anew.sources), gone=anew.gone or None, lost_turns=anew.lost_turns or None
        ).warning("the server's archive was lost or set back; all sources are read again")
        return anew.sources

    def note_rewound(self, sources: list[int]) -> None:
        """Have sources read again; to be called on the event loop."""
        self._on_rewound(sources)
