"""Memory stays bounded however large a source is; read by a process of its own."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

GIB = 2**30
MIB = 2**20
#: What a process may take that has Python, lethe and one source in hand.
MOST_BYTES = 128 * MIB

READ = """
import json, re, sys
from pathlib import Path
from lethe_core.plugins import load_parsers

parser = load_parsers().get(sys.argv[1])
[source] = parser.discover(Path(sys.argv[2]))
turns = 0
for record in parser.read(source, None):
    turns += len(record.events)
# Not ru_maxrss: a process inherits that of the one that started it.
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
print(json.dumps({"turns": turns, "peak": peak, "size": source.size}))
"""


def read(tool, path):
    """Read a source; give the number of events, the peak of memory and the size, in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", READ, tool, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_lines(path, size):
    """Write a transcript of Claude Code with prompts of 60 kB."""
    block = b"".join(
        json.dumps(
            {
                "type": "user",
                "uuid": f"{number:08}-0000-4000-8000-000000000000",
                "timestamp": "2026-04-01T08:00:00.000Z",
                "sessionId": "large",
                "message": {"role": "user", "content": "word " * 12_000},
            }
        ).encode()
        + b"\n"
        for number in range(64)
    )
    count = 0
    with path.open("wb") as file:
        while file.tell() < size:
            file.write(block)
            count += 64
    return count


def write_rows(path, size):
    """Write a database of opencode with messages of one part of 60 kB."""
    part = json.dumps({"type": "text", "text": "word " * 12_000})
    count = size // len(part)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            "CREATE TABLE session (id TEXT PRIMARY KEY, parent_id, directory, title, version,"
            " time_created, time_updated);"
            "CREATE TABLE message (id TEXT PRIMARY KEY, session_id, time_created, time_updated,"
            " data);"
            "CREATE TABLE part (id TEXT PRIMARY KEY, message_id, session_id, time_created,"
            " time_updated, data);"
            "CREATE INDEX part_message ON part (message_id);"
            "CREATE INDEX message_session ON message (session_id, time_created);"
            "INSERT INTO session VALUES ('s', NULL, '~/d', 'T', '1.2.0', 1, 1);"
        )
        times = [1_790_000_000_000 + 1000 * number for number in range(count)]
        connection.executemany(
            "INSERT INTO message VALUES (?, 's', ?, ?, '{\"role\":\"user\"}')",
            [(f"m{number:08}", time, time) for number, time in enumerate(times)],
        )
        connection.executemany(
            "INSERT INTO part VALUES (?, ?, 's', ?, ?, ?)",
            ((f"p{n:08}", f"m{n:08}", time, time, part) for n, time in enumerate(times)),
        )
        connection.commit()
    return count


@pytest.mark.promise("P10")
def test_a_gibibyte_of_lines_is_read_in_little_memory(tmp_path):
    """A transcript of 1 GiB is read to its end, record by record."""
    path = tmp_path / "0b6c8f1e-92a4-4d57-8a63-1f2e3d4c5b6a.jsonl"
    written = write_lines(path, GIB)

    told = read("claude-code", path)

    assert told["size"] >= GIB
    assert told["turns"] == written
    assert told["peak"] < MOST_BYTES


@pytest.mark.promise("P10")
def test_a_gibibyte_of_rows_is_read_in_little_memory(tmp_path):
    """A database of 1 GiB is read to its end, row by row."""
    path = tmp_path / "opencode.db"
    written = write_rows(path, GIB)

    told = read("opencode", path)

    assert told["size"] >= GIB * 9 // 10
    assert told["turns"] == written + 1
    assert told["peak"] < MOST_BYTES
