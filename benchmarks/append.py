"""How long it takes until a line that a tool appends is visible in the API."""

from __future__ import annotations

import json
import statistics
import time
import uuid
from typing import TYPE_CHECKING

from benchmarks.deployment import stop

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.deployment import Client, Deployment

_ROUNDS = 30
_TIMEOUT_SECONDS = 30.0
_POLL_SECONDS = 0.002


def measure(deployment: Deployment) -> dict[str, float]:
    """Append one line at a time to a new session while the daemon runs on a filled archive."""
    session = str(uuid.uuid4())
    path = deployment.live / f"{session}.jsonl"
    daemon = deployment.start_collector()
    try:
        client = deployment.connect()
        _append(path, session, 0)
        _wait_for(client, session, 1)  # the start of the daemon is not what is measured
        times = []
        for number in range(1, _ROUNDS + 1):
            started = time.perf_counter()
            _append(path, session, number)
            _wait_for(client, session, number + 1)
            times.append((time.perf_counter() - started) * 1000)
    finally:
        stop(daemon)
    return {
        "append to visible p50 ms": statistics.median(times),
        "append to visible p95 ms": statistics.quantiles(times, n=20)[-1],
        "append to visible max ms": max(times),
    }


def _append(path: Path, session: str, number: int) -> None:
    record = {
        "type": "user",
        "uuid": str(uuid.uuid4()),
        "parentUuid": None,
        "timestamp": "2026-01-01T00:00:00.000Z",
        "sessionId": session,
        "cwd": "/bench",
        "version": "2.1.0",
        "message": {"role": "user", "content": f"prompt number {number}"},
    }
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n")


def _wait_for(client: Client, session: str, turns: int) -> None:
    deadline = time.perf_counter() + _TIMEOUT_SECONDS
    while time.perf_counter() < deadline:
        found = client.get("/api/v1/sessions?limit=200&project=/bench")["sessions"]
        if any(row["session_id"] == session and row["turns"] >= turns for row in found):
            return
        time.sleep(_POLL_SECONDS)
    raise SystemExit(f"turn {turns} was not visible after {_TIMEOUT_SECONDS:.0f} s")
