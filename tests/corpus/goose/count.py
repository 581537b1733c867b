"""Count what databases of goose hold, by SQL and JSON alone: no parser, no lethe.

A prompt is a message of a person with text; answers and calls are parts of the assistant's
messages. Tokens are the sums of the sessions.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

FIELDS = ("prompts", "answers", "tool_calls", "input", "output", "cache_read")
SUMS = """
    SELECT ifnull(sum(accumulated_input_tokens), 0), ifnull(sum(accumulated_output_tokens), 0)
    FROM sessions
"""


def files(folder: Path) -> list[Path]:
    """Name the databases below a folder."""
    return sorted(folder.rglob("sessions.db"))


def count(path: Path) -> dict[str, int]:
    """Count one database, in a copy of it."""
    counts = dict.fromkeys(FIELDS, 0)
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "copy.db"
        shutil.copyfile(path, copy)
        connection = sqlite3.connect(copy)
        rows = connection.execute("SELECT role, content_json FROM messages").fetchall()
        [(counts["input"], counts["output"])] = connection.execute(SUMS).fetchall()
        connection.close()
    for role, content in rows:
        kinds = [part["type"] for part in json.loads(content)]
        counts["prompts"] += role == "user" and "text" in kinds
        counts["answers"] += kinds.count("text") if role == "assistant" else 0
        counts["tool_calls"] += kinds.count("toolRequest")
    return counts


def main() -> None:
    """Print a table of a folder's databases."""
    folder = Path(sys.argv[1])
    print(*FIELDS, "file", sep="\t")
    for path in files(folder):
        print(*count(path).values(), path.relative_to(folder), sep="\t")


if __name__ == "__main__":
    main()
