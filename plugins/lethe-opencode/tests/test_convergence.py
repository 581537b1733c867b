"""However opencode's writes and the reads fall together, the archive ends up the same."""

from __future__ import annotations

import contextlib
import json
import random
from typing import TYPE_CHECKING

import apsw
import pytest

import lethe_core.passes
from lethe_core import TurnEvent
from lethe_core.testing import only_source
from lethe_opencode import OpencodeParser

if TYPE_CHECKING:
    from pathlib import Path

    from lethe_core.sources import Record

SCHEMA = """
CREATE TABLE session (id TEXT PRIMARY KEY, directory, title, version, time_created, time_updated);
CREATE TABLE message (id TEXT PRIMARY KEY, session_id, time_created, time_updated, data);
CREATE TABLE part (id TEXT PRIMARY KEY, message_id, session_id, time_created, time_updated, data);
"""
START = 1_790_000_000_000


class Writer:
    """Writes like opencode, at random: often several times in one millisecond.

    Args:
        path: the database.
        seed: of the random numbers.
    """

    def __init__(self, path: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.connection = apsw.Connection(str(path))
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute(SCHEMA)
        self.connection.execute("INSERT INTO session VALUES ('ses', '~', 'T', '1', 1, 1)")
        self.now = START
        self.count = 0
        self.texts: dict[str, str] = {}
        self.times: dict[str, int] = {}

    def step(self) -> None:
        """Do one thing."""
        self.now += self.chance.choice((0, 0, 0, 1, 3, 40))
        match self.chance.randrange(10):
            case 0 | 1:
                self.count += 1
                self.put("message", f"m{self.count}", {"role": "assistant", "modelID": "m"})
            case 2 | 3 | 4 if self.count:
                message = self.chance.randint(max(1, self.count - 3), self.count)
                name = f"m{message}p{self.chance.randrange(4)}"
                self.texts[name] = self.texts.get(name, "") + f"word {self.chance.random()} "
                data = {"type": "text", "text": self.texts[name]}
                self.put("part", name, data, message=f"m{message}")
            case 5 | 6 if self.count:
                message = self.chance.randint(1, self.count)
                data = {"role": "assistant", "modelID": "m", "finish": "stop"}
                data["tokens"] = {"input": message, "output": 1}
                self.put("message", f"m{message}", data)
            case 7 if self.count > 3:
                name = f"m{self.count}"
                self.connection.execute("DELETE FROM part WHERE message_id = ?", (name,))
                self.connection.execute("DELETE FROM message WHERE id = ?", (name,))
            case 8:
                self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def put(self, table: str, name: str, data: dict, message: str = "") -> None:
        """Insert a row or update it in place; one in four bears a time that has just passed.

        The time of one row never goes back: a message is written by one process.
        """
        time = max(self.now - self.chance.choice((0, 0, 0, 30)), self.times.get(name, 0))
        self.times[name] = time
        columns = {"id": name, "session_id": "ses", "data": json.dumps(data)}
        columns |= {"time_created": time, "time_updated": time}
        if message:
            columns["message_id"] = message
        marks = ", ".join("?" * len(columns))
        self.connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT (id)"
            " DO UPDATE SET data = excluded.data, time_updated = excluded.time_updated",
            tuple(columns.values()),
        )


def keep(archive: dict[str, TurnEvent], record: Record) -> None:
    """Keep the higher revision of a turn, and of one revision the first, as the archive does."""
    for event in record.events:
        if isinstance(event, TurnEvent):
            known = archive.get(event.turn_id)
            if known is None or event.revision > known.revision:
                archive[event.turn_id] = event


@pytest.mark.promise("P3", "P5", "C30", "C31", "C32")
@pytest.mark.parametrize("seed", range(20))
def test_reads_between_random_writes_miss_nothing(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the archive keeps is what a whole read delivers, for all that is still there."""
    if seed % 2:  # remember even a few places from one read to the next
        monkeypatch.setattr(lethe_core.passes, "_REMEMBERED", 0)
    path = tmp_path / "opencode.db"
    writer = Writer(path, seed)
    parser = OpencodeParser()
    delivered: dict[str, TurnEvent] = {}
    cursor = None
    with contextlib.closing(writer.connection):
        for _ in range(150):
            for _ in range(writer.chance.randrange(4)):
                writer.step()
            stop = writer.chance.choice((1, 3, 10**6))
            for number, record in enumerate(parser.read(only_source(parser, path), cursor), 1):
                cursor = record.cursor
                keep(delivered, record)
                if writer.chance.random() < 0.2:
                    writer.step()
                if number == stop:
                    break
        for _ in range(2):  # what changed during a read is there in the next one
            for record in parser.read(only_source(parser, path), cursor):
                cursor = record.cursor
                keep(delivered, record)
        whole = parser.read(only_source(parser, path), None)
        expected = {
            e.turn_id: (e.content, e.usage)
            for record in whole
            for e in record.events
            if isinstance(e, TurnEvent)
        }
    actual = {name: (turn.content, turn.usage) for name, turn in delivered.items()}
    assert expected == {name: actual.get(name) for name in expected}
