"""A real server for the browser, in a process of its own, with an archive made from events."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lethe_server.auth.browser import create_link
from lethe_server.auth.tokens import ensure_token
from lethe_server.storage import TokenBook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

START_SECONDS = 30.0
OWNER = "alice"
#: Lines of one request.
BATCH = 2000


@dataclass
class Served:
    """A running server.

    Args:
        data: its directory.
        port: on 127.0.0.1.
        token: with the scopes `ingest` and `read`.
    """

    data: Path
    port: int
    token: str

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}"

    def link(self) -> str:
        """A one-time link that signs a browser in."""
        with TokenBook(self.data) as book:
            return self.url + create_link(book, owner=OWNER)

    def report(self, host: str, **report: Any) -> None:
        """Say what a collector sees on its machine."""
        self._request(f"/api/v1/hosts/{host}/completeness", "PUT", "application/json", report)

    def send(self, events: Iterable[dict[str, Any]]) -> None:
        """Archive events; all of them must be accepted."""
        lines = [json.dumps(event).encode() + b"\n" for event in events]
        for start in range(0, len(lines), BATCH):
            body = b"".join(lines[start : start + BATCH])
            said = self._request("/api/v1/ingest", "POST", "application/x-ndjson", body)
            assert json.loads(said)["errors"] == []

    def _request(self, path: str, method: str, content_type: str, body: Any) -> bytes:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": content_type},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()


@contextlib.contextmanager
def serving(data: Path) -> Iterator[Served]:
    """Run a server until the end of the block.

    Args:
        data: directory for its database.
    """
    data.mkdir(parents=True, exist_ok=True)
    config = data / "server.yaml"
    port_file = data / "port.json"
    config.write_text(
        f'listen: "127.0.0.1:0"\ndata_dir: {json.dumps(str(data))}\n'
        f"auth:\n  allowed_users: [{OWNER}]\n"
    )
    config.chmod(0o600)
    data.chmod(0o700)
    token = ensure_token(data, owner=OWNER, name="test", scopes=("ingest", "read"))
    with (data / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "lethe_server", "serve"),
                *("--config", str(config), "--port-file", str(port_file)),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not port_file.exists():
            assert process.poll() is None, (data / "server.log").read_text()
            assert time.monotonic() < deadline, "the server was not ready in time"
            time.sleep(0.02)
        yield Served(data, json.loads(port_file.read_text())["port"], token)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
