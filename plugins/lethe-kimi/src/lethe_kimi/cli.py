"""Kimi CLI: the wire of a session is the log of what its core told its user interface.

Arguments of a call may come in fragments, with the results of other calls between them. A call
whose arguments are not whole yet waits in the state; it is told where they become whole, or where
it is sure that they never will.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from lethe_core import JsonlParser, SessionMeta, ToolCall, Usage
from lethe_core.mapping import (
    call_line,
    count,
    decoded_arguments,
    skip_word,
    text,
    unix_time,
    unknown_block,
    wire_key,
)
from lethe_kimi.content import read_content
from lethe_kimi.folders import Folder, name_cli, read_cli_folder, session_name, tell_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lethe_core import Event, Line, Source, TurnEvent
    from lethe_core.events import Role

Mapped = list["Event"] | str

#: A call that waits is told with what there is when its arguments are longer.
_MAX_WAITING: Final = 32 * 1024


class KimiCliParser(JsonlParser):
    """Reads the wires of Kimi CLI, the client of the first generation."""

    tool: ClassVar[str] = "kimi-cli"
    label: ClassVar[str] = "Kimi CLI"
    version: ClassVar[int] = 2

    def default_roots(self) -> Iterable[Path]:
        """Name the folder of all sessions."""
        share = os.environ.get("KIMI_SHARE_DIR") or "~/.kimi"
        return [Path(share).expanduser().absolute() / "sessions"]

    def accepts(self, path: Path) -> bool:
        """Take wires alone: ``context.jsonl`` is rewritten, and says the same."""
        return path.name == "wire.jsonl" and path.parent.parent.name != "agents"

    def session_id(self, source: Source) -> str:
        """Name the session by the folder of its wire."""
        return session_name(source.path, *name_cli(source.path))

    def open_context(self, source: Source) -> Folder:
        """Read the title and the working directory beside the wire."""
        return read_cli_folder(source.path)

    def resume_command(self, session_id: str, working_dir: str | None) -> str | None:
        """Give the command that resumes a session; a subagent's cannot be resumed."""
        del working_dir
        return None if "." in session_id else f"kimi --session {session_id}"

    def map_record(self, record: dict[str, Any], line: Line) -> Iterable[Event] | str:
        """Map one line. See `JsonlParser.map_record`."""
        told = tell_folder(line, first=record.get("type") == "metadata")
        message = record.get("message")
        if not isinstance(message, dict):
            return told or skip_word("record", record.get("type"))
        mapped = _map_message(message, line, unix_time(record.get("timestamp")))
        return told or mapped if isinstance(mapped, str) else [*told, *mapped]


def _map_message(message: dict[str, Any], line: Line, time: float | None) -> Mapped:
    kind = message.get("type")
    mapping = _MAPPINGS.get(kind) if isinstance(kind, str) else None
    payload = message.get("payload")
    if mapping is None:
        return skip_word("message", kind)
    return mapping(payload if isinstance(payload, dict) else {}, line, time)


def _turn(
    line: Line,
    time: float | None,
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
        timestamp=time,
        content=content,
        metadata={"kind": kind} | (metadata or {}),
        **fields,
    )


def _map_prompt(payload: dict[str, Any], line: Line, time: float | None) -> Mapped:
    return _map_input(payload, line, time, "prompt")


def _map_steering(payload: dict[str, Any], line: Line, time: float | None) -> Mapped:
    return _map_input(payload, line, time, "queued_prompt")


def _map_input(payload: dict[str, Any], line: Line, time: float | None, kind: str) -> Mapped:
    events = _tell_waiting(line, time)
    words, metadata = read_content(payload.get("user_input"))
    if words or metadata:
        index = len(events)
        events.append(_turn(line, time, "user", kind, words, index=index, metadata=metadata))
    return events or "empty prompt"


def _map_part(payload: dict[str, Any], line: Line, time: float | None) -> Mapped:
    match payload.get("type"):
        case "text" if words := text(payload.get("text")):
            return [_turn(line, time, "assistant", "answer", words)]
        case "think" if words := text(payload.get("think")):
            return [_turn(line, time, "assistant", "thinking", words)]
        case "text" | "think":
            return "empty part"
        case _:
            return [
                _turn(line, time, "assistant", "unknown_block", metadata=unknown_block(payload))
            ]


def _map_call(payload: dict[str, Any], line: Line, time: float | None) -> Mapped:
    events = _tell_waiting(line, time)
    function = payload.get("function")
    if not isinstance(function, dict):
        return events or "message ToolCall"
    waiting = {
        "id": wire_key(payload.get("id")),
        "name": text(function.get("name")),
        "arguments": text(function.get("arguments")),
    }
    if not _is_whole(waiting):
        line.state["waiting"] = waiting
        return events or "arguments to come"
    return [*events, _call_turn(waiting, line, time, len(events))]


