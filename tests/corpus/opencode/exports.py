"""Sessions that `opencode export` wrote, put into the forms in which opencode keeps them."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def load(path: Path) -> dict:
    """Load an export; ids that were redacted are numbered."""
    export = json.loads(path.read_text(encoding="utf-8"))
    for number, one in enumerate(export["messages"]):
        for index, value in enumerate([one["info"], *one["parts"]]):
            if value["id"] == "REDACTED":
                value["id"] = f"redacted_{number:04}_{index:04}"
    return export


def write_files(storage: Path, export: dict) -> None:
    """Write an export as opencode 1.1 kept it."""
    info = export["info"]
    write(storage / "session" / info["projectID"] / f"{info['id']}.json", info)
    for one in export["messages"]:
        message = one["info"]
        write(storage / "message" / info["id"] / f"{message['id']}.json", message)
        for part in one["parts"]:
            write(storage / "part" / message["id"] / f"{part['id']}.json", part)


def write(path: Path, value: dict) -> None:
    """Write one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def write_tables(path: Path, export: dict) -> None:
    """Write an export into the tables of opencode 1.2."""
    info = export["info"]
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE session (id TEXT PRIMARY KEY, parent_id, directory, title, version,"
        " time_created, time_updated);"
        "CREATE TABLE message (id TEXT PRIMARY KEY, session_id, time_created, time_updated, data);"
        "CREATE TABLE part (id TEXT PRIMARY KEY, message_id, session_id, time_created,"
        " time_updated, data);"
    )
    times = (info["time"]["created"], info["time"]["updated"])
    row = (info["id"], info.get("parentID"), info["directory"], info["title"], info["version"])
    connection.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, *times))
    for one in export["messages"]:
        message = one["info"]
        created = message["time"]["created"]
        row = (message["id"], info["id"], created, message["time"].get("completed", created))
        connection.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?)", (*row, dumped(message)))
        for part in one["parts"]:
            row = (part["id"], message["id"], info["id"], created, created, dumped(part))
            connection.execute("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", row)
    connection.commit()
    connection.close()


def dumped(value: dict) -> str:
    """Leave out what has columns of its own."""
    own = ("id", "sessionID", "messageID")
    return json.dumps({name: one for name, one in value.items() if name not in own})
