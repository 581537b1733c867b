"""What the collector takes for more and more transcripts."""

from __future__ import annotations

import json
import sys
import time
import uuid
from typing import TYPE_CHECKING, Final

from benchmarks.backfill import run_collector
from benchmarks.deployment import Deployment, stop
from benchmarks.measuring import run_command, usage_of

if TYPE_CHECKING:
    from pathlib import Path

_FOLDERS: Final = 100
_MIB: Final = 1024 * 1024
#: Everything is well, or something needs attention: the daemon does not run.
_CODES: Final = (0, 1)
#: So long a daemon settles, and is then watched: two of its walks are among it.
_SETTLE_SECONDS: Final = 15.0
_IDLE_SECONDS: Final = 62.0
_ROUNDS: Final = 5


def measure_files(scratch: Path, count: int) -> dict[str, float]:
    """Archive many small transcripts, and see what the collector takes then and later.

    Args:
        scratch: directory for all of it; empty.
        count: of the transcripts.

    Returns:
        Seconds, and MiB, by name.
    """
    source = scratch / "source"
    _write_transcripts(source / "projects", count)
    deployment = Deployment(scratch, source)
    deployment.start()
    try:
        first = run_collector(deployment)
        again = run_collector(deployment)
        command = [sys.executable, "-m", "lethe_collector", "status", "--config"]
        command.append(str(deployment.collector_config))
        status = min(run_command(command, codes=_CODES).cpu for _ in range(_ROUNDS))
        daemon = deployment.start_collector()
        try:
            time.sleep(_SETTLE_SECONDS + again.wall)
            before = usage_of(daemon.pid).cpu
            time.sleep(_IDLE_SECONDS)
            used = usage_of(daemon.pid)
        finally:
            stop(daemon)
    finally:
        deployment.stop()
    return {
        "first scan, CPU s": first.cpu,
        "first scan, peak MiB": first.peak / _MIB,
        "rescan, CPU s": again.cpu,
        "rescan, peak MiB": again.peak / _MIB,
        "status, CPU s": status,
        "idle daemon, CPU %": (used.cpu - before) / _IDLE_SECONDS * 100,
        "idle daemon, MiB": used.resident / _MIB,
    }


def _write_transcripts(root: Path, count: int) -> None:
    """Write transcripts of one prompt and one answer."""
    for folder in range(_FOLDERS):
        (root / f"-home-dev-{folder}").mkdir(parents=True)
    for number in range(count):
        session = str(uuid.UUID(int=number, version=4))
        lines = (_line(session, number, index) for index in range(2))
        path = root / f"-home-dev-{number % _FOLDERS}" / f"{session}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _line(session: str, number: int, index: int) -> dict[str, object]:
    role = "assistant" if index else "user"
    moment = time.gmtime(1_760_000_000 + number * 60 + index)
    return {
        "type": role,
        "uuid": str(uuid.UUID(int=2 * number + index + 2**96, version=4)),
        "parentUuid": None,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", moment),
        "sessionId": session,
        "cwd": "/home/dev",
        "version": "2.1.0",
        "message": {"role": role, "content": f"made up, number {number}"},
    }
