"""Following one tool: scan at the start, when woken, and every so often.

A hint names files that have changed. If they are known sources, they alone are looked at; else it
takes a scan, which is delayed so that scanning never takes more than a tenth of the time.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from lethe_collector.statefile import StateDamaged
from lethe_collector.workers import Worker
from lethe_core.outcomes import describe_failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lethe_collector.discovery import Scan
    from lethe_collector.reader import Reader, Tool

#: How long a scan may take before its tool counts as stalled, in seconds.
SCAN_SECONDS: Final = 120.0
_REST_FACTOR: Final = 9.0
_UNWATCHED_INTERVAL: Final = 5.0
_MAX_PAUSE: Final = 3600.0


class Follower:
    """Keeps the reader informed of one tool's sources.

    Args:
        name: of the tool.
        tool: its parser and discovery.
        reader: gets what is found.
        interval: seconds between two scans.
        on_scan: called after each scan with what is known of the tool, for `status`.
        clock: monotonic seconds.

    Attributes:
        name: of the tool.
        roots: where its sources are looked for.
        is_watched: whether changes there are told at once.
        scans: how many there were.
        report: of its sources, for the server; empty before the first scan.
    """

    def __init__(
        self,
        name: str,
        tool: Tool,
        reader: Reader,
        *,
        interval: float,
        on_scan: Callable[[Follower], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._tool = tool
        self._reader = reader
        self._interval = interval
        self._on_scan = on_scan
        self._clock = clock
        self._worker = Worker(f"scan {name}")
        self._hints: set[str] = set()
        self._wake = asyncio.Event()
        self._rest_until = 0.0
        self._error = ""
        self._stalls = 0
        self._asked = 0
        self._answered = -1
        self._doomed: dict[int, float] = {}  # since when
        self._has_warned = False
        self.roots: list[Path] = []
        self.is_watched = True
        self.scans = 0
        self.report: dict[str, Any] = {}

    def hint(self, paths: set[str]) -> None:
        """Look at files soon; an empty set asks for a scan."""
        self._hints |= paths or {""}
        self._wake.set()

    def ask(self) -> None:
        """Have all places looked at again; `is_settled` tells when that was done."""
        self._asked += 1
        self.hint(set())

    @property
    def is_settled(self) -> bool:
        """Whether all places were looked at since that was asked for."""
        return self._answered == self._asked

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._scan()
        due = self._clock() + self._pause()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due - self._clock())):
                    await self._wake.wait()
            self._wake.clear()
            hints, self._hints = self._hints, set()
            if self._clock() < due and hints and await self._probe(hints):
                continue
            if (rest := self._rest_until - self._clock()) > 0:
                await asyncio.sleep(rest)
            await self._scan()
            due = self._clock() + self._pause()

    def close(self) -> None:
        """Let the thread end."""
        self._worker.close()

    def _pause(self) -> float:
        if self._stalls:  # each one has cost a thread
            return min(_MAX_PAUSE, SCAN_SECONDS * 2.0 ** min(self._stalls, 16))
        return self._interval if self.is_watched else min(self._interval, _UNWATCHED_INTERVAL)

    async def _probe(self, paths: set[str]) -> bool:
        """Look at single files; `False` if it takes a scan."""
        if "" in paths:
            return False
        scan = await self._run(lambda: self._tool.discovery.probe(paths))
        if scan is None:
            return False
        self._offer(scan)
        return True

    async def _scan(self) -> None:
        began, asked = self._clock(), self._asked
        scan = await self._run(self._look)
        now = self._clock()
        self._rest_until = now + (now - began) * _REST_FACTOR
        self.scans += 1
        self._answered = asked
        self.report = {
            "label": self._tool.parser.label,
            "error": self._error,
            "files": scan.files if scan else 0,
            "doomed": None,
            "roots": [
                {"path": root.path, "exists": root.exists, "error": root.error}
                for root in (scan.roots if scan else ())
            ],
        }
        if scan is not None:
            self._look_for_doomed(scan)
            self._offer(scan)
            if scan.lost_bytes:
                logger.bind(tool=self.name, sources=scan.gone, bytes=scan.lost_bytes).error(
                    "sources vanished before they were read to their end"
                )
        self._on_scan(self)

    def _look_for_doomed(self, scan: Scan) -> None:
        """Tell what will soon be deleted and has not been read for a while, though it is first."""
        now = self._clock()
        self._doomed = {source_id: self._doomed.get(source_id, now) for source_id in scan.doomed}
        stuck = [
            scan.doomed[source_id]
            for source_id, since in self._doomed.items()
            if now - since >= self._interval
        ]
        self.report["doomed"] = {"sources": len(stuck), "at": min(stuck)} if stuck else None
        if stuck and not self._has_warned:
            self._has_warned = True
            first = datetime.fromtimestamp(min(stuck), UTC).isoformat(" ", "minutes")
            logger.bind(tool=self.name, sources=len(stuck), first=first).warning(
                "sources that cannot be archived now will soon be deleted by their tool"
            )

    def _look(self) -> Scan:
        self.roots = self._tool.discovery.roots()
        return self._tool.discovery.scan()

    def _offer(self, scan: Scan) -> None:
        for source_id, source in scan.found:
            self._reader.offer(self.name, source_id, source, is_doomed=source_id in scan.doomed)

    async def _run(self, function: Callable[[], Scan | None]) -> Scan | None:
        """Run code of the plugin; an error is noted, and told when it is another one."""
        try:
            async with asyncio.timeout(SCAN_SECONDS):
                scan = await self._worker.run(function)
        except TimeoutError:
            self._worker.close()
            self._worker = Worker(f"scan {self.name}")
            self._stalls += 1
            error = f"looking for sources took more than {SCAN_SECONDS:.0f} s"
        except StateDamaged:
            raise
        except sqlite3.Error as caught:
            error = f"the state cannot be written: {caught}"
        except Exception as caught:  # noqa: BLE001 - P9: a plugin's failure concerns its tool alone
            error = describe_failure(caught, "looking for sources")
        else:
            self._error = ""
            self._stalls = 0
            return scan
        if error != self._error:
            logger.bind(tool=self.name, reason=error).error("sources cannot be looked for")
        self._error = error
        return None
