"""Map an entry of a session: a node of the tree that pi keeps in its file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_core import SessionMeta, ToolCall, TurnEvent, Usage
from lethe_core.mapping import (
    call_line,
    count,
    image,
    price,
    skip_word,
    text,
    unix_time,
    unknown_block,
    wire_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lethe_core import Event, Line
    from lethe_core.events import Role

Mapped = list["Event"] | str

_LONGEST_NAME: Final = 200
#: Blocks of an answer that are mapped, where they hold anything.
_ANSWERED: Final = ("text", "thinking", "toolCall")


@dataclass(slots=True)
class Entry:
    """One entry, and the turns that are made of it.

    pi adds ids to entries when it loads an old session, and copies entries into forks. So a
    message is known by what it says and when: its turns and its tokens keep their identity.

    Args:
        record: the line's object.
        line: where it stands.
    """

    record: dict[str, Any]
    line: Line

    @property
    def message(self) -> dict[str, Any]:
        """The message of the entry, or nothing."""
        message = self.record.get("message")
        return message if isinstance(message, dict) else {}

    @property
    def time(self) -> float | None:
        """When it was written, in Unix seconds."""
        return unix_time(self.record.get("timestamp")) or unix_time(self.message.get("timestamp"))

    def identity(self) -> str:
        """Name the message by its content and time; an entry without either by its place."""
        if "timestamp" not in self.message:
            return self.line.hashed_id()
        return hashlib.blake2b(msgspec.json.encode(self.message), digest_size=12).hexdigest()

    def turns(self, parts: list[dict[str, Any]]) -> list[Event]:
        """Make the turns of the entry.

        Args:
            parts: the fields of each turn; `kind` and `metadata` are joined.
        """
        identity = self.identity()
        return [self._turn(part, index, identity) for index, part in enumerate(parts)]

    def _turn(self, part: dict[str, Any], index: int, identity: str) -> TurnEvent:
        metadata: dict[str, Any] = {"kind": part.pop("kind")}
        for key, name in (("id", "entry"), ("parentId", "parent")):
            if value := text(self.record.get(key)):
                metadata[name] = value
        role: Role = part.pop("role")
        return self.line.turn(
            turn_id=f"{identity}.{index}",
            index=index,
            role=role,
            timestamp=self.time,
            metadata=metadata | part.pop("metadata", {}),
            **part,
        )


def map_entry(record: dict[str, Any], line: Line) -> Mapped:
    """Map one entry.

    Args:
        record: the line's object.
        line: where it stands.

    Returns:
        Its events, or the word for an entry that is no turn.
    """
    kind = record.get("type")
    entry = Entry(record, line)
    if kind == "message":
        role = entry.message.get("role")
        mapping = _ROLES.get(role) if isinstance(role, str) else None
        return mapping(entry) if mapping else skip_word("message of", role)
    mapping = _TYPES.get(kind) if isinstance(kind, str) else None
    return mapping(entry) if mapping else skip_word("entry", kind)


def _map_prompt(entry: Entry) -> Mapped:
    return _spoken(entry, entry.message, "user", "prompt")


def _map_context(entry: Entry) -> Mapped:
    return _spoken(entry, entry.message or entry.record, "system", "context")


def _spoken(entry: Entry, message: dict[str, Any], role: Role, kind: str) -> Mapped:
    words, metadata = _read(message.get("content"))
    if not words and not metadata:
        return "empty message"
    if name := text(message.get("customType")):
        metadata["custom_type"] = name
    return entry.turns([{"role": role, "kind": kind, "content": words, "metadata": metadata}])


def _map_answer(entry: Entry) -> Mapped:
    message = entry.message
    model = text(message.get("model")) or entry.line.state.get("model")
    parts: list[dict[str, Any]] = [
        {"role": "assistant", "model": model} | part
        for block in _blocks(message.get("content"))
        if (part := _answer_part(block))
    ]
    reason = message.get("stopReason")
    if reason in ("error", "aborted"):
        kind = "api_error" if reason == "error" else "interrupt"
        words = text(message.get("errorMessage"))
        parts.append({"role": "system", "kind": kind, "content": words, "model": model})
    # Behind what is known: the turns of an answer are named by their number.
    parts += [
        {"kind": "unknown_block", "role": "assistant", "metadata": unknown_block(block)}
        for block in _blocks(message.get("content"))
        if block.get("type") not in _ANSWERED
    ]
    usage = message.get("usage")
    if isinstance(usage, dict):
        if not parts:
            parts.append({"role": "assistant", "kind": "answer", "model": model})
        parts[0]["usage"] = _usage(usage, entry.identity())
        cost = usage.get("cost")
        total = cost.get("total") if isinstance(cost, dict) else None
        parts[0]["cost_usd"] = price(total) or None
    return entry.turns(parts) if parts else "empty answer"


def _answer_part(block: dict[str, Any]) -> dict[str, Any] | None:
    match block.get("type"):
        case "text" if words := text(block.get("text")):
            return {"kind": "answer", "content": words}
        case "thinking" if words := text(block.get("thinking")):
            return {"kind": "thinking", "content": words}
        case "toolCall":
            name = text(block.get("name"))
            arguments = block.get("arguments")
            call = ToolCall(id=wire_key(block.get("id")), name=name, input=arguments)
            return {
                "kind": "tool_call",
                "content": call_line(name, arguments),
                "tool_calls": [call],
            }
        case _:
            return None


def _usage(usage: dict[str, Any], key: str) -> Usage:
    return Usage(
        key=key,
        input=count(usage.get("input")),
        output=count(usage.get("output")),
        cache_read=count(usage.get("cacheRead")),
        cache_write=count(usage.get("cacheWrite")),
    )


def _map_result(entry: Entry) -> Mapped:
    message = entry.message
    words, metadata = _read(message.get("content"))
    call = ToolCall(
        id=wire_key(message.get("toolCallId")),
        name=text(message.get("toolName")),
        output=words,
        is_error=message.get("isError") is True,
    )
    part = {"role": "tool", "kind": "tool_result", "tool_calls": [call], "metadata": metadata}
    return entry.turns([part])


def _map_shell(entry: Entry) -> Mapped:
    message = entry.message
    code = message.get("exitCode")
    metadata = {"exit_code": code} if isinstance(code, int) else {}
    output = text(message.get("output"))
    return entry.turns(
        [
            {"role": "user", "kind": "shell", "content": text(message.get("command"))},
            {"role": "system", "kind": "shell_output", "content": output, "metadata": metadata},
        ]
    )


def _map_compaction(entry: Entry) -> Mapped:
    source = entry.message or entry.record
    parts: list[dict[str, Any]] = [{"role": "system", "kind": "compact_boundary"}]
    if summary := text(source.get("summary")):
        parts.append({"role": "system", "kind": "compact_summary", "content": summary})
    return entry.turns(parts)


def _map_branch_summary(entry: Entry) -> Mapped:
    """Map what pi says of a branch that was left."""
    summary = text((entry.message or entry.record).get("summary"))
    if not summary:
        return "entry branch_summary"
    part = {"role": "system", "kind": "compact_summary", "content": summary}
    return entry.turns([part | {"metadata": {"branch": True}}])


def _map_model(entry: Entry) -> Mapped:
    model = text(entry.record.get("modelId")) or text(entry.record.get("model"))
    if model:
        entry.line.state["model"] = model[:_LONGEST_NAME]
    return "entry model_change"


def _map_name(entry: Entry) -> Mapped:
    name = text(entry.record.get("name")).strip()
    if not name:
        return "entry session_info"
    return [entry.line.session(SessionMeta(title=name, title_source="custom"), entry.time)]


def _read(content: Any) -> tuple[str, dict[str, Any]]:
    """Read the texts of a content; what else is in it is metadata of the turn."""
    words: list[str] = []
    attachments: list[dict[str, Any]] = []
    unknown: list[dict[str, Any]] = []
    for block in _blocks(content):
        if block.get("type") == "image":
            if data := text(block.get("data")):
                attachments.append(image(text(block.get("mimeType")) or "image/png", data))
        elif part := text(block.get("text")):
            words.append(part)
        elif block.get("type") != "text":
            unknown.append(block)
    metadata: dict[str, Any] = {"attachments": attachments} if attachments else {}
    return "\n".join(words), metadata | (unknown_block(unknown) if unknown else {})


def _blocks(content: Any) -> list[dict[str, Any]]:
    match content:
        case str():
            return [{"type": "text", "text": content}]
        case list():
            return [block for one in content for block in _blocks(one)]
        case dict():
            return [content]
        case _:
            return []


_ROLES: Final[dict[str, Callable[[Entry], Mapped]]] = {
    "user": _map_prompt,
    "assistant": _map_answer,
    "toolResult": _map_result,
    "bashExecution": _map_shell,
    "custom": _map_context,
    "hookMessage": _map_context,
    "system": _map_context,
    "branchSummary": _map_branch_summary,
    "compactionSummary": _map_compaction,
}

_TYPES: Final[dict[str, Callable[[Entry], Mapped]]] = {
    "custom_message": _map_context,
    "compaction": _map_compaction,
    "branch_summary": _map_branch_summary,
    "model_change": _map_model,
    "session_info": _map_name,
}
