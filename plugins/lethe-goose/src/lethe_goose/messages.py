"""A message and its parts to turns.

A part is a turn of its own, ``ID.INDEX``, but the words of a prompt, which are one turn with the
message's id. The place of a turn is the second in which its message was made, the row (many
messages share a second) and the part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_core import ToolCall
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
    from collections.abc import Iterator, Sequence

    from lethe_core import Row, TurnEvent
    from lethe_core.events import Role

_SECOND_SHIFT: Final = 22
_ROW_SHIFT: Final = 10
_MOST_ROWS: Final = 1 << (_SECOND_SHIFT - _ROW_SHIFT)
#: Places of a message.
MOST_TURNS: Final = 1 << _ROW_SHIFT
_LONGEST_ID: Final = 230
#: Answers that were written in pieces have several rows of one id.
_BEFORE: Final = "SELECT count(*) FROM messages WHERE message_id = ? AND session_id = ? AND id < ?"
#: What goose says in the middle of a conversation, and what a question of it is.
_NOTES: Final = frozenset({"systemNotification", "contextLengthExceeded", "summarizationRequested"})
_QUESTIONS: Final = frozenset({"toolConfirmationRequest", "actionRequired"})

_decode = msgspec.json.Decoder(list[dict[str, Any]]).decode


class _Metadata(msgspec.Struct, rename="camel"):
    user_visible: bool = True


_decode_metadata = msgspec.json.Decoder(_Metadata).decode


class Message:
    """A row of `messages`.

    Args:
        row: the row.
    """

    def __init__(self, row: Row) -> None:
        self._row = row
        self._time = unix_time(row["created_timestamp"])
        self._seq = places_of(row).start
        self._id = _name(row)
        self._is_hidden = _is_hidden(row["metadata_json"])

    def turns(self) -> list[TurnEvent] | str:
        """Map the message; a word that says why there is no turn."""
        parts = list(enumerate(_decode(self._row["content_json"].encode())))
        if self._row["role"] == "assistant":
            turns = [turn for index, part in parts for turn in self._said(index, part)]
        else:
            turns = [*self._prompt(parts), *(t for i, p in parts for t in self._sent(i, p))]
        if not turns and parts:
            return skip_word("part", parts[0][1].get("type"))
        return turns or "empty message"

    def _prompt(self, parts: Sequence[tuple[int, dict[str, Any]]]) -> Iterator[TurnEvent]:
        """Give the one turn of what was typed, or of what goose put in for the user."""
        words = "\n".join(text(part.get("text")) for _, part in parts if _is(part, "text"))
        pictures = [found for _, part in parts if (found := _picture(part))]
        if not words.strip() and not pictures:
            return
        first = next(index for index, part in parts if _is(part, "text", "image"))
        role: Role = "system" if self._is_hidden else "user"
        kind = "context" if self._is_hidden else "prompt"
        metadata = {"attachments": pictures} if pictures else None
        yield self._turn(first, role, kind, words, turn_id=self._id, metadata=metadata)

    def _sent(self, index: int, part: dict[str, Any]) -> Iterator[TurnEvent]:
        """Map a part of the user's side that nobody typed."""
        match part.get("type"):
            case "text" | "image":
                pass
            case "toolResponse":
                yield self._result(index, part)
            case _:
                yield from self._other(index, part)

    def _said(self, index: int, part: dict[str, Any]) -> Iterator[TurnEvent]:
        """Map a part of what the model said."""
        match part.get("type"):
            case "text" if text(part.get("text")).strip():
                role: Role = "system" if self._is_hidden else "assistant"
                kind = "context" if self._is_hidden else "answer"
                yield self._turn(index, role, kind, part["text"])
            case "thinking" | "reasoning" if words := _thought(part):
                yield self._turn(index, "assistant", "thinking", words)
            case "toolRequest" | "frontendToolRequest":
                yield self._call(index, part)
            case "toolResponse":
                yield self._result(index, part)
            case "image" if picture := _picture(part):
                yield self._turn(index, "assistant", "answer", metadata={"attachments": [picture]})
            case "text" | "thinking" | "reasoning" | "redactedThinking" | "image":
                pass
            case _:
                yield from self._other(index, part)

    def _other(self, index: int, part: dict[str, Any]) -> Iterator[TurnEvent]:
        kind = part.get("type")
        if kind == "conversationCompacted":
            yield self._turn(index, "system", "compact_boundary", text(part.get("msg")))
        elif kind in _NOTES:
            yield self._turn(index, "system", "notice", text(part.get("msg")))
        elif kind not in _QUESTIONS:
            role: Role = "assistant" if self._row["role"] == "assistant" else "user"
            yield self._turn(index, role, "unknown_block", metadata=unknown_block(part))

    def _call(self, index: int, part: dict[str, Any]) -> TurnEvent:
        """Map a call; one that the model worded wrongly has an error instead of a name."""
        wanted = _object(part.get("toolCall"))
        value = _object(wanted.get("value")) or wanted
        name, arguments = text(value.get("name")), value.get("arguments")
        failure = text(wanted.get("error"))
        call = ToolCall(
            id=wire_key(part.get("id")),
            name=name,
            input=arguments,
            output=failure or None,
            is_error=bool(failure),
        )
        line = call_line(name, arguments) if name else "a call that could not be read"
        return self._turn(index, "assistant", "tool_call", line, tool_calls=[call])

    def _result(self, index: int, part: dict[str, Any]) -> TurnEvent:
        result = _object(part.get("toolResult"))
        value = result.get("value")
        answer = _object(value) or result
        content = value if isinstance(value, list | str) else answer.get("content")
        parts = content if isinstance(content, list) else [content]
        # Most tools say the same to the model and to the person.
        words = dict.fromkeys(_shown(one) for one in parts if not _picture(one))
        failure = text(result.get("error"))
        call = ToolCall(
            id=wire_key(part.get("id")) or wire_key(part.get("toolCallId")),
            output="\n".join(word for word in (*words, failure) if word),
            is_error=bool(failure) or answer.get("isError") is True,
        )
        pictures = list({p["data"]: p for one in parts if (p := _picture(one))}.values())
        metadata = {"attachments": pictures} if pictures else None
        return self._turn(index, "tool", "tool_result", tool_calls=[call], metadata=metadata)

    def _turn(
        self,
        index: int,
        role: Role,
        kind: str,
        content: str = "",
        *,
        turn_id: str = "",
        metadata: dict[str, Any] | None = None,
        **fields: Any,
    ) -> TurnEvent:
        return self._row.turn(
            session_id=clean_session_id(self._row["session_id"]),
            turn_id=turn_id or f"{self._id}.{index}",
            seq=self._seq + min(index, MOST_TURNS - 2),
            role=role,
            timestamp=self._time,
            content=content,
            metadata={"kind": kind, **(metadata or {})},
            **fields,
        )


