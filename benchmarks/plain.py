"""The plainest program that makes transcripts searchable: what the guard compares with.

`python -m benchmarks.plain DIRECTORY` decodes all lines below it and puts them into one table and
one FTS5 index of the standard library's SQLite, in memory: no network, no durability, no
deduplication, no outputs.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path


def main() -> None:
    """Index the transcripts below the directory that is given."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE turns (id INTEGER PRIMARY KEY, session TEXT, body TEXT)")
    database.execute("CREATE VIRTUAL TABLE words USING fts5(body, content='')")
    for number, path in enumerate(Path(sys.argv[1]).rglob("*.jsonl")):
        rows = [
            (number << 20 | index, path.stem, json.dumps(json.loads(line)["message"]))
            for index, line in enumerate(path.read_text().splitlines())
        ]
        database.executemany("INSERT INTO turns VALUES (?, ?, ?)", rows)
        database.executemany(
            "INSERT INTO words (rowid, body) VALUES (?, ?)", [(row[0], row[2]) for row in rows]
        )
    database.commit()


if __name__ == "__main__":
    main()
