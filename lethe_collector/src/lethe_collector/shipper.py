"""The shipper: takes batches in order, and lets none go before the server has it.

One request is in flight at a time. What the server cannot take now is kept in the outbox and
sent again with full jitter between the attempts; while it waits, what else is read joins the
outbox behind it, until that is full. Then reading stops: the files are the queue.

A request that is too large is halved, and what passed is taken for the limit for a while. A request
that is refused is halved as well, until the record at fault is alone: that one becomes a dead
letter, all others arrive. A record that something in between calls too large is at no fault if a
request without any is not taken either.

If the archive turns out to be another one than before, or an older one, all sources are set back
and the request is sent again (`lethe_collector.marks`). While there is nothing to send, the server
is asked now and then, by a request without lines.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from loguru import logger

from lethe_collector.answers import HINTS, Ack, Keep, Reject, Shrink, classify
from lethe_collector.backoff import Undelivered, seconds_until_retry, why_undelivered
from lethe_collector.batches import LineRefusal
from lethe_collector.marks import Marks, OtherArchive
from lethe_collector.transport import NotSent, TokenUnusable
from lethe_core.errors import TooLarge
from lethe_core.failpoints import failpoint
from lethe_core.limits import MAX_REQUEST_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tenacity import RetryCallState

    from lethe_collector.answers import ServerState
    from lethe_collector.batches import Batch
    from lethe_collector.state import State
    from lethe_collector.transport import Transport

#: After so many seconds with nothing to send, the server is asked whether it still has all.
ASK_SECONDS: Final = 600.0
#: Likewise, while it could not be asked: a machine may start before its network does.
ASK_AGAIN_SECONDS: Final = 30.0
#: So long no more is sent at once than what was not too large: a proxy may be mended.
SHRUNK_SECONDS: Final = 600.0
#: What mends itself, or is seen to by who looks after the machine.
_MAY_PASS: Final[frozenset[ServerState]] = frozenset(
    {"UNREACHABLE", "UNAVAILABLE", "STATE_UNWRITABLE"}
)


class _NotStored(Exception):
    """The outbox could not take a batch; it stays in memory."""


@dataclass(slots=True)
class _Parcel:
    """What is delivered next: a batch from memory, or one that stands in the outbox."""

    lines: list[bytes]
    batch: Batch | None = None
    row_id: int | None = None


@dataclass(slots=True)
class Deliveries:
    """What the shipper did since it began, for progress and for the end of a single run.

    Args:
        lines: events that the server took or refused for good.
        refused: events that it refused.
        failures: attempts since the last one that succeeded.
        is_hopeless: whether the last one failed for a reason that somebody must mend.
        waiting: batches in the outbox.
    """

    lines: int = 0
    refused: int = 0
    failures: int = 0
    is_hopeless: bool = False
    waiting: int = 0


class Shipper:
    """Delivers batches.

    Args:
        queue: the batches, in order.
        state: remembers what was delivered.
        transport: sends.
        outbox_max_bytes: when the outbox is full.
        on_kept: called with each batch whose cursors have moved.
        on_rewound: called with the sources that must be read again.
        on_change: called after each attempt.
        nap: waits for so many seconds.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        queue: asyncio.Queue[Batch],
        state: State,
        transport: Transport,
        *,
        outbox_max_bytes: int,
        on_kept: Callable[[Batch], None],
        on_rewound: Callable[[list[int]], None],
        on_change: Callable[[], None] = lambda: None,
        nap: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._state = state
        self._transport = transport
        self._outbox_max_bytes = outbox_max_bytes
        self._on_kept = on_kept
        self._on_rewound = on_rewound
        self._on_change = on_change
        self._nap_for = nap
        self._clock = clock
        self._marks = Marks(state, on_rewound)
        self._limit = MAX_REQUEST_BYTES
        self._limited_until = 0.0
        self._server: tuple[ServerState, str] | None = None
        self._stopping = asyncio.Event()
        self._poked = asyncio.Event()
        self._busy = True  # until it is known what waits in the outbox
        self._held: Batch | None = None  # taken from the queue, but the disk did not take it
        self._outbox_bytes = 0
        self.deliveries = Deliveries()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being sent and nothing waits in the outbox."""
        return not self._busy and not self.deliveries.waiting

    @property
    def outbox_is_full(self) -> bool:
        """Whether nothing more may wait on disk, so that reading stops."""
        return self._outbox_bytes >= self._outbox_max_bytes

    def look_again(self) -> None:
        """Look into the outbox: somebody else may have put something there."""
        self._poked.set()

    def stop(self) -> None:
        """End after the request that is in flight."""
        self._stopping.set()

    async def run(self) -> None:
        """Deliver batches until `stop` is called."""
        await self._count_outbox()
        await asyncio.to_thread(self._marks.load)
        if not self.deliveries.waiting:
            await self._ask()
        self._busy = False
        self._on_change()
        while not self._stopping.is_set():
            parcel = await self._next()
            if self._stopping.is_set() and parcel is None:
                return
            self._busy = True
            try:
                if parcel is not None:
                    if not await self._ship(parcel):
                        return
                elif not self._poked.is_set():
                    await self._ask()
                if self._poked.is_set():
                    self._poked.clear()
                    await self._count_outbox()
            finally:
                self._busy = False
                self._on_change()

    # What comes next -----------------------------------------------------------------------

    async def _next(self) -> _Parcel | None:
        """Return what is delivered next; `None` if it is time to ask, or to stop."""
        while self.deliveries.waiting:
            row = await asyncio.to_thread(self._state.outbox.head)
            if row is not None and row.lines is not None:
                return _Parcel(row.lines, row_id=row.id)
            if row is not None:
                rewound = await asyncio.to_thread(self._state.outbox.discard_damaged, row.id)
                logger.bind(sources=len(rewound)).error(
                    "a batch in the outbox is damaged; its sources are read again"
                )
                self._on_rewound(rewound)
            await self._count_outbox()
        resting = asyncio.ensure_future(self._rest())
        try:
            batch = await self._get(until=resting)
        finally:
            resting.cancel()
        return None if batch is None else _Parcel(list(batch), batch)

    async def _rest(self) -> None:
        """Wait until it is time to ask, or to look again."""
        is_well = self._server is None or self._server[0] == "OK"
        with suppress(TimeoutError):
            async with asyncio.timeout(ASK_SECONDS if is_well else ASK_AGAIN_SECONDS):
                await self._poked.wait()

    async def _get(self, until: asyncio.Future[None] | None = None) -> Batch | None:
        """Take the next batch; `None` if the shipper is to stop, or `until` came first."""
        if self._held is not None:
            held, self._held = self._held, None
            return held
        getting = asyncio.ensure_future(self._queue.get())
        stopping = asyncio.ensure_future(self._stopping.wait())
        waited: list[asyncio.Future[Any]] = [getting, stopping, *([until] if until else [])]
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not getting.done():
                return None
            self._queue.task_done()  # taken: the reader may fill the next one
            return getting.result()
        finally:
            getting.cancel()
            stopping.cancel()

    # Delivery ------------------------------------------------------------------------------

    async def _ship(self, parcel: _Parcel) -> bool:
        """Deliver one parcel, however long it takes; `False` if stopped before."""
        # Most runs have nothing to send.
        from tenacity import (  # noqa: PLC0415
            AsyncRetrying,
            RetryError,
            retry_if_exception_type,
        )

        async def keep(retry: RetryCallState) -> None:
            await self._note_failure(why_undelivered(retry), parcel)

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Undelivered),
            wait=seconds_until_retry,
            sleep=self._nap,
            before_sleep=keep,
            stop=lambda _: self._stopping.is_set(),
        )
        try:
            await retrying(self._attempt, parcel)
        except RetryError:
            return False
        finally:
            # What tenacity remembers of the call are objects that refer to each other: without
            # this, batches stay in memory until the garbage collector happens to come by.
            parcel.lines, parcel.batch = [], None
        return True

    async def _attempt(self, parcel: _Parcel) -> None:
        if self._stopping.is_set():
            raise Undelivered(Keep("UNAVAILABLE", "stopping"))
        try:
            refusals = await self._deliver_to_one(parcel.lines)
        except (NotSent, TokenUnusable) as error:
            raise Undelivered(Keep(_state_of(error), error.message)) from error
        try:
            await asyncio.to_thread(self._record, parcel, refusals)
        except (sqlite3.Error, OSError) as error:
            # It is sent again: the server knows what it has, the state must know it, too.
            logger.bind(error=str(error)).error("the state cannot be written")
            raise Undelivered(Keep("STATE_UNWRITABLE", str(error))) from error
        await self._note_success(parcel, refusals)

    def _record(self, parcel: _Parcel, refusals: list[LineRefusal]) -> None:
        mark = self._marks.shown if parcel.lines else None
        if parcel.row_id is not None:
            self._state.finish_outbox(parcel.row_id, parcel.lines, refusals, mark)
        elif parcel.batch is not None:
            self._state.record_ack(parcel.batch, refusals, mark)

    async def _deliver_to_one(self, lines: Sequence[bytes]) -> list[LineRefusal]:
        """Send lines until one archive has them all, and all that was acknowledged before.

        Raises:
            Undelivered: some were not taken; all are sent again.
            NotSent, TokenUnusable: likewise.
        """
        while True:
            try:
                return await self._deliver(lines)
            except OtherArchive as other:
                await self._begin_anew(other.mark)

    async def _begin_anew(self, mark: str) -> None:
        if self._marks.is_too_soon():
            raise Undelivered(Keep("OTHER_ARCHIVE", "the archive has changed again"))
        try:
            rewound = await asyncio.to_thread(self._marks.begin_anew, mark)
        except (sqlite3.Error, OSError) as error:
            raise Undelivered(Keep("STATE_UNWRITABLE", str(error))) from error
        self._marks.note_rewound(rewound)

    async def _ask(self) -> None:
        """Ask whether the archive still has all that it acknowledged; failing does no harm."""
        if not self._marks.shown:
            return
        try:
            verdict = classify(await self._transport.post([], self._marks.shown), 0)
            match verdict:
                case Ack() as ack:
                    self._marks.check(ack)
                    await self._note_server("OK", "")
                case Keep(state, detail):
                    await self._note_server(state, detail)
        except OtherArchive as other:
            with suppress(Undelivered):  # it shows again with the next request
                await self._begin_anew(other.mark)
        except (NotSent, TokenUnusable) as error:
            await self._note_server(_state_of(error), error.message)

    async def _deliver(self, lines: Sequence[bytes]) -> list[LineRefusal]:
        """Send lines, in parts if need be, until each was taken or refused for good.

        Raises:
            OtherArchive: the archive lost what it had acknowledged, perhaps a part of these lines.
            Undelivered: some were not; all are sent again.
            NotSent, TokenUnusable: likewise.
        """
        refusals: list[LineRefusal] = []
        parts = [(0, len(lines))] if lines else []
        while parts:
            start, end = parts.pop()
            part = lines[start:end]
            middle = (start + end) // 2
            if end - start > 1 and sum(map(len, part)) + len(part) > self._limit_now():
                parts += [(middle, end), (start, middle)]
                continue
            failpoint("post.before")
            answer = await self._transport.post(part, self._marks.shown)
            failpoint("post.after")
            match classify(answer, len(part)):
                case Ack(refused) as ack:
                    self._marks.follow(ack)
                    refusals += [
                        LineRefusal(start + place, code, why) for place, code, why in refused
                    ]
                case Keep() as keep:
                    raise Undelivered(keep)
                case (Shrink() | Reject()) as verdict if end - start > 1:
                    if isinstance(verdict, Shrink):
                        self._limit = max(1, sum(map(len, part)) // 2)
                        self._limited_until = self._clock() + SHRUNK_SECONDS
                    parts += [(middle, end), (start, middle)]
                case Shrink(by_lethe):
                    if not by_lethe:
                        await self._check_the_way()
                    refusals.append(
                        LineRefusal(start, TooLarge.code, "too large for the server, even alone")
                    )
                case Reject(code, reason):
                    refusals.append(LineRefusal(start, code, reason))
        return refusals

    async def _check_the_way(self) -> None:
        """Make sure that what calls a record too large takes anything at all.

        Raises:
            Undelivered: it does not: the record is at no fault.
            NotSent, TokenUnusable: likewise.
        """
        answer = await self._transport.post([], self._marks.shown)
        if not isinstance(classify(answer, 0), Ack):
            self._limited_until = 0.0
            raise Undelivered(Keep("NOT_LETHE", "413 for whatever is sent"))

    def _limit_now(self) -> int:
        """Return how many bytes a request may have, as far as is known."""
        if self._clock() >= self._limited_until:
            self._limit = MAX_REQUEST_BYTES
        return self._limit

    # Afterwards ----------------------------------------------------------------------------

    async def _note_success(self, parcel: _Parcel, refusals: list[LineRefusal]) -> None:
        deliveries = self.deliveries
        deliveries.failures = 0
        deliveries.lines += len(parcel.lines)
        deliveries.refused += len(refusals)
        if parcel.lines:
            await self._note_server("OK", "")
        if refusals:
            codes = ", ".join(sorted({refusal.code for refusal in refusals}))
            logger.bind(events=len(refusals), codes=codes).error(
                "events were refused for good; they are kept as dead letters"
            )
        if parcel.row_id is not None:
            await self._count_outbox()
        elif parcel.batch is not None:
            self._on_kept(parcel.batch)

    async def _note_failure(self, keep: Keep, parcel: _Parcel) -> None:
        self.deliveries.failures += 1
        self.deliveries.is_hopeless = keep.state not in _MAY_PASS
        await self._note_server(keep.state, keep.detail)
        self._on_change()
        if parcel.batch is not None:
            with suppress(_NotStored):
                parcel.row_id = await self._store(parcel.batch)
                parcel.batch = None

    async def _store(self, batch: Batch) -> int | None:
        """Put a batch into the outbox, and return its row; `None` if there was nothing to send.

        Raises:
            _NotStored: the disk does not take it.
        """
        try:
            row_id = await asyncio.to_thread(self._put, batch)
        except (sqlite3.Error, OSError) as error:
            logger.bind(error=str(error)).error("the outbox cannot be written; reading waits")
            raise _NotStored from error
        await self._count_outbox()
        self._on_kept(batch)
        return row_id

    def _put(self, batch: Batch) -> int | None:
        if batch.lines:
            return self._state.put_outbox(batch)
        self._state.record_ack(batch, ())
        return None

    async def _nap(self, seconds: float) -> None:
        """Wait for the next attempt; meanwhile, what is read joins the outbox."""
        napping = asyncio.ensure_future(self._nap_for(seconds))
        try:
            while not napping.done() and not self.outbox_is_full:
                batch = await self._get(until=napping)
                if batch is None:
                    break
                try:
                    await self._store(batch)
                except _NotStored:
                    self._held = batch
                    break
            stopping = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait((napping, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
        finally:
            napping.cancel()

    async def _note_server(self, state: ServerState, detail: str) -> None:
        if self._server == (state, detail):
            return
        self._server = (state, detail)
        note = {"state": state, "detail": detail, "hint": HINTS[state]}
        log = logger.bind(state=state, detail=detail or None, hint=HINTS[state] or None)
        log.log("INFO" if state == "OK" else "WARNING", "the server's state changed")
        try:
            await asyncio.to_thread(self._state.set_note, "server", note)
        except (sqlite3.Error, OSError) as error:
            logger.bind(error=str(error)).error("the state cannot be written")

    async def _count_outbox(self) -> None:
        self.deliveries.waiting, self._outbox_bytes = await asyncio.to_thread(
            self._state.outbox.size
        )


def _state_of(error: NotSent | TokenUnusable) -> ServerState:
    return "AUTH" if isinstance(error, TokenUnusable) else "UNREACHABLE"
