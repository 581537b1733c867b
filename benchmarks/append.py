"""How long it takes until a line that a tool appends is found by a search."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING

from benchmarks.deployment import stop
from benchmarks.measuring import p50, p95

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.measuring import Sheet
    from benchmarks.pair import Pair

_OURS = 30
_THEIRS = 6
_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.002


def measure(pair: Pair, sheet: Sheet) -> None:
    """Append one line at a time to a new session while the daemon runs on a filled archive."""
    daemon = pair.lethe.start_collector()
    try:
        client = pair.lethe.connect()
        ours = _times(
            pair.lethe.live, _OURS, lambda word: client.get_bytes(f"/api/v1/search?q={word}")
        )
    finally:
        stop(daemon)
    theirs: list[float] | None = None
    if pair.peer is not None:
        other = pair.peer.connect()
        asked = {"mode": "fts", "limit": 5, "include_children": "true", "include_one_shot": "true"}
        theirs = _times(
            pair.peer.live,
            _THEIRS,
            lambda word: other.get_bytes("/api/v1/search/content", pattern=word, **asked),
        )
    sheet.add("append to found, p50", "ms", p50(ours), p50(theirs) if theirs else None)
    sheet.add("append to found, p95", "ms", p95(ours), p95(theirs) if theirs else None)


def _times(root: Path, rounds: int, search: Callable[[str], bytes]) -> list[float]:
    """Return the milliseconds of each round; the first, in which all starts, does not count."""
    session = str(uuid.uuid4())
    path = root / f"{session}.jsonl"
    times = []
    for number in range(rounds + 1):
        word = f"needle{uuid.uuid4().hex[:12]}"
        begun = time.perf_counter()
        _append(path, session, f"prompt number {number}: {word}")
        _wait_for(search, word)
        times.append((time.perf_counter() - begun) * 1000)
    return times[1:]


def _append(path: Path, session: str, content: str) -> None:
    record = {
        "type": "user",
        "uuid": str(uuid.uuid4()),
        "parentUuid": None,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "sessionId": session,
        "cwd": "/bench",
        "version": "2.1.0",
        "message": {"role": "user", "content": content},
    }
    with path.open("a") as file:
        file.write(json.dumps(record, separators=(",", ":")) + "\n")


def _wait_for(search: Callable[[str], bytes], word: str) -> None:
    deadline = time.perf_counter() + _TIMEOUT_SECONDS
    while time.perf_counter() < deadline:
        answer = search(word)
        # Both tell the text of what they found; no answer repeats what was asked for.
        if answer.count(b"prompt number") > 0 and word.encode() in answer.replace(b"\\u0002", b""):
            return
        time.sleep(_POLL_SECONDS)
    raise SystemExit(f"a line was not found after {_TIMEOUT_SECONDS:.0f} s")
