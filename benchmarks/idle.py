"""What the processes cost while nothing happens: CPU and memory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.deployment import stop
from benchmarks.measuring import usage_of

if TYPE_CHECKING:
    from benchmarks.measuring import Sheet
    from benchmarks.pair import Pair

_SETTLE_SECONDS = 8.0
_SECONDS = 40.0
_MIB = 1024 * 1024


def measure(pair: Pair, sheet: Sheet) -> None:
    """Let the daemon and both servers do nothing for a while."""
    daemon = pair.lethe.start_collector()
    peer = pair.peer.server if pair.peer is not None else None
    try:
        time.sleep(_SETTLE_SECONDS)
        pids = [daemon.pid, pair.lethe.server_pid, *([peer.pid] if peer is not None else [])]
        before = [usage_of(pid).cpu for pid in pids]
        begun = time.perf_counter()
        time.sleep(_SECONDS)
        seconds = time.perf_counter() - begun
        after = [usage_of(pid) for pid in pids]
    finally:
        stop(daemon)
    shares = [
        (used.cpu - earlier) / seconds * 100 for used, earlier in zip(after, before, strict=True)
    ]
    memory = [used.resident / _MIB for used in after]
    sheet.add("daemon idle CPU", "%", shares[0], *shares[2:])
    sheet.add("server idle CPU", "%", shares[1], *shares[2:])
    sheet.add("daemon idle memory", "MiB", memory[0])
    sheet.add("server memory after all", "MiB", memory[1], *memory[2:])
