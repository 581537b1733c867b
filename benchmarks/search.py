"""How quickly searches over a corpus are answered over HTTP, by how common the words are."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from benchmarks.measuring import p50, p95
from benchmarks.pair import ask_in_turn

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measuring import Sheet
    from benchmarks.pair import Answers, Pair

_ROUNDS = 3
_OF_EACH_CLASS = 34


def measure(pair: Pair, sheet: Sheet) -> None:
    """Ask for about 200 searches, one after the other over one connection."""
    queries = make_queries(pair.lethe.source)
    for _ in range(_ROUNDS):
        rounds = {name: _ask(pair, typed) for name, typed in queries.items()}
        for name, answers in rounds.items():
            _note(sheet, f"search, {name}", [[answer] for answer in answers])
        sides = zip(*rounds.values(), strict=True)
        _note(sheet, "search, all", [list(side) for side in sides])


def _ask(pair: Pair, typed: list[str]) -> list[Answers]:
    paths = [f"/api/v1/search?limit=50&q={quote(words)}" for words in typed]
    askers = [(pair.lethe.server_pid, pair.lethe.connect().get_bytes, paths)]
    if pair.peer is not None:
        assert pair.peer.server is not None
        askers.append((pair.peer.server.pid, pair.peer.connect().get_bytes, paths))
    return list(ask_in_turn(askers))


def _note(sheet: Sheet, name: str, sides: list[list[Answers]]) -> None:
    times = [[each for answer in side for each in answer.times] for side in sides]
    sheet.add(f"{name}, p50", "ms", *map(p50, times))
    sheet.add(f"{name}, p95", "ms", *map(p95, times))
    cpu = (sum(answer.cpu for answer in side) for side in sides)
    sheet.add(f"{name}, CPU", "ms", *(each / len(times[0]) for each in cpu))


def make_queries(source: Path) -> dict[str, list[str]]:
    """Make queries of the words that the corpus's generator says it used; each time the same.

    Args:
        source: a corpus.
    """
    manifest: dict[str, Any] = json.loads((source / "manifest.json").read_text())
    terms = manifest["terms"]
    chance = random.Random(7)
    usual = terms["common"] + terms["mid"]
    pairs = [" ".join(chance.sample(usual, 2)) for _ in range(_OF_EACH_CLASS)]
    phrases = [f'"{phrase}"' for phrase in chance.sample(manifest["phrases"], _OF_EACH_CLASS)]
    single = {
        name.replace("_", " "): chance.choices(terms[name], k=_OF_EACH_CLASS)
        for name in ("very_common", "common", "mid", "rare")
    }
    return single | {"two words": pairs, "phrase": phrases}
