"""Count what wires of Kimi hold, by their JSON alone: no parser, no lethe."""

from __future__ import annotations

import json
import sys
from pathlib import Path

FIELDS = ("prompts", "answers", "tool_calls", "input", "output", "cache_read")
CLI_TOKENS = ("input_other", "output", "input_cache_read")
CODE_TOKENS = ("inputOther", "output", "inputCacheRead")


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


def tokens(numbers: list[dict], names: tuple[str, ...]) -> dict[str, int]:
    """Add up the tokens of some steps."""
    sums = [sum(step.get(name, 0) for step in numbers) for name in names]
    return dict(zip(("input", "output", "cache_read"), sums, strict=True))


def count_cli(path: Path) -> dict[str, int]:
    """Count one wire of Kimi CLI."""
    messages = [row["message"] for row in records(path) if isinstance(row.get("message"), dict)]
    told = [(message["type"], message.get("payload") or {}) for message in messages]
    steps = [payload.get("token_usage") for kind, payload in told if kind == "StatusUpdate"]
    return {
        "prompts": sum(kind == "TurnBegin" and "user_input" in value for kind, value in told),
        "answers": sum(
            kind == "ContentPart" and value.get("type") == "text" for kind, value in told
        ),
        "tool_calls": sum(kind == "ToolCall" and "function" in value for kind, value in told),
        **tokens([step for step in steps if step], CLI_TOKENS),
    }


def count_code(path: Path) -> dict[str, int]:
    """Count one wire of Kimi Code: prompts by their messages in the context, else as they come."""
    rows = records(path)
    events = [row["event"] for row in rows if row.get("type") == "context.append_loop_event"]
    messages = [row["message"] for row in rows if row.get("type") == "context.append_message"]
    users = [message for message in messages if message.get("role") == "user"]
    origins = [message.get("origin") or {"kind": "user"} for message in users]
    prompts = sum("user" in (o["kind"], o.get("name")) or "name" in o for o in origins)
    if not users:
        prompts = sum(row.get("type") == "turn.prompt" for row in rows)
    answers = sum(event.get("part", {}).get("type") == "text" for event in events)
    sessions = [row for row in rows if row.get("usageScope") == "session"]
    steps = [event.get("usage") for event in events if event["type"] == "step.end"]
    return {
        "prompts": prompts,
        "answers": answers + sum(message.get("role") == "assistant" for message in messages),
        "tool_calls": sum(event["type"] == "tool.call" for event in events),
        **tokens([*filter(None, steps), *(row["usage"] for row in sessions)], CODE_TOKENS),
    }


def files(folder: Path) -> list[Path]:
    """Name the wires of a folder."""
    return sorted(
        path
        for path in folder.rglob("*.jsonl")
        if path.name != "context.jsonl" and len(records(path)) > 1
    )


def main() -> None:
    """Print a table of the files of ``kimi-cli`` and ``kimi-code`` in a folder."""
    print("tool", *FIELDS, "file", sep="\t")
    for tool, count in (("kimi-cli", count_cli), ("kimi-code", count_code)):
        folder = Path(sys.argv[1]) / tool
        for path in files(folder):
            print(tool, *count(path).values(), path.relative_to(folder), sep="\t")


if __name__ == "__main__":
    main()
