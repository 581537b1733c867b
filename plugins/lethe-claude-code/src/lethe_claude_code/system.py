"""System records and attachments: what happened around the conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lethe_claude_code import media
from lethe_claude_code.failures import failure_metadata
from lethe_claude_code.prompts import understand
from lethe_claude_code.records import Block, decode_content, decode_text
from lethe_claude_code.turns import Turns
from lethe_core.mapping import skip_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msgspec import Raw

    from lethe_claude_code.records import Attachment, Entry
    from lethe_core import Event, Line

_COMPACTIONS: Final = frozenset({"compact_boundary", "microcompact_boundary"})
_FAILURES: Final = frozenset({"api_error", "api_refusal", "error"})
#: What is measured, or shown while Claude Code runs, and tells a reader nothing.
_SKIPPED: Final = frozenset(
    {"bridge_status", "session_start", "stop_hook_summary", "turn_duration"}
)


def map_system(entry: Entry, line: Line) -> Sequence[Event] | str:
    """Map a system record: compaction, failed requests, output of commands, and notices."""
    subtype = entry.subtype or ""
    if subtype in _SKIPPED:
        return f"system {subtype}"
    text = _text(entry)
    turns = Turns(entry, line)
    if subtype in _COMPACTIONS:
        turns.add("system", "compact_boundary", text, metadata=_compaction(entry))
    elif subtype in _FAILURES:
        failure = failure_metadata(entry.error)
        text = text or failure.pop("error", None) or ""
        metadata = failure | {"retry": entry.retry_attempt, "max_retries": entry.max_retries}
        turns.add("system", "api_error", text, metadata=metadata)
    elif not text:
        return skip_word("system", subtype)
    elif subtype == "local_command":
        role, kind, content, told = understand(text)
        if not kind:
            return "system local_command"
        kind = "notice" if kind == "prompt" else kind
        turns.add("system" if kind == "notice" else role, kind, content, metadata=told)
    else:
        turns.add("system", "notice", text, metadata={"subtype": subtype, "level": entry.level})
    return turns.events


def map_attachment(entry: Entry, line: Line) -> Sequence[Event] | str:
    """Map an attachment: a prompt that was typed while the model worked. All others are context."""
    attachment = entry.attachment
    if attachment is None or attachment.type != "queued_command" or not bytes(attachment.prompt):
        return skip_word("attachment", attachment.type if attachment else None)
    text, attachments = decode_prompt(attachment.prompt)
    metadata: dict[str, Any] = {"attachments": attachments, "source_id": attachment.source_uuid}
    origin = attachment.origin.kind if attachment.origin else ""
    role, kind, content, told = understand(
        text, is_injected=bool(attachment.is_meta), origin=origin
    )
    metadata |= told
    if kind == "prompt":
        kind, role, content = _queued(attachment, content)
    if not kind or not (content or metadata["attachments"]):
        return "attachment queued_command"
    turns = Turns(entry, line)
    turns.add(role, kind, content, metadata=metadata)
    return turns.events


def decode_prompt(raw: Raw) -> tuple[str, list[dict[str, Any]]]:
    """Give the words and the images of a queued prompt.

    Raises:
        msgspec.MsgspecError: it is neither a text nor blocks.
    """
    prompt = decode_content(raw) if bytes(raw) else None
    blocks = [Block(type="text", text=prompt)] if isinstance(prompt, str) else prompt or []
    text = "\n".join(block.text for block in blocks if block.text)
    return text, [*filter(None, map(media.attach, blocks))]


def _queued(attachment: Attachment, content: str) -> tuple[str, Any, str]:
    """Tell what a queued text is by the mode that it was queued in."""
    match attachment.command_mode:
        case "prompt" | "":
            return "queued_prompt", "user", content
        case "bash":
            return "shell", "user", f"!{content}"
        case _:
            return "notification", "system", content


def _text(entry: Entry) -> str:
    """Give the words of a system record."""
    if bytes(entry.content):
        return decode_text(entry.content) or ""
    content = entry.message.content if entry.message else None
    return content if isinstance(content, str) else ""


def _compaction(entry: Entry) -> dict[str, Any]:
    compaction = entry.compact_metadata
    return {
        "subtype": entry.subtype if entry.subtype != "compact_boundary" else None,
        "logical_parent_id": entry.logical_parent_uuid,
        "trigger": compaction.trigger if compaction else None,
        "pre_tokens": compaction.pre_tokens if compaction else None,
        "post_tokens": compaction.post_tokens if compaction else None,
    }
