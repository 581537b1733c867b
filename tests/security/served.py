"""A server in a process of its own, as it is installed, and requests to it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from ruamel.yaml import YAML

from lethe_server.auth.browser import create_link
from lethe_server.auth.tokens import ensure_token
from lethe_server.storage import TokenBook

if TYPE_CHECKING:
    from pathlib import Path

NDJSON = {"Content-Type": "application/x-ndjson"}
USERS = {"allowed_users": ["alice", "bob", "root"], "admins": ["root"]}

_START_SECONDS = 90.0
_STOP_SECONDS = 60.0


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem."""
        return self.json["code"]


@dataclass
class Served:
    """A running server.

    Args:
        directory: of its configuration, data and log.
        settings: of its configuration, beside `listen` and `data_dir`.
        listen: where; a free port of loopback by default.
        umask: of the process.
        preexec: run in the process before the server.
    """

    directory: Path
    settings: dict[str, Any] = field(default_factory=dict)
    listen: str = "127.0.0.1:0"
    umask: int = -1
    program: tuple[str, ...] = (sys.executable, "-m", "lethe_server")
    process: subprocess.Popen | None = None
    place: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """Where the database lies."""
        return self.directory / "data"

    @property
    def log(self) -> str:
        """What was logged until now."""
        return (self.directory / "server.log").read_text("utf-8", "replace")

    @property
    def url(self) -> str:
        """Where it listens."""
        return "http://127.0.0.1:{}".format(self.place.get("port", 80))

    def write_config(self) -> Path:
        """Write the configuration as a file of mode 0600."""
        path = self.directory / "server.yaml"
        settings = {"auth": USERS, "log": {"format": "json", "level": "debug"}} | self.settings
        settings |= {"listen": self.listen, "data_dir": str(self.data)}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            YAML(typ="safe").dump(settings, file)
        return path

    def start(self) -> Served:
        """Start the process and wait until it listens."""
        port_file = self.directory / "server.port"
        port_file.unlink(missing_ok=True)
        serve = ["serve", "--config", str(self.write_config()), "--port-file", str(port_file)]
        environ = {name: value for name, value in os.environ.items() if "LETHE" not in name}
        with (self.directory / "server.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*self.program, *serve],
                stderr=log,
                stdout=log,
                stdin=subprocess.DEVNULL,
                env=environ,
                umask=self.umask,
            )
        end = time.monotonic() + _START_SECONDS
        while not port_file.exists():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end, self.log
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)
        self.place = json.loads(port_file.read_text())
        return self

    def stop(self) -> int:
        """End the process in order and return its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_details: object) -> None:
        self.stop()

    def token(self, owner="alice", scopes=("ingest", "read"), name="test", days=None) -> str:
        """Make a token beside the running server."""
        del days
        return ensure_token(self.data, owner=owner, name=name, scopes=scopes)

    def link(self, owner="alice", **arguments: Any) -> str:
        """Make a one-time link and return its path."""
        with TokenBook(self.data) as book:
            return create_link(book, owner=owner, **arguments)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the server beside it, with its configuration."""
        config = ("--config", str(self.directory / "server.yaml"))
        return subprocess.run(
            [*self.program, *arguments, *config], capture_output=True, text=True, check=False
        )

    async def ask(self, method: str, path: str, *, read=True, **arguments: Any) -> Answer:
        """Send a request, with no credential unless one is given, and return the answer."""
        unix = self.place.get("socket")
        connector = aiohttp.UnixConnector(unix) if unix else aiohttp.TCPConnector()
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
            auto_decompress=False,
        ) as client:
            url = "http://localhost" + path if unix else self.url + path
            arguments.setdefault("allow_redirects", False)
            async with client.request(method, url, **arguments) as answer:
                body = await answer.read() if read else b""
                return Answer(answer.status, answer.headers.copy(), body)

    async def get(self, path: str, user: str | None = None, **arguments: Any) -> Answer:
        """Get a path, signed in by the header of a proxy if a user is named."""
        headers = arguments.pop("headers", {}) | ({"Remote-User": user} if user else {})
        return await self.ask("GET", path, headers=headers, **arguments)

    async def send(self, *events: dict[str, Any], user: str = "alice") -> dict[str, Any]:
        """Store events of a user."""
        body = b"".join(json.dumps(event).encode() + b"\n" for event in events)
        headers = {"Remote-User": user} | NDJSON
        answer = await self.ask("POST", "/api/v1/ingest", data=body, headers=headers)
        assert answer.status == 200, answer.body
        return answer.json

    def raw(self, data: bytes, seconds: float = 60.0) -> bytes:
        """Send bytes as they are and return all that comes until the server closes."""
        with self.connect() as connection:
            connection.settimeout(seconds)
            connection.sendall(data)
            received = b""
            while part := connection.recv(65536):
                received += part
        return received

    def connect(self) -> socket.socket:
        """Open a connection."""
        if "socket" in self.place:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(self.place["socket"])
            return connection
        return socket.create_connection(("127.0.0.1", self.place["port"]))


def turn(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Build a turn as it is sent."""
    return {
        "tool": "claude-code",
        "host": "laptop",
        "session_id": "s1",
        "turn_id": f"turn-{number}",
        "seq": number,
        "role": "user",
        "timestamp": 1_700_000_000.0 + number,
        "content": f"text {number}",
    } | fields
