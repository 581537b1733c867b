"""How quickly searches over a corpus are answered over HTTP, by how common the words are."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from benchmarks.measuring import p50, p95
from benchmarks.pair import ask_in_turn
from benchmarks.peer import ALL_SESSIONS

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measuring import Sheet
    from benchmarks.pair import Answers, Pair

_ROUNDS = 3
#: Of the peer: messages that hold all words.
_MESSAGES = f"/api/v1/search/content?mode=fts{ALL_SESSIONS}"
#: The 200 queries: how many there are of each class.
_WORDS = {"very common": 20, "common": 30, "mid": 30, "rare": 20}
_TWO_WORDS = 40
_THREE_WORDS = 20
_PHRASES = 40


def measure(pair: Pair, sheet: Sheet) -> None:
    """Ask for 200 searches, one after the other over one connection.

    The peer searches messages and gives the sessions of hits; in a second pass it is asked for the
    messages themselves, which is less work.
    """
    queries = make_queries(pair.lethe.source)
    for _ in range(_ROUNDS):
        rounds = {name: _ask(pair, typed) for name, typed in queries.items()}
        for name, answers in rounds.items():
            _note(sheet, f"search, {name}", [[answer] for answer in answers])
        sides = zip(*rounds.values(), strict=True)
        _note(sheet, "search, all", [list(side) for side in sides])
        if pair.peer is not None:
            typed = [each for of_class in queries.values() for each in of_class]
            _note(sheet, "search, all, to messages", [[side] for side in _ask(pair, typed, True)])


def _ask(pair: Pair, typed: list[str], messages: bool = False) -> list[Answers]:
    paths = [f"/api/v1/search?limit=50&q={quote(words)}" for words in typed]
    askers = [(pair.lethe.server_pid, pair.lethe.connect().get_bytes, paths)]
    if pair.peer is not None:
        assert pair.peer.server is not None
        theirs = paths
        if messages:
            theirs = [f"{_MESSAGES}&limit=50&pattern={quote(words)}" for words in typed]
        askers.append((pair.peer.server.pid, pair.peer.connect().get_bytes, theirs))
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
    queries = {
        name: chance.choices(terms[name.replace(" ", "_")], k=count)
        for name, count in _WORDS.items()
    }
    for name, kinds, count in (
        ("two words", ("common", "mid"), _TWO_WORDS),
        ("three words", ("common", "mid", "mid"), _THREE_WORDS),
    ):
        queries[name] = [
            " ".join(chance.choice(terms[kind]) for kind in kinds) for _ in range(count)
        ]
    queries["phrase"] = [
        f'"{phrase}"' for phrase in chance.choices(manifest["phrases"], k=_PHRASES)
    ]
    return queries
