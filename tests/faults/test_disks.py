"""Disks that are full, fail or cannot be written, on the collector's side."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from fakes.process import CollectorProcess
from fakes.server import problem
from fakes.waiting import until_now
from faults.oracle import Archive, Key, Ledger, Model, check, check_cursors

from lethe_collector.database import Database


def _can_mount():
    done = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
    return done.returncode == 0


needs_mounts = pytest.mark.skipif(
    shutil.which("unshare") is None or not _can_mount(), reason="there are no user namespaces here"
)
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@pytest.fixture
def collector(machine):
    """The collector of the machine, as a process."""
    return CollectorProcess(machine.place, machine.config_file)


def model_of(*transcripts):
    """What stands in transcripts, and the offset behind each record."""
    model, ends = Model(), {}
    for transcript in transcripts:
        path, end, rows = transcript.path, 0, []
        for line in path.read_bytes().splitlines(keepends=True):
            end += len(line)
            rows.append((end, Key(path.stem, f"{path.stem}-{json.loads(line)['n']}-0")))
        model.owe(key for _, key in rows)
        ends[str(path)] = rows
    return model, ends


def incompressible(count, size):
    """Texts that fill a disk."""
    chance = random.Random(1)
    return [{"text": chance.randbytes(size).hex()} for _ in range(count)]


def mounted(machine, mount, then="true"):
    """Words that run a command with the state directory mounted, and another one after it."""
    script = f'mount {mount} {machine.state_dir} && "$@"; code=$?; {then}; exit $code'
    return ["unshare", "-rm", "sh", "-c", script, "sh"]


@needs_mounts
@pytest.mark.promise("S14", "P2", "P3", "P11")
def test_s14_state_directory_is_full(machine, collector):
    """What does not fit into the outbox is kept in memory and delivered; nothing crashes."""
    machine.state_dir.mkdir(mode=0o700)
    transcript = machine.transcript().append(*incompressible(450, 5000))
    model, _ = model_of(transcript)
    machine.server.script += [problem(503, "UNAVAILABLE")] * 2
    status = f"{sys.executable} -m lethe_collector status --json --config {machine.config_file}"

    code, out, err = collector.run(
        "daemon",
        "--exit-when-idle",
        prefix=mounted(machine, "-t tmpfs -o size=1500k none", status),
    )

    assert "the outbox cannot be written; reading waits" in err
    assert "Traceback" not in err
    told = json.loads(out)
    assert told["tools"]["toy"]["archived"] == 1
    assert [line.partition(":")[0] for line in told["attention"]] == ["STATE_UNWRITABLE"]
    assert code == told["exit_code"] == 1, err
    check(model, Archive.of_fake(machine.server))


@needs_strace
@pytest.mark.promise("S14", "P2", "P4", "P11")
@pytest.mark.parametrize("first", [4, 6, 9])
def test_s14_the_state_cannot_be_synced(machine, collector, first):
    """With an fsync that fails, no cursor moves that is not on the disk, and it is told."""
    transcript = machine.transcript().fill(1200)
    model, ends = model_of(transcript)
    fault = f"inject=fdatasync:error=EIO:when={first}+"

    code, _, err = collector.run(
        "daemon",
        "--exit-when-idle",
        prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", fault],
    )
    stored = {Key(key[2], key[3]) for key in machine.server.events}
    check_cursors(ends, Ledger.read(machine.state_dir), stored)
    again, _, told = collector.run("daemon", "--exit-when-idle")

    assert code != 0
    assert "disk I/O error" in err
    assert "Traceback" not in err
    assert again == 0, told
    check(model, Archive.of_fake(machine.server, machine.state_dir))


@needs_mounts
@pytest.mark.promise("S14", "P2")
def test_s14_the_state_is_read_only(machine, collector):
    """A state that cannot be written is told in one line, and nothing is sent."""
    machine.state_dir.mkdir(mode=0o700)
    machine.transcript().fill(3)
    collector.run("daemon", "--exit-when-idle")
    machine.transcript("two").fill(3)
    sent = len(machine.server.requests)

    code, _, err = collector.run(
        "daemon", "--exit-when-idle", prefix=mounted(machine, f"-o bind,ro {machine.state_dir}")
    )

    assert code not in {0, None}
    assert err.strip().startswith("lethe-collector: ")
    assert "Traceback" not in err
    assert len(machine.server.requests) == sent


@pytest.mark.promise("S15", "P4", "P11")
def test_s15_the_state_is_damaged_while_a_daemon_runs(machine, collector):
    """It is set aside and begun anew by the process that finds it; nothing is missing."""
    transcripts = [machine.transcript(f"t{number}").fill(3) for number in range(40)]
    log = machine.place / "log"
    with log.open("w") as file:
        daemon = collector.start("daemon", stdout=file, stderr=file)
    try:
        until_now(lambda: len(machine.server.events) == 120, 60)
        until_now(lambda: len(Ledger.read(machine.state_dir).positions) == 40, 60)
        damage(machine.state_dir)
        until_now(lambda: "the state is opened anew" in log.read_text(), 60)
        transcripts.append(machine.transcript("new").fill(3))
        until_now(lambda: len(machine.server.events) == 123, 60)
    finally:
        daemon.terminate()
        code = daemon.wait(60)
    again, _, err = collector.run("daemon", "--exit-when-idle")

    assert (code, again) == (0, 0), err
    assert "Traceback" not in log.read_text()
    check(model_of(*transcripts)[0], Archive.of_fake(machine.server))
    assert any("corrupt" in path.name for path in machine.state_dir.iterdir())


@pytest.mark.promise("S15", "S16", "P3", "P11")
def test_s15_what_a_damaged_state_alone_holds_is_delivered(machine, collector):
    """Outbox and dead letters are taken over: their sources may be gone."""
    transcripts = [machine.transcript(f"t{number}").fill(3) for number in range(40)]
    poisoned = machine.transcript("bad").append({"text": "x"}, {"bad": "role"})
    machine.server.script += [problem(503, "UNAVAILABLE")] * 20
    collector.run("daemon", "--exit-when-idle")
    machine.server.script.clear()
    before = Ledger.read(machine.state_dir)
    for transcript in (*transcripts[:5], poisoned):
        transcript.path.unlink()
    damage_index(machine.state_dir / "state.db")
    code, _, log = collector.run("daemon", "--exit-when-idle")
    after = Ledger.read(machine.state_dir)
    model = Model()
    for number in range(40):
        model.owe(Key(f"t{number}", f"t{number}-{n}-0") for n in range(1, 4))
    model.owe({*before.dead, Key("bad", "bad-1-0")})

    assert len(before.waiting) == 121
    assert "the state is damaged" in log
    assert code == 2, log  # there is a dead letter
    assert after.dead == before.dead != set()
    check(model, Archive.of_fake(machine.server, machine.state_dir))


def damage_index(file):
    """Write garbage over a page that the outbox does not need."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sources_by_name'"
        ).fetchone()[0]
    with file.open("r+b") as stream:
        stream.seek((page - 1) * 4096)
        stream.write(random.Random(page).randbytes(4096))


def damage(directory):
    """Write garbage over all tables but the one with notes, and have the daemon look again."""
    file = directory / "state.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        notes = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'meta'")
        spared = {1, 2, notes.fetchone()[0]}
    with file.open("r+b") as stream:
        for page in set(range(1, file.stat().st_size // 4096 + 1)) - spared:
            stream.seek((page - 1) * 4096)
            stream.write(random.Random(page).randbytes(4096))
    with closing(Database(directory, is_guest=True)) as database:
        database.set_note("looked", True)  # whoever has pages in memory forgets them
