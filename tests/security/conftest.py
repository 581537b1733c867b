"""Servers for the tests of who may read: one that many tests share, and fresh ones."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Any

import pytest
from security.served import Served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    """A server with the users alice, bob and the admin root; its data lives with the module."""
    with Served(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[..., Served]]:
    """Start a server with settings of its own."""
    started: list[Served] = []

    def start(listen: str = "127.0.0.1:0", umask: int = -1, **settings: Any) -> Served:
        directory = tmp_path / f"server{len(started)}"
        directory.mkdir()
        server = Served(directory, settings, listen, umask)
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def poll() -> Callable[..., Any]:
    """Wait until something holds, or fail."""

    async def wait(holds: Callable[[], Any], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while True:
            outcome = holds()
            if inspect.isawaitable(outcome):
                outcome = await outcome
            if outcome:
                return
            assert time.monotonic() < end, "it did not come to hold"
            await asyncio.sleep(0.05)

    return wait
