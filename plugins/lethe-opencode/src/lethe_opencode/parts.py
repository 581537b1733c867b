"""A message and its parts to turns: the form of opencode 1.x, in files and in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lethe_core import ToolCall
from lethe_core.mapping import as_text, call_line, text, unix_time, wire_key
from lethe_opencode.turns import Turns, add_failure, attach_file, attach_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lethe_core import Role

#: The last places of a message.
_FAILURE: Final = 510
#: Parts that are bookkeeping: snapshots of the work tree, and tokens that the message tells.
_BOOKKEEPING: Final = frozenset({"step-start", "step-finish", "snapshot", "patch", "agent", "file"})


def map_message(
    turns: Turns, message: dict[str, Any], parts: Sequence[dict[str, Any]]
) -> str | None:
    """Make the turns of a message.

    Args:
        turns: takes them.
        message: what opencode says of it.
        parts: its parts, in order.

    Returns:
        If there are none, a word that says why.
    """
    if message.get("role") == "user":
        _map_prompt(turns, parts)
    else:
        _map_answer(turns, message, parts)
    return None if turns.made else "nothing said yet"


def _map_prompt(turns: Turns, parts: Sequence[dict[str, Any]]) -> None:
    own = [part for part in parts if part.get("type") == "text" and not _is_injected(part)]
    words = "\n".join(text(part.get("text")) for part in own)
    files = [attach_file(part) for part in parts if part.get("type") == "file"]
    agents = [text(part.get("name")) for part in parts if part.get("type") == "agent"]
    if words.strip() or files:
        metadata = {"attachments": files, "agents": agents}
        metadata = {name: value for name, value in metadata.items() if value}
        turns.add("user", "prompt", words, place=0, turn_id=turns.message_id, metadata=metadata)
    for place, part in enumerate(parts, 1):
        match part.get("type"):
            case "text" if _is_injected(part) and text(part.get("text")).strip():
                turn_id = turns.numbered("context")
                turns.add("system", "context", part["text"], place=place, turn_id=turn_id)
            case "subtask":
                _add_command(turns, part, place)
            case "compaction":
                _add_boundary(turns, part, place)
            case kind if kind != "text" and kind not in _BOOKKEEPING:
                turns.add_unknown("user", part, place)


def _map_answer(turns: Turns, message: dict[str, Any], parts: Sequence[dict[str, Any]]) -> None:
    model = text(message.get("modelID"))
    about = {"provider": text(message.get("providerID")), "agent": text(message.get("agent"))}
    answer = Answer(turns, model, about, is_summary=message.get("summary") is True)
    place = 0
    for part in parts:
        kind = part.get("type")
        if kind in _BOOKKEEPING:
            continue
        match kind:
            case "text":
                answer.add_text(text(part.get("text")), place, part.get("time"))
            case "reasoning":
                answer.add_thinking(text(part.get("text")), place, part.get("time"))
            case "tool":
                state = part.get("state")
                state = state if isinstance(state, dict) else {}
                add_call(answer, part, state, place)
            case "retry":
                _add_retry(turns, part, place)
            case "compaction":
                _add_boundary(turns, part, place)
            case _:
                turns.add_unknown("assistant", part, place)
        place += 2
    add_failure(turns, message.get("error"), place=_FAILURE)
    attach_usage(turns, message, model)


class Answer:
    """What the turns of one answer have in common.

    Args:
        turns: takes them.
        model: the model that answered.
        about: of the provider and the agent.
        is_summary: whether the answer sums up what stands before it.
    """

    def __init__(
        self, turns: Turns, model: str, about: dict[str, str], *, is_summary: bool = False
    ) -> None:
        self.turns = turns
        self.model = model or None
        self.about = {name: value for name, value in about.items() if value}
        self._is_summary = is_summary

    def add_text(self, words: str, place: int, time: Any) -> None:
        """Tell a text of the answer; one that is still empty has an id and a place already."""
        turn_id = self.turns.numbered("answer")
        if not words.strip():
            return
        role: Role = "system" if self._is_summary else "assistant"
        self.turns.add(
            role,
            "compact_summary" if self._is_summary else "answer",
            words,
            place=place,
            turn_id=turn_id,
            timestamp=began(time),
            metadata=self.about,
            model=None if self._is_summary else self.model,
        )

    def add_thinking(self, words: str, place: int, time: Any) -> None:
        """Tell what the model thought."""
        turn_id = self.turns.numbered("thinking")
        if words.strip():
            self.turns.add(
                "assistant",
                "thinking",
                words,
                place=place,
                turn_id=turn_id,
                timestamp=began(time),
                metadata=self.about,
                model=self.model,
            )

    def add_call(
        self, call: ToolCall, place: int, time: Any, metadata: dict[str, Any] | None = None
    ) -> str:
        """Tell a call of a tool; returns what its result is to be called."""
        name = self.turns.distinct(wire_key(call.id) or "unnamed")
        self.turns.add(
            "assistant",
            "tool_call",
            call_line(call.name, call.input),
            place=place,
            turn_id=f"{self.turns.message_id}.call.{name}",
            timestamp=began(time),
            metadata={**self.about, **(metadata or {})},
            model=self.model,
            tool_calls=[call],
        )
        return f"{self.turns.message_id}.result.{name}"

    def add_result(
        self, result: ToolCall, place: int, turn_id: str, time: Any, metadata: dict[str, Any]
    ) -> None:
        """Tell what a tool answered."""
        self.turns.add(
            "tool",
            "tool_result",
            "",
            place=place,
            turn_id=turn_id,
            timestamp=ended(time),
            metadata={name: value for name, value in metadata.items() if value not in (None, [])},
            tool_calls=[result],
        )


def add_call(answer: Answer, part: dict[str, Any], state: dict[str, Any], place: int) -> None:
    """Tell a call of a tool, and its result as soon as there is one."""
    call_id, name = text(part.get("callID")), text(part.get("tool"))
    status, time = text(state.get("status")), state.get("time")
    call = ToolCall(id=call_id, name=name, input=state.get("input"))
    failed = status == "error"
    is_done = failed or status == "completed" or isinstance(state.get("output"), str)
    turn_id = answer.add_call(call, place, time, {} if is_done else {"status": status})
    if not is_done:
        return
    output = as_text(state.get("error" if failed else "output"))
    told = state.get("metadata")
    told = told if isinstance(told, dict) else {}
    attachments = state.get("attachments")
    metadata = {
        "title": text(state.get("title")) or None,
        "exit": told.get("exit"),
        "subagent_session_id": told.get("sessionId"),
        "truncated": told.get("truncated") or None,
        "output_path": told.get("outputPath"),
        "attachments": [attach_file(one) for one in attachments if isinstance(one, dict)]
        if isinstance(attachments, list)
        else [],
    }
    result = ToolCall(id=call_id, name=name, output=output, is_error=failed)
    answer.add_result(result, place + 1, turn_id, time, metadata)


def began(time: Any) -> float | None:
    """Say when something began, in Unix seconds."""
    if not isinstance(time, dict):
        return None
    return unix_time(time.get("start")) or unix_time(time.get("created"))


def ended(time: Any) -> float | None:
    """Say when something ended, in Unix seconds."""
    if not isinstance(time, dict):
        return None
    return unix_time(time.get("end")) or unix_time(time.get("completed"))


def _is_injected(part: dict[str, Any]) -> bool:
    """Say whether a text of a prompt is none of the person's own words."""
    return part.get("synthetic") is True or part.get("ignored") is True


def _add_command(turns: Turns, part: dict[str, Any], place: int) -> None:
    names = ("command", "agent", "description")
    metadata = {name: part[name] for name in names if text(part.get(name))}
    turn_id = turns.numbered("command")
    words = text(part.get("prompt"))
    turns.add("user", "command", words, place=place, turn_id=turn_id, metadata=metadata)


def _add_boundary(turns: Turns, part: dict[str, Any], place: int) -> None:
    metadata = {"auto": part.get("auto") is True}
    turn_id = turns.numbered("compaction")
    turns.add("system", "compact_boundary", "", place=place, turn_id=turn_id, metadata=metadata)


def _add_retry(turns: Turns, part: dict[str, Any], place: int) -> None:
    error = part.get("error")
    data = error.get("data") if isinstance(error, dict) else None
    words = text(data.get("message")) if isinstance(data, dict) else ""
    metadata = {"attempt": part.get("attempt"), "retried": True}
    turn_id = turns.numbered("retry")
    turns.add("system", "api_error", words, place=place, turn_id=turn_id, metadata=metadata)
