"""Long random sequences of what happens to files, collector and server, against a model."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections import deque
from pathlib import Path

import pytest
from fakes.machine import Machine
from fakes.server import FakeServer, Reply
from faults.oracle import Archive, Key, Model, check
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from lethe_core.testing import files

NAMES = ("one", "two", "three")
ANY_NAME = st.sampled_from(NAMES)


class Fates(RuleBasedStateMachine):
    """Three transcripts; each rule does one thing to them, or has the collector look."""

    def __init__(self):
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="lethe-fates-"))
        self.server = FakeServer()
        self.server.__enter__()
        self.machine = Machine(self.place, self.server)
        self.model = Model()
        self.folder = dict.fromkeys(NAMES, "project")
        self.model.orders = [[] for _ in NAMES]
        self.stood = {
            name: ([], order) for name, order in zip(NAMES, self.model.orders, strict=True)
        }
        self.read = set()
        self.count = 0

    def teardown(self):
        """Let everything arrive, and ask the oracle."""
        try:
            self.look()
            assert self.machine.status()["outbox"]["batches"] == 0
        finally:
            self.server.__exit__()
            shutil.rmtree(self.place)

    # Files ---------------------------------------------------------------------------------

    def path(self, name):
        """Where a transcript lies now."""
        path = self.machine.root / self.folder[name] / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        return path

    def line(self, name, size=0):
        """Make a record that there never was."""
        self.count += 1
        self.model.possible.add(Key(name, f"{name}-{self.count}-0"))
        return json.dumps({"n": self.count, "text": "x" * size}).encode()

    @rule(name=ANY_NAME, count=st.integers(1, 5), size=st.sampled_from((0, 50, 3000)))
    def append(self, name, count, size):
        """The tool writes."""
        files.append(self.path(name), *[self.line(name, size) for _ in range(count)])

    @rule(name=ANY_NAME, part=st.floats(0.01, 1))
    def tear(self, name, part):
        """The tool writes a part of a line, perhaps all but its end."""
        line = self.line(name, 20)
        files.append_partial(self.path(name), line[: max(1, int(len(line) * part))])

    @rule(name=ANY_NAME)
    def end_line(self, name):
        """Whatever stands at the end is completed."""
        files.append_partial(self.path(name), b"\n")

    @rule(name=ANY_NAME, part=st.floats(0, 1))
    def truncate(self, name, part):
        """The file is cut anywhere."""
        path = self.path(name)
        if path.exists():
            files.truncate(path, int(path.stat().st_size * part))

    @rule(name=ANY_NAME, count=st.integers(0, 8))
    def copy_truncate(self, name, count):
        """The file is emptied and grows again, perhaps beyond the cursor."""
        path = self.path(name)
        if path.exists():
            files.truncate(path)
        files.append(path, *[self.line(name, 100) for _ in range(count)])

    @rule(name=ANY_NAME, place=st.floats(0, 1))
    def rewrite(self, name, place):
        """The file is replaced by one with the same beginning and end, but another middle."""
        path = self.path(name)
        if path.exists():
            lines = path.read_bytes().split(b"\n")
            lines.insert(int(len(lines) * place), self.line(name))
            files.replace(path, b"\n".join(lines))

    @rule(name=ANY_NAME)
    def delete(self, name):
        """The tool deletes it."""
        self.path(name).unlink(missing_ok=True)

    @rule(name=ANY_NAME, folder=st.sampled_from(("project", "elsewhere")))
    def move(self, name, folder):
        """The file goes to another directory."""
        path = self.path(name)
        self.folder[name] = folder
        if path.exists() and path != self.path(name):
            path.rename(self.path(name))

    @rule(name=ANY_NAME)
    def touch(self, name):
        """Nothing but its time changes."""
        if self.path(name).exists():
            os.utime(self.path(name))

    # Looking -------------------------------------------------------------------------------

    @rule()
    def look(self):
        """The collector archives what is there; then all of it is there."""
        self.server.script = deque()
        self.model.owed |= self.take_stock()
        self.run()
        check(self.model, Archive.of_fake(self.server))

    @rule()
    def look_while_the_server_is_away(self):
        """What is read is kept in the outbox."""
        self.server.script = deque([Reply(503)] * 40)
        self.take_stock()
        self.run()
        check(self.model, Archive.of_fake(self.server, self.machine.state_dir))

    @rule(cut=st.integers(0, 120))
    def look_while_answers_are_lost(self, cut):
        """What the server has is sent again."""
        self.server.script = deque([Reply(commit=True, cut=cut)] * 2)
        self.model.owed |= self.take_stock()
        self.run()
        check(self.model, Archive.of_fake(self.server, self.machine.state_dir))

    @precondition(lambda self: self.machine.state_dir.exists())
    @rule()
    def look_and_forget(self):
        """The state goes back to what it was before, as if no commit had reached the disk."""
        kept = self.place / "kept"
        shutil.copytree(self.machine.state_dir, kept)
        self.look()
        shutil.rmtree(self.machine.state_dir)
        kept.rename(self.machine.state_dir)

    def run(self):
        """Run the collector once."""
        asyncio.run(self.machine.run_once())

    def take_stock(self):
        """Return what the collector can find now, and note in which order.

        Records keep the place at which they were read first. So the order of a file holds for
        what has been added to its end, and, once it was rewritten, for what is new in it.
        """
        present = set()
        for name in NAMES:
            path = self.path(name)
            keys = list(dict.fromkeys(self.records(name, path))) if path.exists() else []
            before, order = self.stood[name]
            if keys[: len(before)] == before:
                order += keys[len(before) :]
            else:
                order = [key for key in keys if key not in self.read]
                self.model.orders.append(order)
            self.stood[name] = (keys, order)
            self.read.update(keys)
            present.update(keys)
        return present

    def records(self, name, path):
        """Read complete lines, also behind a torn one, without any code of lethe."""
        for line in path.read_bytes().split(b"\n")[:-1]:
            for place in [0, line.rfind(b'{"n"')]:
                try:
                    record = json.loads(line[max(0, place) :])
                except ValueError:
                    continue
                yield Key(name, f"{name}-{record['n']}-0")
                break


QUICK = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


@pytest.mark.promise("C29", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P11")
class TestC29(Fates.TestCase):
    """Whatever happens to the files, each record that can be read is archived, once, in order."""

    settings = settings(max_examples=8, stateful_step_count=12, **QUICK)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.promise("C29", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P11")
class TestC29Long(Fates.TestCase):
    """The same, five thousand steps."""

    settings = settings(max_examples=100, stateful_step_count=50, **QUICK)
