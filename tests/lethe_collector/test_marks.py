"""The archive behind the server's address changes: what the shipper does about it."""

from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from fakes.transport import answer
from fakes.waiting import until

from lethe_collector import marks, shipper
from lethe_collector.batches import Batch, Segment
from lethe_collector.shipper import Shipper
from lethe_collector.state import State
from lethe_collector.transport import NotSent
from lethe_core.sources import Cursor, Source


class Archives:
    """A transport to one of several archives; each knows its own marks alone.

    Attributes:
        current: the one that answers.
        turn: called before each answer.
        kept: lines by archive.
        asked: requests without lines.
    """

    def __init__(self):
        self.current = "a"
        self.turn = lambda _lines: None
        self.kept = {}
        self.asked = 0
        self.has_marks = True

    async def post(self, lines, mark=""):
        """See `Transport.post`."""
        self.turn(lines)
        self.asked += not lines
        kept = self.kept.setdefault(self.current, [])
        kept += lines
        body = {"received": len(lines), "accepted": len(lines), "errors": []}
        if self.has_marks:
            known = mark.startswith(self.current) and int(mark[1:]) <= len(kept)
            body |= {"mark": f"{self.current}{len(kept)}", "mark_known": known}
        return answer(body=body)

    async def close(self):
        """See `Transport.close`."""


class Bench:
    """A state with one source, and a shipper to some archives."""

    def __init__(self, state):
        self.state = state
        self.archives = Archives()
        self.queue = asyncio.Queue(1)
        self.rewound = []
        source = Source(
            path=Path("/somewhere/one.jsonl"), root=Path("/somewhere"), size=9, mtime_ns=9
        )
        [self.source_id] = state.sources.add("toy", 1, [source])
        self.shipper = Shipper(
            self.queue,
            state,
            self.archives,
            outbox_max_bytes=2**20,
            on_kept=lambda _batch: None,
            on_rewound=self.rewound.append,
            nap=lambda _seconds: asyncio.sleep(0),
        )

    def batch(self, *numbers, epoch=0):
        """Some lines of the source, from where it stands on."""
        point = self.state.sources.reading_point(self.source_id, 1)
        lines = [f'{{"session_id":"s","turn_id":"t{n}","seq":{n}}}'.encode() for n in numbers]
        batch = Batch()
        segment = Segment(
            source_id=self.source_id,
            epoch=epoch,
            generation=0,
            before=point.cursor,
            before_position=point.position,
            after=Cursor(str(numbers[-1])),
            position=numbers[-1],
        )
        segment.lines, segment.size = lines, sum(map(len, lines))
        batch.add(segment)
        return batch

    @property
    def position(self):
        """How far the state says that the source is safe."""
        return self.state.sources.reading_point(self.source_id, 1).position


@pytest.fixture
def bench(tmp_path):
    """A bench with a state of its own."""
    with closing(State(tmp_path)) as state:
        yield Bench(state)


@asynccontextmanager
async def shipping(bench):
    """Run the shipper; it is stopped at the end."""
    task = asyncio.create_task(bench.shipper.run())
    try:
        yield
    finally:
        bench.shipper.stop()
        await task


async def deliver(bench, batch, lines):
    """Deliver a batch; so many lines have arrived then since the beginning."""
    await bench.queue.put(batch)
    await until(lambda: bench.shipper.deliveries.lines == lines)


@pytest.mark.promise("S19", "P2")
async def test_s19_cursors_go_back_with_the_mark(bench):
    """The answer of another archive sets all sources back, in one step with its mark."""
    async with shipping(bench):
        await deliver(bench, bench.batch(1, 2), 2)
        first = (bench.position, bench.state.mark(), list(bench.rewound))
        bench.archives.current = "b"
        await deliver(bench, bench.batch(3), 3)

    assert first == (2, "a2", [])
    assert bench.rewound == [[bench.source_id]]
    assert bench.state.mark()[0] == "b"
    assert bench.position == 0  # what was read before does not move it


@pytest.mark.promise("S19", "P3")
async def test_s19_parts_of_a_request_go_to_one_archive(bench):
    """If the archive changes between two parts of a batch, the whole batch is sent again."""
    big = bench.batch(*range(1, 9))
    bench.state.put_outbox(big)
    bench.shipper._limit, bench.shipper._limited_until = big.size // 2, math.inf

    def change(_lines):
        if len(bench.archives.kept.get("a", ())) >= 2:
            bench.archives.current = "b"

    bench.archives.turn = change
    async with shipping(bench):
        await until(lambda: bench.shipper.deliveries.lines == 8)

    assert set(big) <= set(bench.archives.kept["b"])
    assert bench.state.outbox.size() == (0, 0)


