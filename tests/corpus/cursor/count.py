"""Count what the Cursor agent's transcripts hold, by their JSON alone: no parser, no lethe.

A prompt is a user's message with words, in a frame or without; an answer a text of the model; a
call a ``tool_use`` block. There are no tokens.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FIELDS = ("prompts", "answers", "tool_calls", "input", "output", "cache_read")


def lines_of(path: Path) -> list[dict]:
    """Read the lines that are JSON."""
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def count(path: Path) -> dict[str, int]:
    """Count one transcript."""
    messages = [line for line in lines_of(path) if "role" in line]
    said = [(one["role"], block) for one in messages for block in one["message"]["content"]]
    texts = [(role, block["text"]) for role, block in said if block["type"] == "text"]
    typed = [text.replace("<user_query>", "").replace("</user_query>", "") for _, text in texts]
    numbers = dict.fromkeys(FIELDS, 0)
    words = [role for (role, _), text in zip(texts, typed, strict=True) if text.strip()]
    numbers["prompts"], numbers["answers"] = words.count("user"), words.count("assistant")
    numbers["tool_calls"] = sum(block["type"] == "tool_use" for _, block in said)
    return numbers


def files(folder: Path) -> list[Path]:
    """Name the transcripts of a folder."""
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
