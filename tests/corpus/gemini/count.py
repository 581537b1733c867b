"""Count what Gemini CLI's chats hold, by their JSON alone: no parser, no lethe.

A message counts once per id, as its last line has it; a copy of all messages in ``$set`` counts
where no line has the message. A prompt is a message of the type ``user`` with text that no frame
of the tool and no ``/`` begins; an answer a message of the model with text. Calls count by id.
``input`` is without the cached tokens, ``output`` with the thoughts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FIELDS = ("prompts", "answers", "tool_calls", "input", "output", "cache_read")
FRAMES = ("<session_context>", "<state_snapshot>", "/")


def messages(path: Path) -> list[dict]:
    """Read the messages of a chat, each once."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        found = json.loads(text).get("messages", [])
        return list({one.get("id", number): one for number, one in enumerate(found)}.values())
    lines = [json.loads(line) for line in text.split("\n") if line]
    copies = [one for line in lines for one in line.get("$set", {}).get("messages", [])]
    own = [line for line in lines if "id" in line]
    return list({one["id"]: one for one in (*copies, *own)}.values())


def text_of(content: object) -> str:
    """Join the texts of a message."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content or {}]
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))


def count(path: Path) -> dict[str, int]:
    """Count one chat."""
    found = messages(path)
    users = [one for one in found if one["type"] == "user"]
    replies = [one for one in found if one["type"] in ("gemini", "model", "tabnine")]
    prompts = [text_of(one.get("displayContent") or one["content"]).strip() for one in users]
    tokens = [one.get("tokens") or {} for one in replies]
    calls = [call for one in replies for call in one.get("toolCalls") or []]
    return {
        "prompts": sum(bool(text) and not text.startswith(FRAMES) for text in prompts),
        "answers": sum(bool(text_of(one.get("content")).strip()) for one in replies),
        "tool_calls": len({call.get("id", str(number)) for number, call in enumerate(calls)}),
        "input": sum(one.get("input", 0) - one.get("cached", 0) for one in tokens),
        "output": sum(one.get("output", 0) + one.get("thoughts", 0) for one in tokens),
        "cache_read": sum(one.get("cached", 0) for one in tokens),
    }


def files(folder: Path) -> list[Path]:
    """Name the chats of a folder."""
    return sorted(path for path in folder.rglob("*.json*") if path.suffix in (".json", ".jsonl"))


def main() -> None:
    """Print a table of a folder's files."""
    folder = Path(sys.argv[1])
    print(*FIELDS, "file", sep="\t")
    for path in files(folder):
        numbers = count(path)
        print(*(numbers[field] for field in FIELDS), path.relative_to(folder), sep="\t")


if __name__ == "__main__":
    main()
