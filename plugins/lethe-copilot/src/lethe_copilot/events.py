"""Map the events of a session by their type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lethe_copilot.happening import Happening, Mapped, agent_session
from lethe_copilot.usage import map_shutdown, message_usage
from lethe_core import SessionMeta, ToolCall
from lethe_core.mapping import (
    as_text,
    call_line,
    decoded_arguments,
    first_telling,
    skip_word,
    text,
    wire_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lethe_core import Event, TurnEvent


def map_event(event: Happening) -> Mapped:
    """Map one event.

    Args:
        event: the event.

    Returns:
        Its turns, or the word for an event that is none.
    """
    kind = event.record.get("type")
    mapping = _MAPPINGS.get(kind) if isinstance(kind, str) else None
    return mapping(event) if mapping else skip_word("event", kind)


def _map_start(event: Happening) -> Mapped:
    """Map the start of a session, or of a process that resumes it."""
    event.keep_model("selectedModel")
    event.line.state.pop("output", None)
    context = event.data.get("context")
    known = context if isinstance(context, dict) else {}
    metadata = {
        name: value
        for name, key, source in (
            ("version", "copilotVersion", event.data),
            ("producer", "producer", event.data),
            ("repository", "repository", known),
        )
        if (value := text(source.get(key)))
    }
    meta = SessionMeta(
        source_file=str(event.line.source.path),
        working_dir=text(known.get("cwd")) or None,
        git_branch=text(known.get("branch")) or None,
        metadata=metadata,
    )
    return [event.session(meta)]


def _map_model(event: Happening) -> Mapped:
    event.keep_model("newModel", "chosenModel")
    return skip_word("event", event.record.get("type"))


def _map_prompt(event: Happening) -> Mapped:
    words = as_text(event.data.get("content"))
    return [event.turn("user", "prompt", words)] if words else "empty prompt"


def _map_answer(event: Happening) -> Mapped:
    events: list[TurnEvent] = []
    thought = text(event.data.get("reasoningText"))
    if thought and first_telling(event.line.state, "message", thought):
        events.append(event.turn("assistant", "thinking", thought, model=event.model))
    if words := as_text(event.data.get("content")):
        turn = event.turn("assistant", "answer", words, index=len(events), model=event.model)
        events.append(turn)
    requests = event.data.get("toolRequests")
    for request in requests if isinstance(requests, list) else ():
        if isinstance(request, dict) and event.tells_call(text(request.get("toolCallId"))):
            name, arguments = text(request.get("name")), request.get("arguments")
            events.append(_call_turn(event, request, name, arguments, len(events)))
    usage = message_usage(event)
    if usage and not events:
        events.append(event.turn("system", "usage", model=event.model))
    if usage:
        events[0].usage = usage
    return list(events) or "empty answer"


def _map_call(event: Happening) -> Mapped:
    if not event.tells_call(text(event.data.get("toolCallId"))):
        return "call, told before"
    name = text(event.data.get("toolName")) or text(event.data.get("mcpToolName"))
    return [_call_turn(event, event.data, name, event.data.get("arguments"), 0)]


def _call_turn(
    event: Happening, source: dict[str, Any], name: str, arguments: Any, index: int
) -> TurnEvent:
    value = decoded_arguments(arguments)
    call = ToolCall(id=wire_key(source.get("toolCallId")), name=name, input=value)
    words = call_line(name, value)
    return event.turn(
        "assistant", "tool_call", words, index=index, model=event.model, tool_calls=[call]
    )


def _map_result(event: Happening) -> Mapped:
    result, error = event.data.get("result"), event.data.get("error")
    output = _words(result, "content") or _words(error, "message")
    call = ToolCall(
        id=wire_key(event.data.get("toolCallId")),
        output=output,
        is_error=event.data.get("success") is False,
    )
    return [event.turn("tool", "tool_result", tool_calls=[call])]


def _words(value: Any, field: str) -> str:
    """Read what a tool said: the field of an object that holds it, or all there is."""
    return as_text(value.get(field, value) if isinstance(value, dict) else value)


def _map_thought(event: Happening) -> Mapped:
    words = text(event.data.get("content"))
    if not words or not first_telling(event.line.state, "event", words):
        return "reasoning, told before"
    return [event.turn("assistant", "thinking", words, model=event.model)]


def _map_context(event: Happening) -> Mapped:
    return _said(event, "context", "content")


def _map_notification(event: Happening) -> Mapped:
    return _said(event, "notification", "content")


def _map_notice(event: Happening) -> Mapped:
    return _said(event, "notice", "message")


def _said(event: Happening, kind: str, field: str) -> Mapped:
    words = as_text(event.data.get(field))
    if not words:
        return skip_word("event", event.record.get("type"))
    return [event.turn("system", kind, words)]


def _map_error(event: Happening) -> Mapped:
    known = {"error": event.data.get("errorType"), "status": event.data.get("statusCode")}
    metadata = {key: value for key, value in known.items() if isinstance(value, str | int)}
    words = text(event.data.get("message"))
    return [event.turn("system", "api_error", words, metadata=metadata)]


def _map_abort(event: Happening) -> Mapped:
    return [event.turn("system", "interrupt", text(event.data.get("reason")))]


def _map_truncation(event: Happening) -> Mapped:
    return [event.turn("system", "compact_boundary", metadata={"truncation": True})]


def _map_compaction(event: Happening) -> Mapped:
    events: list[Event] = [event.turn("system", "compact_boundary")]
    if summary := text(event.data.get("summaryContent")):
        events.append(event.turn("system", "compact_summary", summary, index=1))
    return events


def _map_subagent(event: Happening) -> Mapped:
    """Map the start of a subagent: a session of its own."""
    call = text(event.data.get("toolCallId"))
    if not call:
        return "event subagent.started"
    names = {"agent_name": event.data.get("agentName"), "agent_call": call}
    meta = SessionMeta(
        parent_session_id=event.line.session_id,
        relation="subagent",
        metadata={key: value for key, value in names.items() if isinstance(value, str)},
    )
    session = event.session(meta)
    session.session_id = agent_session(event.line.session_id, call)
    return [session]


def _map_title(event: Happening) -> Mapped:
    title = text(event.data.get("title")).strip()
    if not title:
        return "event session.title_changed"
    return [event.session(SessionMeta(title=title, title_source="generated"))]


_MAPPINGS: Final[dict[str, Callable[[Happening], Mapped]]] = {
    "session.start": _map_start,
    "session.resume": _map_start,
    "session.model_change": _map_model,
    "session.auto_mode_resolved": _map_model,
    "session.title_changed": _map_title,
    "session.info": _map_notice,
    "session.warning": _map_notice,
    "session.error": _map_error,
    "session.truncation": _map_truncation,
    "session.compaction_complete": _map_compaction,
    "session.shutdown": map_shutdown,
    "user.message": _map_prompt,
    "assistant.message": _map_answer,
    "assistant.reasoning": _map_thought,
    "tool.execution_start": _map_call,
    "tool.execution_complete": _map_result,
    "subagent.started": _map_subagent,
    "system.message": _map_context,
    "system.notification": _map_notification,
    "abort": _map_abort,
}
