"""A short run for CI that fails only on gross loss: `python -m benchmarks.guard`.

It makes its own small transcripts, archives them, and asks for them. What it took is compared with
what the plainest program takes for the same in the same run (`benchmarks.plain`), so that neither
the machine nor its load matters; a limit is three times what the ratio was when it was set. What
seems lost is measured again, twice at most, and the best counts. The
figures are kept as JSON.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.backfill import count_turns, run_collector
from benchmarks.deployment import Deployment
from benchmarks.measuring import run_command, usage_of

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS: Final = Path(__file__).parent / "results"
#: What the ratios must not exceed.
LIMITS: Final = {
    "backfill CPU to plain": 20.0,
    "rescan CPU to bare Python": 110.0,
    "search CPU to healthz": 40.0,
    "list CPU to healthz": 20.0,
}

_SESSIONS: Final = 40
_LINES: Final = 150
_REQUESTS: Final = 200
_TRIES: Final = 3


def main() -> None:
    """Measure, tell, keep, and end with 1 if anything is grossly slower."""
    tries: list[dict[str, float]] = []
    ratios: dict[str, float] = {}
    while len(tries) < _TRIES and (not tries or _lost(ratios)):
        with tempfile.TemporaryDirectory(prefix="lethe-guard-") as scratch:
            tries.append(_measure(Path(scratch)))
        ratios = {name: min(each[name] for each in tries) for name in LIMITS}
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / f"guard-{time.strftime('%Y%m%d-%H%M%S')}.json"
    kept.write_text(json.dumps({"tries": tries, "limits": LIMITS}, indent=2) + "\n")
    lost = _lost(ratios)
    for name, ratio in ratios.items():
        print(f"{name:<28} {ratio:6.1f}   at most {LIMITS[name]:g}{'   LOST' * (name in lost)}")
    print(f"kept in {kept}")
    sys.exit(1 if lost else 0)


def _lost(ratios: dict[str, float]) -> list[str]:
    return [name for name, ratio in ratios.items() if ratio > LIMITS[name]]


def _measure(scratch: Path) -> dict[str, float]:
    words = _write_transcripts(scratch / "projects")
    plain = run_command([sys.executable, "-m", "benchmarks.plain", str(scratch)]).cpu
    bare = min(run_command([sys.executable, "-c", "pass"]).cpu for _ in range(5))
    deployment = Deployment(scratch, scratch)
    deployment.start()
    try:
        before = usage_of(deployment.server_pid).cpu
        backfill = run_collector(deployment).cpu
        backfill += usage_of(deployment.server_pid).cpu - before
        assert count_turns(deployment) == _SESSIONS * _LINES
        rescan = run_collector(deployment).cpu
        trivial = _cpu_of(deployment, ["/healthz"] * (5 * _REQUESTS)) / 5
        lists = _cpu_of(deployment, ["/api/v1/sessions?limit=50"] * _REQUESTS)
        searches = [f"/api/v1/search?q={words[index % len(words)]}" for index in range(_REQUESTS)]
        search = _cpu_of(deployment, searches)
    finally:
        deployment.stop()
    return {
        "backfill CPU to plain": backfill / plain,
        "rescan CPU to bare Python": rescan / bare,
        "search CPU to healthz": search / trivial,
        "list CPU to healthz": lists / trivial,
    }


def _cpu_of(deployment: Deployment, paths: Sequence[str]) -> float:
    client = deployment.connect()
    client.get_bytes(paths[0])
    before = usage_of(deployment.server_pid).cpu
    for path in paths:
        client.get_bytes(path)
    return usage_of(deployment.server_pid).cpu - before


def _write_transcripts(root: Path) -> list[str]:
    """Write sessions of made-up words; the same each time. Returns the words."""
    chance = random.Random(5)
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    words = ["".join(chance.choices(syllables, k=3)) for _ in range(3000)]
    for number in range(_SESSIONS):
        session = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        path = root / f"-home-dev-{number % 7}" / f"{session}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (_line(chance, session, index, words) for index in range(_LINES))
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return words[:50]


def _line(chance: random.Random, session: str, index: int, words: list[str]) -> dict[str, object]:
    role = "assistant" if index % 2 else "user"
    text = " ".join(chance.choices(words, k=chance.randint(10, 300)))
    message: dict[str, object] = {"role": role, "content": text}
    if role == "assistant":
        message |= {
            "id": f"msg_{chance.getrandbits(64):x}",
            "model": "claude-made-up",
            "content": [{"type": "text", "text": text}],
            "usage": {"input_tokens": 9, "output_tokens": len(text) // 4},
        }
    return {
        "type": role,
        "uuid": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "parentUuid": None,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(1_780_000_000 + index)),
        "sessionId": session,
        "cwd": "/home/dev",
        "version": "2.1.0",
        "message": message,
    }


if __name__ == "__main__":
    main()
