"""Count what sessions of Copilot CLI hold, by their JSON alone: no parser, no lethe."""

from __future__ import annotations

import json
import sys
from pathlib import Path

FIELDS = ("prompts", "answers", "tool_calls", "input", "output", "cache_read")


def records(path: Path) -> list[dict]:
    """Read the lines of a file that are objects with data."""
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("data"), dict):
            found.append(value)
    return found


def ends(rows: list[dict]) -> dict[str, int]:
    """Add up the tokens of all ends of a process."""
    sums = {"input": 0, "output": 0, "cache_read": 0}
    for row in rows:
        if row["type"] != "session.shutdown":
            continue
        usages = [m.get("usage") for m in (row["data"].get("modelMetrics") or {}).values()]
        for usage in filter(None, usages):
            cached = usage["cacheReadTokens"] + usage["cacheWriteTokens"]
            sums["input"] += usage["inputTokens"] - cached
            sums["output"] += usage["outputTokens"]
            sums["cache_read"] += usage["cacheReadTokens"]
        if not any(usages):
            for name in sums:
                entry = (row["data"].get("tokenDetails") or {}).get(name) or {}
                sums[name] += entry.get("tokenCount", 0)
    return sums


def count(path: Path) -> dict[str, int]:
    """Count one file."""
    rows = records(path)
    messages = [row["data"] for row in rows if row["type"] == "assistant.message"]
    asked = {r["toolCallId"] for message in messages for r in message.get("toolRequests") or []}
    started = {r["data"]["toolCallId"] for r in rows if r["type"] == "tool.execution_start"}
    tokens = ends(rows)
    output = sum(message.get("outputTokens") or 0 for message in messages)
    return {
        "prompts": sum(row["type"] == "user.message" for row in rows),
        "answers": sum(bool(message.get("content")) for message in messages),
        "tool_calls": len(asked | started),
        **tokens,
        "output": max(tokens["output"], output),
    }


def files(folder: Path) -> list[Path]:
    """Name the sessions of a folder."""
    return sorted(path for path in folder.rglob("*.jsonl") if records(path))


def main() -> None:
    """Print a table of a folder's files."""
    folder = Path(sys.argv[1])
    print(*FIELDS, "file", sep="\t")
    for path in files(folder):
        print(*count(path).values(), path.relative_to(folder), sep="\t")


if __name__ == "__main__":
    main()
