"""Kimi Code: the wire of an agent is the log of what happened to its context.

What the model says comes as ``context.append_loop_event``. A prompt stands twice: as
``turn.prompt`` and as a message that is appended to the context. Tokens stand at the end of each
step, and once more in ``usage.record``; those of a compaction stand there alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from lethe_core import JsonlParser, SessionMeta, ToolCall, Usage
from lethe_core.mapping import (
    call_line,
    count,
    first_telling,
    skip_word,
    text,
    unix_time,
    unknown_block,
    wire_key,
)
from lethe_kimi.content import read_content
from lethe_kimi.folders import Folder, name_code, read_code_folder, session_name, tell_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lethe_core import Event, Line, Source, TurnEvent
    from lethe_core.events import Role

Mapped = list["Event"] | str

_LONGEST_NAME: Final = 200


class KimiCodeParser(JsonlParser):
    """Reads the wires of Kimi Code, the client of the second generation."""

    tool: ClassVar[str] = "kimi-code"
    label: ClassVar[str] = "Kimi Code"
    version: ClassVar[int] = 2

    def default_roots(self) -> Iterable[Path]:
        """Name the folder of all sessions."""
        home = os.environ.get("KIMI_CODE_HOME") or "~/.kimi-code"
        return [Path(home).expanduser().absolute() / "sessions"]

    def accepts(self, path: Path) -> bool:
        """Take the wires of agents."""
        return path.name == "wire.jsonl" and path.parent.parent.name == "agents"

    def session_id(self, source: Source) -> str:
        """Name the session by its folder; a subagent's has the name of the agent behind it."""
        return session_name(source.path, *name_code(source.path))

    def open_context(self, source: Source) -> Folder:
        """Read the title, the origin and the working directory beside the wire."""
        return read_code_folder(source.path)

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the command that resumes a session; a subagent's cannot be resumed."""
        del working_dir
        return None if "." in session_id else f"kimi --session {session_id}"

    def map_record(self, record: dict[str, Any], line: Line) -> Iterable[Event] | str:
        """Map one line. See `JsonlParser.map_record`."""
        kind = record.get("type")
        told = tell_folder(line, first=kind == "metadata")
        mapping = _MAPPINGS.get(kind) if isinstance(kind, str) else None
        mapped = mapping(record, line) if mapping else skip_word("record", kind)
        return told or mapped if isinstance(mapped, str) else [*told, *mapped]


def _turn(
    record: dict[str, Any],
    line: Line,
    role: Role,
    kind: str,
    content: str = "",
    *,
    index: int = 0,
    metadata: dict[str, Any] | None = None,
    **fields: Any,
) -> TurnEvent:
    return line.turn(
        role=role,
        index=index,
        timestamp=unix_time(record.get("time")),
        content=content,
        metadata={"kind": kind} | (metadata or {}),
        **fields,
    )


def _map_config(record: dict[str, Any], line: Line) -> Mapped:
    """Keep the model; tell the working directory where it stands."""
    _keep_model(record, line)
    disclosed = record.get("environmentDisclosure")
    folder = text(record.get("cwd"))
    if not folder and isinstance(disclosed, dict):
        folder = text(disclosed.get("cwd"))
    if not folder or folder == line.state.get("folder"):
        return skip_word("record", record.get("type"))
    line.state["folder"] = folder
    return [line.session(SessionMeta(working_dir=folder), unix_time(record.get("time")))]


def _keep_model(record: dict[str, Any], line: Line) -> Mapped:
    if model := text(record.get("modelAlias")) or text(record.get("model")):
        line.state["model"] = model[:_LONGEST_NAME]
    return skip_word("record", record.get("type"))


def _map_prompt(record: dict[str, Any], line: Line) -> Mapped:
    return _map_input(record, record.get("input"), record.get("origin"), line, "turn")


def _map_message(record: dict[str, Any], line: Line) -> Mapped:
    message = record.get("message")
    if not isinstance(message, dict):
        return "record context.append_message"
    content = message.get("content")
    match message.get("role"):
        case "user":
            return _map_input(record, content, message.get("origin"), line, "context")
        case "assistant":
            words, metadata = read_content(content)
            if not words and not metadata:
                return "empty message"
            model = line.state.get("model")
            return [
                _turn(record, line, "assistant", "answer", words, model=model, metadata=metadata)
            ]
        case "tool":
            words, metadata = read_content(content)
            call = ToolCall(id=wire_key(message.get("toolCallId")), output=words)
            return [
                _turn(record, line, "tool", "tool_result", tool_calls=[call], metadata=metadata)
            ]
        case other:
            return skip_word("message of", other)


