"""Server and collector as separate processes over HTTP on loopback, as `lethe up` runs them."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from lethe_core.wire import CONTENT_TYPE, WIRE_HEADER, WIRE_VERSION
from lethe_server.auth.identity import SCOPES
from lethe_server.auth.tokens import ensure_token
from lethe_server.up.files import prepare_data, write_settings
from lethe_server.up.plan import Plan, make_plan

if TYPE_CHECKING:
    from pathlib import Path


class Deployment:
    """A server, and a collector that is run when it is asked for.

    Args:
        scratch: directory for its data.
        source: the transcripts.
        admin: whether who asks may read of everybody.

    Attributes:
        live: a second root of transcripts, empty at first, to write to.
        server: the process; `None` while it does not run.
    """

    def __init__(self, scratch: Path, source: Path, *, admin: bool = False) -> None:
        self.source = source
        self.live = scratch / "live"
        self.live.mkdir(exist_ok=True)
        self.plan: Plan = make_plan(
            data=scratch / "data",
            listen="127.0.0.1:0",
            host="bench",
            sources=[f"claude-code={source / 'projects'}", f"claude-code={self.live}"],
        )
        self._port_file = prepare_data(self.plan)
        settings = self.plan.server_settings()
        self.token = self.plan.token_file.read_text().strip()
        if admin:
            settings["auth"]["admins"] = [self.plan.owner]
            self.token = ensure_token(
                self.plan.data, owner=self.plan.owner, name="bench", scopes=SCOPES
            )
        self._config = write_settings(self.plan.data / "server.yaml", settings)
        self.server: subprocess.Popen[bytes] | None = None

    @property
    def database(self) -> Path:
        """Where the archive lies."""
        return self.plan.data / "lethe.db"

    @property
    def collector_config(self) -> Path:
        """The configuration of the collector."""
        return self.plan.data / "collector.yaml"

    @property
    def server_pid(self) -> int:
        """The process of the server, which must run."""
        assert self.server is not None
        return self.server.pid

    @property
    def url(self) -> str:
        """Where the server listens; it must run."""
        return f"http://127.0.0.1:{self._port}"

    def database_bytes(self) -> int:
        """Return how large the archive is."""
        return sum(path.stat().st_size for path in self.database.parent.glob("lethe.db*"))

    def start(self) -> float:
        """Start the server, and return after how many seconds it answered that it is ready."""
        self._port_file.unlink(missing_ok=True)
        begun = time.perf_counter()
        self.server = self._spawn(
            "lethe_server",
            "serve",
            "--config",
            str(self._config),
            "--port-file",
            str(self._port_file),
        )
        while not self._port_file.exists():
            if self.server.poll() is not None:
                raise SystemExit("the server did not start")
            time.sleep(0.005)
        self._port = json.loads(self._port_file.read_text())["port"]
        self.connect().get_bytes("/readyz")
        seconds = time.perf_counter() - begun
        settings = self.plan.collector_settings(f"http://127.0.0.1:{self._port}")
        write_settings(self.collector_config, settings)
        return seconds

    def stop(self) -> None:
        """End the server, if it runs."""
        if self.server is not None:
            stop(self.server)
            self.server = None

    def start_collector(self, *options: str) -> subprocess.Popen[bytes]:
        """Start the collector's daemon on the transcripts."""
        config = str(self.collector_config)
        return self._spawn("lethe_collector", "daemon", "--config", config, *options)

    def connect(self) -> Client:
        """Open a connection to the API."""
        return Client(self._port, self.token)

    def _spawn(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.plan.data / f"{module}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", module, *arguments], stdout=log, stderr=log
            )


class Client:
    """One kept-alive connection to the API.

    Args:
        port: of the server on 127.0.0.1.
        token: of lethe.
    """

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._headers = {"Authorization": f"Bearer {token}"}

    def get_bytes(self, path: str) -> bytes:
        """Get a path; anything but 200 ends the benchmark."""
        return self._ask("GET", path)

    def post_lines(self, lines: bytes) -> bytes:
        """Send events; anything but 200 ends the benchmark."""
        headers = {WIRE_HEADER: str(WIRE_VERSION), "Content-Type": CONTENT_TYPE}
        return self._ask("POST", "/api/v1/ingest", lines, headers)

    def first_byte(self, path: str) -> bytes:
        """Get the first byte of an answer over a connection of its own, and break it off."""
        connection = http.client.HTTPConnection(self._connection.host, self._connection.port)
        connection.request("GET", path, headers=self._headers)
        byte = connection.getresponse().read(1)
        connection.close()
        return byte

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        self._connection.request(method, path, body, self._headers | (headers or {}))
        answer = self._connection.getresponse()
        answered = answer.read()
        if answer.status != http.client.OK:
            raise SystemExit(f"{method} {path}: {answer.status} {answered[:200]!r}")
        return answered

    def get(self, path: str) -> Any:
        """Get a path and decode its JSON."""
        return json.loads(self.get_bytes(path))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process by SIGTERM and wait for it."""
    process.send_signal(signal.SIGTERM)
    process.wait(30)
