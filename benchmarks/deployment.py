"""Server and collector as separate processes over HTTP on loopback, as `lethe up` runs them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from lethe_server.up.files import prepare_data, write_settings
from lethe_server.up.plan import Plan, make_plan

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Usage:
    """What a process has used.

    Args:
        cpu: seconds of CPU, user and system.
        peak: most bytes of memory that were resident.
    """

    cpu: float
    peak: int


def usage_of(pid: int) -> Usage:
    """Read what a running process has used so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return Usage(
        cpu=(int(fields[11]) + int(fields[12])) / _TICKS,
        peak=int(status["VmHWM"].split()[0]) * 1024,
    )


class Deployment:
    """A server that runs, and a collector that is run when it is asked for.

    Args:
        scratch: directory for its data.
        source: the transcripts.

    Attributes:
        live: a second root of transcripts, empty at first, to write to.
    """

    def __init__(self, scratch: Path, source: Path) -> None:
        self.source = source
        self.live = scratch / "live"
        self.live.mkdir()
        self.plan: Plan = make_plan(
            data=scratch / "data",
            listen="127.0.0.1:0",
            host="bench",
            sources=[f"claude-code={source / 'projects'}", f"claude-code={self.live}"],
        )

    def __enter__(self) -> Self:
        port_file = prepare_data(self.plan)
        config = write_settings(self.plan.data / "server.yaml", self.plan.server_settings())
        self.server = self._start(
            "lethe_server", "serve", "--config", str(config), "--port-file", str(port_file)
        )
        while not port_file.exists():
            if self.server.poll() is not None:
                raise SystemExit("the server did not start")
            time.sleep(0.01)
        self.port = json.loads(port_file.read_text())["port"]
        self.token = self.plan.token_file.read_text().strip()
        self.collector_config = write_settings(
            self.plan.data / "collector.yaml",
            self.plan.collector_settings(f"http://127.0.0.1:{self.port}"),
        )
        return self

    def __exit__(self, *_: object) -> None:
        stop(self.server)

    @property
    def database(self) -> Path:
        """Where the archive lies."""
        return self.plan.data / "lethe.db"

    def start_collector(self, *options: str) -> subprocess.Popen[bytes]:
        """Start the collector's daemon on the transcripts."""
        config = str(self.collector_config)
        return self._start("lethe_collector", "daemon", "--config", config, *options)

    def connect(self) -> Client:
        """Open a connection to the API."""
        return Client(self.port, self.token)

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
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
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise SystemExit(f"GET {path}: {answer.status} {body[:200]!r}")
        return body

    def get(self, path: str) -> Any:
        """Get a path and decode its JSON."""
        return json.loads(self.get_bytes(path))


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process by SIGTERM and wait for it."""
    process.send_signal(signal.SIGTERM)
    process.wait(30)
