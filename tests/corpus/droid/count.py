"""Count what sessions of Factory Droid hold, by their JSON alone: no parser, no lethe.

A prompt is a text of the role ``user`` that is more than what Droid put before it. Tokens stand in
the settings beside a session.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FIELDS = ("prompts", "answers", "tool_calls", "input", "output", "cache_read")


def files(folder: Path) -> list[Path]:
    """Name the sessions below a folder."""
    return sorted(folder.rglob("*.jsonl"))


def blocks(path: Path) -> list[tuple[str, dict]]:
    """Give role and block of all messages of a file."""
    found = []
    for line in path.read_bytes().split(b"\n"):
        record = json.loads(line) if line.strip() else {}
        message = record.get("message")
        if record.get("type") != "message" or not isinstance(message, dict):
            continue
        content = message["content"]
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        found += [(message["role"], block) for block in content]
    return found


def count(path: Path) -> dict[str, int]:
    """Count one session."""
    counts = dict.fromkeys(FIELDS, 0)
    for role, block in blocks(path):
        words = (block.get("text") or "").split("</system-reminder>")[-1].strip()
        counts["prompts"] += role == "user" and bool(words)
        counts["answers"] += role == "assistant" and bool(words)
        counts["tool_calls"] += block["type"] == "tool_use"
    settings = path.with_suffix(".settings.json")
    usage = json.loads(settings.read_bytes())["tokenUsage"] if settings.exists() else {}
    counts["input"] = usage.get("inputTokens", 0)
    counts["output"] = usage.get("outputTokens", 0) + usage.get("thinkingTokens", 0)
    counts["cache_read"] = usage.get("cacheReadTokens", 0)
    return counts


def main() -> None:
    """Print a table of a folder's sessions."""
    folder = Path(sys.argv[1])
    print(*FIELDS, "file", sep="\t")
    for path in files(folder):
        print(*count(path).values(), path.relative_to(folder), sep="\t")


if __name__ == "__main__":
    main()
