"""Assistant records: answers, thinking and calls, and what the client says in the model's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lethe_claude_code.calls import add_call
from lethe_claude_code.failures import failure_metadata
from lethe_claude_code.records import Block
from lethe_claude_code.results import add_result
from lethe_claude_code.turns import Turns
from lethe_claude_code.unknown import add_unknown, unknown_parts
from lethe_core import Usage
from lethe_core.mapping import wire_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lethe_claude_code.records import Entry, Message
    from lethe_core import Event, Line, Role

_SYNTHETIC: Final = "<synthetic>"
_FILLER: Final = "No response requested."
_CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})


def map_assistant(entry: Entry, line: Line) -> Sequence[Event] | str:
    """Map an assistant record: a turn for each block, all with the usage of the whole reply.

    Claude Code writes a line for each block of a reply and repeats the reply's usage in each. So
    does this mapping: `usage.key` names the reply, and the archive counts it once.
    """
    message = entry.message
    if message is None or message.content is None:
        raise KeyError("message.content")
    content = message.content
    blocks = [Block(type="text", text=content)] if isinstance(content, str) else content
    turns = Turns(entry, line)
    if entry.is_api_error_message or message.model == _SYNTHETIC:
        return _map_synthetic(turns, entry, blocks)
    reply = _Reply(turns, entry, message, line)
    for index, block in enumerate(blocks):
        reply.add(block, index)
    return reply.finish() or "empty assistant"


class _Reply:
    """Adds the blocks of one line of a reply, each with what holds for the whole reply."""

    def __init__(self, turns: Turns, entry: Entry, message: Message, line: Line) -> None:
        self._turns = turns
        self._entry = entry
        self._line = line
        self._usage = _make_usage(entry, message, line)
        self._fields: dict[str, Any] = {"model": message.model, "usage": self._usage}
        self._metadata = {
            "message_id": message.id,
            "stop_reason": message.stop_reason,
            "effort": entry.effort,
            "aborted": entry.is_aborted_mid_stream,
        }

    def add(self, block: Block, index: int) -> None:
        """Add the turn of a block."""
        match block.type:
            case "text":
                if block.text.strip():
                    self._add("assistant", "answer", block.text, index)
                elif block.text:
                    self._tell_usage(index)  # in its place: the other blocks keep their ids
            case "thinking" | "redacted_thinking":
                # Also without its words, which newer versions leave out: that there was thinking
                # is known, and of an answer that broke off it may be the only line with the usage.
                redacted = not block.thinking
                self._add("assistant", "thinking", block.thinking, index, redacted=redacted)
            case kind if kind in _CALLS:
                metadata = {**self._metadata, "server": kind != "tool_use"}
                add_call(self._turns, block, index, metadata, **self._fields)
            case "fallback":
                names = [end.model if end else "" for end in (block.from_, block.to)]
                text = f"The model changed from {names[0]} to {names[1]}."
                self._add("system", "notice", text, index, fallback=names)
            case kind if kind.endswith("_tool_result"):
                path = self._line.context.path
                metadata = {**self._metadata, **unknown_parts(block, self._line, index)}
                told = {"metadata": metadata, **self._fields}
                add_result(self._turns, self._entry, block, path, index, **told)
            case _:
                told = {"metadata": self._metadata, **self._fields}
                add_unknown(self._turns, self._line, index, "assistant", **told)

    def finish(self) -> Sequence[Event]:
        """Return the turns; usage without any block has one of its own."""
        if not self._turns.events:
            self._tell_usage(0)
        cost = self._entry.cost_usd
        if self._turns.events and cost is not None and cost >= 0:
            self._turns.events[0].cost_usd = cost
        return self._turns.events

    def _tell_usage(self, index: int) -> None:
        """Add what the reply cost where the line says nothing else."""
        if self._usage:
            self._add("system", "usage", "", index)

    def _add(self, role: Role, kind: str, content: str, index: int, **told: Any) -> None:
        metadata = {**self._metadata, **told} if told else self._metadata
        self._turns.add(role, kind, content, index=index, metadata=metadata, **self._fields)


def _map_synthetic(turns: Turns, entry: Entry, blocks: list[Block]) -> Sequence[Event] | str:
    """Map what the client itself wrote: an error, or words to fill a gap. No model, no usage."""
    text = "\n".join(block.text for block in blocks if block.text)
    if entry.is_api_error_message:
        metadata = failure_metadata(entry.error) | {"status": entry.api_error_status}
        turns.add("system", "api_error", text, metadata=metadata)
        return turns.events
    if not text or text == _FILLER:
        return "filler"
    turns.add("system", "notice", text)
    return turns.events


def _make_usage(entry: Entry, message: Message, line: Line) -> Usage | None:
    tokens = message.usage
    if tokens is None:
        return None
    key = f"{message.id}:{entry.request_id}" if message.id and entry.request_id else message.id
    details = tokens.output_tokens_details
    return Usage(
        key=wire_key(key) or wire_key(entry.uuid) or line.hashed_id(),
        input=tokens.input_tokens or 0,
        output=tokens.output_tokens or 0,
        cache_read=tokens.cache_read_input_tokens or 0,
        cache_write=tokens.cache_creation_input_tokens or 0,
        reasoning=details.thinking_tokens if details else 0,
    )
