"""Count what Codex rollouts hold, by their JSON alone: no parser, no lethe.

A prompt is what Codex shows as one (``user_message``, ``UserMessage``); in files without such
records, a message of the role ``user`` that is not framed by Codex. An answer is a message of the
role ``assistant``. Tokens are the last cumulative total.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FIELDS = ("prompts", "answers", "tool_calls", "input", "output", "cache_read")
CALLS = {
    "function_call",
    "custom_tool_call",
    "local_shell_call",
    "tool_search_call",
    "web_search_call",
    "image_generation_call",
}


def records(path: Path) -> list[dict]:
    """Read the lines of a file that are objects, or the items of a document."""
    if path.suffix == ".json":
        return json.loads(path.read_bytes())["items"]
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def text_of(message: dict) -> str:
    """Join the texts of a message."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content)


def count(path: Path) -> dict[str, int]:
    """Count one file."""
    rows = records(path)
    items = [row["payload"] for row in rows if row.get("type") == "response_item"]
    items += [row for row in rows if "payload" not in row and ("role" in row or "type" in row)]
    events = [row["payload"] for row in rows if row.get("type") == "event_msg"]
    prompts = [event for event in events if event.get("type") == "user_message"]
    prompts += [event for event in events if event.get("item", {}).get("type") == "UserMessage"]
    if not prompts:
        texts = [text_of(item).lstrip() for item in items if item.get("role") == "user"]
        prompts = [text for text in texts if text and not text.startswith(("<", "# AGENTS.md"))]
    infos = [event.get("info") for event in events if event.get("type") == "token_count"]
    total = [info["total_token_usage"] for info in infos if info and "total_token_usage" in info]
    last = total[-1] if total else {}
    cached = last.get("cached_input_tokens", 0)
    return {
        "prompts": len(prompts),
        "answers": sum(item.get("role") == "assistant" and bool(text_of(item)) for item in items),
        "tool_calls": sum(item.get("type") in CALLS for item in items),
        "input": last.get("input_tokens", 0) - cached,
        "output": last.get("output_tokens", 0),
        "cache_read": cached,
    }


def files(folder: Path) -> list[Path]:
    """Name the rollouts of a folder, of lines and of documents."""
    lines = (path for path in folder.rglob("*.jsonl") if path.name != "history.jsonl")
    return sorted((*lines, *folder.rglob("*.json")))


def main() -> None:
    """Print a table of a folder's files."""
    folder = Path(sys.argv[1])
    print(*FIELDS, "file", sep="\t")
    for path in files(folder):
        print(*count(path).values(), path.relative_to(folder), sep="\t")


if __name__ == "__main__":
    main()
