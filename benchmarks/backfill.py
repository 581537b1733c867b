"""How fast a whole history is archived, and what it costs both processes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from benchmarks.deployment import usage_of

if TYPE_CHECKING:
    from benchmarks.deployment import Deployment

_MB = 1_000_000


def measure(deployment: Deployment) -> dict[str, float]:
    """Archive all transcripts; the collector ends when it is idle."""
    before = usage_of(deployment.server.pid)
    started = time.perf_counter()
    collector = deployment.start_collector("--exit-when-idle")
    _, code, used = os.wait4(collector.pid, 0)
    wall = time.perf_counter() - started
    collector.returncode = os.waitstatus_to_exitcode(code)
    if collector.returncode:
        raise SystemExit(f"the collector ended with exit code {collector.returncode}")
    after = usage_of(deployment.server.pid)

    size = sum(path.stat().st_size for path in deployment.source.rglob("*.jsonl"))
    turns = _archived_turns(deployment)
    collector_cpu = used.ru_utime + used.ru_stime
    server_cpu = after.cpu - before.cpu
    cpu = collector_cpu + server_cpu
    database = sum(path.stat().st_size for path in deployment.database.parent.glob("lethe.db*"))
    return {
        "source MB": size / _MB,
        "turns": turns,
        "wall s": wall,
        "wall MB/s": size / _MB / wall,
        "wall turns/s": turns / wall,
        "collector CPU s": collector_cpu,
        "server CPU s": server_cpu,
        "MB per CPU s": size / _MB / cpu,
        "turns per server CPU s": turns / server_cpu,
        "collector peak MiB": used.ru_maxrss / 1024,
        "server peak MiB": after.peak / 2**20,
        "database bytes per source byte": database / size,
    }


def _archived_turns(deployment: Deployment) -> int:
    client = deployment.connect()
    turns = offset = 0
    while page := client.get(f"/api/v1/sessions?limit=200&offset={offset}")["sessions"]:
        turns += sum(session["turns"] for session in page)
        offset += len(page)
    return turns