def _map_input(record: dict[str, Any], content: Any, origin: Any, line: Line, by: str) -> Mapped:
    """Map what was put in: by a person, by another agent, or by Kimi in their name."""
    words, metadata = read_content(content)
    if not words and not metadata:
        return "empty message"
    if words and not first_telling(line.state, by, words):
        return "message, told before"
    if not _is_prompt(origin, words):
        return [_turn(record, line, "system", "context", words, metadata=metadata)]
    kind = "queued_prompt" if record.get("type") == "turn.steer" else "prompt"
    return [_turn(record, line, "user", kind, words, metadata=metadata)]


def _is_prompt(origin: Any, words: str) -> bool:
    if not isinstance(origin, dict):
        return not words.lstrip().startswith("<system-reminder>")
    return origin.get("kind") == "user" or origin.get("name") == "subagent"


def _map_loop_event(record: dict[str, Any], line: Line) -> Mapped:
    event = record.get("event")
    if not isinstance(event, dict):
        return "record context.append_loop_event"
    match event.get("type"):
        case "content.part":
            return _map_part(record, event, line)
        case "tool.call":
            return _map_call(record, event, line)
        case "tool.result":
            return _map_result(record, event, line)
        case "step.end":
            return _map_usage(record, event.get("usage"), wire_key(event.get("uuid")), line)
        case other:
            return skip_word("event", other)


def _map_part(record: dict[str, Any], event: dict[str, Any], line: Line) -> Mapped:
    part = event.get("part")
    if not isinstance(part, dict):
        return "event content.part"
    model = line.state.get("model")
    match part.get("type"):
        case "text" if words := text(part.get("text")):
            return [_turn(record, line, "assistant", "answer", words, model=model)]
        case "think" if words := text(part.get("think")) or text(part.get("text")):
            return [_turn(record, line, "assistant", "thinking", words, model=model)]
        case "text" | "think":
            return "empty part"
        case _:
            metadata = unknown_block(part)
            return [
                _turn(record, line, "assistant", "unknown_block", model=model, metadata=metadata)
            ]


def _map_call(record: dict[str, Any], event: dict[str, Any], line: Line) -> Mapped:
    name = text(event.get("name")) or text(event.get("toolName"))
    arguments = event.get("args", event.get("input"))
    call = ToolCall(id=wire_key(event.get("toolCallId")), name=name, input=arguments)
    words = call_line(name, arguments)
    model = line.state.get("model")
    return [_turn(record, line, "assistant", "tool_call", words, model=model, tool_calls=[call])]


def _map_result(record: dict[str, Any], event: dict[str, Any], line: Line) -> Mapped:
    result = event.get("result")
    answer = result if isinstance(result, dict) else event
    output, metadata = read_content(answer.get("output"))
    call = ToolCall(
        id=wire_key(event.get("toolCallId")),
        output=output,
        is_error=answer.get("isError") is True,
    )
    return [_turn(record, line, "tool", "tool_result", tool_calls=[call], metadata=metadata)]


def _map_usage_record(record: dict[str, Any], line: Line) -> Mapped:
    """Map tokens that belong to no step: those of a compaction."""
    if record.get("usageScope") != "session":
        return "usage, told before"
    numbers = record.get("usage")
    scope = f"{text(record.get('model'))}:{record.get('time')}"
    return _map_usage(record, numbers, wire_key(f"session:{scope}"), line)


def _map_usage(record: dict[str, Any], numbers: Any, key: str, line: Line) -> Mapped:
    if not isinstance(numbers, dict):
        return "step without usage"
    usage = Usage(
        key=key or line.hashed_id(),
        input=count(numbers.get("inputOther")),
        output=count(numbers.get("output")),
        cache_read=count(numbers.get("inputCacheRead")),
        cache_write=count(numbers.get("inputCacheCreation")),
    )
    return [_turn(record, line, "system", "usage", model=line.state.get("model"), usage=usage)]


def _map_cancel(record: dict[str, Any], line: Line) -> Mapped:
    return [_turn(record, line, "system", "interrupt")]


def _map_compaction(record: dict[str, Any], line: Line) -> Mapped:
    events: list[Event] = [_turn(record, line, "system", "compact_boundary")]
    if summary := text(record.get("summary")):
        events.append(_turn(record, line, "system", "compact_summary", summary, index=1))
    return events


def _map_clear(record: dict[str, Any], line: Line) -> Mapped:
    return [_turn(record, line, "system", "notice", "The context was cleared.")]


_MAPPINGS: Final[dict[str, Callable[[dict[str, Any], Line], Mapped]]] = {
    "config.update": _map_config,
    "profile.bind": _map_config,
    "llm.request": _keep_model,
    "turn.prompt": _map_prompt,
    "turn.steer": _map_prompt,
    "turn.cancel": _map_cancel,
    "context.append_message": _map_message,
    "context.append_loop_event": _map_loop_event,
    "context.apply_compaction": _map_compaction,
    "context.clear": _map_clear,
    "usage.record": _map_usage_record,
}
