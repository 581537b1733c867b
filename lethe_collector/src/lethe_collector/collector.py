"""The collector at work: followers, reader and shipper of one state directory.

    files -> Follower -> Reader -> queue -> Shipper -> server
                           |                  |
                           +---- State -------+

The queue holds one batch: while one is sent, the next is read, and no more.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from lethe_collector import __version__
from lethe_collector.batches import Batch, Batcher
from lethe_collector.discovery import Discovery
from lethe_collector.following import Follower
from lethe_collector.plugin_list import describe_plugins
from lethe_collector.reader import Reader, Tool
from lethe_collector.shipper import Shipper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from lethe_collector.config import CollectorConfig
    from lethe_collector.state import State
    from lethe_collector.transport import Transport
    from lethe_collector.watch import Watch
    from lethe_core.plugins import ParserRegistry

#: How long a request in flight may go on after the collector was told to stop, in seconds.
GRACE_SECONDS: Final = 10.0
#: How often it is looked whether a command has changed the state, in seconds.
ATTEND_SECONDS: Final = 2.0
#: A single run gives up after so many attempts that failed one after the other.
GIVE_UP_AFTER: Final = 5
#: Likewise, if somebody must mend something before it can succeed.
GIVE_UP_AFTER_HOPELESS: Final = 2


class Collector:
    """One run of the collector. To be made and used within one event loop.

    Args:
        config: what to do.
        registry: the parsers that are loaded.
        state: what was done before.
        transport: leads to the server.
        once: archive all that is there and end.
        roots: of each tool that is followed, the places to look at; `None` for the parser's own.
        on_change: called whenever something was done.
        nap: waits for so many seconds before another attempt.
    """

    def __init__(
        self,
        config: CollectorConfig,
        registry: ParserRegistry,
        state: State,
        transport: Transport,
        *,
        once: bool,
        roots: Mapping[str, list[Path] | None],
        on_change: Callable[[Collector], None] | None = None,
        nap: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._state = state
        self._once = once
        self._on_change = on_change
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        queue: asyncio.Queue[Batch] = asyncio.Queue(1)
        tools = {
            name: Tool(
                parser=registry.get(name),
                discovery=Discovery(
                    registry.get(name), places, state.sources, lambda: self.shipper.outbox_is_full
                ),
            )
            for name, places in roots.items()
        }
        batcher = Batcher(
            max_lines=config.batch_max_lines,
            max_bytes=config.batch_max_bytes,
            max_age=config.batch_max_age,
            clock=time.monotonic,
        )
        self.reader = Reader(
            tools, state, batcher, queue, host=config.host, on_change=self._note_change
        )
        self.shipper = Shipper(
            queue,
            state,
            transport,
            outbox_max_bytes=config.outbox_max_bytes,
            on_kept=self.reader.note_kept,
            on_rewound=self._rewind,
            on_change=self._note_change,
            nap=nap,
        )
        self._followers = {
            name: Follower(
                name,
                tool,
                self.reader,
                interval=config.poll_interval,
                on_scan=self._note_scan,
            )
            for name, tool in tools.items()
        }
        self._watch: Watch | None = None
        self._scans: dict[str, Any] = {}
        state.set_note(
            "collector",
            {
                "version": __version__,
                "host": config.host,
                "server_url": config.server_url,
                "outbox_max_bytes": config.outbox_max_bytes,
                "unknown_tools": sorted(tool for tool in config.sources if tool not in registry),
                "pid": os.getpid(),
                "started": time.time(),
            },
        )
        state.set_note("config", config.identity)
        state.set_note("plugins", describe_plugins(registry))

    def stop(self) -> None:
        """End within `GRACE_SECONDS`: what is in flight is finished, the rest is kept (P14)."""
        self._stopping.set()
        self._changed.set()

    async def run(self) -> None:
        """Work until `stop` is called, or until all is done if it is a single run.

        Raises:
            ExceptionGroup: there is a defect in the collector.
        """
        if not self._once:
            from lethe_collector.watch import Watch  # noqa: PLC0415 - a single run needs none

            self._watch = Watch(asyncio.get_running_loop(), self._hint)
        async with asyncio.TaskGroup() as group:
            working = [group.create_task(follower.run()) for follower in self._followers.values()]
            working.append(group.create_task(self.reader.run()))
            working.append(group.create_task(self._attend()))
            shipping = group.create_task(self.shipper.run())
            try:
                await self._until_the_end()
            finally:
                for task in working:
                    task.cancel()
                self.shipper.stop()
                await asyncio.wait((shipping,), timeout=GRACE_SECONDS)
                shipping.cancel()
                self.reader.close()
                for follower in self._followers.values():
                    follower.close()
                if self._watch is not None:
                    self._watch.close()

    async def _until_the_end(self) -> None:
        while not self._stopping.is_set():
            if self._once and self._is_done():
                return
            await self._changed.wait()
            self._changed.clear()

    def _is_done(self) -> bool:
        if not all(follower.is_settled for follower in self._followers.values()):
            return False
        deliveries = self.shipper.deliveries
        if deliveries.failures >= (
            GIVE_UP_AFTER_HOPELESS if deliveries.is_hopeless else GIVE_UP_AFTER
        ):
            return True
        return self.reader.is_idle and self.shipper.is_idle

    async def _attend(self) -> None:
        """Take up what commands have changed in the state (`lethe_collector.guests`)."""
        while True:
            await asyncio.sleep(ATTEND_SECONDS)
            try:
                if not await asyncio.to_thread(self._state.was_visited):
                    continue
                epochs = await asyncio.to_thread(self._state.sources.epochs)
                self._rewind(self.reader.find_rewound(epochs))
            except (sqlite3.Error, OSError) as error:
                logger.bind(error=str(error)).error("the state cannot be read")
            self.shipper.look_again()

    def _rewind(self, source_ids: list[int]) -> None:
        """Have sources read again that were set back."""
        self.reader.rewind(source_ids)
        for follower in self._followers.values():
            follower.ask()  # those that the reader has forgotten are found by a scan

    def _note_change(self) -> None:
        self._changed.set()
        if self._on_change is not None:
            self._on_change(self)

    # Watching ------------------------------------------------------------------------------

    def _note_scan(self, follower: Follower) -> None:
        reports = {name: other.report for name, other in self._followers.items() if other.scans}
        if reports != self._scans:
            self._scans = reports
            try:
                self._state.set_note("scans", reports)
            except (sqlite3.Error, OSError) as error:
                logger.bind(error=str(error)).error("the state cannot be written")
        if self._watch is not None:
            self._watch.arm(follower.name, follower.roots)
            follower.is_watched = not self._watch.problem
        self._note_change()

    def _hint(self, paths: set[str]) -> None:
        """Pass on what has changed to the followers that it may concern."""
        for follower in self._followers.values():
            roots = [str(root) for root in follower.roots]
            concerned = {path for path in paths if any(_belongs(path, root) for root in roots)}
            elsewhere = not concerned and any(
                root.startswith(path.rstrip(os.sep) + os.sep) for root in roots for path in paths
            )
            if concerned or elsewhere:
                follower.hint(concerned)


def _belongs(path: str, root: str) -> bool:
    """Tell whether a file is a root, lies below it, or is the log beside it."""
    return path == root or path.startswith((f"{root.rstrip(os.sep)}{os.sep}", f"{root}-"))


def choose_roots(config: CollectorConfig, registry: ParserRegistry) -> dict[str, list[Path] | None]:
    """Tell which tools are followed, and where."""
    for tool in config.sources:
        if tool not in registry:
            logger.bind(tool=tool).warning("`sources` names a tool that no loaded plugin reads")
    return {parser.tool: config.sources.get(parser.tool) for parser in registry}
