"""Transcripts that their tool will soon delete, while the server is away."""

from __future__ import annotations

import os
import time

import pytest
from fakes.machine import Machine
from fakes.server import problem
from fakes.toy import ToyParser
from fakes.waiting import until
from loguru import logger

from lethe_collector.discovery import ENDANGERED_SECONDS, Discovery
from lethe_collector.state import State
from lethe_collector.status import read_status

DAY = 86400.0


class Forgetful(ToyParser):
    """A toy that deletes what has not changed for thirty days."""

    def deletes_after(self, root):
        """See `Parser.deletes_after`."""
        return 30 * DAY


@pytest.fixture
def forgetful(tmp_path, server):
    """A machine with the forgetful toy."""
    machine = Machine(tmp_path, server)
    machine.parser = Forgetful(machine.root)
    return machine


@pytest.fixture
def warnings():
    """What is logged as a warning."""
    lines = []
    number = logger.add(lambda line: lines.append(line.record), level="WARNING")
    yield lines
    logger.remove(number)


def age(transcript, days):
    """Make a transcript so old."""
    then = time.time() - days * DAY
    os.utime(transcript.path, (then, then))


@pytest.mark.promise("C13", "P3")
async def test_c13_what_will_soon_be_deleted_is_queued_first(forgetful, server):
    """While the server is away, what is about to be deleted gets the room that the outbox has."""
    for number in range(6):
        forgetful.transcript(f"new{number}").fill(3)
    age(forgetful.transcript("old").fill(3), 28.5)
    forgetful.settings = {"outbox_max_bytes": 1, "batch_max_lines": 3}
    server.judge = lambda _lines: problem(503, "UNAVAILABLE")
    async with forgetful.collecting():
        await until(lambda: forgetful.status()["outbox"]["full"])
        waiting = [source["path"] for source in forgetful.status()["sources"] if source["waiting"]]
        (forgetful.root / "project" / "old.jsonl").unlink()  # the tool does it
        server.judge = lambda _lines: None
        await until(lambda: len(server.events) == 7 * 3)

    assert [path.endswith("/old.jsonl") for path in waiting] == [True]
    assert forgetful.texts("old") == ["hello 0", "hello 1", "hello 2"]
    assert forgetful.status()["tools"]["toy"]["lost_bytes"] == 0


@pytest.mark.promise("C13", "O4")
async def test_c13_what_cannot_be_queued_is_told_once(forgetful, server, warnings):
    """If it cannot even be queued, one warning and `status` say from when on it will be lost."""
    blocked = forgetful.transcript("blocked").append({"raise": True})
    age(blocked, 28.5)
    age(forgetful.transcript("young").append({"raise": True}), 27.5)
    sentence = "1 sources that are not archived will be deleted by their tool, the first "
    async with forgetful.collecting() as collector:
        await until(lambda: any(sentence in s for s in forgetful.status()["attention"]))
        done = collector._followers["toy"].scans
        await until(lambda: collector._followers["toy"].scans > done + 1)
    told = [w for w in warnings if "soon be deleted" in w["message"]]
    day = time.strftime("%Y-%m-%d", time.gmtime(blocked.path.stat().st_mtime + 30 * DAY))

    assert len(told) == 1
    assert told[0]["extra"]["first"].startswith(day)
    assert read_status(forgetful.state_dir)["tools"]["toy"]["doomed"]["sources"] == 1


@pytest.mark.promise("C13", "C26", "P17")
@pytest.mark.parametrize(("days", "doomed"), [(0, 0), (27.9, 0), (28.1, 1), (31, 1), (-400, 0)])
def test_c13_the_clock_decides_on_the_order_alone(forgetful, days, doomed):
    """Whatever the clock says, each source is looked at; it says which go first."""
    age(forgetful.transcript("one").fill(1), 0)
    state = State(forgetful.place)
    now = time.time() + days * DAY
    discovery = Discovery(forgetful.parser, None, state.sources, lambda: False, lambda: now)
    scan = discovery.scan()
    state.close()

    assert len(scan.found) == 1
    assert len(scan.doomed) == doomed
    assert ENDANGERED_SECONDS == 2 * DAY
