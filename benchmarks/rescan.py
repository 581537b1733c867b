"""What it costs to find out that nothing has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.backfill import run_collector

if TYPE_CHECKING:
    from benchmarks.measuring import Sheet
    from benchmarks.pair import Pair

_ROUNDS = 3


def measure(pair: Pair, sheet: Sheet) -> None:
    """Look through all transcripts of an archive that has them."""
    for _ in range(_ROUNDS):
        theirs = pair.peer.sync() if pair.peer is not None else None
        ours = run_collector(pair.lethe)
        sheet.add("rescan CPU", "s", ours.cpu, theirs.cpu if theirs else None)
        sheet.add("rescan wall", "s", ours.wall, theirs.wall if theirs else None)
