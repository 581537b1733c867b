"""How quickly searches over a corpus are answered over HTTP, by how common the words are."""

from __future__ import annotations

import json
import random
import statistics
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from benchmarks.deployment import usage_of

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.deployment import Deployment

_OF_EACH_CLASS = 34


def measure(deployment: Deployment) -> dict[str, float]:
    """Ask for about 200 searches, one after the other over one connection."""
    client = deployment.connect()
    figures: dict[str, float] = {}
    times: list[float] = []
    cpu = 0.0
    for name, words in _queries(deployment.source).items():
        before = usage_of(deployment.server.pid).cpu
        taken = []
        for typed in words:
            started = time.perf_counter()
            client.get_bytes(f"/api/v1/search?q={quote(typed)}")
            taken.append((time.perf_counter() - started) * 1000)
        cpu += usage_of(deployment.server.pid).cpu - before
        figures[f"{name} p50 ms"] = statistics.median(taken)
        figures[f"{name} p95 ms"] = statistics.quantiles(taken, n=20)[-1]
        times += taken
    return figures | {
        "all p50 ms": statistics.median(times),
        "all p95 ms": statistics.quantiles(times, n=20)[-1],
        "all server CPU ms": cpu * 1000 / len(times),
    }


def _queries(source: Path) -> dict[str, list[str]]:
    """Make queries of the words that the corpus's generator says it used; each time the same."""
    manifest: dict[str, Any] = json.loads((source / "manifest.json").read_text())
    terms = manifest["terms"]
    chance = random.Random(7)
    usual = terms["common"] + terms["mid"]
    pairs = [" ".join(chance.sample(usual, 2)) for _ in range(_OF_EACH_CLASS)]
    phrases = [f'"{phrase}"' for phrase in chance.sample(manifest["phrases"], _OF_EACH_CLASS)]
    single = {
        name: chance.choices(terms[name], k=_OF_EACH_CLASS)
        for name in ("very_common", "common", "mid", "rare")
    }
    return single | {"two words": pairs, "phrase": phrases}
