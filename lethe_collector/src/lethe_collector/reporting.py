"""Reporting: the server is told what is on this machine, and how much of it it has.

A report is made of the state alone and sent when it says something new, at most once a minute,
and less often where making it takes long: never more than a hundredth of the time goes into it.
It is a courtesy: what becomes of it changes nothing of what is read or delivered.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from lethe_collector import __version__
from lethe_collector.status import read_status
from lethe_collector.transport import NotSent, TokenUnusable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from lethe_collector.transport import HttpTransport

#: Seconds between two reports, at least.
MIN_PAUSE: Final = 60.0
#: A report that says nothing new is sent after so long all the same: it says that all is well.
MAX_SILENCE: Final = 3600.0
#: Sources that are named one by one.
MAX_OPEN: Final = 50

_COST_FACTOR: Final = 100.0
_LONGEST: Final = 1000
_COUNTS: Final = (
    "files",
    "archived",
    "lagging",
    "waiting",
    "gone",
    "failing",
    "bytes",
    "lagging_bytes",
    "turns",
    "unmapped",
    "refused",
    "lost_bytes",
    "lost_turns",
)


def make_report(status: dict[str, Any]) -> dict[str, Any]:
    """Make a report of what `status` tells.

    Args:
        status: from `read_status`.
    """
    unfinished = [source for source in status["sources"] if not source["archived"]]
    unfinished.sort(key=lambda source: -source["lagging_bytes"])
    outbox = status["outbox"]
    return {
        "version": __version__,
        "tools": {
            name: {key: tool[key] for key in _COUNTS}
            for name, tool in status["tools"].items()
            if tool["files"] or tool["lost_bytes"]
        },
        "outbox": {key: outbox[key] for key in ("lines", "bytes", "full")},
        "open": [
            {
                "tool": source["tool"],
                "path": source["path"][-_LONGEST:],
                "why": _reason(source, status)[:_LONGEST],
                "lagging_bytes": source["lagging_bytes"],
            }
            for source in unfinished[:MAX_OPEN]
        ],
    }


def _reason(source: dict[str, Any], status: dict[str, Any]) -> str:
    if source["error"]:
        return f"{source['error']['code']}: {source['error']['text']}"
    if source["lost_turns"]:
        return "gone, and lost with the server's database"
    if source["waiting"]:
        return f"in the outbox; the server is {status['server']['state']}"
    if status["outbox"]["full"]:
        return "not read: the outbox is full"
    return "not read yet"


class Reporter:
    """Sends reports.

    Args:
        directory: of the state.
        host: the name of this machine.
        transport: leads to the server.
        nap: waits for so many seconds.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        directory: Path,
        host: str,
        transport: HttpTransport,
        *,
        nap: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._host = host
        self._transport = transport
        self._nap = nap
        self._clock = clock
        self._sent: dict[str, Any] | None = None
        self._sent_at = 0.0

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            began = self._clock()
            await self.report()
            await self._nap(max(MIN_PAUSE, (self._clock() - began) * _COST_FACTOR))

    async def report(self) -> bool:
        """Send a report if there is something to say; tell whether the server took it."""
        status = await asyncio.to_thread(
            read_status, self._directory, which="unfinished", most=MAX_OPEN
        )
        if "problem" in status:
            return False
        report = make_report(status)
        now = self._clock()
        if report == self._sent and now - self._sent_at < MAX_SILENCE:
            return False
        try:
            taken = await self._transport.report(self._host, report)
        except (NotSent, TokenUnusable):
            return False  # the shipper tells what is the matter
        if taken:
            self._sent, self._sent_at = report, now
        return taken
