"""The oracle: is everything that was ever complete on disk in the archive, once, and in order?

`Model` is what a test knows of its own transcripts. `Archive` is what there is in the end: the
turns of the server, and what the collector keeps or has given up. `check` compares the two; all
tests of faults use it, and no other way of counting.

What is sent twice on the wire is no violation: delivery is at least once, the archive holds it
once. `Archive.sent_again` tells how often that happened.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import zstandard

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Key(NamedTuple):
    """A record of a model, as the turn that it becomes."""

    session_id: str
    turn_id: str


@dataclass
class Model:
    """What stood on disk.

    Args:
        possible: every record that was ever complete, if only for a moment.
        owed: those that were there when a collector had looked at everything: nothing excuses
            their absence.
        orders: records that stood in one file together, in its order.
    """

    possible: set[Key] = field(default_factory=set)
    owed: set[Key] = field(default_factory=set)
    orders: list[list[Key]] = field(default_factory=list)

    def owe(self, keys: Iterable[Key]) -> None:
        """Note the records that stand in a file now and can be read."""
        keys = list(keys)
        self.possible.update(keys)
        self.owed.update(keys)
        self.orders.append(list(dict.fromkeys(keys)))


@dataclass
class Archive:
    """What became of it.

    Args:
        turns: of each session the turns that the server has, in the order in which it gives them.
        dead: records in the dead letters.
        waiting: records in the outbox.
        hits: of each turn, how often a search for the one word that it alone has finds it;
            `None` if there is no search.
        counted: turns by the statistics of the server; `None` if there are none.
        sent_again: events that came more than once on the wire.
    """

    turns: dict[str, list[str]] = field(default_factory=dict)
    dead: set[Key] = field(default_factory=set)
    waiting: set[Key] = field(default_factory=set)
    hits: dict[Key, int] | None = None
    counted: int | None = None
    sent_again: int = 0

    @classmethod
    def of_fake(cls, server, state_dir: Path | None = None) -> Archive:
        """Look at a `FakeServer`, and at a collector's state."""
        placed = defaultdict(list)
        for event in server.events.values():
            if not _is_unmapped(event):
                placed[event["session_id"]].append((event["seq"], event["turn_id"]))
        turns = {name: [turn for _, turn in sorted(rows)] for name, rows in placed.items()}
        again = sum(count - 1 for count in server.sent.values())
        kept = Ledger.read(state_dir) if state_dir else Ledger()
        return cls(turns, kept.dead, kept.waiting, sent_again=again)


@dataclass
class Ledger:
    """What a collector's state holds.

    Args:
        positions: of each transcript, the offset behind which it has not been read.
        dead: records in the dead letters.
        waiting: records in the outbox.
    """

    positions: dict[str, int] = field(default_factory=dict)
    dead: set[Key] = field(default_factory=set)
    waiting: set[Key] = field(default_factory=set)

    @classmethod
    def read(cls, state_dir: Path) -> Ledger:
        """Read ``state.db``; nothing is there before the first run."""
        file = state_dir / "state.db"
        if not file.exists():
            return cls()
        uri = f"{file.as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=60)) as connection:
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return cls()
            places = connection.execute("SELECT path, position FROM sources").fetchall()
            bodies = connection.execute("SELECT body FROM outbox").fetchall()
            dead = connection.execute("SELECT session_id, turn_id FROM dead_letters").fetchall()
        waiting = [
            msgspec.json.decode(line)
            for (body,) in bodies
            for line in zstandard.ZstdDecompressor().decompress(body).split(b"\n")
        ]
        return cls(
            {os.fsdecode(path): position for path, position in places},
            {Key(*row) for row in dead},
            {
                Key(event["session_id"], event["turn_id"])
                for event in waiting
                if not _is_unmapped(event)
            },
        )


def _is_unmapped(event):
    """Whether a turn stands for a line that is no record: no record of a model becomes one."""
    return event.get("metadata", {}).get("kind") == "unmapped"


def check(model: Model, archive: Archive) -> None:
    """Compare what is there with what was on disk.

    Raises:
        AssertionError: a record is missing, twice, invented, out of order or not found.
    """
    stored = [Key(name, turn) for name, turns in archive.turns.items() for turn in turns]
    there = set(stored)
    accounted = there | archive.dead | archive.waiting
    missing = model.owed - accounted
    assert not missing, f"{len(missing)} missing, such as {sorted(missing)[:5]}"
    twice = [key for key, count in Counter(stored).items() if count > 1]
    assert not twice, f"{len(twice)} twice, such as {twice[:5]}"
    invented = accounted - model.possible
    assert not invented, f"{len(invented)} never written, such as {sorted(invented)[:5]}"
    places = {key: place for place, key in enumerate(stored)}
    for order in model.orders:
        got = [places[key] for key in order if key in places]
        assert got == sorted(got), f"out of order: {order[0].session_id}"
    if archive.hits is not None:
        wrong = {key: archive.hits.get(key, 0) for key in there if archive.hits.get(key) != 1}
        assert not wrong, f"{len(wrong)} not found once, such as {list(wrong.items())[:5]}"
    if archive.counted is not None:
        assert archive.counted == len(stored), "statistics and turns disagree"


def check_cursors(ends: dict[str, list[tuple[int, Key]]], ledger: Ledger, stored: set[Key]) -> None:
    """Compare cursors with what was acknowledged (P2).

    Args:
        ends: of each transcript that only grew, the records with the offset behind each.
        ledger: of the collector.
        stored: what the server has.

    Raises:
        AssertionError: a cursor stands behind a record that is neither archived nor kept.
    """
    safe = stored | ledger.waiting | ledger.dead
    for path, records in ends.items():
        position = ledger.positions.get(path, 0)
        ahead = [key for end, key in records if end <= position and key not in safe]
        assert not ahead, f"the cursor of {path} is ahead of {ahead[:5]}"
