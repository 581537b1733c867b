"""A row of `session_message` to turns: the form of opencode 2.x, where a message is one row."""

from __future__ import annotations

from typing import Any, Final

from lethe_core import ToolCall
from lethe_core.mapping import as_text, skip_word, text
from lethe_opencode.parts import Answer, ended
from lethe_opencode.turns import Turns, add_failure, attach_file, attach_usage

_FAILURE: Final = 510
_WORDS: Final = frozenset({"system", "synthetic", "skill"})
_SWITCHES: Final = frozenset({"agent-switched", "model-switched", "location-switched", "idle"})


def map_message(turns: Turns, kind: str, message: dict[str, Any]) -> str | None:
    """Make the turns of a message.

    Args:
        turns: takes them.
        kind: the row's type.
        message: its data.

    Returns:
        If there are none, a word that says why.
    """
    match kind:
        case "user":
            _map_prompt(turns, message)
        case "assistant":
            _map_answer(turns, message)
        case "shell":
            _map_shell(turns, message)
        case "compaction":
            _map_compaction(turns, message)
        case _ if kind in _WORDS:
            words = text(message.get("text"))
            if words.strip():
                turn_id = f"{turns.message_id}.context.0"
                turns.add("system", "context", words, place=0, turn_id=turn_id)
        case _ if kind in _SWITCHES:
            return kind
        case _:
            return skip_word("message", kind)
    return None if turns.made else "nothing said yet"


def _map_prompt(turns: Turns, message: dict[str, Any]) -> None:
    words = text(message.get("text"))
    metadata: dict[str, Any] = {}
    if files := [attach_file(file) for file in objects(message.get("files"))]:
        metadata["attachments"] = files
    if agents := [text(agent.get("name")) for agent in objects(message.get("agents"))]:
        metadata["agents"] = agents
    if words.strip() or files:
        turns.add("user", "prompt", words, place=0, turn_id=turns.message_id, metadata=metadata)


def _map_answer(turns: Turns, message: dict[str, Any]) -> None:
    about = message.get("model")
    about = about if isinstance(about, dict) else {}
    model = text(about.get("id"))
    told = {"provider": text(about.get("providerID")), "agent": text(message.get("agent"))}
    answer = Answer(turns, model, told)
    for number, item in enumerate(objects(message.get("content"))):
        place = 2 * number
        match item.get("type"):
            case "text":
                answer.add_text(text(item.get("text")), place, item.get("time"))
            case "reasoning":
                answer.add_thinking(text(item.get("text")), place, item.get("time"))
            case "tool":
                _add_call(answer, item, place)
            case _:
                turns.add_unknown("assistant", item, place)
    add_failure(turns, message.get("error"), place=_FAILURE)
    attach_usage(turns, message, model)


def _add_call(answer: Answer, item: dict[str, Any], place: int) -> None:
    state = item.get("state")
    state = state if isinstance(state, dict) else {}
    call_id, name = text(item.get("id")), text(item.get("name"))
    status, time = text(state.get("status")), item.get("time")
    is_done = status in ("completed", "error")
    call = ToolCall(id=call_id, name=name, input=state.get("input"))
    turn_id = answer.add_call(call, place, time, {} if is_done else {"status": status})
    if not is_done:
        return
    content = objects(state.get("content"))
    words = "\n".join(
        text(one.get("text")) if one.get("type") == "text" else as_text(one)
        for one in content
        if one.get("type") != "file"
    )
    error = state.get("error")
    if isinstance(error, dict):
        words = "\n".join(filter(None, (words, text(error.get("message")))))
    told = state.get("metadata")
    told = told if isinstance(told, dict) else {}
    metadata = {
        "exit": told.get("exit"),
        "subagent_session_id": told.get("sessionID"),
        "truncated": told.get("truncated") or None,
        "output_path": told.get("outputPath"),
        "attachments": [attach_file(one) for one in content if one.get("type") == "file"],
    }
    result = ToolCall(id=call_id, name=name, output=words, is_error=status == "error")
    answer.add_result(result, place + 1, turn_id, time, metadata)


def _map_shell(turns: Turns, message: dict[str, Any]) -> None:
    command, output = text(message.get("command")), text(message.get("output"))
    if command:
        turn_id = f"{turns.message_id}.shell"
        turns.add("user", "shell", command, place=0, turn_id=turn_id)
    if output:
        turn_id = f"{turns.message_id}.output"
        time = ended(message.get("time"))
        turns.add("system", "shell_output", output, place=1, turn_id=turn_id, timestamp=time)


def _map_compaction(turns: Turns, message: dict[str, Any]) -> None:
    turn_id = f"{turns.message_id}.compaction.0"
    metadata = {"auto": message.get("reason") == "auto" or message.get("auto") is True}
    turns.add("system", "compact_boundary", "", place=0, turn_id=turn_id, metadata=metadata)
    if words := text(message.get("summary")) or text(message.get("text")):
        turn_id = f"{turns.message_id}.answer.0"
        turns.add("system", "compact_summary", words, place=1, turn_id=turn_id)


def objects(value: Any) -> list[dict[str, Any]]:
    """Give the objects of a list, and leave out what is none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
