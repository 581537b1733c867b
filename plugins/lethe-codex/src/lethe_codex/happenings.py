"""Map an ``event_msg``: what Codex shows to its user.

Most of it repeats an item of the conversation; what stands here alone becomes a turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lethe_codex.context import joined_text
from lethe_codex.items import Mapped, map_thoughts
from lethe_codex.usage import map_token_count
from lethe_core import SessionMeta, ToolCall
from lethe_core.mapping import call_line, data_url_image, skip_word, text, wire_key
from lethe_core.removals import removal

if TYPE_CHECKING:
    from collections.abc import Callable

    from lethe_codex.step import Step


def map_happening(payload: dict[str, Any], step: Step) -> Mapped:
    """Map one event.

    Args:
        payload: the event.
        step: its line.

    Returns:
        Its turns, or the word for an event that is none.
    """
    kind = payload.get("type")
    mapping = _MAPPINGS.get(kind) if isinstance(kind, str) else None
    return mapping(payload, step) if mapping else skip_word("event", kind)


def _map_prompt(payload: dict[str, Any], step: Step) -> Mapped:
    words = text(payload.get("message"))
    images = payload.get("images")
    urls = images if isinstance(images, list) else []
    return _prompt(step, words, [found for url in urls if (found := data_url_image(url))])


def _prompt(step: Step, words: str, attachments: list[dict[str, Any]]) -> Mapped:
    if not words and not attachments:
        return "empty prompt"
    if words and not step.first("event", "p", words):
        return "prompt, told before"
    metadata = {"attachments": attachments} if attachments else None
    return [step.turn("user", "prompt", words, metadata=metadata)]


def _map_thought(payload: dict[str, Any], step: Step) -> Mapped:
    return map_thoughts([text(payload.get("text"))], step, "event")


def _map_start(payload: dict[str, Any], step: Step) -> Mapped:
    step.keep("turn", payload.get("turn_id"))
    step.keep("model", payload.get("model"))
    return "event task_started"


def _map_settings(payload: dict[str, Any], step: Step) -> Mapped:
    settings = payload.get("thread_settings")
    if isinstance(settings, dict):
        step.keep("model", settings.get("model"))
    return "event thread_settings_applied"


def _map_end(payload: dict[str, Any], step: Step) -> Mapped:
    """Map the end of a turn: an error stands here alone."""
    error = payload.get("error")
    return _map_error(payload, step) if error else "event task_complete"


def _map_error(payload: dict[str, Any], step: Step) -> Mapped:
    error = payload.get("error")
    details = error if isinstance(error, dict) else payload
    words = text(details.get("message")) or text(error)
    code = details.get("codex_error_info") or details.get("kind")
    metadata = {"error": code} if isinstance(code, str) else None
    return [step.turn("system", "api_error", words, metadata=metadata)]


def _map_abort(payload: dict[str, Any], step: Step) -> Mapped:
    return [step.turn("system", "interrupt", text(payload.get("reason")))]


def _map_rollback(payload: dict[str, Any], step: Step) -> Mapped:
    number = payload.get("num_turns")
    words = f"The last {number} turns were taken back." if isinstance(number, int) else ""
    notice = step.turn("system", "notice", words, metadata={"num_turns": number})
    start = step.take_back(number) if isinstance(number, int) else None
    if start is not None:
        undone = removal(str(start), start, step.line.seq, "reverted")
        notice.session_meta = SessionMeta(metadata=undone)
    return [notice]


def _map_title(payload: dict[str, Any], step: Step) -> Mapped:
    title = text(payload.get("thread_name")).strip()
    if not title:
        return "event thread_name_updated"
    meta = SessionMeta(title=title, title_source="custom")
    return [step.line.session(meta, step.time)]


def _map_review_start(payload: dict[str, Any], step: Step) -> Mapped:
    hint = text(payload.get("user_facing_hint"))
    return [step.turn("system", "notice", f"Review of {hint}" if hint else "Review")]


def _map_review_end(payload: dict[str, Any], step: Step) -> Mapped:
    output = payload.get("review_output")
    if not isinstance(output, dict):
        return "event exited_review_mode"
    findings = output.get("findings")
    words = [text(output.get("overall_explanation"))]
    for finding in findings if isinstance(findings, list) else []:
        if isinstance(finding, dict):
            words += [text(finding.get("title")), text(finding.get("body"))]
    review = "\n\n".join(part for part in words if part)
    return [step.turn("assistant", "answer", review, model=step.model)] if review else "no review"


def _map_completed(payload: dict[str, Any], step: Step) -> Mapped:
    item = payload.get("item")
    if not isinstance(item, dict):
        return "event item_completed"
    step.keep("turn", payload.get("turn_id"))
    match item.get("type"):
        case "UserMessage":
            parts = item.get("content")
            urls = parts if isinstance(parts, list) else []
            found = [data_url_image(part.get("image_url")) for part in urls if "image_url" in part]
            images = [image for image in found if image]
            return _prompt(step, joined_text(parts), images)
        case "Reasoning":
            parts = [item.get("summary_text"), item.get("raw_content")]
            words = [text(p) for part in parts if isinstance(part, list) for p in part]
            return map_thoughts(words, step, "event")
        case "CommandExecution" | "McpToolCall" if step.state.get("code"):
            return _map_called_from_code(item, step)
        case other:
            return skip_word("item", other)


def _map_called_from_code(item: dict[str, Any], step: Step) -> Mapped:
    """Map a call that the model made from code; only its item tells of it."""
    if item["type"] == "CommandExecution":
        name = "exec_command"
        arguments: Any = {"command": item.get("command"), "cwd": item.get("cwd")}
        output = text(item.get("aggregated_output"))
        failed = item.get("exit_code") not in (0, None)
    else:
        name = f"{text(item.get('server'))}.{text(item.get('tool'))}"
        arguments = item.get("arguments")
        result = item.get("result")
        output = joined_text(result.get("content")) if isinstance(result, dict) else ""
        failed = item.get("status") == "failed"
    identity = wire_key(item.get("id"))
    call = ToolCall(id=identity, name=name, input=arguments, output=output, is_error=failed)
    return [
        step.turn(
            "assistant",
            "tool_call",
            call_line(name, arguments),
            turn_id=identity,
            model=step.model,
            tool_calls=[call],
            metadata={"called_from": "exec"},
        )
    ]


_MAPPINGS: Final[dict[str, Callable[[dict[str, Any], Step], Mapped]]] = {
    "user_message": _map_prompt,
    "agent_reasoning": _map_thought,
    "token_count": map_token_count,
    "task_started": _map_start,
    "thread_settings_applied": _map_settings,
    "task_complete": _map_end,
    "error": _map_error,
    "turn_aborted": _map_abort,
    "thread_rolled_back": _map_rollback,
    "thread_name_updated": _map_title,
    "entered_review_mode": _map_review_start,
    "exited_review_mode": _map_review_end,
    "item_completed": _map_completed,
}
