"""Delivery in order, at least once, whatever the server answers."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections import Counter
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from fakes.transport import FakeTransport, ack, answer
from fakes.waiting import until

from lethe_collector.backoff import MAX_BACKOFF
from lethe_collector.batches import Batch, Segment
from lethe_collector.shipper import SHRUNK_SECONDS, Shipper
from lethe_collector.state import State
from lethe_collector.status import read_status
from lethe_collector.transport import NotSent
from lethe_core.sources import Cursor, Source

ONE = Path("/somewhere/one.jsonl")


class Pipeline:
    """A state with one source, a shipper, and what was read of the source."""

    def __init__(self, state, transport, nap):
        self.state = state
        self.queue = asyncio.Queue(1)
        self.transport = transport
        self.naps = []
        self.kept = []
        self._nap = nap
        source = Source(path=ONE, root=ONE.parent, size=9, mtime_ns=9)
        self.source_id = state.sources.add("toy", 1, [source])[0]
        self._read = 0
        self.shipper = Shipper(
            self.queue,
            state,
            transport,
            outbox_max_bytes=2**20,
            on_kept=self.kept.append,
            on_rewound=lambda ids: None,
            nap=self.nap,
        )

    async def nap(self, seconds):
        """Remember how long it should be, and let others run."""
        self.naps.append(seconds)
        await self._nap(seconds)

    def batch(self, count, text="x"):
        """Read so many lines of the source."""
        lines = [
            f'{{"session_id":"s","turn_id":"t{self._read + n}","seq":{self._read + n},'
            f'"content":"{text}"}}'.encode()
            for n in range(count)
        ]
        before = Cursor(str(self._read)) if self._read else None
        self._read += count
        batch = Batch()
        batch.add(
            Segment(
                source_id=self.source_id,
                epoch=0,
                generation=0,
                before=before,
                before_position=self._read - count,
                after=Cursor(str(self._read)),
                position=self._read,
                lines=lines,
                size=sum(map(len, lines)),
                records=count,
            )
        )
        return batch

    def position(self):
        """How far the state says that the source is safe."""
        return self.state.sources.reading_point(self.source_id, 1).position

    def dead(self):
        """The dead letters' ids and codes."""
        rows = self.state.dead_letters._database.query(
            "SELECT turn_id, code FROM dead_letters ORDER BY seq"
        )
        return [tuple(row) for row in rows]

    def arrived(self):
        """The ids of all lines that were sent."""
        lines = itertools.chain.from_iterable(self.transport.requests)
        return [line.split(b'"')[7].decode() for line in lines]


@asynccontextmanager
async def shipping(tmp_path, reply=ack, nap=lambda _: asyncio.sleep(0)):
    """Run a shipper; it is stopped at the end."""
    tmp_path.mkdir(exist_ok=True)
    with closing(State(tmp_path)) as state:
        pipeline = Pipeline(state, FakeTransport(reply), nap)
        task = asyncio.create_task(pipeline.shipper.run())
        try:
            yield pipeline
        finally:
            pipeline.shipper.stop()
            await task


async def test_cursor_moves_with_the_ack(tmp_path):
    """The cursor stands where the server's acknowledgement reaches, and not before."""
    released = asyncio.Event()

    class Slow(FakeTransport):
        async def post(self, lines, mark=""):
            await released.wait()
            return await super().post(lines)

    async with shipping(tmp_path) as pipeline:
        pipeline.shipper._transport = slow = Slow()
        await pipeline.queue.put(pipeline.batch(3))
        await asyncio.sleep(0)
        assert pipeline.position() == 0
        released.set()
        await until(lambda: pipeline.position() == 3)

    assert len(slow.requests) == 1


async def test_batch_without_lines_is_not_sent(tmp_path):
    """Records that are no turns move the cursor without a request."""
    async with shipping(tmp_path) as pipeline:
        batch = pipeline.batch(2)
        batch.segments[0].lines.clear()
        batch.lines = 0
        await pipeline.queue.put(batch)
        await until(lambda: pipeline.position() == 2)

    assert pipeline.transport.requests == []


