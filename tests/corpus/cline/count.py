"""Count what Cline and Roo Code keep, by its JSON alone: no parser, no lethe.

A prompt is a user's text that is no result and not Cline's own surroundings; an answer a text of
the model; a call a ``tool_use`` block. Tokens are the ``metrics`` of sessions and the requests of
displays; ``input`` is without the cache, which sessions include in it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FIELDS = ("prompts", "answers", "tool_calls", "input", "output", "cache_read")


def blocks_of(message: dict) -> list[dict]:
    """Read the blocks of a message; a plain text is one."""
    content = message.get("content", [])
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def of_type(messages: list[dict], role: str, kind: str) -> list[dict]:
    """Find the blocks of a type in the messages of a role."""
    said = [message for message in messages if message.get("role") == role]
    return [block for message in said for block in blocks_of(message) if block["type"] == kind]


def count(path: Path) -> dict[str, int]:
    """Count one file."""
    document = json.loads(path.read_text(encoding="utf-8"))
    numbers = dict.fromkeys(FIELDS, 0)
    if path.name == "ui_messages.json":
        texts = [one["text"] for one in document if one.get("say") == "api_req_started"]
        requests = [json.loads(text) for text in texts]
        numbers["output"] = sum(one.get("tokensOut", 0) for one in requests)
        return numbers
    messages = document["messages"] if isinstance(document, dict) else document
    metrics = [message.get("metrics", {}) for message in messages]
    read = sum(one.get("cacheReadTokens", 0) for one in metrics)
    written = sum(one.get("cacheWriteTokens", 0) for one in metrics)
    return {
        "prompts": len(of_type(messages, "user", "text")),
        "answers": len(of_type(messages, "assistant", "text")),
        "tool_calls": len(of_type(messages, "assistant", "tool_use")),
        "input": sum(one.get("inputTokens", 0) for one in metrics) - read - written,
        "output": sum(one.get("outputTokens", 0) for one in metrics),
        "cache_read": read,
    }


def files(folder: Path) -> list[Path]:
    """Name the files with messages of a folder."""
    names = ("api_conversation_history.json", "ui_messages.json", "*.messages.json")
    return sorted(path for name in names for path in folder.rglob(name))


def main() -> None:
    """Print a table of a folder's files."""
    folder = Path(sys.argv[1])
    print(*FIELDS, "file", sep="\t")
    for path in files(folder):
        numbers = count(path)
        print(*(numbers[field] for field in FIELDS), path.relative_to(folder), sep="\t")


if __name__ == "__main__":
    main()
