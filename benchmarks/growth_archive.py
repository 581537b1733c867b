"""Made-up archives of any size, filled by the storage that the server uses, without HTTP."""

from __future__ import annotations

import itertools
import random
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from lethe_core.wire import decode_line
from lethe_server.storage.database import open_database, prepare_directory
from lethe_server.storage.migrations import migrate
from lethe_server.storage.records import prepare_record
from lethe_server.storage.reindexing import update_indexes
from lethe_server.storage.transactions import write_transaction
from lethe_server.storage.turns import store_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: Words by the share of turns that have them; `RARE` stands in a fixed number of turns.
COMMON: Final = "thirtyw"
SELDOM: Final = "onew"
RARE: Final = "rareword"
#: What the titles of a few sessions hold.
TITLED: Final = "migration"

PROJECTS: Final = 20
HOSTS: Final = ("laptop", "tower")
TOOL: Final = "claude-code"

_BATCH: Final = 2000
_EPOCH: Final = 1_760_000_000.0
_YEAR: Final = 365 * 86_400.0
_SECONDS_OF_TURN: Final = 20.0
_RARE_TURNS: Final = 20
_TITLED_SESSIONS: Final = 20
#: So many turns are one round of prompt, calls and answer.
_CYCLE: Final = ("user", "assistant", "tool", "assistant", "tool", "assistant")
_SPREAD: Final = 0x9E3779B1


class Part(NamedTuple):
    """Turns that are added to an archive.

    Args:
        owner: whose.
        sessions: the first session, and the one behind the last.
        turns: of each session the first turn, and the one behind the last.
        marked: whether there are turns with the rare word among them.
    """

    owner: str
    sessions: range
    turns: range
    marked: bool = True

    @property
    def size(self) -> int:
        """How many turns these are."""
        return len(self.sessions) * len(self.turns)


def session_name(number: int) -> str:
    """Return the id of a session.

    Args:
        number: of the session.
    """
    return f"session-{number:06}"


def session_host(number: int) -> str:
    """Return the host of a session.

    Args:
        number: of the session.
    """
    return HOSTS[number % len(HOSTS)]


def fill(directory: Path, parts: Iterable[Part]) -> float:
    """Add turns to an archive that no server has open.

    Args:
        directory: of the database.
        parts: what to add.

    Returns:
        Seconds of CPU.
    """
    database = open_database(prepare_directory(directory), writer=True)
    begun = time.process_time()
    try:
        connection = database.connection()
        migrate(connection)
        update_indexes(connection)
        connection.pragma("synchronous", "off")
        for part in parts:
            done = 0
            events = _events(part)
            while batch := list(itertools.islice(events, _BATCH)):
                records = [prepare_record(decode_line(line)) for line in batch]
                with write_transaction(connection):
                    store_records(connection, part.owner, records)
                done += len(batch)
                if done % (50 * _BATCH) == 0:
                    print(f"  {done:,} of {part.size:,} turns", flush=True)
        connection.wal_checkpoint(mode=3)
    finally:
        database.close()
    return time.process_time() - begun


def _events(part: Part) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    chance = random.Random(part.sessions.start * _SPREAD + part.turns.start)
    words = _vocabulary()
    weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(len(words))))
    for session in part.sessions:
        for number in part.turns:
            text = chance.choices(words, cum_weights=weights, k=chance.randint(8, 32))
            for word, share in ((COMMON, 0.3), (SELDOM, 0.01)):
                if chance.random() < share:
                    text.insert(chance.randrange(len(text)), word)
            if part.marked and number == 0 and session < _RARE_TURNS:
                text.append(RARE)
            yield encode(make_turn(session, number, " ".join(text)))


def make_turn(session: int, number: int, text: str) -> dict[str, Any]:
    """Return a turn as it comes over the wire.

    Args:
        session: by number.
        number: of the turn in the session.
        text: that it holds.
    """
    role = _CYCLE[number % len(_CYCLE)]
    name = session_name(session)
    begin = _EPOCH + (session * _SPREAD % 2**32) / 2**32 * _YEAR
    turn: dict[str, Any] = {
        "tool": TOOL,
        "host": session_host(session),
        "session_id": name,
        "turn_id": f"{name}-{number}",
        "seq": number * 1000,
        "role": role,
        "timestamp": begin + number * _SECONDS_OF_TURN,
        "content": text,
    }
    if number == 0:
        title = f"the {TITLED} of parts" if session < _TITLED_SESSIONS else f"work {session}"
        turn["session_meta"] = {
            "title": title,
            "working_dir": f"/home/dev/project-{session % PROJECTS}",
            "source_file": f"/home/dev/.claude/{name}.jsonl",
        }
    call = {"id": f"call-{number - number % 2}", "name": "Bash"}
    if role == "tool":
        turn |= {"content": "", "tool_calls": [call | {"output": text}]}
        turn["metadata"] = {"kind": "tool_result"}
    elif role == "assistant":
        is_call = number % len(_CYCLE) != len(_CYCLE) - 1
        turn["model"] = "claude-made-up"
        turn["usage"] = {"key": f"{name}-{number}", "input": 9, "output": len(text) // 4}
        turn["metadata"] = {"kind": "tool_call" if is_call else "answer"}
        if is_call:
            turn["tool_calls"] = [call | {"input": {"command": text[:40]}}]
    return turn


def _vocabulary() -> list[str]:
    chance = random.Random(1)
    syllables = [a + b for a in "bdfghklmnprstvz" for b in "aeiou"]
    words = {
        "".join(chance.choices(syllables, k=chance.randint(2, 4))): None for _ in range(30_000)
    }
    return list(words)
