"""Count what databases of Crush hold, by SQL and JSON alone: no parser, no lethe.

A prompt is a message of the role ``user`` with text; an answer or a call is a part of a message of
the role ``assistant``. Crush records no tokens per reply, so that there are none to count.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

FIELDS = ("sessions", "prompts", "answers", "tool_calls", "tool_results")


def files(folder: Path) -> list[Path]:
    """Name the databases below a folder."""
    return sorted([*folder.rglob("crush.db"), *folder.rglob("opencode.db")])


def count(path: Path) -> dict[str, int]:
    """Count one database, in a copy of it and its log."""
    counts = dict.fromkeys(FIELDS, 0)
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "copy.db"
        shutil.copyfile(path, copy)
        log = path.with_name(path.name + "-wal")
        if log.exists():
            shutil.copyfile(log, copy.with_name("copy.db-wal"))
        connection = sqlite3.connect(copy)
        rows = connection.execute("SELECT session_id, role, parts FROM messages").fetchall()
        sessions = connection.execute("SELECT id FROM sessions").fetchall()
        connection.close()
    counts["sessions"] = sum(not name.startswith("title-") for (name,) in sessions)
    for session, role, parts in rows:
        if session.startswith("title-"):
            continue
        kinds = [part["type"] for part in json.loads(parts) if said(part)]
        counts["prompts"] += role == "user" and "text" in kinds
        if role == "assistant":
            counts["answers"] += kinds.count("text")
        counts["tool_calls"] += kinds.count("tool_call")
        counts["tool_results"] += kinds.count("tool_result")
    return counts


def said(part: dict) -> bool:
    """Leave texts of nothing out."""
    return part["type"] != "text" or bool(part["data"]["text"].strip())


def main(folder: Path) -> None:
    """Print a table of all databases."""
    print(" ".join(f"{field:>12}" for field in FIELDS))
    total = dict.fromkeys(FIELDS, 0)
    for path in files(folder):
        counted = count(path)
        total = {field: total[field] + counted[field] for field in FIELDS}
        print(" ".join(f"{counted[field]:12}" for field in FIELDS), path.relative_to(folder))
    print(" ".join(f"{total[field]:12}" for field in FIELDS), "all")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
