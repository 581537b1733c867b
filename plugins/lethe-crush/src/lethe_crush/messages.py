"""A message and its parts to turns.

The turn of a user's message has the message's id; each part of another message is a turn of its
own, ``ID.INDEX``: parts are only ever added at the end. The place of a turn is the second in which
its message was made, the row (many messages share a second) and the part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_core import ToolCall
from lethe_core.mapping import (
    as_text,
    call_line,
    clean_session_id,
    data_url_image,
    decoded_arguments,
    image,
    text,
    unix_time,
    unknown_block,
    wire_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_core import Row, TurnEvent

_SECOND_SHIFT: Final = 22
_ROW_SHIFT: Final = 10
_MOST_ROWS: Final = 1 << (_SECOND_SHIFT - _ROW_SHIFT)
_MOST_TURNS: Final = 1 << _ROW_SHIFT
#: A row is rewritten many times in a second, and longer each time.
_REVISION_SHIFT: Final = 20
_INTERRUPTS: Final = frozenset({"canceled", "permission_denied"})

_decode = msgspec.json.Decoder(list[dict[str, Any]]).decode


class Message:
    """A row of `messages`.

    Args:
        row: the row.
        is_summary: whether the message sums up what stands before it.
    """

    def __init__(self, row: Row, *, is_summary: bool) -> None:
        self._row = row
        self._is_summary = is_summary
        self._id = row["id"]
        self._time = unix_time(row["created_at"])
        self._model = text(row["model"]) or None
        size = len(row["parts"])
        self._revision = (row.changed << _REVISION_SHIFT) + min(size, (1 << _REVISION_SHIFT) - 1)
        self._seq = places_of(row).start

    def turns(self) -> list[TurnEvent] | str:
        """Map the message; a word that says why there is no turn."""
        written = _decode(self._row["parts"])
        parts = [(index, text(part.get("type")), _data(part)) for index, part in enumerate(written)]
        if self._row["role"] == "user":
            turns = list(self._prompt(parts))
        else:
            turns = [turn for index, kind, data in parts for turn in self._part(index, kind, data)]
        role = "assistant" if self._row["role"] == "assistant" else "user"
        for (index, kind, _), part in zip(parts, written, strict=True):
            if kind not in _KNOWN:
                metadata = unknown_block(part)
                turns.append(self._turn(index, role, "unknown_block", "", metadata=metadata))
        return turns or "nothing written yet"

    def _prompt(self, parts: list[tuple[int, str, dict[str, Any]]]) -> Iterator[TurnEvent]:
        """Give the one turn of a prompt; commands of the shell are turns of their own."""
        words = "\n".join(text(data.get("text")) for _, kind, data in parts if kind == "text")
        attachments = [one for _, kind, data in parts if (one := _attachment(kind, data))]
        if words.strip() or attachments:
            metadata = {"attachments": attachments} if attachments else {}
            first = next(index for index, kind, _ in parts if kind in _WORDS)
            yield self._turn(first, "user", "prompt", words, turn_id=self._id, metadata=metadata)
        for index, kind, data in parts:
            if kind == "shell_command":
                yield from self._part(index, kind, data)

    def _part(self, index: int, kind: str, data: dict[str, Any]) -> Iterator[TurnEvent]:
        match kind:
            case "text" if text(data.get("text")).strip():
                role = "system" if self._is_summary else "assistant"
                name = "compact_summary" if self._is_summary else "answer"
                yield self._turn(index, role, name, data["text"])
            case "reasoning" if text(data.get("thinking")).strip():
                yield self._turn(index, "assistant", "thinking", data["thinking"])
            case "tool_call":
                yield self._call(index, data)
            case "tool_result":
                yield self._result(index, data)
            case "shell_command":
                yield self._turn(index, "user", "shell", text(data.get("command")))
                if output := text(data.get("output")):
                    turn_id = f"{self._id}.{index}.output"
                    yield self._turn(
                        index, "system", "shell_output", output, turn_id=turn_id, offset=1
                    )
            case "finish":
                yield from self._finish(index, data)

    def _call(self, index: int, data: dict[str, Any]) -> TurnEvent:
        name, arguments = text(data.get("name")), decoded_arguments(data.get("input"))
        call = ToolCall(id=text(data.get("id")), name=name, input=arguments)
        line = call_line(name, arguments)
        return self._turn(index, "assistant", "tool_call", line, tool_calls=[call])

    def _result(self, index: int, data: dict[str, Any]) -> TurnEvent:
        output = as_text(data.get("content"))
        call = ToolCall(
            id=text(data.get("tool_call_id")),
            name=text(data.get("name")),
            output=output,
            is_error=data.get("is_error") is True,
        )
        metadata: dict[str, Any] = {}
        if text(data.get("data")) and text(data.get("mime_type")):
            metadata["attachments"] = [image(data["mime_type"], data["data"])]
        return self._turn(index, "tool", "tool_result", "", tool_calls=[call], metadata=metadata)

    def _finish(self, index: int, data: dict[str, Any]) -> Iterator[TurnEvent]:
        """Tell how an answer ended, if it did not end well."""
        reason = data.get("reason")
        words = "\n".join(filter(None, (text(data.get("message")), text(data.get("details")))))
        if reason == "error":
            yield self._turn(index, "system", "api_error", words, model=self._model)
        elif reason in _INTERRUPTS and self._row["role"] == "assistant":
            metadata = {"reason": reason}
            yield self._turn(
                index, "system", "interrupt", words, metadata=metadata, model=self._model
            )

    def _turn(
        self,
        index: int,
        role: Any,
        kind: str,
        content: str,
        *,
        turn_id: str = "",
        offset: int = 0,
        metadata: dict[str, Any] | None = None,
        **fields: Any,
    ) -> TurnEvent:
        name = turn_id or f"{self._id}.{index}"
        about: dict[str, Any] = {"kind": kind, **(metadata or {})}
        if role == "assistant":
            fields["model"] = self._model
            if provider := text(self._row["provider"]):
                about["provider"] = provider
        return self._row.turn(
            session_id=clean_session_id(self._row["session_id"]),
            turn_id=wire_key(name) or clean_session_id(name),
            seq=self._seq + min(2 * index + offset, _MOST_TURNS - 1),
            role=role,
            revision=self._revision,
            timestamp=self._time,
            content=content,
            metadata=about,
            **fields,
        )


_WORDS: Final = frozenset({"text", "image_url", "binary"})
_KNOWN: Final = _WORDS | {"reasoning", "tool_call", "tool_result", "shell_command", "finish"}


def places_of(row: Row) -> range:
    """Give the places that the turns of a row of `messages` can have."""
    second = int(unix_time(row["created_at"]) or 0)
    start = (second << _SECOND_SHIFT) + ((row.rowid % _MOST_ROWS) << _ROW_SHIFT)
    return range(start, start + _MOST_TURNS)


def _data(part: dict[str, Any]) -> dict[str, Any]:
    data = part.get("data")
    return data if isinstance(data, dict) else {}


def _attachment(kind: str, data: dict[str, Any]) -> dict[str, Any] | None:
    """Make an attachment of a part of a prompt."""
    match kind, data:
        case "image_url", {"url": str(url)}:
            return data_url_image(url) or {"type": "image", "uri": url}
        case "binary", {"MIMEType": str(media_type), "Data": str(content)}:
            found = image(media_type, content)
            found["type"] = "image" if media_type.startswith("image/") else "file"
            return found | {"name": text(data.get("Path"))}
    return None
