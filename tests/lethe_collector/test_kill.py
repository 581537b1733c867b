"""Killed at any place, the collector loses nothing, and nothing is archived twice."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import signal
import threading
from pathlib import Path
from time import sleep

import pytest
from fakes.process import COLLECTOR_POINTS, CollectorProcess
from fakes.server import Reply
from fakes.waiting import until_now

from lethe_core.limits import MAX_BATCH_LINES

BATCHES = 3
LINES = (BATCHES - 1) * MAX_BATCH_LINES + 200


@pytest.fixture
def collector(machine):
    """The collector of the machine, as a process."""
    return CollectorProcess(machine.place, machine.config_file)


def complete_records(path):
    """The turn ids of the complete lines of a transcript, with the offset behind each."""
    end = 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        end += len(line) + 1
        yield f"{path.stem}-{json.loads(line)['n']}-0", end


def check_cursors(machine, paths):
    """Each stored cursor stands behind nothing that neither the server nor the outbox has (P2)."""
    if not (machine.state_dir / "state.db").exists():
        return
    status = machine.status()
    positions = {source["path"]: source["archived_bytes"] for source in status["sources"]}
    arrived = {key[3] for key in machine.server.events}
    behind = [
        turn_id
        for path in paths
        for turn_id, end in complete_records(path)
        if end <= positions.get(str(path), 0) and turn_id not in arrived
    ]
    assert len(behind) <= status["outbox"]["lines"]


def check_archive(machine, paths):
    """The server has each complete record, and nothing else, in the order of the source."""
    for path in paths:
        turns = [e for e in machine.server.events.values() if e["session_id"] == path.stem]
        ids = [turn["turn_id"] for turn in sorted(turns, key=lambda turn: turn["seq"])]
        assert ids == [turn_id for turn_id, _ in complete_records(path)]


def away_until_all_wait(machine):
    """Make a judge that takes nothing before all batches stand in the outbox."""
    waits = itertools.chain(["2"], itertools.repeat("10"))  # seconds; a slow machine needs more
    gathered = []

    def judge(_lines):
        if not gathered and machine.status()["outbox"]["batches"] < BATCHES:
            return Reply(503, headers={"Retry-After": next(waits)})
        gathered.append(True)
        return None

    return judge


@pytest.mark.promise("C01", "S17", "P2", "P3", "P4", "P11")
@pytest.mark.parametrize(
    "time", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("point", COLLECTOR_POINTS)
async def test_c01_s17_killed_at_each_place(machine, collector, point, time):
    """After a kill anywhere, the next run completes the archive: 0 missing, 0 twice."""
    if point.startswith("outbox"):
        machine.server.judge = away_until_all_wait(machine)
    paths = [machine.transcript("one").fill(LINES).path]

    code, _, err = collector.run("daemon", "--exit-when-idle", fail=f"{point}=kill@{time}")
    machine.server.judge = lambda _lines: None
    check_cursors(machine, paths)
    await machine.run_once()

    assert code == -signal.SIGKILL, err
    check_archive(machine, paths)
    assert machine.status()["outbox"]["batches"] == 0


@pytest.mark.slow
@pytest.mark.promise("C01", "P2", "P3", "P4", "P11")
@pytest.mark.timeout(900)
def test_c01_killed_at_random_while_a_writer_runs(machine, collector):
    """Fifty kills at random moments, with torn lines and failures of the server in between."""
    seed = int(os.environ.get("LETHE_SEED", random.randrange(2**32)))
    print(f"LETHE_SEED={seed}")  # noqa: T201 - to repeat a failure
    chance = random.Random(seed)
    transcripts = [machine.transcript(f"s{number}") for number in range(5)]
    paths = [transcript.path for transcript in transcripts]
    stop = threading.Event()

    def write():
        while not stop.wait(0.002):
            transcript = chance.choice(transcripts)
            transcript.count += 1
            line = json.dumps({"n": transcript.count, "text": "x" * chance.randrange(2000)})
            half = chance.randrange(len(line))
            transcript.write(line[:half].encode())
            stop.wait(chance.random() * 0.002)
            transcript.write(line[half:].encode() + b"\n")

    machine.server.judge = lambda _lines: (
        chance.choice([Reply(503), Reply(commit=True, cut=30), Reply(commit=True)])
        if chance.random() < 0.3
        else None
    )
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(50):
            point = f"{chance.choice(COLLECTOR_POINTS)}=kill@{chance.randrange(1, 12)}"
            process = collector.start("daemon", fail=point if chance.random() < 0.7 else "")
            try:
                process.wait(timeout=0.5 + chance.random())
            except Exception:  # noqa: BLE001 - it has not met its end yet
                process.kill()
            process.communicate()
            check_cursors(machine, paths)
    finally:
        stop.set()
        writer.join()
    machine.server.judge = lambda _lines: None

    code, _, err = collector.run("daemon", "--exit-when-idle")

    assert code == 0, err
    check_archive(machine, paths)


@pytest.mark.promise("C28", "P15")
def test_c28_second_collector_on_one_state(machine, collector):
    """While a daemon runs, a second one and a backfill end with 4 and say why."""
    machine.transcript().fill(1)
    process = collector.start("daemon")
    try:
        until_now(lambda: machine.server.events)
        for command in (("daemon",), ("backfill", "toy")):
            code, _, err = collector.run(*command)
            assert code == 4
            assert "state directory in use" in err
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert len(machine.server.requests) == 1


@pytest.mark.promise("C27", "P14")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_c27_signal_ends_the_daemon(machine, collector, number):
    """A signal ends the daemon with exit code 0; what it acknowledged is remembered."""
    machine.transcript().fill(3)
    process = collector.start("daemon")
    until_now(lambda: machine.server.events)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert machine.source()["turns"] == 3


@pytest.mark.slow
@pytest.mark.promise("P10")
@pytest.mark.timeout(900)
def test_p10_memory_does_not_grow_with_the_archive(machine, collector):
    """A backfill of 200 MB, with lines of a megabyte in it, stays below 128 MiB."""
    machine.server.judge = lambda lines: Reply()  # acknowledges, and keeps nothing
    for number in range(50):
        transcript = machine.transcript(f"s{number}")
        transcript.append(*[{"text": "x" * 3000}] * 1000, {"text": "y" * 2**20})

    process = collector.start("daemon", "--exit-when-idle")
    peak = 0
    while process.poll() is None:
        # Not the resource usage of a child: it inherits the peak of the one that started it.
        status = Path(f"/proc/{process.pid}/status").read_text()
        if found := re.search(r"VmHWM:\s+(\d+)", status):  # a zombie has none
            peak = max(peak, int(found[1]))
        sleep(0.02)
    _, err = process.communicate()

    assert process.returncode == 0, err
    assert 0 < peak < 128 * 1024
