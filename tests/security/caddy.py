"""Caddy in front, with a shipped configuration, a stub that signs users in, and an echo."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING, Any

from aiohttp import web
from fakes.ports import HeldPort

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = shutil.which("caddy")
SITE = "lethe.example.org"
SECRET = "proves-to-be-the-proxy-of-the-test"

_SECONDS = 60.0
_GLOBAL = "{\n\tadmin off\n\tauto_https off\n}\n"


class Upstreams:
    """The stub of an authorisation server, and an upstream that tells what arrived.

    Attributes:
        asked: requests that the stub was asked about.
        names: whether the stub names the user.
        arrived: headers of each request that reached the echo.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.names = True
        self.arrived: list[list[tuple[str, str]]] = []
        self._runners: list[web.AppRunner] = []
        self.verify = 0
        self.echo = 0

    async def start(self) -> Upstreams:
        """Listen on free ports."""
        self.verify = await self._serve(self._verify)
        self.echo = await self._serve(self._echo)
        return self

    async def stop(self) -> None:
        """Stop listening."""
        for runner in self._runners:
            await runner.cleanup()

    async def _serve(self, handler: Any) -> int:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runners.append(runner)
        return int(runner.addresses[0][1])

    async def _verify(self, request: web.Request) -> web.Response:
        self.asked += 1
        assert request.path == "/api/verify"
        user = request.cookies.get("signed-in")
        if user is None:
            return web.Response(status=401, text="sign in first")
        return web.Response(headers={"Remote-User": user} if self.names else {})

    async def _echo(self, request: web.Request) -> web.Response:
        self.arrived.append(list(request.headers.items()))
        return web.Response(text="arrived")


class Caddy:
    """A running Caddy.

    Args:
        example: the shipped configuration.
        directory: for what Caddy writes.
        upstream: port of what stands behind.
        verify: port of the authorisation server.
    """

    def __init__(self, example: Path, directory: Path, *, upstream: int, verify: int) -> None:
        self._held = HeldPort()
        self.port = self._held.number
        text = example.read_text()
        # All else is as it is shipped.
        for shipped, here in {
            f"\n{SITE} {{": f"\n{_GLOBAL}\nhttp://{SITE}:{self.port} {{\n\tbind 127.0.0.1",
            "127.0.0.1:9091": f"127.0.0.1:{verify}",
            "127.0.0.1:8080": f"127.0.0.1:{upstream}",
        }.items():
            assert shipped in text
            text = text.replace(shipped, here)
        directory.mkdir(exist_ok=True)
        self._file = directory / "Caddyfile"
        self._file.write_text(text)
        self._log = directory / "caddy.log"
        self._directory = directory
        self._process: subprocess.Popen | None = None

    async def start(self) -> Caddy:
        """Start it and wait until it listens."""
        places = {
            name: str(self._directory) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it is waited for below
                [PROGRAM, "run", "--adapter", "caddyfile", "--config", str(self._file)],
                stdout=log,
                stderr=log,
                env=os.environ | places | {"LETHE_PROXY_SECRET": SECRET},
            )
        async with asyncio.timeout(_SECONDS):
            while True:
                assert self._process.poll() is None, self._log.read_text()
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", self.port)).close()
                    return self
                await asyncio.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_SECONDS)
        self._held.release()

    async def ask(
        self, path: str, *headers: tuple[str, str], method: str = "GET", body: bytes = b""
    ) -> tuple[int, bytes]:
        """Send a request with exactly these headers; give status and answer."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {SITE}:{self.port}", "Connection: close"]
        lines += [f"Content-Length: {len(body)}"] if body or method != "GET" else []
        lines += [f"{name}: {value}" for name, value in headers]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        async with asyncio.timeout(_SECONDS):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return int(answer.split(b" ", 2)[1]), answer
