"""Tools that are read side by side, while batches are on their way."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
from fakes.toy import ToyParser, Transcript

from lethe_collector.collector import Collector
from lethe_collector.state import State
from lethe_collector.transport import HttpTransport
from lethe_core.plugins import ParserRegistry


class OtherParser(ToyParser):
    """Reads the transcripts of another tool."""

    tool = "other"


@pytest.mark.promise("P3", "P9")
async def test_tools_that_share_batches_come_to_an_end(machine):
    """A source whose batch is acknowledged while its next part waits for room is not lost."""
    machine.settings["batch_max_lines"] = 10
    registry = ParserRegistry()
    roots = {}
    for parser in (machine.parser, OtherParser()):
        registry.add(parser)
        roots[parser.tool] = [machine.place / parser.tool]
        for number in range(3):
            path = machine.place / parser.tool / f"{parser.tool}-{number}.jsonl"
            Transcript(Path(path)).fill(205)
    machine.state_dir.mkdir(mode=0o700)
    transport = HttpTransport(machine.config.server_url, machine.config.token_file)
    with closing(State(machine.state_dir)) as state:
        collector = Collector(machine.config, registry, state, transport, once=True, roots=roots)
        async with asyncio.timeout(120):
            await collector.run()
        await transport.close()

    assert len(machine.server.events) == 2 * 3 * 205
    assert machine.status()["attention"] == []
