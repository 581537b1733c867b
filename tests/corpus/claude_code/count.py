"""Counts what Claude Code transcripts hold, without anything of lethe.

An independent witness: it reads the JSON lines with the standard library alone and applies the
rules of the format in its own words, so that a mistake in the parser is not made twice.

    python tests/corpus/claude_code/count.py DIRECTORY

prints a table; `count_tree` and `total` give the same to tests.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Files beside the transcripts that are none.
NOT_TRANSCRIPTS = {"journal.jsonl", "history.jsonl"}

#: What a user record begins with if no person typed it as a prompt.
NOT_PROMPTS = (
    "<command-name>",
    "<command-message>",
    "<local-command-caveat>",
    "<local-command-stdout>",
    "<local-command-stderr>",
    "<bash-input>",
    "<bash-stdout>",
    "<bash-stderr>",
    "<task-notification>",
    "<system-reminder>",
    "<cross-session-message>",
    "<teammate-message",  # from another agent of a team; it has attributes
    "[Request interrupted by user",
)
EDITOR = re.compile(r"\s*<(ide_[a-z_]+)>.*?</\1>\s*", re.DOTALL)
VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
#: What the wire takes as an identity; another uuid cannot tell two records apart.
IDENTITY = re.compile(r"[!-~]{1,240}")


@dataclass
class Tally:
    """What one transcript holds; identities, so that copies in other files count once.

    Args:
        is_session: whether there is anything to archive.
        prompts: the prompts of people, by uuid, else by place.
        queued: prompts that were typed while the model worked, likewise.
        waiting: what stands in the queue at this place of the transcript.
        version: the version of Claude Code that wrote the last record with one.
        messages: the message ids of the model's replies.
        calls: the ids of tool calls.
        output: the output tokens of each reply, the greatest number of all its lines. A reply is
            named by its message id and request id, else by uuid: the message id alone would do
            for what Claude Code wrote, but samples written by hand use ``msg_001`` again.
    """

    is_session: bool = False
    prompts: set[str] = field(default_factory=set)
    queued: set[str] = field(default_factory=set)
    waiting: list[str] = field(default_factory=list)
    version: tuple[int, ...] = ()
    messages: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    output: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Totals:
    """The sums over several transcripts; replies and calls that several of them hold count once."""

    sessions: int
    prompts: int
    queued: int
    messages: int
    calls: int
    output: int


def count_tree(root: Path) -> dict[Path, Tally]:
    """Count each transcript below a directory."""
    return {
        path: count_file(path)
        for path in sorted(root.rglob("*.jsonl"))
        if path.name not in NOT_TRANSCRIPTS
    }


def count_file(path: Path) -> Tally:
    """Count one transcript. What follows the last newline is not written to its end, and waits."""
    tally = Tally()
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1]):
        text = line.decode("utf-8", "replace").removeprefix("\ufeff").strip(" \t\r")
        for record in _records(text):
            if record is None:
                tally.is_session = True  # an unreadable line is archived, too
            else:
                _count_record(tally, record, f"{path}#{number}")
    return tally


def total(tallies: list[Tally]) -> Totals:
    """Sum the tallies of several transcripts."""
    output: dict[str, int] = {}
    for tally in tallies:
        _keep_greatest(output, tally.output)
    return Totals(
        sessions=sum(tally.is_session for tally in tallies),
        prompts=sum(len(tally.prompts) for tally in tallies),
        queued=sum(len(tally.queued) for tally in tallies),
        messages=len(set().union(*(tally.messages for tally in tallies))),
        calls=len(set().union(*(tally.calls for tally in tallies))),
        output=sum(output.values()),
    )


def _records(text: str) -> list[Any]:
    """Read the records of a line; `None` stands for what cannot be read.

    One line of the corpus holds two whole records: the newline between them is missing.
    """
    records: list[Any] = []
    place = 0
    decoder = json.JSONDecoder()
    while place < len(text):
        try:
            record, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return [*records, None]
        records.append(record if isinstance(record, dict) else None)
    return records


def _count_record(tally: Tally, record: dict[str, Any], place: str) -> None:
    uuid = record.get("uuid")
    identity = uuid if isinstance(uuid, str) and IDENTITY.fullmatch(uuid) else place
    if VERSION.fullmatch(str(record.get("version"))):
        tally.version = tuple(map(int, record["version"].split(".")))
    match record.get("type"):
        case "queue-operation":
            _count_queue(tally, record, identity)
        case "user":
            _count_user(tally, record, identity)
        case "assistant":
            _count_assistant(tally, record, identity)
        case "system":
            tally.is_session = tally.is_session or bool(record.get("content"))
        case "attachment":
            if _is_queued_prompt(record.get("attachment")):
                tally.is_session = True
                tally.queued.add(identity)
        case None:
            tally.is_session = True  # no record of Claude Code: archived as it stands


def _count_user(tally: Tally, record: dict[str, Any], identity: str) -> None:
    tally.is_session = True
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        return
    kinds = {block.get("type") for block in blocks}
    if "tool_result" in kinds or record.get("isMeta") or record.get("isCompactSummary"):
        return
    if _is_foreign(record.get("origin")):
        return
    text = "\n".join(block["text"] for block in blocks if block.get("text"))
    if text.lstrip().startswith(NOT_PROMPTS):
        return
    while match := EDITOR.match(text):
        text = text[match.end() :]
    if text.strip() or kinds & {"image", "document"}:
        tally.prompts.add(identity)


def _count_assistant(tally: Tally, record: dict[str, Any], identity: str) -> None:
    message = record.get("message")
    if not isinstance(message, dict):
        tally.is_session = True
        return
    content = message.get("content")
    tally.is_session = tally.is_session or content != ""
    if content is None:
        return  # unreadable: archived as it stands
    if record.get("isApiErrorMessage") or message.get("model") == "<synthetic>":
        return  # made by the client: no reply of a model
    name = message.get("id")
    if name and (content or message.get("usage")):
        tally.messages.add(name)
    for block in content if isinstance(content, list) else []:
        if block.get("type") in {"tool_use", "server_tool_use"} and block.get("id"):
            tally.calls.add(block["id"])
    usage = message.get("usage")
    if isinstance(usage, dict):
        request = record.get("requestId")
        reply = f"{name}:{request}" if name and request else name or ""
        reply = reply if IDENTITY.fullmatch(reply) else identity
        _keep_greatest(tally.output, {reply: usage.get("output_tokens") or 0})


def _count_queue(tally: Tally, record: dict[str, Any], identity: str) -> None:
    """Count what left the queue for the model, in versions that repeat it nowhere."""
    operation = record.get("operation")
    if operation == "enqueue":
        tally.waiting.append(str(record.get("content") or ""))
        return
    text = tally.waiting.pop(0) if tally.waiting else ""
    is_typed = bool(text) and not text.startswith(("/", *NOT_PROMPTS))
    if operation == "remove" and is_typed and () < tally.version < (2, 1, 92):
        tally.queued.add(identity)


def _is_queued_prompt(attachment: Any) -> bool:
    return (
        isinstance(attachment, dict)
        and attachment.get("type") == "queued_command"
        and attachment.get("commandMode") == "prompt"
        and not attachment.get("isMeta")
        and not _is_foreign(attachment.get("origin"))
        and not str(attachment.get("prompt")).lstrip().startswith(NOT_PROMPTS)
    )


def _is_foreign(origin: Any) -> bool:
    return isinstance(origin, dict) and origin.get("kind") not in (None, "human")


def _keep_greatest(kept: dict[str, int], seen: dict[str, int]) -> None:
    for name, number in seen.items():
        kept[name] = max(number, kept.get(name, 0))


def main(arguments: list[str]) -> int:
    """Print the table of a directory."""
    if len(arguments) != 1:
        print("usage: count.py DIRECTORY", file=sys.stderr)
        return 2
    totals = total(list(count_tree(Path(arguments[0])).values()))
    rows = {
        "sessions": totals.sessions,
        "user prompts": totals.prompts,
        "queued prompts": totals.queued,
        "assistant messages": totals.messages,
        "tool calls": totals.calls,
        "output tokens": totals.output,
    }
    for name, number in rows.items():
        print(f"{name:<20}{number:>12,}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