def places_of(row: Row) -> range:
    """Give the places that the turns of a row of `messages` can have."""
    start = start_of(second_of(row["created_timestamp"]), row.rowid)
    return range(start, start + MOST_TURNS)


def start_of(second: int, rowid: int) -> int:
    """Give the first place of a row.

    Args:
        second: when it was made.
        rowid: the row.
    """
    return (second << _SECOND_SHIFT) + ((rowid % _MOST_ROWS) << _ROW_SHIFT)


def second_of(value: Any) -> int:
    """Read a time, in seconds or milliseconds, as whole seconds."""
    return int(unix_time(value) or 0)


def _name(row: Row) -> str:
    """Name a message: as goose does, which gave those of old versions names of this form."""
    given = wire_key(row["message_id"])[:_LONGEST_ID]
    if not given:
        return wire_key(f"msg_{row['session_id']}_{row.rowid}") or f"msg_{row.rowid}"
    [(before,)] = row.query(_BEFORE, row["message_id"], row["session_id"], row.rowid)
    return f"{given}~{before}" if before else given


def _is_hidden(metadata: Any) -> bool:
    try:
        return not _decode_metadata(text(metadata).encode()).user_visible
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


def _is(part: dict[str, Any], *kinds: str) -> bool:
    return part.get("type") in kinds


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _thought(part: dict[str, Any]) -> str:
    words = text(part.get("thinking")) or text(part.get("text"))
    return words if words.strip() else ""


def _shown(part: Any) -> str:
    """Give a part of a result as text: its words, or all of a part that has none."""
    match part:
        case {"text": str(words)} | {"resource": {"text": str(words)}}:
            return words
    return as_text(part)


def _picture(part: Any) -> dict[str, Any] | None:
    """Make an attachment of a part with an image."""
    match part:
        case {"type": "image", "data": str(data), "mimeType": str(media_type)}:
            return image(media_type, data)
    return None