@pytest.mark.promise("S04", "P9", "P12")
async def test_s04_one_poisoned_record_among_many(tmp_path):
    """Of a refused batch the record at fault is found; all others arrive."""

    def judge(lines):
        poisoned = any(b'"t333"' in line for line in lines)
        problem = {"code": "INVALID", "detail": "d"}
        return answer(400, problem, "application/problem+json") if poisoned else ack(lines)

    async with shipping(tmp_path, judge) as pipeline:
        await pipeline.queue.put(pipeline.batch(500))
        await until(lambda: pipeline.position() == 500)

        assert pipeline.dead() == [("t333", "INVALID")]

    assert len(pipeline.transport.requests) <= 1 + 2 * math.ceil(math.log2(500))
    assert _unchanged(pipeline.transport.requests) == []


@pytest.mark.promise("S05", "P13")
async def test_s05_too_large_is_halved_until_it_fits(tmp_path):
    """A request that is too large is halved; a record that is too large alone is a dead letter."""

    def judge(lines):
        return answer(413) if sum(map(len, lines)) > 1000 else ack(lines)

    async with shipping(tmp_path, judge) as pipeline:
        await pipeline.queue.put(pipeline.batch(40))
        await until(lambda: pipeline.position() == 40)
        large = pipeline.batch(1, text="y" * 2000)
        await pipeline.queue.put(large)
        await until(lambda: pipeline.position() == 41)

        assert pipeline.dead() == [("t40", "TOO_LARGE")]

    assert _unchanged(pipeline.transport.requests) == []


@pytest.mark.promise("S05", "P13")
async def test_s05_limit_of_the_server_is_remembered(tmp_path):
    """After a 413, later batches are divided before they are sent."""
    refused = []

    def judge(lines):
        if sum(map(len, lines)) > 1000:
            refused.append(lines)
            return answer(413)
        return ack(lines)

    async with shipping(tmp_path, judge) as pipeline:
        await pipeline.queue.put(pipeline.batch(40))
        await until(lambda: pipeline.position() == 40)
        before = len(refused)
        await pipeline.queue.put(pipeline.batch(40))
        await until(lambda: pipeline.position() == 80)

    assert len(refused) == before


@pytest.mark.promise("S05", "P3", "P13")
async def test_s05_a_small_record_is_not_refused_for_what_stands_in_between(tmp_path):
    """A proxy that calls everything too large for a while makes no dead letter, and no crumbs."""
    broken = itertools.chain([True] * 20, itertools.repeat(False))

    def judge(lines):
        return answer(413, b"<html>", "text/html") if next(broken) else ack(lines)

    async with shipping(tmp_path, judge) as pipeline:
        await pipeline.queue.put(pipeline.batch(40))
        await until(lambda: pipeline.shipper.deliveries.lines == 40)
        before = len(pipeline.transport.requests)
        await pipeline.queue.put(pipeline.batch(40))
        await until(lambda: pipeline.shipper.deliveries.lines == 80)

        assert pipeline.dead() == []
        assert pipeline.naps
    assert len(pipeline.transport.requests) == before + 1


@pytest.mark.promise("S05", "P9", "P13")
async def test_s05_a_record_beyond_the_limit_of_a_proxy_holds_nobody_back(tmp_path):
    """However small the limit: what takes requests at all takes those of the other records."""

    def judge(lines):
        is_large = sum(map(len, lines)) > 32_000
        return answer(413, b"<html>", "text/html") if is_large else ack(lines)

    async with shipping(tmp_path, judge) as pipeline:
        await pipeline.queue.put(pipeline.batch(1, text="y" * 40_000))
        await until(lambda: pipeline.shipper.deliveries.lines == 1)
        await pipeline.queue.put(pipeline.batch(5))
        await until(lambda: pipeline.shipper.deliveries.lines == 6)

        assert pipeline.dead() == [("t0", "TOO_LARGE")]


@pytest.mark.promise("S05", "P13")
async def test_s05_a_limit_is_tried_again_after_a_while(tmp_path):
    """What was too large once may pass later: a proxy's setting is mended."""
    limits = iter([1000, 10**6])
    limit = next(limits)

    def judge(lines):
        return answer(413) if sum(map(len, lines)) > limit else ack(lines)

    async with shipping(tmp_path, judge) as pipeline:
        await pipeline.queue.put(pipeline.batch(40))
        await until(lambda: pipeline.position() == 40)
        limit = next(limits)
        pipeline.shipper._clock = lambda: time.monotonic() + SHRUNK_SECONDS
        before = len(pipeline.transport.requests)
        await pipeline.queue.put(pipeline.batch(40))
        await until(lambda: pipeline.position() == 80)

    assert len(pipeline.transport.requests) == before + 1