def _map_fragment(payload: dict[str, Any], line: Line, time: float | None) -> Mapped:
    waiting = line.state.get("waiting")
    if waiting is None:
        return "arguments, told before"
    waiting["arguments"] += text(payload.get("arguments_part"))
    if not _is_whole(waiting):
        return "arguments to come"
    return _tell_waiting(line, time)


def _is_whole(waiting: dict[str, str]) -> bool:
    arguments = waiting["arguments"]
    if len(arguments) > _MAX_WAITING:
        return True
    return arguments != "" and not isinstance(decoded_arguments(arguments), str)


def _tell_waiting(line: Line, time: float | None) -> list[Event]:
    """Tell the call that waits for the rest of its arguments, if there is one."""
    waiting = line.state.pop("waiting", None)
    return [_call_turn(waiting, line, time, 0)] if waiting else []


def _call_turn(waiting: dict[str, str], line: Line, time: float | None, index: int) -> TurnEvent:
    arguments = decoded_arguments(waiting["arguments"])
    call = ToolCall(id=waiting["id"], name=waiting["name"], input=arguments or None)
    words = call_line(call.name, arguments)
    whole = not isinstance(arguments, str)
    metadata = {} if whole else {"incomplete_arguments": True}
    return _turn(
        line,
        time,
        "assistant",
        "tool_call",
        words,
        index=index,
        tool_calls=[call],
        metadata=metadata,
    )


def _map_result(payload: dict[str, Any], line: Line, time: float | None) -> Mapped:
    identity = wire_key(payload.get("tool_call_id"))
    waiting = line.state.get("waiting")
    ended = waiting is not None and waiting["id"] == identity
    events = _tell_waiting(line, time) if ended else []
    value = payload.get("return_value")
    answer = value if isinstance(value, dict) else {}
    output, metadata = read_content(answer.get("output"))
    message = text(answer.get("message"))
    if output and message:
        metadata["message"] = message
    call = ToolCall(id=identity, output=output or message, is_error=answer.get("is_error") is True)
    events.append(
        _turn(
            line,
            time,
            "tool",
            "tool_result",
            index=len(events),
            tool_calls=[call],
            metadata=metadata,
        )
    )
    return events


def _map_status(payload: dict[str, Any], line: Line, time: float | None) -> Mapped:
    numbers = payload.get("token_usage")
    if not isinstance(numbers, dict):
        return "message StatusUpdate"
    identity = wire_key(payload.get("message_id"))
    usage = Usage(
        key=wire_key(f"{identity}:{time}") if identity else line.hashed_id(),
        input=count(numbers.get("input_other")),
        output=count(numbers.get("output")),
        cache_read=count(numbers.get("input_cache_read")),
        cache_write=count(numbers.get("input_cache_creation")),
    )
    return [_turn(line, time, "system", "usage", usage=usage)]


def _map_compaction(payload: dict[str, Any], line: Line, time: float | None) -> Mapped:
    del payload
    return [_turn(line, time, "system", "compact_boundary")]


def _map_interruption(payload: dict[str, Any], line: Line, time: float | None) -> Mapped:
    del payload
    events = _tell_waiting(line, time)
    return [*events, _turn(line, time, "system", "interrupt", index=len(events))]


def _map_end(payload: dict[str, Any], line: Line, time: float | None) -> Mapped:
    del payload
    return _tell_waiting(line, time) or "message of a turn or step"


def _map_subagent(payload: dict[str, Any], line: Line, time: float | None) -> Mapped:
    """Map what a subagent does; recent versions write it to a wire of its own."""
    event = payload.get("event")
    parent_call = wire_key(payload.get("parent_tool_call_id"))
    if payload.get("agent_id") or not isinstance(event, dict) or not parent_call:
        return "message of a subagent"
    name = session_name(line.source.path, line.session_id, parent_call)
    inner = replace(line, session_id=name, state={})
    mapped = _map_message(event, inner, time)
    if isinstance(mapped, str):
        mapped = _tell_waiting(inner, time) or mapped
    if event.get("type") != "TurnBegin" or isinstance(mapped, str):
        return mapped
    meta = SessionMeta(parent_session_id=line.session_id, relation="subagent")
    return [inner.session(meta, time), *mapped]


_MAPPINGS: Final[dict[str, Callable[[dict[str, Any], Line, float | None], Mapped]]] = {
    "TurnBegin": _map_prompt,
    "SteerInput": _map_steering,
    "ContentPart": _map_part,
    "ToolCall": _map_call,
    "ToolCallPart": _map_fragment,
    "ToolResult": _map_result,
    "StatusUpdate": _map_status,
    "CompactionEnd": _map_compaction,
    "StepInterrupted": _map_interruption,
    "StepBegin": _map_end,
    "TurnEnd": _map_end,
    "SubagentEvent": _map_subagent,
}
