"""Prompts, answers, calls and results.

A line is written once and has an id, ``uuid``: its first turn has that id, the others ``uuid.N``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_core import Role, ToolCall, TurnEvent, Usage
from lethe_core.gemini_parts import Parts, result_output, sort_parts
from lethe_core.mapping import call_line, count, text, unix_time, wire_key
from lethe_qwen.session import make_title, meta_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lethe_core import Event, Line
    from lethe_qwen.records import Record

_MAX_PATCH: Final = 64 * 1024
#: What a user line with a subtype is: its kind, and who speaks.
_SUBTYPES: Final[dict[str, tuple[str, Role]]] = {
    "mid_turn_user_message": ("queued_prompt", "user"),
    "realtime_message": ("prompt", "user"),
    "notification": ("notification", "system"),
    "cron": ("notification", "system"),
    "goal_runtime": ("context", "system"),
}


class Turns:
    """Makes the turns of one line.

    Args:
        record: the line.
        line: where it stands.
    """

    def __init__(self, record: Record, line: Line) -> None:
        self.record = record
        self.meta = meta_of(record, line.context, line.session_id)
        self.line = line
        self._made: list[TurnEvent] = []

    def add(self, kind: str, role: Role, parts: Parts | None = None, **fields: Any) -> TurnEvent:
        """Add a turn.

        Args:
            kind: its `metadata.kind`.
            role: who speaks.
            parts: whose attachments it has.
            **fields: other fields of the turn.
        """
        metadata: dict[str, Any] = {"kind": kind}
        if parent := text(self.record.parent_uuid):
            metadata["parent_id"] = parent
        if parts:
            metadata |= parts.metadata()
        index = len(self._made)
        key = wire_key(self.record.uuid)
        turn = self.line.turn(
            turn_id=f"{key[:240]}.{index}" if key and index else key,
            index=index,
            role=role,
            timestamp=unix_time(self.record.timestamp),
            metadata=metadata,
            session_meta=self.meta,
            **fields,
        )
        self._made.append(turn)
        return turn

    def given(self) -> Iterable[Event] | str:
        """Give the turns; a word if there are none."""
        return self._made or "no content"


def map_user(record: Record, line: Line) -> Iterable[Event] | str:
    """Map what was typed, or put in for the user.

    The text that was shown is the prompt; if something else was sent, it follows as context.
    """
    turns = Turns(record, line)
    parts = _parts(record)
    shown = ""
    if isinstance(record.system_payload, dict):
        shown = text(record.system_payload.get("displayText"))
    kind, role = _SUBTYPES.get(text(record.subtype), ("prompt", "user"))
    if text(record.external_input_kind) == "notification":
        kind, role = "notification", "system"
    content = shown or parts.text
    if not content.strip() and not parts.attachments and not parts.unknown:
        return "no content"
    turn = turns.add(kind, role, parts, content=content)
    if kind == "prompt" and (title := make_title(content)):
        turn.session_meta = msgspec.structs.replace(turns.meta, title=title, title_source="prompt")
    if shown and parts.text.strip() and parts.text != shown:
        turns.add("context", "system", content=parts.text)
    return turns.given()


def map_reply(record: Record, line: Line) -> Iterable[Event] | str:
    """Map what the model thought, said and called."""
    turns = Turns(record, line)
    parts = _parts(record)
    usage = _usage(record)
    common: dict[str, Any] = {"model": text(record.model) or None, "usage": usage}
    if parts.thoughts:
        turns.add("thinking", "assistant", content="".join(parts.thoughts), **common)
    # A reply without anything to show still costs tokens: its turn carries them.
    empty = not (parts.thoughts or parts.calls)
    if parts.text.strip() or parts.attachments or parts.unknown or (usage and empty):
        turns.add("answer", "assistant", parts, content=parts.text, **common)
    for call in parts.calls:
        name, arguments = text(call.get("name")), call.get("args")
        turns.add(
            "tool_call",
            "assistant",
            content=call_line(name, arguments),
            tool_calls=[ToolCall(id=text(call.get("id")), name=name, input=arguments)],
            **common,
        )
    return turns.given()


def map_results(record: Record, line: Line) -> Iterable[Event] | str:
    """Map what tools answered; usually a line holds one result."""
    turns = Turns(record, line)
    parts = _parts(record)
    details = record.tool_call_result if isinstance(record.tool_call_result, dict) else {}
    shown, status = details.get("resultDisplay"), text(details.get("status"))
    if not parts.results and details:
        parts.results = [{"id": details.get("callId"), "response": shown}]
    beside = parts  # what is no result stands with the first one
    for result in parts.results:
        output, is_error = result_output(result.get("response"))
        call = ToolCall(
            id=text(result.get("id")),
            name=text(result.get("name")),
            output=output,
            is_error=is_error or status == "error",
        )
        turn = turns.add("tool_result", "tool", beside, tool_calls=[call])
        if status and status not in ("success", "error"):
            turn.metadata["status"] = status
        if isinstance(shown, dict) and (patch := text(shown.get("fileDiff"))):
            turn.metadata["patch"] = patch[:_MAX_PATCH]
        beside = Parts()
    if parts.text.strip() or beside.metadata():
        turns.add("context", "system", beside, content=parts.text)
    return turns.given()


def _parts(record: Record) -> Parts:
    message = record.message
    if not isinstance(message, dict):
        return Parts()
    parts = message.get("parts")
    return sort_parts(parts if parts is not None else message.get("content"))


def _usage(record: Record) -> Usage | None:
    """Read the tokens of a reply, counted once per line, also in branched copies of it.

    ``promptTokenCount`` includes the cached tokens. Providers of OpenAI's form count thoughts in
    ``candidatesTokenCount``, Gemini beside it: the total tells which.
    """
    tokens, key = record.usage_metadata, wire_key(record.uuid)
    if not isinstance(tokens, dict) or not key:
        return None
    total, cached = (
        count(tokens.get("promptTokenCount")),
        count(tokens.get("cachedContentTokenCount")),
    )
    output, reasoning = (
        count(tokens.get(name)) for name in ("candidatesTokenCount", "thoughtsTokenCount")
    )
    if reasoning and count(tokens.get("totalTokenCount")) >= total + output + reasoning:
        output += reasoning
    usage = Usage(
        key=key,
        input=max(0, total - cached),
        output=output,
        cache_read=cached,
        reasoning=min(reasoning, output),
    )
    return usage if usage.input or usage.output or usage.cache_read else None