@pytest.mark.promise("S19", "P12", "O4")
async def test_s19_two_archives_behind_one_address(bench):
    """Archives that answer in turn do not have everything read again and again: it is told."""
    seen = []
    bench.shipper._on_change = lambda: seen.append(bench.state._database.note("server"))
    async with shipping(bench):
        await deliver(bench, bench.batch(1), 1)
        bench.archives.turn = lambda _lines: setattr(
            bench.archives, "current", "b" if bench.archives.current == "a" else "a"
        )
        await bench.queue.put(bench.batch(2))
        await until(lambda: any(note and note["state"] == "OTHER_ARCHIVE" for note in seen))

        assert len(bench.rewound) == 1
        bench.archives.turn = lambda _lines: None
        bench.archives.current = bench.state.mark()[0]
        await until(lambda: not bench.state.outbox.size()[0])


@pytest.mark.promise("S19")
async def test_s19_a_second_loss_is_believed_later(bench, monkeypatch):
    """Restored twice: after a while the second change counts as well."""
    async with shipping(bench):
        await deliver(bench, bench.batch(1), 1)
        for name in "bc":
            monkeypatch.setattr(marks, "CALM_SECONDS", 0.0)
            bench.archives.current = name
            await deliver(bench, bench.batch(2), bench.shipper.deliveries.lines + 1)

    assert len(bench.rewound) == 2


@pytest.mark.promise("S19", "O10")
async def test_o10_a_server_without_marks(bench):
    """A server of an older version is another archive once, and then like any other."""
    async with shipping(bench):
        await deliver(bench, bench.batch(1), 1)
        bench.archives.has_marks = False
        await deliver(bench, bench.batch(2), 2)
        await deliver(bench, bench.batch(1, 2, epoch=1), 4)

    assert bench.rewound == [[bench.source_id]]
    assert (bench.state.mark(), bench.position) == ("", 2)


@pytest.mark.promise("S19")
async def test_s19_an_idle_shipper_asks(bench, monkeypatch):
    """When it begins, and now and then while there is nothing to send, the archive is asked."""
    bench.state.record_ack(bench.batch(1), (), "a0")
    monkeypatch.setattr(shipper, "ASK_SECONDS", 0.0)
    async with shipping(bench):
        await until(lambda: bench.archives.asked > 2)
        bench.archives.current = "b"
        await until(lambda: bench.rewound)

    assert bench.state.mark() == "b0"
    assert bench.position == 0


@pytest.mark.promise("S19", "S16", "P2")
def test_s19_a_damaged_row_sets_no_cursor_forward(bench):
    """Rows of the outbox that are older than the loss have their source read from the beginning."""
    bench.state.record_ack(bench.batch(1, 2), ())
    late = bench.batch(5)
    row = bench.state.put_outbox(bench.batch(3, 4))
    bench.state.begin_anew("b0")
    after = bench.state.put_outbox(late)

    for epoch, number in enumerate((row, after), start=1):
        bench.state.record_ack(bench.batch(1, epoch=epoch), ())
        assert bench.position == 1
        bench.state.outbox.discard_damaged(number)
        assert bench.position == 0


@pytest.mark.promise("S19", "P3", "O4")
def test_s19_of_what_is_gone_the_delivered_turns_are_lost(bench):
    """What waits in the outbox is not lost, nor what was refused."""
    bench.state.record_ack(bench.batch(1, 2, 3), ())
    bench.state.put_outbox(bench.batch(4, 5))
    bench.state.sources.mark_gone([bench.source_id], outbox_full=False)

    assert bench.state.begin_anew("b0") == ([], 1, 3)
    assert bench.state.begin_anew("c0") == ([], 1, 3)
    assert bench.state.outbox.size()[0] == 1


@pytest.mark.promise("S19", "O4")
async def test_s19_an_idle_shipper_asks_again_soon(bench, monkeypatch):
    """A server that was away when the collector began is not told as away for long."""
    bench.state.record_ack(bench.batch(1), (), "a0")
    monkeypatch.setattr(shipper, "ASK_AGAIN_SECONDS", 0.0)

    def fail_twice(_lines):
        if bench.archives.failures:
            bench.archives.failures -= 1
            raise NotSent("away")

    bench.archives.failures = 2
    bench.archives.turn = fail_twice
    async with shipping(bench):
        await until(lambda: (bench.state._database.note("server") or {}).get("state") == "OK")

    assert bench.archives.failures == 0
    assert bench.archives.asked == 1
