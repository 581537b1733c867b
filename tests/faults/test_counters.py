"""Each counter moves when what it counts happens."""

from __future__ import annotations

import re
import urllib.request

import pytest
from fakes.served import ServerProcess, turn
from fakes.server import problem

from lethe_collector.reporting import _COUNTS

#: What a run of the server below makes move; each counter of the server must be among these.
MOVED = (
    ("lethe_http_requests_total", 'status="200"'),
    ("lethe_http_requests_total", 'status="401"'),
    ("lethe_http_request_seconds_count", "ingest"),
    ("lethe_problems_total", 'code="UNAUTHORIZED"'),
    ("lethe_problems_total", 'code="NOT_FOUND"'),
    ("lethe_sign_ins_total", "ok"),
    ("lethe_sign_ins_total", "UNAUTHORIZED"),
    ("lethe_ingest_bytes_total", 'stage="wire"'),
    ("lethe_ingest_bytes_total", 'stage="decoded"'),
    ("lethe_ingest_lines_total", 'outcome="accepted"'),
    ("lethe_ingest_lines_total", 'outcome="refused"'),
    ("lethe_ingest_turns_total", 'outcome="inserted"'),
    ("lethe_ingest_turns_total", 'outcome="replaced"'),
    ("lethe_ingest_turns_total", 'outcome="unchanged"'),
    ("lethe_ingest_turns_total", 'outcome="conflicts"'),
    ("lethe_ingest_unknown_fields_total", ""),
    ("lethe_ingest_unknown_marks_total", ""),
    ("lethe_commit_seconds_count", ""),
    ("lethe_commit_group_count", ""),
)


def read_counters(server):
    """The samples of all counters: name, labels, value."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    counters = set(re.findall(r"# TYPE (\S+) (?:counter|histogram)", text))
    rows = re.findall(r"^(\w+?)(?:\{(.*)\})? (\S+)$", text, re.MULTILINE)
    names = counters | {f"{name}_count" for name in counters}
    return {(name, labels): float(value) for name, labels, value in rows if name in names}


@pytest.mark.promise("O12", "O4")
def test_o12_counters_of_the_server(tmp_path):
    """Whatever the server counts moves, by outcome, when it happens."""
    with ServerProcess(tmp_path) as server:
        before = read_counters(server)
        server.send(turn("s", 1), turn("s", 2), turn("s", 3, colour="red"))
        server.send(turn("s", 1))
        server.send(turn("s", 1, content="another"))
        server.send(turn("s", 2, content="newer", revision=1))
        server.send({"tool": "toy"})
        server.ask("/api/v1/ingest", b"", **{"Lethe-Mark": "0" * 16 + "-1"})
        server.ask("/api/v1/sessions/toy/box/absent")
        server.ask("/api/v1/sessions", Authorization="Bearer lethe_wrong")
        after = read_counters(server)
    moved = {sample for sample, value in after.items() if value > before.get(sample, 0)}

    still = [
        (name, label)
        for name, label in MOVED
        if not any(name == sample and label in labels for sample, labels in moved)
    ]
    assert still == []
    known = {name for name, _ in MOVED}
    assert {name for name, _ in after} <= known | {name.removesuffix("_count") for name in known}


class Story:
    """What happens to a machine so that one figure of its report moves."""

    def __init__(self, machine):
        self.machine = machine
        self.transcript = machine.transcript()

    async def files(self):
        """A transcript is there, and is archived."""
        self.transcript.fill(3)

    archived = bytes = turns = files

    async def lagging(self):
        """A source has something that cannot be read."""
        self.transcript.append({"text": "x"}, {"raise": True})

    lagging_bytes = failing = lagging

    async def waiting(self):
        """The server is away."""
        self.transcript.fill(3)
        self.machine.server.script += [problem(503, "UNAVAILABLE")] * 20

    async def gone(self):
        """A source is deleted after it was archived."""
        self.transcript.fill(3)
        await self.machine.run_once()
        self.transcript.path.unlink()

    async def unmapped(self):
        """A line is no JSON."""
        self.transcript.write(b"no json\n")

    async def refused(self):
        """An event breaks the contract."""
        self.transcript.append({"bad": "role"})

    async def lost_bytes(self):
        """A source is deleted after it was seen and before it could be read."""
        await self.lagging()
        await self.machine.run_once()
        self.transcript.path.unlink()

    async def lost_turns(self):
        """A source is deleted, and then the server loses its database."""
        self.machine.server.mark = "first"
        await self.gone()
        await self.machine.run_once()
        self.machine.server.mark = "second"


@pytest.mark.promise("O12", "O4")
@pytest.mark.parametrize("figure", _COUNTS)
async def test_o12_figures_of_the_collector(machine, figure):
    """Each figure of `status`, and of the report to the server, moves in its own story."""
    await getattr(Story(machine), figure)()
    await machine.run_once()

    tool = machine.status()["tools"]["toy"]
    assert tool[figure] > 0
