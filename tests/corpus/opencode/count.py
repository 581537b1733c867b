"""Count what opencode's databases and exports hold, by SQL and JSON alone: no parser, no lethe.

A message counts once by its id, in the newer of two tables. A prompt is a user's message with words
of their own or a file; an answer is a text that is not empty. Tokens are those of the replies that
were finished, by the time they were made, since a fork copies them under other ids.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

FIELDS = ("sessions", "prompts", "answers", "tool_calls", "tool_results")
TOKENS = ("input", "output", "cache_read", "cache_write", "reasoning")


def files(folder: Path) -> list[Path]:
    """Name the databases and the exports below a folder."""
    exports = (path for path in folder.rglob("ses_*.json") if path.parent.name == "export")
    return sorted([*folder.rglob("*.db"), *exports])


def count(path: Path) -> dict[str, int]:
    """Count one database or export."""
    if path.suffix == ".json":
        export = json.loads(path.read_text(encoding="utf-8"))
        messages = {
            str(number): (one["info"], one["parts"])
            for number, one in enumerate(export["messages"])
        }
        return count_messages(messages) | {"sessions": 1}
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "copy.db"
        shutil.copyfile(path, copy)
        log = path.with_name(path.name + "-wal")
        if log.exists():
            shutil.copyfile(log, copy.with_name("copy.db-wal"))
        connection = sqlite3.connect(copy)
        try:
            return count_database(connection)
        finally:
            connection.close()


def count_database(connection: sqlite3.Connection) -> dict[str, int]:
    """Count the tables of both generations."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    messages: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
    sessions: set[str] = set()
    if "message" in tables:
        sessions |= {name for (name,) in connection.execute("SELECT id FROM session")}
        for name, data in connection.execute("SELECT id, data FROM message"):
            messages[name] = (json.loads(data), [])
        for name, data in connection.execute("SELECT message_id, data FROM part"):
            messages[name][1].append(json.loads(data))
    if "session_v2" in tables:
        sessions |= {name for (name,) in connection.execute("SELECT id FROM session_v2")}
        for name, kind, data in connection.execute("SELECT id, type, data FROM session_message"):
            value = json.loads(data)
            parts = value.get("content", [])
            if kind == "user":
                parts = [{"type": "text", "text": value["text"]}]
            messages[name] = (value | {"role": kind}, parts)
    return count_messages(messages) | {"sessions": len(sessions)}


def count_messages(messages: dict[str, tuple[dict, list[dict]]]) -> dict[str, int]:
    """Count messages with their parts."""
    counts = dict.fromkeys((*FIELDS, *TOKENS), 0)
    replies = {}
    for message, parts in messages.values():
        said = [p for p in parts if p["type"] == "text" and p["text"].strip()]
        if message["role"] == "user":
            own = [p for p in said if not p.get("synthetic") and not p.get("ignored")]
            counts["prompts"] += bool(own or [p for p in parts if p["type"] == "file"])
        if message["role"] != "assistant":
            continue
        counts["answers"] += len(said)
        calls = [p["state"] for p in parts if p["type"] == "tool"]
        counts["tool_calls"] += len(calls)
        counts["tool_results"] += sum(c["status"] in ("completed", "error") for c in calls)
        tokens = message.get("tokens")
        if tokens and (message.get("finish") or message["time"].get("completed")):
            replies[json.dumps([message["time"]["created"], tokens], sort_keys=True)] = tokens
    for tokens in replies.values():
        counts["input"] += tokens["input"]
        counts["output"] += tokens["output"] + tokens["reasoning"]
        counts["cache_read"] += tokens["cache"]["read"]
        counts["cache_write"] += tokens["cache"]["write"]
        counts["reasoning"] += tokens["reasoning"]
    return counts


def main(folder: Path) -> None:
    """Print a table of all databases and exports."""
    names = (*FIELDS, *TOKENS)
    print(" ".join(f"{name:>12}" for name in names))
    total = dict.fromkeys(names, 0)
    for path in files(folder):
        counted = count(path)
        total = {name: total[name] + counted[name] for name in names}
        print(" ".join(f"{counted[name]:12}" for name in names), path.relative_to(folder))
    print(" ".join(f"{total[name]:12}" for name in names), "all")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
