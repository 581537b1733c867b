"""Starting the server: how long is waited, and what is said meanwhile."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager

import pytest

from lethe_core.errors import Unavailable
from lethe_server.up import children
from lethe_server.up.children import Child, wait_for_port


@pytest.fixture
def child(tmp_path):
    """Run a program in the place of the server."""

    @asynccontextmanager
    async def run(program):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
        log = tmp_path / "server.log"
        log.write_text("the last line\nhint: mend it\n")
        try:
            yield Child("lethe_server", process, log)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    return run


FOREVER = "import signal; signal.pause()"


async def test_a_server_that_takes_long_is_waited_for(child, tmp_path, monkeypatch):
    """However long it builds an index: it is said again and again, and not broken off."""
    monkeypatch.setattr(children, "_TELL_SECONDS", 0.0)
    port_file = tmp_path / "port"
    said = []

    def tell(line):
        said.append(line)
        if len(said) == 3:
            port_file.write_text(json.dumps({"host": "127.0.0.1", "port": 8377}))

    async with child(FOREVER) as server:
        url = await wait_for_port(server, port_file, asyncio.Event(), tell)

    assert "http://127.0.0.1:8377" == url
    assert f"The server is still starting; its log is {tmp_path / 'server.log'}" == said[0]


async def test_nobody_needs_to_wait_to_the_end(child, tmp_path):
    """Ctrl-C ends the wait."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().call_soon(stopped.set)

    async with child(FOREVER) as server:
        assert await wait_for_port(server, tmp_path / "port", stopped, print) is None


async def test_a_server_that_ends_says_why(child, tmp_path):
    """The exit code, and the last line of its log."""
    async with child("raise SystemExit(78)") as server:
        with pytest.raises(Unavailable, match="exit code 78: the last line"):
            await wait_for_port(server, tmp_path / "port", asyncio.Event(), print)
