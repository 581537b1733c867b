"""Runs of the installed `lethe`, as a user starts it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 60.0


@dataclass
class Machine:
    """A machine of its own: a home directory, transcripts and a data directory.

    Args:
        home: what HOME is set to.
        environment: set besides.
        directory: where commands are started; that of the tests if `None`.
    """

    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    directory: Path | None = None

    @property
    def data(self) -> Path:
        """Where `lethe up` keeps everything."""
        return self.home / "data"

    @property
    def token(self) -> str:
        """The token that `lethe up` has made."""
        return (self.data / "token").read_text().strip()

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `lethe` with a clean environment."""
        lethe = Path(sys.executable).with_name("lethe")
        environment = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        return subprocess.Popen(
            [str(lethe), *arguments],
            cwd=self.directory,
            env=environment | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run `lethe` to its end."""
        process = self.command(*arguments)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"lethe {' '.join(arguments)} did not end:\n{err}")
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def up(self, *options: str) -> dict[str, Any]:
        """Archive all that is there; return the summary."""
        done = self.run(
            *("up", "--data", str(self.data), "--listen", "127.0.0.1:0", "--host", "box"),
            *("--exit-when-idle", "--json", *options),
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def serving(self) -> Iterator[Api]:
        """Serve what `up` has archived."""
        port_file = self.data / "server.port"
        port_file.unlink(missing_ok=True)
        config = self.data / "server.yaml"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "lethe_server", "serve"),
                *("--config", str(config), "--port-file", str(port_file)),
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Api(wait_for_port(process, port_file), self.token)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@dataclass
class Api:
    """The JSON API of a running server.

    Args:
        port: on 127.0.0.1.
        token: of lethe.
    """

    port: int
    token: str

    def get(self, path: str) -> Any:
        """Get a path and decode its JSON."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def sessions(self) -> list[dict[str, Any]]:
        """All sessions, over all pages."""
        rows: list[dict[str, Any]] = []
        while page := self.get(f"/api/v1/sessions?limit=200&offset={len(rows)}")["sessions"]:
            rows += page
        return rows

    def turns(self, session: dict[str, Any]) -> list[dict[str, Any]]:
        """All turns of a session, over all pages."""
        path = "/api/v1/sessions/{tool}/{host}/{session_id}".format_map(session)
        page = self.get(path)
        rows = page["turns"]
        while page["next"] is not None:
            page = self.get(f"{path}?after={page['next']}")
            rows += page["turns"]
        return rows


def wait_for_port(process: subprocess.Popen[Any], port_file: Path) -> int:
    """Wait until a server has written its port."""
    deadline = time.monotonic() + START_SECONDS
    while not port_file.exists():
        assert process.poll() is None, "the server did not start"
        assert time.monotonic() < deadline, "the server was not ready in time"
        time.sleep(0.02)
    return json.loads(port_file.read_text())["port"]
