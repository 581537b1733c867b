"""The specification is tried out against the real server, over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from typing import NamedTuple

import pytest
from end_to_end.machine import wait_for_port

from lethe_server.auth.tokens import ensure_token
from lethe_server.config import load_config

pytestmark = [pytest.mark.slow, pytest.mark.promise("A9", "A8")]

#: So that a run that failed can be done again.
SEED = "20261120"


class Running(NamedTuple):
    """A server that runs as a process of its own."""

    url: str
    token: str

    def request(self, path, body=None, **headers):
        """Send a request with the token; return status and body."""
        request = urllib.request.Request(
            self.url + path,
            data=body,
            headers={"Authorization": f"Bearer {self.token}", **headers},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()


@pytest.fixture
def running(tmp_path):
    """Start a server with a few turns."""
    settings = {
        "LETHE_SERVER__DATA_DIR": str(tmp_path / "data"),
        "LETHE_SERVER__LISTEN": "127.0.0.1:0",
        "LETHE_SERVER__AUTH__ALLOWED_USERS": "alice",
        "LETHE_SERVER__LOG__LEVEL": "error",
    }
    (tmp_path / "server.yaml").touch()
    config = load_config(tmp_path / "server.yaml", environ=settings)
    token = ensure_token(config.data_dir, owner="alice", name="t", scopes=("ingest", "read"))
    port_file = tmp_path / "port"
    command = ["serve", "--config", str(tmp_path / "server.yaml"), "--port-file", str(port_file)]
    process = subprocess.Popen(
        [sys.executable, "-m", "lethe_server", *command], env={**os.environ, **settings}
    )
    try:
        server = Running(f"http://127.0.0.1:{wait_for_port(process, port_file)}", token)
        turn = {"tool": "codex", "host": "laptop", "session_id": "s1", "role": "user"}
        turns = [{**turn, "turn_id": f"t{n}", "seq": n, "content": "roses"} for n in range(5)]
        body = b"".join(json.dumps(each).encode() + b"\n" for each in turns)
        server.request("/api/v1/ingest", body, **{"Content-Type": "application/x-ndjson"})
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.timeout(900)
def test_every_route_answers_as_it_is_specified(running, tmp_path):
    """Valid, odd and wrong requests bring what the specification names, and never a 500.

    That what a schema allows is always accepted is not tried: a schema cannot say what a cursor or
    a time zone is. The body of an ingest has tests of its own, and events do not end.
    """
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"{running.url}/api/v1/openapi.json",
            *("--header", f"Authorization: Bearer {running.token}"),
            *("--exclude-path", "/api/v1/ingest", "--exclude-path", "/api/v1/events"),
            *("--exclude-checks", "positive_data_acceptance"),
            *("--max-examples", "40", "--seed", SEED, "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Operations:" in done.stdout
    assert running.request("/api/v1/sessions")[0] == 200
