"""One machine with transcripts of the toy tool, and a collector that runs in this process."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, closing
from dataclasses import replace

from fakes.toy import ToyParser, Transcript
from lethe_collector.collector import Collector
from lethe_collector.config import load_config
from lethe_collector.state import State
from lethe_collector.status import read_status
from lethe_collector.transport import HttpTransport
from lethe_core.plugins import ParserRegistry


class Machine:
    """Where a collector runs: transcripts, configuration, state."""

    def __init__(self, place, server):
        self.place = place
        self.server = server
        self.root = place / "transcripts"
        self.root.mkdir()
        self.parser = ToyParser(self.root)
        self.state_dir = place / "state"
        self.token_file = place / "token"
        self.token_file.touch(mode=0o600)
        self.token_file.write_text("lethe_secret\n")
        self.config_file = place / "collector.yaml"
        self.config_file.write_text(
            f"host: box\nserver: {{url: '{server.url}', token_file: '{self.token_file}'}}\n"
            f"state_dir: {self.state_dir}\nsources: {{toy: ['{self.root}']}}\npoll_interval: 1\n"
        )
        self.settings = {}

    @property
    def config(self):
        """The configuration, with what the test has changed."""
        return replace(load_config(self.config_file, {}), **self.settings)

    def transcript(self, name="one"):
        """Begin a transcript."""
        return Transcript(self.root / "project" / f"{name}.jsonl")

    def status(self):
        """What `status` tells after a single run."""
        return read_status(self.state_dir, after_run=True)

    def source(self, name="one"):
        """What `status` tells of one transcript."""
        return next(s for s in self.status()["sources"] if s["path"].endswith(f"{name}.jsonl"))

    @property
    def registry(self):
        """The toy's parser, loaded."""
        registry = ParserRegistry()
        registry.add(self.parser)
        return registry

    @asynccontextmanager
    async def collecting(self, *, once=False, transport=None, nap=None):
        """Run a collector; it is stopped at the end."""
        self.state_dir.mkdir(mode=0o700, exist_ok=True)
        config = self.config
        transport = transport or HttpTransport(config.server_url, config.token_file)
        with closing(State(config.state_dir)) as state:
            collector = Collector(
                config,
                self.registry,
                state,
                transport,
                once=once,
                roots={"toy": config.sources.get("toy")},
                nap=nap or _short_nap,
            )
            task = asyncio.create_task(collector.run())
            try:
                yield collector
                if once:
                    await task
            finally:
                collector.stop()
                await task
                await transport.close()

    async def run_once(self, **options):
        """Archive all that is there; return the collector."""
        async with asyncio.timeout(120), self.collecting(once=True, **options) as collector:
            pass
        return collector

    def texts(self, session="one"):
        """The contents of the turns that the server has of a session, in their order."""
        turns = [e for e in self.server.events.values() if e["session_id"] == session]
        return [turn.get("content", "") for turn in sorted(turns, key=lambda turn: turn["seq"])]


async def _short_nap(seconds):
    await asyncio.sleep(min(seconds, 0.02))
