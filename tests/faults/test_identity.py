"""Sources that are not what they were: replaced, with a reused inode, under a clock that jumps."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time

import pytest
from fakes.server import problem
from fakes.waiting import until
from faults.oracle import Archive, Key, Model, check

from lethe_core.testing import files


def record(number, text="hello"):
    """Make a record of the toy."""
    return {"n": number, "text": text}


def keys(name, numbers):
    """The turns that records become."""
    return [Key(name, f"{name}-{number}-0") for number in numbers]


def revisions(machine):
    """The revision of each turn as it was last sent."""
    return {
        event["turn_id"]: event.get("revision", 0)
        for request in machine.server.requests
        for event in map(json.loads, request.lines)
    }


@pytest.mark.promise("C07", "P8", "P5")
async def test_c07_replaced_with_the_same_beginning(machine):
    """A file with the same head and another middle is a new generation; its rows converge."""
    path = machine.transcript().path
    files.append(path, *[record(n, "x" * 300) for n in range(20)])
    await machine.run_once()
    (before,) = set(revisions(machine).values())
    rewritten = [record(n, ("y" if n > 9 else "x") * 300) for n in range(20)]
    files.replace(path, b"".join(map(files.json_line, rewritten)))
    model = Model()
    model.owe(keys("one", range(20)))
    await machine.run_once()

    check(model, Archive.of_fake(machine.server, machine.state_dir))
    assert machine.source()["generation"] == 1
    assert machine.source()["turns"] == 20  # those of the file as it is
    assert set(revisions(machine).values()) == {before + 1}


@pytest.mark.promise("S15", "P5")
async def test_s15_what_is_rewritten_after_the_state_was_lost_replaces_what_was_sent(machine):
    """A new state knows nothing of earlier generations; its revisions are greater all the same."""
    path = machine.transcript().path
    for text in ("first", "second", "third"):
        path.unlink(missing_ok=True)
        files.append(path, record(1, text))
        await machine.run_once()
    before = revisions(machine)
    shutil.rmtree(machine.state_dir)
    files.replace(path, files.json_line(record(1, "fourth")))
    await machine.run_once()

    assert machine.source()["generation"] == 0
    assert revisions(machine)["one-1-0"] > before["one-1-0"]


@pytest.mark.promise("C07", "P8")
async def test_c07_rewritten_before_an_empty_line_at_the_same_place(machine):
    """The last line alone does not tell that a file is the same: here it stands where it stood."""
    path = machine.transcript().path
    path.write_bytes(b"".join(files.json_line(record(n)) for n in (1, 2, 3)) + b"\n")
    await machine.run_once()
    files.replace(path, b"".join(files.json_line(record(n)) for n in (1, 4, 2, 3)) + b"\n")
    size = len(files.json_line(record(1)))
    files.overwrite(path, 3 * size, b"\n")  # where the empty line stood
    model = Model(possible=set(keys("one", range(5))))
    model.owe(keys("one", (1, 4, 2)))
    model.orders = []
    await machine.run_once()

    check(model, Archive.of_fake(machine.server, machine.state_dir))


@pytest.mark.promise("C07", "P8")
async def test_c07_what_grew_by_a_replacement_is_the_same_source(machine):
    """A file that is replaced by itself and a little more is read on from the cursor."""
    path = machine.transcript().path
    files.append(path, *map(record, range(20)))
    await machine.run_once()
    files.replace(path, path.read_bytes() + files.json_line(record(20)))
    await machine.run_once()

    assert machine.source()["generation"] == 0
    assert [len(request.lines) for request in machine.server.requests] == [20, 1]


@pytest.mark.promise("C08", "P8")
async def test_c08_deleted_and_its_inode_used_again(machine):
    """A new file at the same path, larger and perhaps with the same inode, is read whole."""
    path = machine.transcript().path
    files.append(path, *map(record, range(5)))
    await machine.run_once()
    reused = 0
    for first in range(100, 1000, 100):
        before = path.stat().st_ino
        path.unlink()
        numbers = range(first, first + first // 10)
        files.append(path, *map(record, numbers))
        reused += path.stat().st_ino == before
        model = Model(possible={Key("one", f"one-{n}-0") for n in range(first)})
        model.owe(keys("one", numbers))
        await machine.run_once()
        check(model, Archive.of_fake(machine.server, machine.state_dir))
    # Whether the file system gives the same inode is its own affair: ext4 does, tmpfs does not.
    assert machine.source()["generation"] == 9, f"{reused} inodes were reused"


WRITER = """
import sys
from pathlib import Path
from lethe_core.testing import files
path, first = Path(sys.argv[1]), int(sys.argv[2])
for number in range(first, first + 200):
    files.append(path, {"n": number, "text": "x" * (number % 700)})
"""


@pytest.mark.promise("C23", "P3")
async def test_c23_processes_append_at_once(machine):
    """While four processes append to one file, each line arrives once, as it stands there."""
    path = machine.transcript().path
    async with machine.collecting():
        writers = [
            await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, path, str(first))
            for first in range(0, 4000, 1000)
        ]
        for writer in writers:
            assert await writer.wait() == 0
        await until(lambda: len(machine.server.events) == 800)
    model = Model()
    lines = path.read_bytes().splitlines()
    model.owe(keys("one", (json.loads(line)["n"] for line in lines)))

    check(model, Archive.of_fake(machine.server, machine.state_dir))
    assert len(model.owed) == 800


@pytest.mark.promise("C26", "P17")
@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0, None], ids=["back", "forth", "frozen"])
async def test_c26_the_clock_jumps(machine, monkeypatch, jump):
    """A wall clock that jumps by a day, or stands still, delays nothing and re-reads nothing."""
    real, start = time.time, time.time()
    transcript = machine.transcript().fill(3)
    async with machine.collecting():
        await until(lambda: len(machine.server.events) == 3)
        monkeypatch.setattr(time, "time", lambda: start if jump is None else real() + jump)
        machine.server.script.append(problem(503, "UNAVAILABLE"))
        transcript.fill(2)
        await until(lambda: len(machine.server.events) == 5)
        os.utime(transcript.path, (start + (jump or 0), start + (jump or 0)))
        transcript.fill(2)
        await until(lambda: len(machine.server.events) == 7)

    sent = sum(len(request.lines) for request in machine.server.requests)
    assert sent == 7 + len(machine.server.requests[1].lines)  # only what had got a 503
    assert machine.source()["generation"] == 0
