"""Count what Qwen Code's chats hold, by their JSON alone: no parser, no lethe.

A prompt is a line of the type ``user`` without a subtype and with text; an answer a line of the
model with text that is no thought; a call a ``functionCall`` part. Tokens are those of the model's
lines. ``input`` is without the cached tokens; ``output`` is with the thoughts, which the total
shows to stand beside it or in it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FIELDS = ("prompts", "answers", "tool_calls", "input", "output", "cache_read")


def parts_of(line: dict) -> list[dict]:
    """Read the parts of a line's message."""
    message = line.get("message") or {}
    return message.get("parts") or message.get("content") or []


def has_text(line: dict) -> bool:
    """Say whether a line has text that is no thought."""
    return any(part.get("text") and not part.get("thought") for part in parts_of(line))


def output_of(tokens: dict) -> int:
    """Count the tokens that a model wrote."""
    prompt, output = tokens.get("promptTokenCount", 0), tokens.get("candidatesTokenCount", 0)
    thoughts = tokens.get("thoughtsTokenCount", 0)
    beside = tokens.get("totalTokenCount", 0) >= prompt + output + thoughts
    return output + thoughts if beside else output


def count(path: Path) -> dict[str, int]:
    """Count one chat."""
    lines = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    replies = [line for line in lines if line["type"] == "assistant"]
    typed = [line for line in lines if line["type"] == "user" and not line.get("subtype")]
    tokens = [line.get("usageMetadata", {}) for line in replies]
    cached = sum(one.get("cachedContentTokenCount", 0) for one in tokens)
    return {
        "prompts": sum(map(has_text, typed)),
        "answers": sum(map(has_text, replies)),
        "tool_calls": sum("functionCall" in part for line in replies for part in parts_of(line)),
        "input": sum(one.get("promptTokenCount", 0) for one in tokens) - cached,
        "output": sum(map(output_of, tokens)),
        "cache_read": cached,
    }


def files(folder: Path) -> list[Path]:
    """Name the chats of a folder."""
    return sorted(folder.rglob("*.jsonl"))


def main() -> None:
    """Print a table of a folder's files."""
    folder = Path(sys.argv[1])
    print(*FIELDS, "file", sep="\t")
    for path in files(folder):
        numbers = count(path)
        print(*(numbers[field] for field in FIELDS), path.relative_to(folder), sep="\t")


if __name__ == "__main__":
    main()
