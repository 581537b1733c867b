"""A scripted writer: writes the samples of a plugin again, bit by bit, as its tool does.

Lines are appended in pieces that end anywhere, documents are rewritten with a message more each
time, databases get a row after the other. Which file goes on next is chance, the same for the same
seed, but for what all tools have in common: a session is there before its messages, a message is
finished after its parts, what is known of sessions elsewhere before they are written, and a sum
not before what it sums up.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from contextlib import closing

_PIECES = 12
#: Names of tables and directories, in the order in which they are written.
_ORDER = (
    *("project", "usage_ledger", "session", "sessions"),
    *("session_v2", "session_message", "part"),
)


class Replay:
    """Writes a directory again.

    Args:
        root: of the samples; it is emptied, and holds the same files at the end.
        suffixes: of the files that are transcripts; all others are there from the beginning.
        seed: of chance.
    """

    def __init__(self, root, suffixes, seed):
        self._root = root
        self._suffixes = suffixes
        self._chance = random.Random(seed)
        self._origin = root.with_name(f"{root.name}.origin")
        root.rename(self._origin)
        root.mkdir()
        self._tools = []

    def steps(self):
        """Write; yields after each step."""
        writers = []
        for path in sorted(self._origin.rglob("*")):
            target = self._root / path.relative_to(self._origin)
            if path.is_dir():
                target.mkdir(exist_ok=True)
            elif path.name.endswith((".db-wal", ".db-shm")):
                continue
            elif path.suffix in self._suffixes:
                writers.append((_rank(path.parts), self._writer(path, target)))
            else:
                shutil.copy2(path, target)
        while writers:
            first = min(rank for rank, _ in writers)
            writer = self._chance.choice([one for one in writers if one[0] == first])
            if next(writer[1], None) is None:
                writers.remove(writer)
            yield

    def close(self):
        """End the tools that hold databases open."""
        for tool in self._tools:
            tool.close()

    def _writer(self, path, target):
        match path.suffix:
            case ".jsonl":
                return self._append(path.read_bytes(), target)
            case ".json":
                return self._rewrite(path, target)
        return self._execute(path, target)

    def _append(self, data, target):
        cuts = sorted(self._chance.randrange(len(data) + 1) for _ in range(_PIECES)) if data else []
        with target.open("wb", buffering=0) as file:
            for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
                file.write(data[start:end])
                yield True

    def _rewrite(self, path, target):
        data = path.read_bytes()
        versions = [*_prefixes(data), data]
        for age, part in zip(range(len(versions))[::-1], versions, strict=True):
            newcomer = target.with_name(f"{target.name}.new")
            newcomer.write_bytes(part)
            modified = path.stat().st_mtime_ns - age * 10**9  # each version a second later
            os.utime(newcomer, ns=(modified, modified))
            newcomer.replace(target)
            yield True

    def _execute(self, path, target):
        with closing(sqlite3.connect(path)) as origin:
            statements = [line for line in origin.iterdump() if not line.startswith("BEGIN")]
        statements.sort(key=lambda line: _rank(line.partition(" VALUES")[0].split('"')))
        tool = sqlite3.connect(target, isolation_level=None, check_same_thread=False)
        self._tools.append(tool)
        tool.execute("PRAGMA journal_mode=WAL")
        for statement in statements:
            if statement != "COMMIT;":
                tool.execute(statement)
                yield True


def _rank(names):
    """Tell when a file or row is written: by the first of its names that says so."""
    if names[0].startswith("CREATE"):
        return -1
    return min((_ORDER.index(name) for name in names if name in _ORDER), default=len(_ORDER))


def _prefixes(data):
    """Give the versions of a document that has its longest list grow by an item at a time."""
    try:
        document = json.loads(data)
    except ValueError:
        return
    if isinstance(document, list):
        for length in range(len(document)):
            yield json.dumps(document[:length]).encode()
        return
    if not isinstance(document, dict):
        return
    lists = {name: value for name, value in document.items() if isinstance(value, list)}
    if not lists:
        return
    name = max(lists, key=lambda name: len(lists[name]))
    for length in range(len(lists[name])):
        yield json.dumps(document | {name: lists[name][:length]}).encode()
