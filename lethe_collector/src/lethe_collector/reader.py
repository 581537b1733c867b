"""The reader: visits the sources that have something new, and fills batches.

Each tool has a thread of its own, so that a plugin that hangs or is slow holds back nothing but
itself. Of one tool's sources, those go first that their tool will soon delete, then those with
little to read, then the newest: what somebody is working on now is not kept waiting by an archive
of years.

A source that fails is tried again later and later; one that hangs is given up until it changes.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from loguru import logger

from lethe_collector.statefile import StateDamaged
from lethe_collector.visits import VISIT_SECONDS, Failure, Visit, visit_source
from lethe_collector.workers import Worker
from lethe_core.failpoints import failpoint
from lethe_core.limits import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lethe_collector.batches import Batch, Batcher, Room
    from lethe_collector.discovery import Discovery
    from lethe_collector.source_table import ReadingPoint
    from lethe_collector.state import State
    from lethe_core.parser import Parser
    from lethe_core.sources import Source

#: How long a visit may take before its source counts as stalled, in seconds.
STALL_SECONDS: Final = 60.0
_NEAR_SECONDS: Final = 2 * VISIT_SECONDS
_WARN_EVERY: Final = 3600.0
_FIRST_RETRY: Final = 5.0
_MAX_RETRY: Final = 300.0
_SMALL: Final = MIB


@dataclass(slots=True, kw_only=True)
class Tool:
    """A tool whose sources are read.

    Args:
        parser: reads them.
        discovery: finds them.
    """

    parser: Parser
    discovery: Discovery


@dataclass(slots=True)
class Readings:
    """What the reader did since it began, for progress.

    Args:
        sources: that had something to read.
        finished: of them, read to their end.
        failed: of them, failing now.
        bytes_found: how much there was to read.
        bytes_read: how much of it was read.
    """

    sources: int = 0
    finished: int = 0
    failed: int = 0
    bytes_found: int = 0
    bytes_read: int = 0


@dataclass(slots=True, eq=False)
class _Lane:
    """One source that has something new, or something in flight."""

    tool: str
    source_id: int
    source: Source
    point: ReadingPoint | None = None
    is_ready: bool = False
    is_running: bool = False
    is_noted: bool = False  # what came of a visit is being written down
    is_again: bool = False  # it changed during a visit
    is_rewound: bool = False  # its cursor was set back during a visit
    in_flight: int = 0
    failures: int = 0
    failure: Failure | None = None  # as the state has it
    failed_at: tuple[int, int] | None = None  # (size, mtime_ns)
    retry_at: float = 0.0
    warned_at: float | None = None
    is_doomed: bool = False  # its tool will soon delete it
    counted: int = 0  # bytes of it in `Readings.bytes_found`

    def __lt__(self, other: _Lane) -> bool:
        return self._rank() < other._rank()

    def _rank(self) -> tuple[bool, bool, int]:
        position = self.point.position if self.point else 0
        is_large = self.source.size - position > _SMALL
        return not self.is_doomed, is_large, -self.source.mtime_ns


@dataclass(slots=True)
class _Running:
    """A visit that is under way."""

    lane: _Lane
    since: float


@dataclass(slots=True)
class _Place:
    """A tool with its thread and the sources that wait for it."""

    tool: Tool
    worker: Worker
    ready: list[_Lane] = field(default_factory=list)
    running: _Running | None = None


class Reader:
    """Reads what is offered and hands batches over.

    Args:
        tools: by name.
        state: knows from where to read.
        batcher: fills batches.
        queue: takes them; when it is full, reading waits.
        host: the name of this machine.
        on_change: called whenever something was done.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        state: State,
        batcher: Batcher,
        queue: asyncio.Queue[Batch],
        *,
        host: str,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._batcher = batcher
        self._queue = queue
        self._host = host
        self._on_change = on_change
        self._clock = clock
        self._places = {name: _Place(tool, Worker(f"read {name}")) for name, tool in tools.items()}
        self._lanes: dict[int, _Lane] = {}
        self._finished: deque[tuple[_Place, _Running, asyncio.Future[_Result]]] = deque()
        self._in_flight = 0
        self._wake = asyncio.Event()
        self._is_noting = False  # what came of visits is being written down
        self.readings = Readings()

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to read, and all that was read is safe."""
        return (
            not self._finished
            and not self._is_noting
            and not self._in_flight
            and all(not place.ready and place.running is None for place in self._places.values())
        )

    # Offers --------------------------------------------------------------------------------

    def offer(self, tool: str, source_id: int, source: Source, *, is_doomed: bool = False) -> None:
        """Have a source looked at.

        Args:
            tool: whose it is.
            source_id: its row in the state.
            source: as it was just seen.
            is_doomed: its tool will soon delete it.
        """
        lane = self._lanes.get(source_id)
        if lane is None:
            lane = self._lanes[source_id] = _Lane(tool, source_id, source)
            self.readings.sources += 1
        lane.source, lane.is_doomed = source, is_doomed
        if lane.is_running:
            lane.is_again = True
        elif lane.failed_at != (source.size, source.mtime_ns) or self._clock() >= lane.retry_at:
            self._make_ready(lane)

    def note_kept(self, batch: Batch) -> None:
        """Note that a batch is safe; what has no more to do is forgotten."""
        for segment in batch.segments:
            lane = self._lanes.get(segment.source_id)
            if lane is not None:
                lane.in_flight -= 1
                self._in_flight -= 1
                self._forget_if_done(lane)
        self._on_change()

    def find_rewound(self, epochs: Mapping[int, int]) -> list[int]:
        """Return the sources at work that somebody has set back.

        Args:
            epochs: of the sources in the state; a visit that has just begun may know an older one.
        """
        return [
            source_id
            for source_id, lane in self._lanes.items()
            if lane.point is None or lane.point.epoch != epochs.get(source_id)
        ]

    def rewind(self, source_ids: Iterable[int]) -> None:
        """Read sources again from the cursor that the state has."""
        for place in self._places.values():
            place.tool.discovery.reload()
        for source_id in source_ids:
            lane = self._lanes.get(source_id)
            if lane is not None and (lane.is_running or lane.is_noted):
                lane.is_rewound = True
            elif lane is not None:
                lane.point = None
                self._make_ready(lane)

    def close(self) -> None:
        """Let the threads end."""
        for place in self._places.values():
            place.worker.close()

    # The loop ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            self._start_visits()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience()):
                    await self._wake.wait()
            self._wake.clear()
            self._is_noting = True
            while self._finished:
                await self._take(*self._finished.popleft())
            await self._give_up_stalled()
            self._is_noting = False
            if self._batcher and (self._batcher.is_due or not self._is_more_near()):
                await self._hand_over()
            self._on_change()

    def _make_ready(self, lane: _Lane) -> None:
        if not lane.is_ready:
            lane.is_ready = True
            heapq.heappush(self._places[lane.tool].ready, lane)
            position = lane.point.position if lane.point else 0
            self.readings.bytes_found += max(0, lane.source.size - position - lane.counted)
            lane.counted = max(lane.counted, lane.source.size - position)
        self._wake.set()

    def _start_visits(self) -> None:
        for place in self._places.values():
            if place.running is not None or not place.ready:
                continue
            lane = heapq.heappop(place.ready)
            lane.is_ready, lane.is_running = False, True
            place.running = running = _Running(lane, self._clock())
            future = place.worker.run(
                self._visit, place.tool.parser, lane.source, lane, self._batcher.room
            )
            future.add_done_callback(partial(self._note_finished, place, running))

    def _visit(self, parser: Parser, source: Source, lane: _Lane, room: Room) -> _Result:
        """Visit a source; runs in the tool's thread."""
        point = lane.point or self._state.sources.reading_point(lane.source_id, parser.version)
        visit = visit_source(
            parser, source, source_id=lane.source_id, point=point, room=room, host=self._host
        )
        return _Result(source, point, visit)

    def _note_finished(
        self, place: _Place, running: _Running, future: asyncio.Future[_Result]
    ) -> None:
        if place.running is running:
            place.running = None
            self._finished.append((place, running, future))
            self._wake.set()
        elif not future.cancelled():
            future.exception()  # it was given up; what it found is read again

    def _is_more_near(self) -> bool:
        """Tell whether another segment will come in a moment, so that a batch should wait."""
        now = self._clock()
        return any(
            place.ready or (place.running and now - place.running.since < _NEAR_SECONDS)
            for place in self._places.values()
        )

    def _patience(self) -> float | None:
        """How long to sleep before something must be done even if nothing happens."""
        waits = []
        now = self._clock()
        running = [place.running for place in self._places.values() if place.running]
        if running:
            oldest = min(visit.since for visit in running)
            waits.append(oldest + STALL_SECONDS - now)
            if self._batcher:
                newest = max(visit.since for visit in running)
                waits += [newest + _NEAR_SECONDS - now, self._batcher.seconds_left]
        elif self._batcher:
            waits.append(0.0)
        return max(0.001, min(waits)) if waits else None

    async def _hand_over(self) -> None:
        """Give the batch to the shipper, and wait until it has it: one is sent, one is read."""
        batch = self._batcher.take()
        failpoint("batch.made")
        await self._queue.put(batch)
        await self._queue.join()

    # Results -------------------------------------------------------------------------------

    async def _take(
        self, place: _Place, running: _Running, future: asyncio.Future[_Result]
    ) -> None:
        """Take what came of a visit.

        The lane stays known meanwhile: a batch that is handed over in between may be kept at
        once, and what is in flight is counted by the lane.
        """
        lane = running.lane
        lane.is_running, lane.is_noted = False, True
        try:
            if isinstance(error := future.exception(), StateDamaged):
                raise error
            await self._note_result(place, lane, future)
        finally:
            lane.is_noted = False
            self._forget_if_done(lane)

    async def _note_result(
        self, place: _Place, lane: _Lane, future: asyncio.Future[_Result]
    ) -> None:
        error = future.exception()
        if error is not None:
            logger.bind(tool=lane.tool, source=str(lane.source.path), error=str(error)).error(
                "a source could not be visited"
            )
            self._retry_later(lane)
            return
        result = future.result()
        visit, segment = result.visit, result.visit.segment
        if lane.is_rewound:
            lane.is_rewound, lane.point = False, None
            self._make_ready(lane)
            return
        if segment.records or segment.read_to or segment.identity:
            await self._add(lane, result)
        if visit.failure is not None:
            await self._note_failure(place, lane, visit.failure)
            return
        if lane.failures:
            lane.failures, lane.failed_at, lane.failure = 0, None, None
            self.readings.failed -= 1
        match visit.end:
            case "replaced":
                await asyncio.to_thread(self._state.sources.begin_generation, lane.source_id)
                logger.bind(tool=lane.tool, source=str(lane.source.path)).info(
                    "a source was replaced; it is read from its beginning"
                )
                lane.point = None
                self._make_ready(lane)
            case "end":
                place.tool.discovery.note_read(lane.source_id, result.source)
                self._finish(lane)
            case "gone":
                self._finish(lane)
            case end:
                if end == "full":
                    self._batcher.mark_full()
                self._make_ready(lane)

    async def _add(self, lane: _Lane, result: _Result) -> None:
        segment, point = result.visit.segment, result.point
        if not self._batcher.fits(segment):
            await self._hand_over()
        self._batcher.add(segment)
        lane.in_flight += 1
        self._in_flight += 1
        self.readings.bytes_read += max(0, segment.position - point.position)
        lane.counted = max(0, lane.counted - (segment.position - point.position))
        point.cursor, point.position = segment.after, segment.position
        if segment.identity is not None:
            point.head_size = segment.identity.head_size
        lane.point = point

    def _finish(self, lane: _Lane) -> None:
        self.readings.finished += 1
        if lane.is_again or lane.is_rewound:
            lane.is_again = False
            self._make_ready(lane)

    def _forget_if_done(self, lane: _Lane) -> None:
        busy = lane.in_flight or lane.is_ready or lane.is_running or lane.is_noted
        if not busy and not lane.failures:
            self._lanes.pop(lane.source_id, None)

    # Failures ------------------------------------------------------------------------------

    async def _note_failure(self, place: _Place, lane: _Lane, failure: Failure) -> None:
        place.tool.discovery.note_state(lane.source, failure.state)
        self._retry_later(lane)
        now = self._clock()
        if lane.warned_at is None or now - lane.warned_at >= _WARN_EVERY:
            lane.warned_at = now
            logger.bind(
                tool=lane.tool,
                source=str(lane.source.path),
                code=failure.code,
                reason=failure.text,
                hint=failure.hint or None,
            ).warning("a source cannot be read")
        if failure == lane.failure:
            return
        lane.failure = failure
        await asyncio.to_thread(
            self._state.sources.note_error,
            lane.source_id,
            failure.state,
            failure.code,
            failure.text,
            failure.hint,
        )

    def _retry_later(self, lane: _Lane) -> None:
        self.readings.failed += not lane.failures
        lane.failures += 1
        lane.failed_at = (lane.source.size, lane.source.mtime_ns)
        wait = min(_MAX_RETRY, _FIRST_RETRY * 2.0 ** min(lane.failures, 16))
        lane.retry_at = self._clock() + wait

    async def _give_up_stalled(self) -> None:
        now = self._clock()
        for name, place in self._places.items():
            running = place.running
            if running is None or now - running.since < STALL_SECONDS:
                continue
            place.worker.close()
            place.worker, place.running = Worker(f"read {name}"), None
            lane = running.lane
            lane.is_running = False
            text = f"its parser has not answered for {STALL_SECONDS:.0f} s"
            hint = "upgrade or disable the plugin"
            await self._note_failure(place, lane, Failure("stalled", "STALLED", text, hint))
            lane.retry_at = float("inf")  # until it changes: its thread may hang for ever


@dataclass(slots=True)
class _Result:
    """A visit, with the source and the point that it began with."""

    source: Source
    point: ReadingPoint
    visit: Visit
