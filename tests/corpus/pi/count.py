"""Count what sessions of pi hold, by their JSON alone: no parser, no lethe."""

from __future__ import annotations

import json
import sys
from pathlib import Path

FIELDS = ("prompts", "answers", "tool_calls", "input", "output", "cache_read")


def records(path: Path) -> list[dict]:
    """Read the lines of a file that are objects."""
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def blocks(message: dict, kind: str) -> list[dict]:
    """Name the blocks of a kind; a text alone is a block."""
    content = message.get("content") or []
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return [block for block in content if block.get("type") == kind]


def count(path: Path) -> dict[str, int]:
    """Count one file."""
    messages = [row["message"] for row in records(path) if row.get("type") == "message"]
    answers = [message for message in messages if message.get("role") == "assistant"]
    usages = [message.get("usage") or {} for message in answers]
    return {
        "prompts": sum(message.get("role") == "user" for message in messages),
        "answers": sum(len(blocks(message, "text")) for message in answers),
        "tool_calls": sum(len(blocks(message, "toolCall")) for message in answers),
        "input": sum(usage.get("input", 0) for usage in usages),
        "output": sum(usage.get("output", 0) for usage in usages),
        "cache_read": sum(usage.get("cacheRead", 0) for usage in usages),
    }


def files(folder: Path) -> list[Path]:
    """Name the sessions of a folder: those whose head is pi's."""
    return sorted(
        path
        for path in folder.rglob("*.jsonl")
        if any(row.get("type") == "message" for row in records(path))
    )


def main() -> None:
    """Print a table of a folder's files."""
    folder = Path(sys.argv[1])
    print(*FIELDS, "file", sep="\t")
    for path in files(folder):
        print(*count(path).values(), path.relative_to(folder), sep="\t")


if __name__ == "__main__":
    main()