def _unchanged(requests):
    """List the requests that were sent more than once."""
    return [body for body, count in Counter(map(tuple, requests)).items() if count > 1]


@pytest.mark.promise("S08", "P2", "P4")
@pytest.mark.parametrize(
    "failure",
    [answer(503), answer(500), NotSent("reset"), NotSent("timeout"), answer(200, b"{")],
    ids=["503", "500", "reset", "timeout", "torn"],
)
async def test_s08_failures_keep_the_batch(tmp_path, failure):
    """A batch that did not arrive is sent again, until it does."""
    answers = itertools.chain([failure] * 3, itertools.repeat(None))

    async with shipping(tmp_path, lambda lines: next(answers) or ack(lines)) as pipeline:
        await pipeline.queue.put(pipeline.batch(3))
        await until(lambda: pipeline.shipper.deliveries.lines == 3)
        assert pipeline.state.outbox.size() == (0, 0)
        assert pipeline.position() == 3

    assert [len(request) for request in pipeline.transport.requests] == [3, 3, 3, 3]
    assert len(pipeline.kept) == 1


@pytest.mark.promise("S09", "P4")
async def test_s09_lost_answer_is_asked_for_again(tmp_path):
    """If the server has committed and its answer is lost, the same lines are sent again."""
    committed = []

    def commit(lines):
        committed.append(list(lines))
        return NotSent("cut") if len(committed) == 1 else ack(lines)

    async with shipping(tmp_path, commit) as pipeline:
        await pipeline.queue.put(pipeline.batch(3))
        await until(lambda: pipeline.shipper.deliveries.lines == 3)
        assert pipeline.position() == 3

    assert committed[0] == committed[1]
    assert len(committed) == 2


@pytest.mark.promise("S10", "P2")
async def test_s10_foreign_answers_move_nothing(tmp_path):
    """A page of a proxy is no acknowledgement; `status` says what answers there."""
    async with shipping(
        tmp_path, lambda _: answer(body=b"<html>", content_type="text/html")
    ) as pipeline:
        await pipeline.queue.put(pipeline.batch(3))
        await until(lambda: pipeline.shipper.deliveries.failures >= 3)

        assert pipeline.shipper.deliveries.lines == 0
        assert pipeline.state.outbox.size()[0] == 1
        note = pipeline.state._database.query("SELECT value FROM meta WHERE key = 'server'")
        assert "NOT_LETHE" in note[0][0]


@pytest.mark.promise("S11", "P3")
async def test_s11_refused_lines_become_dead_letters(tmp_path):
    """Lines that an acknowledgement refuses are dead letters; the cursor passes them."""
    async with shipping(tmp_path, lambda lines: ack(lines, errors=[2, 5, 9])) as pipeline:
        await pipeline.queue.put(pipeline.batch(10))
        await until(lambda: pipeline.position() == 10)

        assert pipeline.dead() == [("t1", "INVALID"), ("t4", "INVALID"), ("t8", "INVALID")]


async def test_refused_lines_of_the_outbox_are_traced_to_their_source(tmp_path):
    """A batch that went through the outbox has dead letters like any other."""
    answers = itertools.chain([answer(503)], itertools.repeat(None))

    async with shipping(
        tmp_path, lambda lines: next(answers) or ack(lines, errors=[2])
    ) as pipeline:
        await pipeline.queue.put(pipeline.batch(3))
        await until(lambda: pipeline.shipper.deliveries.lines == 3)

        assert pipeline.dead() == [("t1", "INVALID")]


@pytest.mark.promise("S07", "P12")
async def test_s07_retry_after_is_honoured_with_jitter(tmp_path):
    """The wait is at least what the server asks for, and at most a fifth longer."""
    async with shipping(tmp_path, lambda _: answer(429, **{"retry-after": "120"})) as pipeline:
        await pipeline.queue.put(pipeline.batch(1))
        await until(lambda: len(pipeline.naps) >= 20)

    assert all(120 <= nap <= 144 for nap in pipeline.naps)
    assert len(set(pipeline.naps)) > 1


