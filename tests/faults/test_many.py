"""Very many sources, and very many collectors."""

from __future__ import annotations

import asyncio
import heapq
import random
import shutil
import sys
from collections import Counter
from contextlib import closing

import pytest
from fakes.batches import make_batch, make_segment
from fakes.process import CollectorProcess
from fakes.transport import FakeTransport, ack

from lethe_collector.backoff import MAX_BACKOFF
from lethe_collector.batches import Batch
from lethe_collector.shipper import Shipper
from lethe_collector.state import State
from lethe_collector.transport import NotSent
from lethe_core.sources import Source

SOURCES = 100_000
COLLECTORS = 50
#: Runs a command and prints the most memory that it, or what it has started, ever had, in KiB.
MEASURED = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]);"
    " print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
)


def archive_all(machine):
    """Make the state say that all that is there was read and delivered."""
    machine.state_dir.mkdir(mode=0o700)
    with closing(State(machine.state_dir)) as state:
        sources = list(machine.parser.discover(machine.root))
        batch = Batch()
        for row, source in zip(state.sources.add("toy", 1, sources), sources, strict=True):
            read_to = (source.size, source.mtime_ns)
            # Its cursor would be refused, were it ever used.
            batch.add(make_segment(row, position=source.size, read_to=read_to))
        state.record_ack(batch, ())


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.promise("C25", "P10")
def test_c25_a_hundred_thousand_files_that_do_not_change(machine):
    """None of them is opened, nothing is sent, and memory stays below its bound."""
    for number in range(SOURCES):
        folder = machine.root / f"project{number % 100}"
        if number < 100:
            folder.mkdir()
        (folder / f"s{number}.jsonl").write_bytes(b'{"n": 1}\n')
    archive_all(machine)
    trace = machine.place / "trace"
    strace = ("strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=open,openat,openat2")
    collector = CollectorProcess(machine.place, machine.config_file)

    code, out, err = collector.run(
        "daemon",
        "--exit-when-idle",
        prefix=(sys.executable, "-c", MEASURED, *strace, "-o", str(trace)),
        patience=800,
    )
    opened = trace.read_text()

    assert code == 0, err
    assert str(machine.root) in opened  # it was looked at
    assert opened.count(".jsonl") == 0
    assert machine.server.requests == []
    assert machine.status()["tools"]["toy"]["archived"] == SOURCES
    assert int(out) < 128 * 1024


class VirtualTime:
    """A clock that stands still while anybody works, and then goes to the next alarm."""

    def __init__(self):
        self.now = 0.0
        self._alarms = []
        self._count = 0

    async def nap(self, seconds):
        """Wait."""
        alarm = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._alarms, (self.now + seconds, self._count, alarm))
        await alarm

    async def run(self, until):
        """Let time pass until the condition holds."""
        while not until():
            for _ in range(50):
                await asyncio.sleep(0)
            if self._alarms and not until():
                self.now, _, alarm = heapq.heappop(self._alarms)
                if not alarm.done():
                    alarm.set_result(None)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.promise("S13", "P12")
@pytest.mark.parametrize("away", [20.0, 600.0])
async def test_s13_collectors_do_not_come_in_a_wave(tmp_path, monkeypatch, away):
    """After a restart, in no second come many more than if they were spread over its length."""

    async def inline(function, *arguments):
        return function(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", inline)  # threads know nothing of virtual time
    random.seed(13)
    time = VirtualTime()
    came, failed = [], []

    def reply(lines):
        if time.now < away:
            failed.append(time.now)
            return NotSent("the server restarts")
        came.append(time.now)
        return ack(lines)

    states, shippers = [], []
    for number in range(COLLECTORS):
        directory = tmp_path / str(number)
        directory.mkdir(mode=0o700)
        states.append(State(directory))
        queue = asyncio.Queue(1)
        shipper = Shipper(
            queue,
            states[-1],
            FakeTransport(reply),
            outbox_max_bytes=2**20,
            on_kept=lambda _batch: None,
            on_rewound=lambda _ids: None,
            nap=time.nap,
        )
        queue.put_nowait(one_turn(states[-1], directory))
        shippers.append((shipper, asyncio.create_task(shipper.run())))
    await time.run(lambda: len(came) == COLLECTORS)
    for shipper, task in shippers:
        shipper.stop()
        await task
    for state in states:
        state.close()

    seconds = Counter(int(moment - away) for moment in came)
    fair = COLLECTORS / min(away, MAX_BACKOFF)

    assert max(seconds.values()) <= max(10, 3 * fair)
    # While it is away, it is asked less and less often.
    assert len(failed) <= COLLECTORS * (4 + away / 10)


def one_turn(state, directory):
    """A batch with one turn of a source of its own."""
    path = directory / "one.jsonl"
    source = Source(path=path, root=directory, size=1, mtime_ns=1)
    [row] = state.sources.add("toy", 1, [source])
    line = b'{"session_id":"s","turn_id":"t","seq":1}'
    return make_batch(row, position=1, lines=[line], size=len(line))
