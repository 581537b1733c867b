"""After a power loss at any moment, what was acknowledged is there."""

from __future__ import annotations

import json
import os
import random
import shutil
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from fakes.process import CollectorProcess
from fakes.served import ServerProcess, turn
from fakes.server import problem
from faults.oracle import Key, Ledger, check_cursors
from faults.power import Recording, tracer

from lethe_collector.state import State

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

BATCHES = 12


def dice():
    """Make random numbers that a failure tells how to repeat."""
    seed = int(os.environ.get("LETHE_SEED", random.randrange(2**32)))
    print(f"LETHE_SEED={seed}")  # noqa: T201 - shown if the test fails
    return random.Random(seed)


def copy_of(directory, target):
    """Copy what a directory holds now."""
    target.mkdir()
    for path in directory.glob("*"):
        if path.is_file():
            shutil.copy(path, target / path.name)
    return target


def test_calls_that_are_told_in_two_parts_count(tmp_path):
    """Where threads of a process take turns, a sync and an answer are told when they end."""
    path, answer = (
        "".join(rf"\x{byte:02x}" for byte in text) for text in (b"/d/state.db", b"HTTP/1.1 200 OK")
    )
    lines = [
        rf'7 pwrite64(3<{path}>, "\x61", 1, 0) = 1',
        rf"7 fdatasync(3<{path}> <unfinished ...>",
        r"8 recvfrom(4<\x54>,  <unfinished ...>",
        r"7 <... fdatasync resumed>) = 0",
        rf'8 <... recvfrom resumed>"{answer}", 65536, 0, NULL, NULL) = 15',
    ]
    trace = tmp_path / "trace"
    trace.write_text("\n".join(lines))

    recording = Recording.read(trace, (tmp_path, Path("/d")))

    assert [step.kind for step in recording.steps] == ["write", "sync", "answer"]


@pytest.mark.promise("I03", "P1", "P11")
def test_i03_power_fails_at_any_step_of_the_server(tmp_path):
    """Whatever of the unsynced writes is lost, each acknowledged batch is there, whole."""
    server = ServerProcess(tmp_path)
    before = copy_of(server.data, tmp_path / "before")
    server.start(*tracer(tmp_path / "trace"))
    try:
        for number in range(BATCHES):
            events = [turn(f"s{number}", n, content="word " * n) for n in range(3 + number * 7)]
            status, answer = server.send(*events)
            assert (status, answer["accepted"]) == (200, len(events))
    finally:
        server.stop()
    recording = Recording.read(tmp_path / "trace", (before, server.data))
    chance = dice()

    assert recording.answers(len(recording.steps)) == BATCHES
    for step in sorted(chance.sample(range(len(recording.steps)), 60)):
        recording.crash(step, chance, tmp_path / "image")
        with closing(apsw.Connection(str(tmp_path / "image" / "lethe.db"))) as connection:
            assert connection.execute("PRAGMA integrity_check").get == "ok", step
            rows = connection.execute(
                "SELECT s.session_id, count(*) FROM turns t JOIN sessions s ON s.id = t.session"
                " GROUP BY 1"
            )
            found = dict(list(rows))
        acknowledged = recording.answers(step)
        assert set(found) >= {f"s{number}" for number in range(acknowledged)}, step
        assert all(found[name] == 3 + int(name[1:]) * 7 for name in found), step


@pytest.mark.promise("S16", "P2", "P11")
def test_s16_power_fails_at_any_step_of_the_collector(machine, tmp_path):
    """The state opens, and its cursors are behind what the server or the outbox has."""
    collector = CollectorProcess(machine.place, machine.config_file)
    machine.state_dir.mkdir(mode=0o700)
    before = copy_of(machine.state_dir, tmp_path / "before")
    path = machine.transcript().fill(1100).path
    machine.server.script += [problem(503, "UNAVAILABLE")] * 2
    process = collector.start(
        "daemon", "--exit-when-idle", prefix=tracer(tmp_path / "trace"), fail=""
    )
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    recording = Recording.read(tmp_path / "trace", (before, machine.state_dir))
    chance = dice()
    ends, end = [], 0
    for line in path.read_bytes().splitlines(keepends=True):
        end += len(line)
        ends.append((end, Key("one", f"one-{json.loads(line)['n']}-0")))
    acked = [
        {Key("one", json.loads(line)["turn_id"]) for line in request.lines}
        for request in machine.server.requests[2:]
    ]

    assert recording.answers(len(recording.steps)) == len(acked)
    for step in sorted(chance.sample(range(len(recording.steps)), 30)):
        recording.crash(step, chance, tmp_path / "image")
        State(tmp_path / "image").close()
        stored = set().union(*acked[: recording.answers(step)])
        check_cursors({str(path): ends}, Ledger.read(tmp_path / "image"), stored)
        assert not list((tmp_path / "image").glob("*corrupt*")), step
