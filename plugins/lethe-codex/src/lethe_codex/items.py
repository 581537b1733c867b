"""Map a ``response_item``: what goes to the model and comes from it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lethe_codex.context import content_parts, joined_text, read_message, unknown_parts
from lethe_core import ToolCall
from lethe_core.mapping import (
    call_line,
    data_url_image,
    decoded_arguments,
    image,
    skip_word,
    text,
    wire_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lethe_codex.step import Step, Stream
    from lethe_core import Event
    from lethe_core.events import Role

Mapped = list["Event"] | str

#: The header that Codex writes above the output of a command; nothing else may stand before it.
_EXIT_CODE = re.compile(
    r"(?:Command: (?s:.*?)\n(?=Chunk ID: ))?(?:Chunk ID: \S*\n)?(?:Wall time: .*\n)?"
    r"(?:Process exited with code|Exit code:) (-?\d+)\s*$",
    re.MULTILINE,
)
_LONGEST_ID: Final = 240
_FAILED: Final = frozenset({"failed", "error", "incomplete"})


def map_item(payload: dict[str, Any], step: Step) -> Mapped:
    """Map one item of the conversation with the model.

    Args:
        payload: the item.
        step: its line.

    Returns:
        Its turns, or the word for an item that is none.
    """
    kind = payload.get("type")
    if kind is None and "role" in payload:
        kind = "message"
    mapping = _MAPPINGS.get(kind) if isinstance(kind, str) else None
    return mapping(payload, step) if mapping else skip_word("item", kind)


def _map_message(payload: dict[str, Any], step: Step) -> Mapped:
    match payload.get("role"):
        case "assistant":
            return _map_answer(payload, step)
        case "user":
            return _map_user(payload, step)
        case "developer" | "system":
            words = joined_text(payload.get("content"))
            metadata = unknown_parts(payload.get("content"))
            if not words and not metadata:
                return "empty message"
            return [step.turn("system", "context", words, metadata=metadata)]
        case other:
            return skip_word("message of", other)


def _map_answer(payload: dict[str, Any], step: Step) -> Mapped:
    words = joined_text(payload.get("content"))
    metadata = unknown_parts(payload.get("content"))
    if not words and not metadata:
        return "empty answer"
    if phase := text(payload.get("phase")):
        metadata["phase"] = phase
    return [
        step.turn(
            "assistant",
            "answer",
            words,
            turn_id=wire_key(payload.get("id")),
            model=step.model,
            metadata=metadata,
        )
    ]


def _map_user(payload: dict[str, Any], step: Step) -> Mapped:
    message = read_message(payload)
    events: list[Event] = []
    if message.injected:
        shell = message.injected.lstrip().startswith("<user_shell_command>")
        role: Role = "user" if shell else "system"
        events.append(step.turn(role, "shell" if shell else "context", message.injected))
    if message.written or message.metadata:
        if message.written and not step.first("item", "p", message.written):
            # The event that told it has words and images alone.
            if unknown := unknown_parts(payload.get("content")):
                index = len(events)
                events.append(step.turn("user", "unknown_block", index=index, metadata=unknown))
            return events or "prompt, told before"
        events.append(
            step.turn(
                "user", "prompt", message.written, index=len(events), metadata=message.metadata
            )
        )
    return events or "empty message"


def _map_reasoning(payload: dict[str, Any], step: Step) -> Mapped:
    parts = [
        text(part.get("text"))
        for field in ("summary", "content")
        for part in content_parts(payload.get(field))
    ]
    return map_thoughts(parts, step, "item", wire_key(payload.get("id")))


def map_thoughts(parts: list[str], step: Step, stream: Stream, turn_id: str = "") -> Mapped:
    """Map what of a reasoning can be read; most of it is encrypted.

    Args:
        parts: its texts.
        step: its line.
        stream: who tells it.
        turn_id: Codex's id of it.
    """
    fresh = [words for words in dict.fromkeys(parts) if words and step.first(stream, "t", words)]
    if fresh:
        thought = "\n\n".join(fresh)
        return [step.turn("assistant", "thinking", thought, turn_id=turn_id, model=step.model)]
    return "reasoning, told before" if any(parts) else "encrypted reasoning"


def _map_call(payload: dict[str, Any], step: Step) -> Mapped:
    name = text(payload.get("name")) or _NAMES.get(payload["type"], "tool")
    if (namespace := text(payload.get("namespace"))) and namespace != "functions":
        name = f"{namespace}.{name}"
    if payload["type"] == "custom_tool_call":
        arguments: Any = payload.get("input")
        if name == "exec":
            step.state["code"] = True
    else:
        arguments = decoded_arguments(payload.get("arguments", payload.get("action")))
    identity = wire_key(payload.get("call_id")) or wire_key(payload.get("id"))
    return [_call_turn(step, ToolCall(id=identity, name=name, input=arguments), identity)]


def _map_self_contained(payload: dict[str, Any], step: Step) -> Mapped:
    """Map a call that the model's provider carried out; it has no output of its own."""
    name = _NAMES[payload["type"]]
    identity = wire_key(payload.get("id"))
    arguments: Any = payload.get("action")
    metadata: dict[str, Any] = {}
    if name == "image_generation":
        arguments = {"prompt": text(payload.get("revised_prompt"))}
        if data := text(payload.get("result")):
            metadata["attachments"] = [image("image/png", data)]
    failed = payload.get("status") in _FAILED
    call = ToolCall(id=identity, name=name, input=arguments, is_error=failed)
    return [_call_turn(step, call, identity, metadata)]


