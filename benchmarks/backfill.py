"""How fast a whole history is archived, what it costs, and how large the archive is then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.measuring import Run, usage_of, wait_for_end

if TYPE_CHECKING:
    from benchmarks.deployment import Deployment
    from benchmarks.measuring import Sheet
    from benchmarks.pair import Pair

_MB = 1_000_000
_MIB = 1024 * 1024


def measure(pair: Pair, sheet: Sheet) -> None:
    """Archive all transcripts; the collector ends when it is idle. The server runs already."""
    theirs: Run | None = None
    their_bytes = None
    if pair.peer is not None:
        pair.peer.clear()
        theirs = pair.peer.sync()
        their_bytes = pair.peer.database_bytes()
    before = usage_of(pair.lethe.server_pid)
    ours = run_collector(pair.lethe)
    after = usage_of(pair.lethe.server_pid)

    size = source_bytes(pair.lethe)
    server_cpu = after.cpu - before.cpu
    turns = count_turns(pair.lethe)
    sheet.add("backfill CPU", "s", ours.cpu + server_cpu, theirs.cpu if theirs else None)
    sheet.add("backfill wall", "s", ours.wall, theirs.wall if theirs else None)
    sheet.add("source MB per second", "MB/s", size / _MB / ours.wall)
    sheet.add("turns per CPU second of the server", "1/s", turns / server_cpu)
    sheet.add("collector CPU in backfill", "s", ours.cpu)
    sheet.add("collector peak in backfill", "MiB", ours.peak / _MIB)
    sheet.add(
        "server peak in backfill", "MiB", after.peak / _MIB, theirs.peak / _MIB if theirs else None
    )
    pair.lethe.stop()  # as agentsview after its sync: what lies on the disk, without a log
    sheet.add(
        "database bytes per source byte",
        "",
        pair.lethe.database_bytes() / size,
        their_bytes and their_bytes / size,
    )
    pair.lethe.start()


def run_collector(deployment: Deployment) -> Run:
    """Run the collector until it has nothing to do."""
    begun = time.perf_counter()
    return wait_for_end(deployment.start_collector("--exit-when-idle"), begun)


def source_bytes(deployment: Deployment) -> int:
    """Return how large all transcripts are."""
    return sum(path.stat().st_size for path in deployment.source.rglob("*.jsonl"))


def count_turns(deployment: Deployment) -> int:
    """Return how many turns are archived."""
    client = deployment.connect()
    turns = offset = 0
    while page := client.get(f"/api/v1/sessions?limit=200&offset={offset}")["sessions"]:
        turns += sum(session["turns"] for session in page)
        offset += len(page)
    return turns
