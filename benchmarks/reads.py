"""How quickly the list of sessions and one session are answered."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import p50, p95
from benchmarks.pair import ask_in_turn
from benchmarks.peer import ALL_SESSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.deployment import Client
    from benchmarks.measuring import Sheet
    from benchmarks.pair import Answers, Pair

_ROUNDS = 3
_LISTS = 100
_DETAILS = 80
_KB = 1000
_LIST = "/api/v1/sessions?limit=50"


def measure(pair: Pair, sheet: Sheet) -> None:
    """Ask for lists of 50 sessions, and for the first 1000 turns of the same sessions.

    Both lists hold all sessions, those of subagents and those of one prompt as well, which the peer
    leaves out unless it is asked for them.
    """
    client = pair.lethe.connect()
    found = {
        row["session_id"]: f"/api/v1/sessions/{row['tool']}/{row['host']}/{row['session_id']}"
        for row in _sessions(client)
    }
    wanted = sorted(found)
    if pair.peer is not None:
        theirs = {row["id"] for row in pair.peer.connect().sessions()}
        wanted = [name for name in wanted if name in theirs]
    chance = random.Random(3)
    for _ in range(_ROUNDS):
        names = chance.sample(wanted, min(_DETAILS, len(wanted)))
        ours = [found[name] for name in names]
        lists = _ask(pair, [_LIST] * _LISTS, [_LIST + ALL_SESSIONS] * _LISTS)
        _note(sheet, "list of 50", lists)
        sheet.add("list of 50, answer", "KB", *(each.size / _KB / _LISTS for each in lists))
        details = _ask(pair, ours, [f"/api/v1/sessions/{name}" for name in names])
        _note(sheet, "session", details)
        mean = [answer.cpu / (answer.size / _KB) for answer in details]
        sheet.add("session CPU per KB of answer", "ms", *mean)
        sheet.add("session answer", "KB", *(answer.size / _KB / len(names) for answer in details))


def _sessions(client: Client) -> Iterator[dict[str, Any]]:
    """Give all sessions of lethe."""
    offset = 0
    while page := client.get(f"/api/v1/sessions?limit=200&offset={offset}")["sessions"]:
        yield from page
        offset += len(page)


def _ask(pair: Pair, ours: Sequence[str], theirs: Sequence[str]) -> list[Answers]:
    client = pair.lethe.connect()
    askers = [(pair.lethe.server_pid, client.get_bytes, ours)]
    if pair.peer is not None:
        other = pair.peer.connect()
        assert pair.peer.server is not None

        def both(path: str) -> bytes:
            """Its first page of messages is a request of its own."""
            head = other.get_bytes(path)
            if "?" in path:
                return head
            return head + other.get_bytes(f"{path}/messages", limit=1000)

        askers.append((pair.peer.server.pid, both, theirs))
    return list(ask_in_turn(askers))


def _note(sheet: Sheet, name: str, answers: Sequence[Answers]) -> None:
    sheet.add(f"{name}, p50", "ms", *(p50(answer.times) for answer in answers))
    sheet.add(f"{name}, p95", "ms", *(p95(answer.times) for answer in answers))
    sheet.add(f"{name}, CPU", "ms", *(answer.cpu / len(answer.times) for answer in answers))
