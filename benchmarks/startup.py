"""How long a server on a filled archive takes until it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measuring import usage_of

if TYPE_CHECKING:
    from benchmarks.measuring import Sheet
    from benchmarks.pair import Pair

_ROUNDS = 3


def measure(pair: Pair, sheet: Sheet) -> None:
    """Stop both servers and start them again; they run afterwards."""
    for _ in range(_ROUNDS):
        theirs = their_cpu = None
        if pair.peer is not None:
            pair.peer.stop()
            theirs = pair.peer.start()
            assert pair.peer.server is not None
            their_cpu = usage_of(pair.peer.server.pid).cpu
        pair.lethe.stop()
        ours = pair.lethe.start()
        sheet.add("start wall", "s", ours, theirs)
        sheet.add("start CPU", "s", usage_of(pair.lethe.server_pid).cpu, their_cpu)
