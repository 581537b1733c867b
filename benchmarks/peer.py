"""agentsview, the strongest comparable program, driven as its users run it.

It is installed into an environment of its own in the cache directory, listens on loopback, and
has its telemetry and its search for updates switched off.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import platformdirs

from benchmarks.measuring import Run, run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VERSION = "0.46.1"
_TIMEOUT_SECONDS = 300.0
#: Of a list: sessions of subagents and of one prompt, which it leaves out otherwise.
ALL_SESSIONS = "&include_children=true&include_one_shot=true"


def install_peer() -> Path:
    """Return the program; install it if it is not there yet."""
    folder = Path(platformdirs.user_cache_dir("lethe-bench", appauthor=False)) / "agentsview"
    if not folder.exists():
        print(f"installing agentsview {VERSION}, once")
        venv.create(folder, with_pip=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q"]
        subprocess.run([*pip, f"agentsview=={VERSION}"], check=True)
    # The binary itself: the script around it would add the start of a Python to each command.
    (binary,) = folder.glob("lib/python3*/site-packages/agentsview/bin/agentsview")
    return binary


class Peer:
    """agentsview over a copy of the transcripts.

    Args:
        scratch: directory for its data.
        source: the transcripts.

    Attributes:
        live: a project of its own, to write to.
    """

    def __init__(self, scratch: Path, source: Path) -> None:
        self._binary = str(install_peer())
        self._data = scratch / "data"
        projects = self._projects = scratch / "projects"
        shutil.copytree(source / "projects", projects)
        self.live = projects / "-bench"
        self.live.mkdir()
        home = scratch / "home"
        home.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        self._log = scratch / "serve.log"
        self.server: subprocess.Popen[bytes] | None = None
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "CLAUDE_PROJECTS_DIR": str(projects),
            "AGENTSVIEW_DATA_DIR": str(self._data),
            "AGENTSVIEW_TELEMETRY_ENABLED": "0",
            "AGENTSVIEW_DISABLE_UPDATE_CHECK": "1",
        }

    def clear(self) -> None:
        """Forget what was synchronised."""
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir()
        (self._data / "config.toml").write_text("disable_update_check = true\n")

    def sync(self) -> Run:
        """Read all transcripts once, without a server."""
        environment = self._environment | {"AGENTSVIEW_NO_DAEMON": "1"}
        return run_command([self._binary, "sync"], environment)

    def status(self) -> Run:
        """Ask whether the server runs."""
        return run_command([self._binary, "serve", "status"], self._environment)

    def database_bytes(self) -> int:
        """Return how large its database is."""
        return sum(path.stat().st_size for path in self._data.glob("*.db*"))

    def start(self) -> float:
        """Start the server, and return after how many seconds it was ready."""
        begun = time.perf_counter()
        command = [self._binary, "serve", "--no-browser", "--no-update-check"]
        command += ["--host", "127.0.0.1", "--port", str(self._port)]
        with self._log.open("ab") as log:
            self.server = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._wait_until("/api/ping", lambda _: True)
        self._wait_until(
            "/api/v1/sync/status",
            lambda body: bool(body.get("last_sync")) and body.get("startup_pending") is False,
        )
        seconds = time.perf_counter() - begun
        self._check()
        return seconds

    def _check(self) -> None:
        """Make sure that it holds everything, and that its process is all that there is."""
        assert self.server is not None
        tasks = Path(f"/proc/{self.server.pid}/task")
        if any((task / "children").read_text().strip() for task in tasks.iterdir()):
            sys.exit("agentsview has child processes, whose CPU would not be counted")
        wanted = sum(1 for _ in self._projects.rglob("*.jsonl"))
        held = sum(1 for _ in self.connect().sessions())
        if held < wanted:
            sys.exit(f"agentsview holds {held} sessions of {wanted} transcripts")

    def connect(self) -> PeerClient:
        """Open a connection to the API."""
        return PeerClient(self._port)

    def stop(self) -> None:
        """End the server, if it runs."""
        if self.server is not None:
            self.server.terminate()
            self.server.wait(30)
            self.server = None

    def _wait_until(self, path: str, is_ready: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.perf_counter() + _TIMEOUT_SECONDS
        while time.perf_counter() < deadline:
            try:
                body = json.loads(self.connect().get_bytes(path))
            except (OSError, http.client.HTTPException, ValueError):
                body = None
            if body is not None and is_ready(body if isinstance(body, dict) else {}):
                return
            time.sleep(0.01)
        sys.exit(f"agentsview was not ready after {_TIMEOUT_SECONDS:.0f} s; see {self._log}")


class PeerClient:
    """One kept-alive connection to its API."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def get_bytes(self, path: str, **parameters: object) -> bytes:
        """Get a path; anything but 200 is an error."""
        if parameters:
            path += "?" + urlencode(parameters)
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise OSError(f"GET {path}: {answer.status}")
        return body

    def get(self, path: str, **parameters: object) -> Any:
        """Get a path and decode its JSON."""
        return json.loads(self.get_bytes(path, **parameters))

    def sessions(self) -> Iterator[dict[str, Any]]:
        """Give all sessions."""
        path = "/api/v1/sessions?limit=500" + ALL_SESSIONS
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(path + (f"&cursor={quote(cursor)}" if cursor else ""))
            yield from page["sessions"]
            cursor = page.get("next_cursor") or None