@pytest.mark.promise("S06", "P12")
async def test_s06_backoff_is_jittered_and_bounded(tmp_path):
    """Waits grow, are spread over their whole range, and never exceed five minutes."""
    async with shipping(tmp_path, lambda _: answer(401)) as pipeline:
        await pipeline.queue.put(pipeline.batch(1))
        await until(lambda: len(pipeline.naps) >= 200)

    late = pipeline.naps[20:]
    assert all(0 <= nap <= MAX_BACKOFF for nap in pipeline.naps)
    assert all(nap <= 2**n for n, nap in enumerate(pipeline.naps[:8]))
    assert min(late) < MAX_BACKOFF / 5
    assert max(late) > MAX_BACKOFF * 4 / 5


@pytest.mark.promise("S01", "P6")
async def test_s01_outbox_is_delivered_before_what_is_new(tmp_path):
    """What was read later never overtakes what waits."""
    down = True

    def judge(lines):
        return answer(503) if down else ack(lines)

    async with shipping(tmp_path, judge) as pipeline:
        for _ in range(5):
            await pipeline.queue.put(pipeline.batch(2))
        await until(lambda: pipeline.shipper.deliveries.waiting == 5)
        pipeline.transport.requests.clear()
        down = False
        await pipeline.queue.put(pipeline.batch(2))
        await until(lambda: pipeline.shipper.deliveries.lines == 12)

    in_order = list(dict.fromkeys(pipeline.arrived()))
    assert in_order == [f"t{n}" for n in range(12)]


async def test_outbox_of_an_earlier_run_is_sent_first(tmp_path):
    """What waits on disk when the collector starts is delivered."""
    with closing(State(tmp_path)) as state:
        pipeline = Pipeline(state, FakeTransport(), asyncio.sleep)
        state.put_outbox(pipeline.batch(3))
        task = asyncio.create_task(pipeline.shipper.run())
        await until(lambda: pipeline.shipper.deliveries.lines == 3)
        pipeline.shipper.stop()
        await task

        assert state.outbox.size() == (0, 0)


@pytest.mark.promise("S16", "P11")
async def test_s16_damaged_outbox_row_rewinds_its_source(tmp_path):
    """A batch that the disk has spoilt is dropped, and its source is read again from there."""
    rewound = []
    with closing(State(tmp_path)) as state:
        pipeline = Pipeline(state, FakeTransport(), asyncio.sleep)
        state.record_ack(pipeline.batch(2), ())
        state.put_outbox(pipeline.batch(3))
        state._database.query("UPDATE outbox SET body = x'00'")
        pipeline.shipper._on_rewound = rewound.extend
        task = asyncio.create_task(pipeline.shipper.run())
        await until(lambda: rewound)
        pipeline.shipper.stop()
        await task

        assert (pipeline.position(), state.outbox.size()) == (2, (0, 0))
        late = pipeline.batch(1)  # read before the damage was found
        state.record_ack(late, ())
        assert pipeline.position() == 2
    assert rewound == [pipeline.source_id]


@pytest.mark.promise("S16", "P3", "O4")
def test_s16_a_damaged_outbox_row_of_a_source_that_is_gone_is_a_loss(tmp_path):
    """It cannot be read again: what was in the row is told as lost."""
    with closing(State(tmp_path)) as state:
        pipeline = Pipeline(state, FakeTransport(), asyncio.sleep)
        state.record_ack(pipeline.batch(2), ())
        row_id = state.put_outbox(pipeline.batch(7))
        state.sources.mark_gone([pipeline.source_id], outbox_full=False)
        state.outbox.discard_damaged(row_id)
        status = read_status(tmp_path)

    assert status["tools"]["toy"]["lost_bytes"] == 7
    assert status["exit_code"] == 2


async def test_unwritable_state_moves_nothing_and_is_retried(tmp_path, monkeypatch):
    """If the acknowledgement cannot be recorded the lines are sent again; none is lost."""
    async with shipping(tmp_path) as pipeline:
        failures = iter([OSError(28, "No space left on device")] * 2)
        record = pipeline.state.record_ack

        def fail_twice(batch, refusals, mark=None):
            for failure in failures:
                raise failure
            record(batch, refusals, mark)

        monkeypatch.setattr(pipeline.state, "record_ack", fail_twice)
        monkeypatch.setattr(pipeline.state, "put_outbox", lambda _batch: fail_twice(None, ()))
        await pipeline.queue.put(pipeline.batch(3))
        await until(lambda: pipeline.position() == 3)

    assert len(pipeline.transport.requests) == 2
