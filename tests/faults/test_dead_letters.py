"""What was refused for good is listed, and sent again once the cause is mended."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing

import pytest
from fakes.process import CollectorProcess
from fakes.server import Reply
from fakes.waiting import until_now
from faults.oracle import Archive, Key, Ledger, Model, check

from lethe_collector import dead_letters
from lethe_collector.statefile import StateLock
from lethe_core.testing import files


@pytest.fixture
def collector(machine):
    """The collector of the machine, as a process."""
    return CollectorProcess(machine.place, machine.config_file)


def refuse(word):
    """Make a judge that refuses the lines with a word for good, and takes the others."""

    def judge(lines):
        bad = [n for n, line in enumerate(lines, 1) if word in json.loads(line)["content"]]
        errors = [{"line": n, "code": "INVALID", "error": "no"} for n in bad]
        body = {"received": len(lines), "accepted": len(lines) - len(bad), "errors": errors}
        return Reply(body=body, commit=True) if bad else None

    return judge


def forget_refused(server, word):
    """A refused event is not archived: the fake takes all that came."""
    for key in [key for key, event in server.events.items() if word in event["content"]]:
        del server.events[key]


@pytest.mark.promise("S11", "P3", "O4")
def test_s11_dead_letters_are_sent_again(machine, collector):
    """A retry queues what was kept; it arrives, in its place, and nothing is a dead letter."""
    transcript = machine.transcript()
    transcript.append(*[{"text": "poison" if n == 5 else "x"} for n in range(10)])
    model = Model()
    model.owe(Key("one", f"one-{n}-0") for n in range(1, 11))
    machine.server.judge = refuse("poison")
    assert collector.run("daemon", "--exit-when-idle")[0] == 2
    forget_refused(machine.server, "poison")
    check(model, Archive.of_fake(machine.server, machine.state_dir))

    code, listed, _ = collector.run("dead-letters", "list", "--json")
    [letter] = json.loads(listed)
    told = collector.run("dead-letters", "list")[1]
    machine.server.judge = lambda _lines: None
    retried, said, _ = collector.run("dead-letters", "retry")
    waiting = Ledger.read(machine.state_dir).waiting

    assert (code, retried) == (0, 0)
    assert (letter["turn_id"], letter["code"], letter["kept"]) == ("one-6-0", "INVALID", True)
    assert "one-6-0  INVALID: no" in told
    assert "poison" not in told + listed
    assert said.startswith("1 events are queued, 0 sources")
    assert waiting == {Key("one", "one-6-0")}
    assert collector.run("daemon", "--exit-when-idle")[0] == 0
    check(model, Archive.of_fake(machine.server, machine.state_dir))
    assert len(machine.server.requests[-1].lines) == 1


@pytest.mark.promise("S11", "P3")
async def test_s11_what_was_not_kept_is_read_again(machine, collector, monkeypatch):
    """A dead letter without its event has its source read again from the beginning."""
    monkeypatch.setattr(dead_letters, "MAX_DEAD_LETTER_BYTES", 0)
    machine.transcript().append({"text": "poison"}, {"text": "x"})
    machine.server.judge = refuse("poison")
    await machine.run_once()
    forget_refused(machine.server, "poison")
    machine.server.judge = lambda _lines: None

    _, said, _ = collector.run("dead-letters", "retry", "--code", "INVALID")
    code, _, err = collector.run("daemon", "--exit-when-idle")

    assert said.startswith("0 events are queued, 1 sources")
    assert code == 0, err
    assert machine.texts() == ["poison", "x"]
    assert machine.source()["turns"] == 2


@pytest.mark.promise("S11", "P3")
@pytest.mark.parametrize("is_gone", [True, False])
async def test_s11_what_nobody_holds_any_more_is_not_forgotten(
    machine, collector, monkeypatch, is_gone
):
    """Without its event and its source, a dead letter is all that tells of what was refused."""
    monkeypatch.setattr(dead_letters, "MAX_DEAD_LETTER_BYTES", 0)
    transcript = machine.transcript().append({"text": "poison"}, {"text": "x"})
    machine.server.judge = refuse("poison")
    await machine.run_once()
    forget_refused(machine.server, "poison")
    machine.server.judge = lambda _lines: None
    if is_gone:
        transcript.path.unlink()
    else:
        files.replace(transcript.path, files.json_line({"n": 7, "text": "other"}))
    await machine.run_once()

    code, said, _ = collector.run("dead-letters", "retry")

    assert code == 0
    assert said.startswith("0 events are queued, 0 sources")
    assert "1 events stay" in said
    assert Ledger.read(machine.state_dir).dead == {Key("one", "one-1-0")}


@pytest.mark.promise("S11", "P3")
async def test_s11_a_better_parser_forgets_no_letter_of_what_is_gone(machine):
    """It reads what the file holds now; what an earlier one held was refused, and stays so."""
    transcript = machine.transcript().append({"text": "poison"}, {"text": "x"})
    machine.server.judge = refuse("poison")
    await machine.run_once()
    files.replace(transcript.path, files.json_line({"n": 7, "text": "poison, too"}))
    await machine.run_once()
    before = Ledger.read(machine.state_dir).dead
    machine.server.judge = lambda _lines: None
    machine.parser.version += 1
    await machine.run_once()

    assert before == {Key("one", "one-1-0"), Key("one", "one-7-0")}
    assert Ledger.read(machine.state_dir).dead == {Key("one", "one-1-0")}


@pytest.mark.promise("S15")
@pytest.mark.parametrize("damage", [b"no database" * 1000, b""])
def test_s15_letters_of_a_damaged_state_are_an_error_of_one_line(machine, collector, damage):
    """The list of a state that cannot be read says what to do."""
    machine.state_dir.mkdir(mode=0o700)
    (machine.state_dir / "state.db").write_bytes(damage)

    code, _, err = collector.run("dead-letters", "list")

    assert code == 1
    assert "Traceback" not in err
    assert "cannot be read" in err


@pytest.mark.promise("S11", "P3")
def test_s11_refused_again_is_a_dead_letter_again(machine, collector):
    """A retry of what is still refused loses nothing; other codes stay untouched."""
    machine.transcript().append({"text": "poison"}, {"text": "x"})
    machine.server.judge = refuse("poison")
    collector.run("daemon", "--exit-when-idle")

    untouched = collector.run("dead-letters", "retry", "--code", "TOO_LARGE")[1]
    collector.run("dead-letters", "retry")
    code, _, _ = collector.run("daemon", "--exit-when-idle")

    assert untouched.startswith("0 events are queued, 0 sources")
    assert code == 2
    assert Ledger.read(machine.state_dir).dead == {Key("one", "one-1-0")}


@pytest.mark.promise("S11", "P3", "P15")
def test_s11_a_running_daemon_sends_them_again(machine, collector):
    """While a daemon runs, a retry is handed to it; it sends at once what was kept, and reads."""
    machine.transcript().append(*[{"text": "poison" if n == 1 else "x"} for n in range(3)])
    machine.server.judge = refuse("poison")
    daemon = collector.start("daemon", stderr=subprocess.DEVNULL)
    try:
        until_now(lambda: Ledger.read(machine.state_dir).dead, 60)
        forget_refused(machine.server, "poison")
        machine.server.judge = lambda _lines: None
        code, said, err = collector.run("dead-letters", "retry")
        until_now(lambda: machine.texts() == ["x", "poison", "x"], 60)
        until_now(lambda: not Ledger.read(machine.state_dir).waiting, 60)
        listed = collector.run("dead-letters", "list", "--json")
    finally:
        daemon.terminate()
        daemon.communicate(timeout=60)

    assert code == 0, err
    assert said.startswith("1 events are queued, 0 sources")
    assert "the collector that runs sends them" in said
    assert json.loads(listed[1]) == []


@pytest.mark.promise("S15")
def test_s15_beside_a_daemon_of_an_older_version(machine, collector):
    """What a daemon of another version works with is not changed under it; it is said why."""
    lock = StateLock.acquire(machine.state_dir)
    try:
        absent = collector.run("dead-letters", "retry")
        with closing(sqlite3.connect(machine.state_dir / "state.db")) as connection:
            connection.executescript("PRAGMA user_version = 1; PRAGMA application_id = 1819568227")
        old = collector.run("dead-letters", "retry")
    finally:
        lock.release()

    assert (absent[0], "is not there yet" in absent[2]) == (1, True)
    assert (old[0], "restart the collector" in old[2]) == (1, True)
    assert "Traceback" not in absent[2] + old[2]
