"""How quickly the list of sessions, one session and sums over all of them are answered."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.deployment import usage_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.deployment import Deployment

_ROUNDS = 100
_STATS = "/api/v1/stats?group_by=day,tool&tz=Europe/Berlin"


def measure(deployment: Deployment) -> dict[str, float]:
    """Ask for lists of 50, details and sums, one after the other over one connection."""
    client = deployment.connect()
    sessions = client.get("/api/v1/sessions?limit=200")["sessions"]
    paths = [
        f"/api/v1/sessions/{session['tool']}/{session['host']}/{session['session_id']}"
        for session in sessions
    ]
    lists = ["/api/v1/sessions?limit=50"] * _ROUNDS
    details = [paths[index % len(paths)] for index in range(_ROUNDS)]
    return (
        _timed(deployment, "list", lists)
        | _timed(deployment, "detail", details)
        | _timed(deployment, "stats by day", [_STATS] * _ROUNDS)
        | _timed(deployment, "projects", ["/api/v1/projects"] * _ROUNDS)
    )


def _timed(deployment: Deployment, name: str, paths: Sequence[str]) -> dict[str, float]:
    client = deployment.connect()
    client.get_bytes(paths[0])
    before = usage_of(deployment.server.pid).cpu
    times = []
    size = 0
    for path in paths:
        started = time.perf_counter()
        size += len(client.get_bytes(path))
        times.append((time.perf_counter() - started) * 1000)
    cpu = usage_of(deployment.server.pid).cpu - before
    return {
        f"{name} p50 ms": statistics.median(times),
        f"{name} p95 ms": statistics.quantiles(times, n=20)[-1],
        f"{name} server CPU ms": cpu * 1000 / len(paths),
        f"{name} mean KB": size / len(paths) / 1000,
    }
