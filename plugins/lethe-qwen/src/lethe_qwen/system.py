"""Lines of the type ``system``: commands, compression, titles, errors of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lethe_core import SessionMeta
from lethe_core.gemini_parts import sort_parts
from lethe_core.mapping import clean_session_id, skip_word, text
from lethe_qwen.session import make_title
from lethe_qwen.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lethe_core import Event, Line
    from lethe_qwen.records import Record


def map_system(record: Record, line: Line) -> Iterable[Event] | str:
    """Map a line by its subtype; those that are no turn give their name."""
    payload = record.system_payload if isinstance(record.system_payload, dict) else {}
    mapped = _MAPPERS.get(text(record.subtype))
    if mapped:
        return mapped(Turns(record, line), payload)
    return skip_word("system", record.subtype)


def _command(turns: Turns, payload: dict[str, Any]) -> Iterable[Event] | str:
    """Map a slash command: as it was typed, or what it showed."""
    typed = text(payload.get("rawCommand"))
    if payload.get("phase") == "invocation":
        if payload.get("hiddenInvocation") is True or not typed:
            return "hidden command"
        turns.add("command", "user", content=typed)
        return turns.given()
    items = payload.get("outputHistoryItems")
    items = items if isinstance(items, list) else []
    shown = [text(item.get("text")) for item in items if isinstance(item, dict)]
    output = "\n".join(filter(None, shown))
    if output:
        turns.add("command_output", "system", content=output).metadata["command"] = typed
    return turns.given()


def _compression(turns: Turns, payload: dict[str, Any]) -> Iterable[Event] | str:
    """Map a compression: the boundary, and the summary that the model goes on with."""
    boundary = turns.add("compact_boundary", "system", content="Conversation compressed.")
    if isinstance(payload.get("info"), dict):
        boundary.metadata["compression"] = payload["info"]
    history = payload.get("compressedHistory")
    first = history[0] if isinstance(history, list) and history else None
    if isinstance(first, dict) and (summary := sort_parts(first.get("parts")).text):
        turns.add("compact_summary", "system", content=summary)
    return turns.given()


def _title(turns: Turns, payload: dict[str, Any]) -> Iterable[Event] | str:
    title = make_title(text(payload.get("customTitle")))
    if not title:
        return "no title"
    generated = payload.get("titleSource") == "auto"
    meta = SessionMeta(title=title, title_source="generated" if generated else "custom")
    return [turns.line.session(meta)]


def _parent(turns: Turns, payload: dict[str, Any]) -> Iterable[Event] | str:
    """Map the note that a session was made by a call of another one."""
    parent = text(payload.get("parentSessionId"))
    name = clean_session_id(parent) if parent else ""
    if not name or name == turns.line.session_id:
        return "no parent"
    return [turns.line.session(SessionMeta(parent_session_id=name, relation="subagent"))]


def _notification(turns: Turns, payload: dict[str, Any]) -> Iterable[Event] | str:
    if shown := text(payload.get("displayText")):
        turns.add("notification", "system", content=shown)
    return turns.given()


def _telemetry(turns: Turns, payload: dict[str, Any]) -> Iterable[Event] | str:
    """Map errors of the API; all else that is measured is told better by other lines."""
    event = payload.get("uiEvent")
    if not isinstance(event, dict) or not text(event.get("event.name")).endswith("api_error"):
        return "ui_telemetry"
    reason = text(event.get("error_message")) or text(event.get("error"))
    name = text(event.get("error_type"))
    if name == "APIUserAbortError":
        turns.add("interrupt", "system", content=reason)
        return turns.given()
    turn = turns.add("api_error", "system", content=reason or name, model=_model(event))
    known = {"error": name, "status": event.get("status_code")}
    turn.metadata |= {key: value for key, value in known.items() if value}
    return turns.given()


def _rewind(turns: Turns, payload: dict[str, Any]) -> Iterable[Event] | str:
    turn = turns.add("notice", "system", content="Rewound the conversation.")
    if isinstance(removed := payload.get("truncatedCount"), int):
        turn.metadata["removed"] = removed
    return turns.given()


def _model(event: dict[str, Any]) -> str | None:
    return text(event.get("model")) or None


_MAPPERS: dict[str, Callable[[Turns, dict[str, Any]], Iterable[Event] | str]] = {
    "slash_command": _command,
    "chat_compression": _compression,
    "custom_title": _title,
    "parent_session": _parent,
    "background_task_completed": _notification,
    "ui_telemetry": _telemetry,
    "rewind": _rewind,
}
