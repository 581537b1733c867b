"""Collectors and servers of different versions."""

from __future__ import annotations

import json

import pytest
from fakes.process import CollectorProcess
from fakes.served import ServerProcess, turn
from fakes.server import Reply, problem
from faults.oracle import Archive, Key, Ledger, Model, check

from lethe_core.wire import WIRE_HEADER


def model_of(name, count):
    """A transcript of so many turns."""
    model = Model()
    model.owe(Key(name, f"{name}-{n}-0") for n in range(1, count + 1))
    return model


@pytest.mark.promise("O10", "P3")
def test_o10_a_server_that_refuses_the_version(machine):
    """What the other version does not take is kept, and comes after upgrading; none is dead."""
    machine.transcript().fill(20)
    machine.server.script += [problem(400, "WIRE_VERSION")] * 2
    collector = CollectorProcess(machine.place, machine.config_file)
    code = collector.run("daemon", "--exit-when-idle")[0]
    server, kept = machine.status()["server"], Ledger.read(machine.state_dir)
    after = collector.run("daemon", "--exit-when-idle")[0]

    assert (code, server["state"]) == (1, "WIRE_VERSION")
    assert "upgrade" in server["hint"]
    assert (len(kept.waiting), kept.dead) == (20, set())
    assert after == 0
    check(model_of("one", 20), Archive.of_fake(machine.server, machine.state_dir))


@pytest.mark.promise("O10", "P3")
async def test_o10_a_newer_server(machine):
    """Fields that an answer did not have before change nothing of what it means."""
    machine.transcript().fill(5)

    def newer(lines):
        body = {"received": len(lines), "accepted": len(lines), "errors": [], "colour": {"a": [1]}}
        return Reply(body=body, commit=True)

    machine.server.judge = newer
    await machine.run_once()

    check(model_of("one", 5), Archive.of_fake(machine.server, machine.state_dir))
    assert machine.status()["exit_code"] == 0


@pytest.mark.promise("O10", "P3")
def test_o10_an_older_server_without_reports(machine):
    """A server that knows neither marks nor reports gets everything, and nobody is troubled."""
    machine.transcript().fill(5)
    machine.server.knows_reports = False
    code, _, err = CollectorProcess(machine.place, machine.config_file).run(
        "daemon", "--exit-when-idle"
    )

    assert code == 0, err
    assert "WARNING" not in err
    check(model_of("one", 5), Archive.of_fake(machine.server, machine.state_dir))


@pytest.mark.promise("O10", "P3")
def test_o10_an_older_collector(tmp_path):
    """Without marks and with no version, or with fields of a later one, turns are taken."""
    with ServerProcess(tmp_path) as server:
        old = server.send(turn("s", 1))
        new = server.send(turn("s", 2, colour="red", usage={"key": "k", "later": 1}))
        refused = server.ask(
            "/api/v1/ingest", json.dumps(turn("s", 3)).encode(), **{WIRE_HEADER: "2"}
        )
        turns = server.turns()

    assert (old[0], "mark_known" in old[1]) == (200, False)
    assert (new[0], new[1]["accepted"], new[1]["unknown_fields"]) == (200, 1, 1)
    assert (refused[0], refused[1]["code"]) == (400, "WIRE_VERSION")
    assert turns == {"s": ["s-1-0", "s-2-0"]}
