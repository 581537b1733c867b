"""Of everything that is on a machine's disk: what is archived, what is not, and why."""

from __future__ import annotations

import pytest
from fakes.machine import Machine
from fakes.process import CollectorProcess
from fakes.served import ServerProcess
from fakes.server import problem
from fakes.waiting import until_now

from lethe_collector.reporting import MAX_OPEN, Reporter, make_report
from lethe_collector.status import read_status
from lethe_collector.transport import NotSent


@pytest.fixture
def archive(tmp_path):
    """A real server."""
    with ServerProcess(tmp_path) as server:
        yield server


@pytest.mark.promise("O4", "P3")
def test_completeness_of_a_machine(tmp_path, archive):
    """After a run everything is archived; then a file is gone, and its turns stay."""
    machine = Machine(tmp_path, archive)
    machine.token_file.write_text(archive.secret)
    collector = CollectorProcess(tmp_path, machine.config_file)
    path = "/api/v1/hosts/box/completeness"
    assert archive.ask(path)[0] == 404
    transcript = machine.transcript().fill(7)
    machine.transcript("two").fill(3)
    assert collector.run("daemon", "--exit-when-idle")[0] == 0
    status, first = archive.ask(path)
    transcript.path.unlink()
    machine.transcript("two").write(b'{"n": 9, "text"')
    collector.run("daemon", "--exit-when-idle")
    _, second = archive.ask(path)

    assert status == 200
    assert (first["complete"], first["at_risk_bytes"], first["report"]["open"]) == (True, 0, [])
    assert first["archive"] == [{"tool": "toy", "sessions": 2, "turns": 10}]
    assert second["report"]["tools"]["toy"]["gone"] == 1
    assert second["archive"] == first["archive"]
    assert second["reported_at"] > first["reported_at"]


@pytest.mark.promise("O4", "P3")
def test_what_is_not_archived_is_told_with_its_reason(machine):
    """What waits in the outbox, and why, stands in the report; a server that is back gets it."""
    collector = CollectorProcess(machine.place, machine.config_file)
    machine.transcript().fill(3)
    machine.server.script += [problem(503, "UNAVAILABLE")] * 20
    collector.run("daemon", "--exit-when-idle")
    [report] = machine.server.reports

    assert report["outbox"]["lines"] == 3
    assert report["tools"]["toy"]["waiting"] == 1
    assert report["open"][0]["why"] == "in the outbox; the server is UNAVAILABLE"


def test_a_daemon_reports(machine):
    """A daemon reports when it has begun; a report holds no content."""
    machine.transcript().fill(3, text="secret")
    process = CollectorProcess(machine.place, machine.config_file).start("daemon")
    try:
        until_now(lambda: machine.server.reports)
    finally:
        process.terminate()
        process.communicate(timeout=60)

    assert "secret" not in str(machine.server.reports)


class Listener:
    """A transport that remembers reports, or fails."""

    def __init__(self):
        self.reports = []
        self.away = False

    async def report(self, host, report):
        """See `HttpTransport.report`."""
        if self.away:
            raise NotSent("away")
        self.reports.append((host, report))
        return True


async def test_only_news_are_reported(machine):
    """The same report is not sent again within an hour; one that did not arrive is."""
    machine.transcript().fill(3)
    await machine.run_once()
    listener, now = Listener(), 0.0
    reporter = Reporter(machine.state_dir, "box", listener, clock=lambda: now)
    listener.away = True
    assert not await reporter.report()
    listener.away = False
    assert await reporter.report()
    now = 3599.0
    assert not await reporter.report()
    now = 3601.0
    assert await reporter.report()
    machine.transcript("two").fill(1)
    await machine.run_once()
    assert await reporter.report()

    assert [host for host, _ in listener.reports] == ["box"] * 3


async def test_a_report_is_small(machine):
    """However many sources there are, those that are open are named up to a bound."""
    for number in range(MAX_OPEN + 20):
        machine.transcript(f"s{number}").fill(1)
    machine.server.script += [problem(503, "UNAVAILABLE")] * 20
    await machine.run_once()
    report = make_report(read_status(machine.state_dir))

    assert len(report["open"]) == MAX_OPEN
    assert report["tools"]["toy"]["files"] == MAX_OPEN + 20