def _call_turn(
    step: Step, call: ToolCall, turn_id: str, metadata: dict[str, Any] | None = None
) -> Event:
    return step.turn(
        "assistant",
        "tool_call",
        call_line(call.name, call.input),
        turn_id=turn_id,
        model=step.model,
        tool_calls=[call],
        metadata=metadata,
    )


def _map_output(payload: dict[str, Any], step: Step) -> Mapped:
    output, failed, metadata = _read_output(payload)
    identity = wire_key(payload.get("call_id"))
    call = ToolCall(
        id=identity,
        output=output,
        is_error=failed or payload.get("status") in _FAILED,
    )
    return [
        step.turn(
            "tool",
            "tool_result",
            turn_id=f"{identity}.output" if 0 < len(identity) <= _LONGEST_ID else "",
            tool_calls=[call],
            metadata=metadata,
        )
    ]


def _read_output(payload: dict[str, Any]) -> tuple[str, bool, dict[str, Any]]:
    """Read the output of a call: its text, whether it failed, and what else is in it."""
    if payload["type"] == "tool_search_output":
        return msgspec.json.encode(payload.get("tools")).decode(), False, {}
    output = payload.get("output")
    if isinstance(output, dict) and "content" in output:
        failed = output.get("success") is False
        return joined_text(output["content"]), failed, unknown_parts(output["content"])
    words = joined_text(output)
    metadata = unknown_parts(output)
    attachments = [
        found
        for part in content_parts(output)
        if (found := data_url_image(part.get("image_url"))) is not None
    ]
    if attachments:
        metadata["attachments"] = attachments
    if words.startswith('{"output":'):
        wrapped = decoded_arguments(words)
        if isinstance(wrapped, dict) and isinstance(wrapped.get("output"), str):
            details = wrapped.get("metadata")
            code = details.get("exit_code") if isinstance(details, dict) else 0
            return wrapped["output"], code not in (0, None), metadata
    ended = _EXIT_CODE.match(words)
    return words, ended is not None and ended[1] != "0", metadata


def _map_agent_message(payload: dict[str, Any], step: Step) -> Mapped:
    words = joined_text(payload.get("content"))
    if not words:
        return "encrypted message between agents"
    route = {key: text(payload.get(key)) for key in ("author", "recipient")}
    return [step.turn("system", "notification", words, metadata=route)]


_NAMES: Final = {
    "local_shell_call": "local_shell",
    "tool_search_call": "tool_search",
    "web_search_call": "web_search",
    "image_generation_call": "image_generation",
}

_MAPPINGS: Final[dict[str, Callable[[dict[str, Any], Step], Mapped]]] = {
    "message": _map_message,
    "reasoning": _map_reasoning,
    "function_call": _map_call,
    "custom_tool_call": _map_call,
    "local_shell_call": _map_call,
    "tool_search_call": _map_call,
    "web_search_call": _map_self_contained,
    "image_generation_call": _map_self_contained,
    "function_call_output": _map_output,
    "custom_tool_call_output": _map_output,
    "local_shell_call_output": _map_output,
    "tool_search_output": _map_output,
    "agent_message": _map_agent_message,
}
