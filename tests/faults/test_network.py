"""The network between collector and server is cut, reset and slow."""

from __future__ import annotations

import pytest
from fakes.machine import Machine
from fakes.proxy import CutProxy, Plan
from fakes.served import ServerProcess
from fakes.waiting import until
from faults.oracle import Archive, Key, Ledger, Model, check


@pytest.fixture
def archive(tmp_path):
    """A real server."""
    with ServerProcess(tmp_path) as server:
        yield server


@pytest.fixture
def proxy(archive):
    """What stands between it and the collector."""
    with CutProxy(archive.port) as proxy:
        yield proxy


@pytest.fixture
def machine(tmp_path, archive, proxy):
    """A machine whose collector goes through the proxy."""
    machine = Machine(tmp_path, proxy)
    machine.token_file.write_text(archive.secret)
    machine.settings = {"batch_max_age": 0.01}
    return machine


async def endure(machine, archive, proxy, plans):
    """Write a turn under each plan, and let all arrive; then ask the oracle."""
    transcript = machine.transcript()
    async with machine.collecting() as collector:
        for number, plan in enumerate(plans, start=1):
            if plan is not None:
                proxy.plans.append(plan)
            proxy.drop()
            transcript.append(text="x" * 50)
            await until(lambda n=number: collector.shipper.deliveries.lines >= n, 60)
    model = Model()
    model.owe(Key("one", f"one-{n}-0") for n in range(1, len(plans) + 1))
    ledger = Ledger.read(machine.state_dir)
    check(model, Archive(archive.turns(), ledger.dead, ledger.waiting))


@pytest.mark.promise("S08", "S09", "P2", "P4")
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_s09_the_answer_is_cut_at_any_byte(machine, archive, proxy, reset):
    """Wherever the answer of a commit breaks off, the turn is sent again and is there once."""
    plans = [Plan(down=place, reset=reset) for place in range(1, 420, 35)]
    await endure(machine, archive, proxy, plans)

    assert proxy.cuts >= len(plans) // 2  # an answer may be shorter than the last cuts


@pytest.mark.promise("S08", "I17", "P2", "P7")
async def test_s08_the_request_is_cut_at_any_byte(machine, archive, proxy):
    """Wherever a request breaks off, nothing of it is stored before it comes again."""
    plans = [Plan(up=place) for place in range(1, 500, 45)]
    await endure(machine, archive, proxy, plans)

    assert proxy.cuts == len(plans)


@pytest.mark.promise("S08", "P2")
async def test_s08_bytes_that_come_one_by_one(machine, archive, proxy):
    """A line that gives a few bytes at a time is slow and nothing else."""
    await endure(machine, archive, proxy, [Plan(chunk=7, pause=0.001)] * 3)
