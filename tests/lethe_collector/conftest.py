"""One machine with transcripts of the toy tool, and a server for it."""

from __future__ import annotations

import pytest
from fakes.machine import Machine
from fakes.server import FakeServer

from lethe_collector import watch


@pytest.fixture
def server():
    """A server that archives, unless the test scripts it."""
    with FakeServer() as fake:
        yield fake


@pytest.fixture
def machine(tmp_path, server):
    """A machine that knows the server."""
    return Machine(tmp_path, server)


@pytest.fixture
def armed(monkeypatch):
    """The watches that are armed: what changes before that is seen by a scan alone."""
    arm, watches = watch.RustNotify, []

    def note(paths, **options):
        notify = arm(paths, **options)
        watches.append(paths)
        return notify

    monkeypatch.setattr(watch, "RustNotify", note)
    return watches
