"""What it costs to ask the collector how it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.backfill import run_collector
from benchmarks.measuring import run_command

if TYPE_CHECKING:
    from benchmarks.measuring import Sheet
    from benchmarks.pair import Pair

_ROUNDS = 11
#: Everything is well, or something needs attention: the daemon does not run.
_CODES = (0, 1)


def measure(pair: Pair, sheet: Sheet) -> None:
    """Ask for the status, of a Python that does nothing, and of the peer's server, in turn."""
    run_collector(pair.lethe)  # what no collector has checked yet is checked first
    command = [str(Path(sys.executable).with_name("lethe-collector")), "status", "--config"]
    command.append(str(pair.lethe.collector_config))
    for _ in range(_ROUNDS):
        bare = run_command([sys.executable, "-c", "pass"])
        ours = run_command(command, codes=_CODES)
        theirs = pair.peer.status() if pair.peer is not None else None
        sheet.add("status CPU, to a bare Python", "s", ours.cpu, bare.cpu)
        sheet.add("status CPU", "s", ours.cpu, theirs.cpu if theirs else None)
        sheet.add("status wall", "s", ours.wall, theirs.wall if theirs else None)
