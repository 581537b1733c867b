"""Map a line: the head of a session, or a message with its blocks.

The blocks are those of Anthropic's API, whatever model answers. The first turn of a message has the
message's id, the others ``ID.INDEX``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from lethe_core import SessionMeta, ToolCall
from lethe_core.mapping import (
    as_text,
    call_line,
    clean_session_id,
    image,
    skip_word,
    text,
    unix_time,
    unknown_block,
    wire_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core import Event, Line, TurnEvent
    from lethe_core.events import Role

_REMINDERS = re.compile(r"(?:\s*<system-reminder>.*?</system-reminder>)+\s*", re.DOTALL)
_LONGEST_ID: Final = 240


def map_line(record: dict[str, Any], line: Line) -> Iterable[Event] | str:
    """Map one line.

    Args:
        record: the line.
        line: where it stands.

    Returns:
        Its events, or the word for a line that is none.
    """
    message = record.get("message")
    match record.get("type"):
        case "session_start":
            return [_map_start(record, line)]
        case "message" if isinstance(message, dict):
            turns = _Message(record, message, line)
            turns.map(message.get("content"))
            return turns.made or "empty message"
        case "compaction_state":
            return _map_compaction(record, line)
        case other:
            return skip_word("record", other)


def _map_start(record: dict[str, Any], line: Line) -> Event:
    title = text(record.get("sessionTitle")) or text(record.get("title"))
    version = record.get("version")
    caller = text(record.get("callingSessionId"))
    known = {
        "version": str(version) if isinstance(version, str | int) else "",
        "calling_tool_use_id": text(record.get("callingToolUseId")),
    }
    meta = SessionMeta(
        source_file=str(line.source.path),
        working_dir=text(record.get("cwd")) or None,
        title=title.strip() or None,
        title_source="generated" if title.strip() else None,
        parent_session_id=clean_session_id(caller) if caller else None,
        relation="subagent" if caller else None,
        metadata={name: value for name, value in known.items() if value},
    )
    return line.session(meta, unix_time(record.get("timestamp")))


def _map_compaction(record: dict[str, Any], line: Line) -> list[Event]:
    time = unix_time(record.get("timestamp"))
    boundary = line.turn(role="system", timestamp=time, metadata={"kind": "compact_boundary"})
    summary = text(record.get("summaryText")) or text(record.get("summary"))
    if not summary.strip():
        return [boundary]
    told = {"kind": "compact_summary"}
    return [
        boundary,
        line.turn(role="system", index=1, timestamp=time, content=summary, metadata=told),
    ]


class _Message:
    """Makes the turns of one message.

    Args:
        record: its line.
        message: what the line holds.
        line: where it stands.
    """

    def __init__(self, record: dict[str, Any], message: dict[str, Any], line: Line) -> None:
        self.made: list[TurnEvent] = []
        self._line = line
        self._time = unix_time(record.get("timestamp"))
        self._id = wire_key(record.get("id"))[:_LONGEST_ID]
        self._parent = text(record.get("parentId"))
        self._is_user = message.get("role") == "user"
        self._model = text(message.get("model")) or None

    def map(self, content: Any) -> None:
        """Map what was said: a text, or a list of blocks."""
        blocks = [
            {"type": "text", "text": block} if isinstance(block, str) else block
            for block in (content if isinstance(content, list) else [content])
            if block and isinstance(block, str | dict)
        ]
        pictures = [found for block in blocks if (found := _picture(block))]
        for block in blocks:
            match block.get("type"):
                case "text" if self._is_user:
                    pictures = self._add_prompt(text(block.get("text")), pictures)
                case "text" if text(block.get("text")).strip():
                    self._add("assistant", "answer", block["text"])
                case "thinking" if text(block.get("thinking")).strip():
                    self._add("assistant", "thinking", block["thinking"])
                case "tool_use":
                    self._add_call(block)
                case "tool_result":
                    self._add_result(block)
                case "text" | "thinking" | "redacted_thinking" | "image":
                    pass
                case _:
                    role: Role = "user" if self._is_user else "assistant"
                    self._add(role, "unknown_block", metadata=unknown_block(block))
        if pictures:
            role, kind = ("user", "prompt") if self._is_user else ("assistant", "answer")
            self._add(role, kind, pictures=pictures)

    def _add_prompt(self, words: str, pictures: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Tell apart what a person typed and what Droid put before it; give the pictures left."""
        found = _REMINDERS.match(words)
        injected, typed = words[: found.end() if found else 0], words[found.end() if found else 0 :]
        if injected.strip():
            self._add("system", "context", injected.strip())
        if not typed.strip():
            return pictures
        self._add("user", "prompt", typed, pictures=pictures)
        return []

    def _add_call(self, block: dict[str, Any]) -> None:
        name, arguments = text(block.get("name")), block.get("input")
        call = ToolCall(id=wire_key(block.get("id")), name=name, input=arguments)
        self._add("assistant", "tool_call", call_line(name, arguments), tool_calls=[call])

    def _add_result(self, block: dict[str, Any]) -> None:
        content = block.get("content")
        parts = content if isinstance(content, list) else [content]
        pictures = [found for part in parts if (found := _picture(part))]
        result = ToolCall(
            id=wire_key(block.get("tool_use_id")),
            output="\n".join(_shown(part) for part in parts if not _picture(part)),
            is_error=block.get("is_error") is True,
        )
        self._add("tool", "tool_result", tool_calls=[result], pictures=pictures)

    def _add(
        self,
        role: Role,
        kind: str,
        content: str = "",
        *,
        metadata: dict[str, Any] | None = None,
        pictures: list[dict[str, Any]] | None = None,
        **fields: Any,
    ) -> None:
        index = len(self.made)
        known: dict[str, Any] = {"kind": kind, **(metadata or {})}
        if self._parent:
            known["parent_id"] = self._parent
        if pictures:
            known["attachments"] = pictures
        turn = self._line.turn(
            turn_id=f"{self._id}.{index}" if self._id and index else self._id,
            index=index,
            role=role,
            timestamp=self._time,
            content=content,
            model=self._model if role == "assistant" else None,
            metadata=known,
            **fields,
        )
        self.made.append(turn)


def _shown(part: Any) -> str:
    """Give a part of a result as text."""
    return as_text(part["text"] if isinstance(part, dict) and "text" in part else part)


def _picture(block: Any) -> dict[str, Any] | None:
    """Make an attachment of a block with an image."""
    match block:
        case {"type": "image", "source": {"media_type": str(media_type), "data": str(data)}}:
            return image(media_type, data)
    return None
